//! Renditions side by side.

use super::change::shown;
use super::finding::{Finding, Findings, Place};
use super::listing::Listing;
use super::rule::Rule;
use super::segments::{FRAME, signed};

/// Another media playlist of the presentation, as it was when last looked at.
#[derive(Debug, Clone, Copy)]
pub struct Sibling<'a> {
    /// What reports name it by, resolved against the same base as theirs.
    pub uri: &'a str,
    /// Its newest state seen before the playlist that is judged was asked for.
    pub before: Option<&'a Listing>,
    /// Its state at the same instant, when that is known for sure.
    pub now: Option<&'a Listing>,
}

/// Holds the states of two renditions, seen at about the same time, to what they must have in common.
pub fn renditions(one: &Listing, other: &Listing) -> Vec<Finding> {
    let mut findings = Findings::default();
    if one.target != other.target {
        let shown = |l: &Listing| l.target.unwrap_or(0);
        findings.add(Rule::TargetsDiffer, Place::WHOLE, shown(other), shown(one));
    }
    if one.control != other.control {
        findings.add(Rule::ControlsDiffer, Place::WHOLE, shown(other), shown(one));
    }
    content(one, other, &mut findings);
    findings.into_vec()
}

/// For every segment of a playlist: its number, discontinuity number and date.
fn map(listing: &Listing) -> Vec<(u64, u64, Option<i64>)> {
    let mut discontinuity = listing.discontinuity_sequence.unwrap_or(0);
    let mut due = None;
    let mut out = Vec::with_capacity(listing.entries.len());
    for (msn, entry) in listing.numbered() {
        if entry.discontinuity {
            discontinuity = discontinuity.saturating_add(1);
        }
        let date = entry.date.map(|date| date.unix_micros).or(due);
        due = date.map(|date| date.saturating_add(entry.micros()));
        out.push((msn, discontinuity, date));
    }
    out
}

fn content(one: &Listing, other: &Listing, findings: &mut Findings) {
    if one.skip.is_some() || other.skip.is_some() {
        return;
    }
    let theirs = map(other);
    for (msn, discontinuity, date) in map(one) {
        let Some((_, their_discontinuity, their_date)) = theirs.iter().find(|(number, ..)| *number == msn)
        else {
            continue;
        };
        let (Some(date), Some(their_date)) = (date, *their_date) else { continue };
        let off = their_date.saturating_sub(date);
        let segment = one.target_micros().max(1_000_000) / 2;
        let place = Place::msn(msn);
        if off.unsigned_abs() > segment {
            // Numbers that mean other content say nothing about that content.
            findings.add(Rule::NotAligned, place, format_args!("{} apart", signed(off)), "the same number");
            return;
        }
        if *their_discontinuity != discontinuity {
            findings.add(Rule::DiscontinuitiesDiffer, place, their_discontinuity, discontinuity);
            return;
        }
        if off.saturating_abs() > FRAME {
            findings.add(Rule::DatesDiffer, place, format_args!("{} apart", signed(off)), "the same date");
            return;
        }
    }
}

/// Holds the rendition reports of `listing`, whose own URI is `own`, to what is known of the others.
/// `resolve` turns a report's URI into what the siblings are named by.
pub fn reports(
    listing: &Listing,
    own: &str,
    siblings: &[Sibling<'_>],
    resolve: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    let reports: Vec<_> = listing.reports.iter().map(|report| (resolve(&report.uri), report)).collect();
    if let Some((uri, report)) = reports.iter().find(|(uri, _)| uri == own) {
        findings.add(Rule::ReportOfItself, Place::line(report.line), uri, "other renditions only");
    }
    for sibling in siblings.iter().filter(|sibling| sibling.uri != own) {
        let Some((_, report)) = reports.iter().find(|(uri, _)| uri == sibling.uri) else {
            // Reports are what low-latency players switch by; others do not need them. One that has nothing
            // yet cannot be reported.
            let begun = sibling.now.or(sibling.before).is_some_and(|seen| !seen.entries.is_empty());
            if begun && listing.has_parts() {
                findings.add(Rule::ReportMissing, Place::WHOLE, "no report", sibling.uri);
            }
            continue;
        };
        let place = Place::line(report.line);
        // Attributes that are left out are the playlist's own (§4.4.5.4).
        let own = last(listing);
        let msn = report.last_msn.or_else(|| own.map(|(msn, _)| msn)).unwrap_or(0);
        let part = report.last_part.or_else(|| own.and_then(|(_, part)| part));
        let measured = format!("segment {msn}, part {part:?}");
        let seen = sibling.now.or(sibling.before).filter(|seen| seen.has_parts());
        if let Some(seen) = seen.and_then(last).filter(|seen| behind((msn, part), *seen)) {
            findings.add(
                Rule::ReportBehind,
                place,
                &measured,
                format_args!("segment {}, part {:?}", seen.0, seen.1),
            );
        }
        if let Some(now) = sibling.now.and_then(last).filter(|now| (msn, part) > *now) {
            findings.add(
                Rule::ReportAhead,
                place,
                &measured,
                format_args!("segment {}, part {:?}", now.0, now.1),
            );
        }
    }
    findings.into_vec()
}

/// The last segment or part that is listed.
fn last(listing: &Listing) -> Option<(u64, Option<u64>)> {
    match listing.last_part() {
        Some((msn, part)) => Some((msn, Some(part))),
        None => listing.segments().last().map(|(msn, _)| (msn, None)),
    }
}

/// More than one part behind; where a segment turns, by its number alone.
fn behind(report: (u64, Option<u64>), seen: (u64, Option<u64>)) -> bool {
    let ((msn, part), (seen_msn, seen_part)) = (report, seen);
    let parts = seen_part.unwrap_or(0).saturating_sub(part.unwrap_or(0));
    match seen_msn.saturating_sub(msn) {
        0 => msn == seen_msn && parts > 1,
        1 => seen_part.unwrap_or(0) > 0,
        _ => true,
    }
}
