//! Cadence: whether segments and parts come as fast as they last (§6.2.1).

use std::time::Duration;

use super::finding::{Finding, Findings, Place};
use super::listing::{Listing, Position};
use super::rule::Rule;

/// What a network and a busy machine may add to an interval.
const ON_THE_WAY: Duration = Duration::from_millis(250);

/// When one playlist last got longer, by a clock of the caller's.
#[derive(Debug, Clone, Default)]
pub struct Cadence {
    segment: Option<(u64, Duration)>,
    part: Option<(Position, Duration)>,
}

impl Cadence {
    /// A state was received at `now`, at once when it came to be (by a blocking reload).
    pub fn received(&mut self, listing: &Listing, now: Duration) -> Vec<Finding> {
        let mut findings = Findings::default();
        let position = listing.position();
        let target = Duration::from_secs(listing.target.unwrap_or(0));
        if let Some((msn, at)) = self.segment.filter(|(msn, _)| *msn < position.msn && !listing.ended) {
            let took = now.saturating_sub(at);
            let most = target.saturating_mul(3).checked_div(2).unwrap_or_default();
            if took > most.saturating_add(ON_THE_WAY) {
                let expected = format_args!("at most {most:?}");
                findings.add(Rule::SegmentLate, Place::msn(msn), format_args!("after {took:?}"), expected);
            }
        }
        if let (Some((was, at)), Some(most)) = (self.part, listing.part_target) {
            let (took, most) = (now.saturating_sub(at), Duration::from_micros(most.micros()));
            if was < position && !listing.ended && took > most.saturating_add(ON_THE_WAY) {
                let place = Place { msn: Some(position.msn), ..Place::WHOLE };
                let expected = format_args!("at most {most:?}");
                findings.add(Rule::PartLate, place, format_args!("after {took:?}"), expected);
            }
        }
        if self.segment.is_none_or(|(msn, _)| msn < position.msn) {
            self.segment = Some((position.msn, now));
        }
        if self.part.is_none_or(|(was, _)| was < position) {
            self.part = Some((position, now));
        }
        findings.into_vec()
    }
}

/// Holds two bodies of one state to being one (§6.2.1). Reports of others may move meanwhile.
pub fn same_state(one: &[u8], other: &[u8]) -> Vec<Finding> {
    let mut findings = Findings::default();
    let lines = |body: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(body).into_owned();
        text.lines().filter(|line| !line.starts_with("#EXT-X-RENDITION-REPORT")).map(str::to_owned).collect()
    };
    let (one, other) = (lines(one), lines(other));
    if one != other {
        let line = one.iter().zip(&other).position(|(a, b)| a != b);
        let line = line.unwrap_or_else(|| one.len().min(other.len()));
        let shown = |lines: &[String]| lines.get(line).cloned().unwrap_or_else(|| "nothing".to_owned());
        findings.add(Rule::StateNotAtomic, Place::line(line.saturating_add(1)), shown(&other), shown(&one));
    }
    findings.into_vec()
}
