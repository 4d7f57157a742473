//! The account of an inspection: what was broken, and what was measured. Bounded, however long it goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::lint::{Finding, Position, Rule, Severity};

/// Examples kept of one rule.
const EXAMPLES: usize = 5;
/// Samples kept of one series, and transitions in all.
const SAMPLES: usize = 20_000;

/// Everything that has been found.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) broken: BTreeMap<Rule, Broken>,
    pub(super) playlists: BTreeMap<String, Playlist>,
    pub(super) transitions: Vec<Transition>,
    /// Transitions that were seen, kept or not, and how many of them broke a rule.
    pub(super) seen: (u64, u64),
}

/// A rule that was broken.
#[derive(Debug, Default)]
pub(super) struct Broken {
    pub(super) times: u64,
    /// Where, and the finding.
    pub(super) examples: Vec<(String, Finding)>,
}

/// One state of a playlist that followed another.
#[derive(Debug, Clone)]
pub(super) struct Transition {
    pub(super) playlist: String,
    /// From the beginning of the inspection.
    pub(super) at: Duration,
    pub(super) from: Position,
    pub(super) to: Position,
    /// What the change, or the new state, broke.
    pub(super) broken: Vec<Rule>,
}

/// What was measured of one playlist.
#[derive(Debug, Default)]
pub(super) struct Playlist {
    pub(super) states: u64,
    pub(super) parts: u64,
    pub(super) part_target: Option<u64>,
    /// Wall clock less the date of the end of the newest part, when it was received.
    pub(super) latency: Series,
    /// Between two states that were waited for.
    pub(super) cadence: Series,
    /// Bits a second: peak and average, measured.
    pub(super) bits: (Option<u64>, Option<u64>),
    /// Bits a second: BANDWIDTH and AVERAGE-BANDWIDTH of the variants that it belongs to.
    pub(super) declared: Option<(u64, Option<u64>)>,
}

/// Milliseconds, many times.
#[derive(Debug, Default, Clone)]
pub(super) struct Series(Vec<i64>);

impl Account {
    /// Takes findings in, and returns their rules.
    pub(super) fn take(&mut self, place: &str, findings: Vec<Finding>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for finding in findings {
            if !rules.contains(&finding.rule) {
                rules.push(finding.rule);
            }
            let broken = self.broken.entry(finding.rule).or_default();
            broken.times = broken.times.saturating_add(1);
            if broken.examples.len() < EXAMPLES {
                broken.examples.push((place.to_owned(), finding));
            }
        }
        rules
    }

    /// A playlist's line in the account.
    pub(super) fn playlist(&mut self, name: &str) -> &mut Playlist {
        self.playlists.entry(name.to_owned()).or_default()
    }

    /// One state followed another.
    pub(super) fn transition(&mut self, transition: Transition) {
        let bad = transition.broken.iter().any(|rule| rule.severity() == Severity::Error);
        self.seen.0 = self.seen.0.saturating_add(1);
        self.seen.1 = self.seen.1.saturating_add(u64::from(bad));
        if self.transitions.len() < SAMPLES {
            self.transitions.push(transition);
        }
    }

    /// Rules of this severity that were broken.
    pub(super) fn of(&self, severity: Severity) -> impl Iterator<Item = (Rule, &Broken)> {
        self.broken.iter().filter(move |(rule, _)| rule.severity() == severity).map(|(rule, b)| (*rule, b))
    }
}

impl Series {
    pub(super) fn add(&mut self, millis: i64) {
        if self.0.len() < SAMPLES {
            self.0.push(millis);
        }
    }

    /// Median and 99th percentile.
    pub(super) fn spread(&self) -> Option<(i64, i64)> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        let at = |percent: usize| sorted.get(last.saturating_mul(percent).div_ceil(100)).copied();
        Some((at(50)?, at(99)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_the_median_and_the_worst_of_a_hundred() {
        let mut series = Series::default();
        assert_eq!(series.spread(), None);
        (1..=101).rev().for_each(|n| series.add(n));
        assert_eq!(series.spread(), Some((51, 100)));
    }
}
