//! Change: one state of a playlist, and a later one. Only these edits are legal (§6.2.1): append; remove from
//! the front; drop old parts in order; raise the sequence numbers; end.

use super::change_dates;
use super::change_parts;
use super::finding::{Finding, Findings, Place};
use super::listing::{Entry, Listing};
use super::rule::Rule;
use super::segments::{seconds, signed};

/// Holds two full states of one playlist to every rule between them. Any number of states may lie between.
pub fn change(before: &Listing, after: &Listing) -> Vec<Finding> {
    let mut findings = Findings::default();
    constants(before, after, &mut findings);
    if before.ended && !same(before, after) {
        findings.add(Rule::ChangedAfterEnd, Place::WHOLE, "another playlist", "no change");
    }
    if after.media_sequence < before.media_sequence {
        let (was, is) = (before.media_sequence, after.media_sequence);
        findings.add(Rule::SequenceWentBack, Place::WHOLE, is, format_args!("{was} or more"));
        // What is compared by numbers that went wrong would only be said to be wrong once more.
        return findings.into_vec();
    }
    if let Some(shift) = shifted(before, after) {
        let (_, msn) = shift;
        findings.add(Rule::SequenceWrong, Place::msn(msn), format_args!("now {msn}"), shift.0);
        return findings.into_vec();
    }
    if went_back(before, after) {
        let (was, is) = (before.position(), after.position());
        let measured = format_args!("up to segment {}, part {}", is.msn, is.parts);
        let expected = format_args!("segment {}, part {}, or more", was.msn, was.parts);
        findings.add(Rule::WentBack, Place::WHOLE, measured, expected);
        return findings.into_vec();
    }
    removal(before, after, &mut findings);
    // The init section in scope; the first of a list has to name what was named long before.
    let (mut was, mut is) = (None, None);
    let earlier = after.numbered().take_while(|(msn, _)| *msn < before.msn(0));
    earlier.for_each(|(_, entry)| is = entry.map.as_deref().or(is));
    for (msn, entry) in before.numbered() {
        was = entry.map.as_deref().or(was);
        let Some(now) = after.entry(msn) else { continue };
        is = now.map.as_deref().or(is);
        if was != is && (was.is_some() || entry.uri.is_some()) {
            let shown = |map: Option<&str>| map.unwrap_or("no init section").to_owned();
            findings.add(Rule::SegmentChanged, Place::msn(msn).at(now.line), shown(is), shown(was));
        }
        segment(msn, entry, now, &mut findings);
    }
    change_parts::check(before, after, &mut findings);
    change_dates::check(before, after, &mut findings);
    findings.into_vec()
}

fn constants(before: &Listing, after: &Listing, findings: &mut Findings) {
    if before.target != after.target {
        let shown = |target: Option<u64>| target.map_or_else(|| "none".to_owned(), |t| t.to_string());
        findings.add(Rule::TargetDurationChanged, Place::WHOLE, shown(after.target), shown(before.target));
    }
    if before.part_target != after.part_target {
        let shown = |target: Option<crate::m3u8::Seconds>| {
            target.map_or_else(|| "none".to_owned(), |target| seconds(target.micros()))
        };
        let (is, was) = (shown(after.part_target), shown(before.part_target));
        findings.add(Rule::PartTargetChanged, Place::WHOLE, is, was);
    }
    if before.control != after.control {
        let (is, was) = (shown(after), shown(before));
        findings.add(Rule::ServerControlChanged, Place::WHOLE, is, was);
    }
}

pub(super) fn shown(listing: &Listing) -> String {
    let Some(control) = &listing.control else { return "none".to_owned() };
    let span = |name: &str, span: Option<crate::m3u8::Seconds>| {
        span.map_or_else(String::new, |span| format!(" {name}={span:#}"))
    };
    format!(
        "CAN-BLOCK-RELOAD={}{}{}{}{}",
        if control.can_block_reload { "YES" } else { "NO" },
        span("PART-HOLD-BACK", control.part_hold_back),
        span("HOLD-BACK", control.hold_back),
        span("CAN-SKIP-UNTIL", control.can_skip_until),
        if control.can_skip_dateranges { " CAN-SKIP-DATERANGES=YES" } else { "" },
    )
}

/// Whether two states list the same; reports of others may still move.
fn same(before: &Listing, after: &Listing) -> bool {
    let facts = |l: &Listing| (l.media_sequence, l.discontinuity_sequence, l.ended);
    let alike = |(a, b): (&Entry, &Entry)| {
        a.uri == b.uri && a.duration == b.duration && a.parts.len() == b.parts.len()
    };
    facts(before) == facts(after)
        && before.entries.len() == after.entries.len()
        && before.entries.iter().zip(&after.entries).all(alike)
}

/// A segment that is listed under another number than before, if all that both list are: its numbers.
fn shifted(before: &Listing, after: &Listing) -> Option<(u64, u64)> {
    let now = |uri: &str| after.segments().find(|(_, entry)| entry.uri.as_deref() == Some(uri));
    let mut wrong = None;
    for (msn, entry) in before.segments() {
        let Some((moved, _)) = now(entry.uri.as_deref()?) else { continue };
        if moved == msn {
            return None;
        }
        wrong = Some((msn, moved));
    }
    wrong
}

fn went_back(before: &Listing, after: &Listing) -> bool {
    let (was, is) = (before.position(), after.position());
    // Where an open segment has closed, its parts are counted no more.
    is < was
}

/// What has left, and whether the counters and what remains are right.
fn removal(before: &Listing, after: &Listing, findings: &mut Findings) {
    let gone = |msn: &u64| *msn < after.media_sequence;
    let left = before.numbered().filter(|(msn, _)| gone(msn));
    let counted = left.filter(|(_, entry)| entry.discontinuity).count() as u64;
    let sequence = |listing: &Listing| listing.discontinuity_sequence.unwrap_or(0);
    let expected = sequence(before).saturating_add(counted);
    // What came and went unseen may have had discontinuities too.
    let unseen = after.media_sequence > before.msn(before.entries.len());
    let fits = if unseen { sequence(after) >= expected } else { sequence(after) == expected };
    if !fits && before.skip.is_none() {
        findings.add(Rule::DiscontinuitySequenceWrong, Place::WHOLE, sequence(after), expected);
    }
    if after.media_sequence == before.media_sequence {
        return;
    }
    if before.kind.is_some() {
        let measured = format_args!("EXT-X-MEDIA-SEQUENCE {}", after.media_sequence);
        findings.add(Rule::RemovedFromEvent, Place::WHOLE, measured, before.media_sequence);
    }
    let least = after.target_micros().saturating_mul(3);
    if after.micros() < least && !after.ended {
        let expected = format_args!("at least {}", seconds(least));
        findings.add(Rule::RemovedTooMuch, Place::WHOLE, seconds(after.micros()), expected);
    }
}

fn segment(msn: u64, was: &Entry, is: &Entry, findings: &mut Findings) {
    let place = Place::msn(msn).at(is.line);
    // The first of a list may name the section that was in scope before.
    let facts = |entry: &Entry| (entry.discontinuity, entry.gap);
    if was.uri.is_some() && (was.uri != is.uri || was.range != is.range) {
        let uri = |entry: &Entry| entry.uri.clone().unwrap_or_else(|| "none".to_owned());
        findings.add(Rule::SegmentChanged, place, uri(is), uri(was));
    } else if was.uri.is_some() && was.duration != is.duration {
        let span = |entry: &Entry| seconds(entry.micros().unsigned_abs());
        findings.add(Rule::SegmentChanged, place, span(is), span(was));
    } else if was.discontinuity != is.discontinuity || (was.uri.is_some() && facts(was) != facts(is)) {
        let shown = |entry: &Entry| match facts(entry) {
            (true, _) => "with a discontinuity",
            (false, true) => "a gap",
            (false, false) => "no gap, no discontinuity",
        };
        findings.add(Rule::SegmentChanged, place, shown(is), shown(was));
    }
    if let (Some(before), Some(now)) = (was.date, is.date) {
        let off = now.unix_micros.saturating_sub(before.unix_micros);
        if off != 0 {
            findings.add(Rule::DateTimeChanged, place, format_args!("moved by {}", signed(off)), before);
        }
    }
}
