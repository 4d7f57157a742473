//! What a playlist says of the next part, of other renditions, and of what it skips.

use std::collections::HashSet;

use super::finding::{Findings, Place};
use super::listing::Listing;
use super::rule::Rule;
use super::segments::seconds;

pub(super) fn check(listing: &Listing, findings: &mut Findings) {
    hints(listing, findings);
    reports(listing, findings);
    skip(listing, findings);
}

fn hints(listing: &Listing, findings: &mut Findings) {
    if listing.ended {
        if let Some(hint) = listing.hints.first() {
            findings.add(Rule::HintAfterEnd, Place::line(hint.line), &hint.uri, "none after EXT-X-ENDLIST");
        }
        return;
    }
    if listing.has_parts() && listing.hinted("PART").is_none() {
        findings.add(Rule::NoPreloadHint, Place::WHOLE, "none", "EXT-X-PRELOAD-HINT:TYPE=PART");
    }
    let mut kinds = HashSet::new();
    for hint in &listing.hints {
        if !kinds.insert(hint.kind.as_str()) {
            findings.add(Rule::HintTwice, Place::line(hint.line), &hint.kind, "one");
        }
    }
    if let Some(hint) = listing.hinted("PART").filter(|hint| hint.start.is_none()) {
        let mut parts = listing.entries.iter().flat_map(|entry| &entry.parts);
        if parts.any(|part| part.uri == hint.uri) {
            findings.add(Rule::HintOfListed, Place::line(hint.line), &hint.uri, "a part that is not listed");
        }
    }
}

fn reports(listing: &Listing, findings: &mut Findings) {
    let mut uris = HashSet::new();
    for report in &listing.reports {
        let place = Place::line(report.line);
        if !uris.insert(report.uri.as_str()) {
            findings.add(Rule::ReportTwice, place, &report.uri, "once");
        }
        if report.uri.contains("://") || report.uri.starts_with("//") {
            findings.add(Rule::ReportAbsolute, place, &report.uri, "a relative URI");
        }
    }
}

/// Only what is further from the end of the last whole segment than CAN-SKIP-UNTIL may be skipped (§6.2.5.1).
fn skip(listing: &Listing, findings: &mut Findings) {
    let Some(skip) = &listing.skip else { return };
    let control = listing.control.clone().unwrap_or_default();
    if listing.ended {
        findings.add(Rule::SkipAfterEnd, Place::WHOLE, "EXT-X-SKIP with EXT-X-ENDLIST", "all of it");
    }
    if skip.segments == 0 && skip.removed_dateranges.as_ref().is_none_or(Vec::is_empty) {
        findings.add(Rule::SkipNothing, Place::WHOLE, "SKIPPED-SEGMENTS=0", "no EXT-X-SKIP");
    }
    let kept: u64 =
        listing.segments().fold(0, |sum, (_, entry)| sum.saturating_add(entry.micros().unsigned_abs()));
    // Segments of rounded lengths may add up to a little less.
    let slack = (listing.entries.len() as u64).saturating_mul(1_000);
    match control.can_skip_until {
        None => findings.add(Rule::SkipUnasked, Place::WHOLE, "EXT-X-SKIP", "CAN-SKIP-UNTIL first"),
        Some(until) if skip.segments > 0 && kept.saturating_add(slack) < until.micros() => {
            let measured = format_args!("{} kept", seconds(kept));
            findings.add(Rule::SkipTooNear, Place::WHOLE, measured, seconds(until.micros()));
        }
        Some(_) => {}
    }
}
