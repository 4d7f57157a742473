//! Findings: verdicts on a publish or one of its tracks, and when they begin and end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::verdict::Verdict;
use crate::media::{Now, TrackId, WallTime};

/// How long a verdict must not be found again before it has ended, so that one on the edge does not fill the log.
const OVER: Duration = Duration::from_secs(10);

/// A verdict and what it is on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// The track; `None` for the whole publish.
    pub track: Option<TrackId>,
    /// What is wrong.
    pub verdict: Verdict,
}

/// What is new.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// It is found for the first time.
    Began(Finding),
    /// It has not been found for ten seconds; this is how it was measured last.
    Ended(Finding),
}

/// What is wrong now.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<(Option<TrackId>, &'static str), Held>);

#[derive(Debug)]
pub(super) struct Held {
    pub(super) finding: Finding,
    pub(super) since: WallTime,
    seen: Instant,
}

impl Findings {
    /// Takes all that is found now.
    pub(super) fn take(&mut self, found: Vec<Finding>, now: Now) -> Vec<Change> {
        let mut changes = Vec::new();
        for finding in found {
            let held = self.0.entry((finding.track, finding.verdict.name())).or_insert_with(|| {
                changes.push(Change::Began(finding));
                Held { finding, since: now.wall, seen: now.mono }
            });
            held.finding = finding;
            held.seen = now.mono;
        }
        self.0.retain(|_, held| {
            let stays = now.mono.saturating_duration_since(held.seen) < OVER;
            if !stays {
                changes.push(Change::Ended(held.finding));
            }
            stays
        });
        changes
    }

    pub(super) fn held(&self) -> impl Iterator<Item = &Held> {
        self.0.values()
    }
}
