//! Durations, init sections, dates and date ranges of one state.

use std::collections::BTreeMap;
use std::collections::HashSet;

use super::finding::{Findings, Place};
use super::listing::{Entry, Listing};
use super::rule::Rule;
use crate::media::WallTime;

/// How far a date may be from where the durations put it: a frame of a slow stream, and the rounding of both.
pub(super) const FRAME: i64 = 43_000;

pub(super) fn check(listing: &Listing, findings: &mut Findings) {
    durations(listing, findings);
    maps(listing, findings);
    dates(listing, findings);
    dateranges(listing, findings);
    unique(listing, findings);
    let kind = listing.kind.as_deref();
    if kind == Some("VOD") && !listing.ended {
        findings.add(Rule::VodWithoutEnd, Place::WHOLE, "no EXT-X-ENDLIST", "EXT-X-ENDLIST");
    }
    if kind.is_none() && !listing.ended && listing.discontinuity_sequence.is_none() {
        findings.add(Rule::NoDiscontinuitySequence, Place::WHOLE, "none", "EXT-X-DISCONTINUITY-SEQUENCE");
    }
}

fn durations(listing: &Listing, findings: &mut Findings) {
    let target = match listing.target {
        None | Some(0) => {
            findings.add(Rule::NoTargetDuration, Place::WHOLE, "none", "EXT-X-TARGETDURATION of 1 or more");
            return;
        }
        Some(target) => target,
    };
    for (msn, entry) in listing.numbered() {
        // Parts of an open segment are as bound as the segment will be.
        let micros = entry.micros().unsigned_abs();
        let rounded = micros.saturating_add(500_000).checked_div(1_000_000).unwrap_or(0);
        if rounded > target {
            let place = Place::msn(msn).at(entry.line);
            findings.add(
                Rule::SegmentOverTarget,
                place,
                seconds(micros),
                format_args!("{target} s, rounded"),
            );
        }
    }
    // A stream that has just begun has not made six yet; one that lets segments go has.
    let few = listing.segments().count() < 6;
    if few && listing.skip.is_none() && listing.media_sequence > 1 && !listing.ended {
        findings.add(Rule::TooFewSegments, Place::WHOLE, listing.segments().count(), 6);
    }
}

/// Microseconds as seconds, for people.
pub(super) fn seconds(micros: u64) -> String {
    format!("{:#} s", crate::m3u8::Seconds::from_micros(micros))
}

/// A span with its sign.
pub(super) fn signed(micros: i64) -> String {
    format!("{}{}", if micros < 0 { "-" } else { "" }, seconds(micros.unsigned_abs()))
}

fn maps(listing: &Listing, findings: &mut Findings) {
    let mut map: Option<&str> = None;
    // What was skipped may have named the section that still applies.
    let mut unknown = listing.skip.is_some();
    for (msn, entry) in listing.numbered() {
        if let Some(new) = entry.map.as_deref() {
            let changed = map.is_some_and(|old| old != new);
            if changed && !entry.discontinuity {
                let place = Place::msn(msn).at(entry.line);
                findings.add(Rule::MapChangedQuietly, place, new, "EXT-X-DISCONTINUITY with it");
            }
            (map, unknown) = (Some(new), false);
        }
        if map.is_none() && !unknown && fragmented(entry) {
            let place = Place::msn(msn).at(entry.line);
            findings.add(Rule::NoMap, place, "no EXT-X-MAP before it", "an EXT-X-MAP");
            return;
        }
    }
}

/// Whether a segment is fMP4, by its name; a gap needs nothing.
fn fragmented(entry: &Entry) -> bool {
    let uri = entry.uri.as_deref().or_else(|| entry.parts.first().map(|part| part.uri.as_str()));
    let path = uri.unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    !entry.gap && ["m4s", "mp4", "m4v", "m4a", "m4f", "cmfv", "cmfa", "fmp4"].contains(&ending)
}

fn dates(listing: &Listing, findings: &mut Findings) {
    if !listing.entries.is_empty() && !listing.ended && listing.entries.iter().all(|e| e.date.is_none()) {
        findings.add(Rule::NoDateTime, Place::WHOLE, "none", "EXT-X-PROGRAM-DATE-TIME");
    }
    let mut due: Option<WallTime> = None;
    for (msn, entry) in listing.numbered() {
        if entry.discontinuity {
            due = None;
        }
        if let (Some(due), Some(date)) = (due, entry.date) {
            let off = date.unix_micros.saturating_sub(due.unix_micros);
            if off.saturating_abs() > FRAME {
                let place = Place::msn(msn).at(entry.line);
                findings.add(Rule::DateTimeJump, place, format_args!("{} off", signed(off)), due);
            }
        }
        due = entry.date.or(due).map(|date| date.plus_micros(entry.micros()));
    }
}

fn dateranges(listing: &Listing, findings: &mut Findings) {
    // In a delta the dates may all be among what was skipped.
    let dated = listing.skip.is_some() || listing.entries.iter().any(|entry| entry.date.is_some());
    if !listing.dateranges.is_empty() && !dated && !listing.entries.is_empty() {
        findings.add(Rule::DaterangeWithoutDate, Place::WHOLE, "no date", "EXT-X-PROGRAM-DATE-TIME");
    }
    let mut known: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (id, attributes) in &listing.dateranges {
        for (name, value) in attributes {
            let before = known.insert((id, name), value);
            if let Some(before) = before.filter(|before| before != value) {
                let measured = format_args!("{id}: {name}={value}");
                findings.add(Rule::DaterangeReused, Place::WHOLE, measured, before);
            }
        }
    }
}

/// No two parts, and no two segments, are the same bytes under the same name.
fn unique(listing: &Listing, findings: &mut Findings) {
    let (mut parts, mut segments) = (HashSet::new(), HashSet::new());
    for (msn, entry) in listing.numbered() {
        for (index, part) in entry.parts.iter().enumerate() {
            if !part.gap && !parts.insert((part.uri.as_str(), part.range.as_deref())) {
                let place = Place::part(msn, index).at(part.line);
                findings.add(Rule::UriTwice, place, &part.uri, "a URI of its own");
            }
        }
        let Some(uri) = entry.uri.as_deref() else { continue };
        if !entry.gap && !segments.insert((uri, entry.range.as_deref())) {
            findings.add(Rule::UriTwice, Place::msn(msn).at(entry.line), uri, "a URI of its own");
        }
    }
}
