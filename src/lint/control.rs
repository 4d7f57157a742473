//! EXT-X-SERVER-CONTROL (§4.4.3.8).

use super::finding::{Findings, Place};
use super::listing::Listing;
use super::rule::Rule;
use super::segments::seconds;
use crate::m3u8::Seconds;

pub(super) fn check(listing: &Listing, findings: &mut Findings) {
    let control = listing.control.clone().unwrap_or_default();
    let target = listing.target_micros();
    let mut at_least = |rule, span: Option<Seconds>, least: u64| {
        if let Some(span) = span.filter(|span| span.micros() < least) {
            findings.add(
                rule,
                Place::WHOLE,
                seconds(span.micros()),
                format_args!("at least {}", seconds(least)),
            );
        }
    };
    at_least(Rule::HoldBackShort, control.hold_back, target.saturating_mul(3));
    at_least(Rule::CanSkipShort, control.can_skip_until, target.saturating_mul(6));
    if let Some(part) = listing.part_target {
        at_least(Rule::PartHoldBackShort, control.part_hold_back, part.micros().saturating_mul(3));
    }
    if listing.part_target.is_some() && control.part_hold_back.is_none() {
        findings.add(Rule::PartHoldBackMissing, Place::WHOLE, "none", "PART-HOLD-BACK");
    }
    if listing.has_parts() && !control.can_block_reload && !listing.ended {
        findings.add(Rule::NoBlockingReload, Place::WHOLE, "none", "CAN-BLOCK-RELOAD=YES");
    }
    if control.can_skip_dateranges && control.can_skip_until.is_none() {
        findings.add(Rule::SkipDaterangesAlone, Place::WHOLE, "no CAN-SKIP-UNTIL", "CAN-SKIP-UNTIL");
    }
}
