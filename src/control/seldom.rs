//! Seldom: lines of the log that anybody may cause as often as they like: the first few are told, then few, and each
//! says how many were not.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind that may be told one after the other: whoever tries a few times at an encoder sees each of them.
const AT_ONCE: u32 = 5;
/// One more of them after so long: whoever floods must not fill a disk.
const EVERY: Duration = Duration::from_secs(10);

/// Lines by their event and their reason, neither of which a peer chooses.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<BTreeMap<(&'static str, &'static str), Kind>>);

#[derive(Debug)]
struct Kind {
    /// Lines that may be told at once.
    left: u32,
    /// Since when no more have been added to those.
    since: Instant,
    /// How often it happened since the last line.
    untold: u64,
}

impl Seldom {
    /// `event` happened for `reason` at `now`: how often it did since the last line, this time included, where there is
    /// to be a line now.
    pub fn count(&self, event: &'static str, reason: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Kind { left: AT_ONCE, since: now, untold: 0 };
        let kind = kinds.entry((event, reason)).or_insert_with(fresh);
        kind.untold = kind.untold.saturating_add(1);
        kind.due(now)
    }

    /// Tells what was left out of the log, where the time has come. To be called every ten seconds or so.
    pub fn tell(&self, now: Instant) {
        for ((event, reason), kind) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if let Some(times) = kind.due(now) {
                tracing::warn!(peer = "several", reason, times, "{event}");
            }
        }
    }
}

impl Kind {
    /// How often it happened since the last line, if there is to be one now.
    fn due(&mut self, now: Instant) -> Option<u64> {
        let spans = now.saturating_duration_since(self.since).as_secs() / EVERY.as_secs();
        let more = u32::try_from(spans).unwrap_or(u32::MAX);
        self.since += EVERY.saturating_mul(more);
        self.left = self.left.saturating_add(more).min(AT_ONCE);
        if self.untold == 0 || self.left == 0 {
            return None;
        }
        self.left = self.left.saturating_sub(1);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_told_one_by_one_and_a_flood_seldom_and_none_is_forgotten() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        let lines: Vec<_> = (0..30_000)
            .filter_map(|millis| Some((millis, seldom.count("refused", "wrong_key", at(millis))?)))
            .collect();
        assert_eq!(lines, [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (10_000, 9_996), (20_000, 10_000)]);
        let told: u64 = lines.iter().map(|(_, times)| times).sum();
        assert_eq!(seldom.count("refused", "busy", at(30_000)), Some(1), "another reason is another line");
        assert_eq!(seldom.count("refused", "wrong_key", at(30_000)), Some(30_000 - told + 1));
    }

    #[test]
    fn whoever_tries_again_now_and_then_is_told_of_each_time() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        for attempt in 0..100 {
            let now = start + EVERY * attempt;
            assert_eq!(seldom.count("refused", "wrong_key", now), Some(1));
        }
    }
}
