//! Parts of one state: how long, how many, how far back.

use super::finding::{Findings, Place};
use super::listing::{Entry, Listing, PartTag};
use super::rule::Rule;
use super::segments::seconds;
use crate::m3u8::Seconds;

/// Rounding of the numbers of one part, in microseconds: three decimals are the fewest in use.
const ROUNDING: u64 = 1_000;

pub(super) fn check(listing: &Listing, findings: &mut Findings) {
    if listing.iframes_only && listing.has_parts() {
        findings.add(Rule::PartsOfIframes, Place::WHOLE, "EXT-X-PART", "none");
    }
    match listing.part_target {
        Some(target) if target.micros() > 0 => lengths(listing, target, findings),
        _ if listing.has_parts() => {
            findings.add(Rule::NoPartInf, Place::WHOLE, "parts without PART-TARGET", "EXT-X-PART-INF");
        }
        _ => {}
    }
    sums(listing, findings);
    age(listing, findings);
    let mut all = listing.entries.iter().flat_map(|entry| &entry.parts).filter(|part| !part.gap).peekable();
    // Enough to be sure that a keyframe went by.
    let enough = listing.entries.iter().filter(|entry| !entry.parts.is_empty()).count() > 2;
    if enough && all.peek().is_some() && all.all(|part| !part.independent) {
        findings.add(Rule::NoIndependentPart, Place::WHOLE, "no INDEPENDENT=YES", "some");
    }
}

fn lengths(listing: &Listing, target: Seconds, findings: &mut Findings) {
    for (msn, entry) in listing.numbered() {
        for (index, part) in entry.parts.iter().enumerate() {
            let place = Place::part(msn, index).at(part.line);
            if part.duration > target {
                let expected = format_args!("at most {}", seconds(target.micros()));
                findings.add(Rule::PartOverTarget, place, seconds(part.duration.micros()), expected);
            }
            let micros = part.duration.micros().saturating_mul(100);
            if micros < target.micros().saturating_mul(85) && !exempt(entry, index, part) {
                let expected = format_args!("85 % of {}", seconds(target.micros()));
                findings.add(Rule::PartTooShort, place, seconds(part.duration.micros()), expected);
            }
        }
    }
}

/// Whether a part may be short: a gap, before a gap, independent, or the last of its segment, which the last
/// one listed may turn out to be (§4.4.4.9).
fn exempt(entry: &Entry, index: usize, part: &PartTag) -> bool {
    let next = entry.parts.get(index.saturating_add(1));
    part.gap || part.independent || next.is_none_or(|next| next.gap)
}

/// A segment is its parts. The first that lists any may have let some go.
fn sums(listing: &Listing, findings: &mut Findings) {
    let with_parts = listing.numbered().filter(|(_, entry)| !entry.parts.is_empty());
    for (msn, entry) in with_parts.skip(1) {
        let Some(duration) = entry.duration else { continue };
        let sum = entry.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.duration.micros()));
        let slack = ROUNDING.saturating_mul(entry.parts.len() as u64).saturating_add(ROUNDING);
        if sum.abs_diff(duration.micros()) > slack {
            let place = Place::msn(msn).at(entry.line);
            let measured = format_args!("parts of {} in all", seconds(sum));
            findings.add(Rule::PartsUnlikeSegment, place, measured, seconds(duration.micros()));
        }
    }
}

fn age(listing: &Listing, findings: &mut Findings) {
    let keep = listing.target_micros().saturating_mul(3);
    let mut from_end = 0_u64;
    for (msn, entry) in listing.numbered().collect::<Vec<_>>().into_iter().rev() {
        if !entry.parts.is_empty() && from_end > keep && keep > 0 && !listing.ended {
            let expected = format_args!("no parts further than {}", seconds(keep));
            let place = Place::msn(msn).at(entry.line);
            let measured = format_args!("parts {} from the end", seconds(from_end));
            findings.add(Rule::PartsKeptLong, place, measured, expected);
            return;
        }
        from_end = from_end.saturating_add(entry.micros().unsigned_abs());
    }
}
