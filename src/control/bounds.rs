//! Bounds: which limits were run into: every hit is counted, and told in the log, seldom.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::media::Limit;

/// At most one line of the log for each limit in this time: whoever floods must not fill a disk.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// The same while it goes on.
const TELL_SELDOM: Duration = Duration::from_secs(10);

/// Hits of every limit. Cloning shares.
#[derive(Debug, Clone)]
pub struct Bounds(Arc<Book>);

#[derive(Debug)]
struct Book {
    family: Family<Labels, Counter>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    counter: Counter,
    told: Mutex<Told>,
}

/// What the log knows of one limit.
#[derive(Debug, Default)]
struct Told {
    at: Option<Instant>,
    /// Hits since then.
    untold: u64,
    /// Whether the line before came soon after the one before it.
    goes_on: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    limit: &'static str,
}

impl Bounds {
    /// All at zero, and there from the start.
    pub(super) fn new() -> Self {
        let family = Family::<Labels, Counter>::default();
        let row = |limit: Limit| Row {
            counter: family.get_or_create_owned(&Labels { limit: limit.name() }),
            told: Mutex::default(),
        };
        let rows = Limit::ALL.into_iter().map(row).collect();
        Self(Arc::new(Book { family, rows }))
    }

    /// `who` ran into `limit` at `now`.
    pub fn limit(&self, limit: Limit, who: impl Display, now: Instant) {
        let Some(row) = self.0.rows.get(usize::from(limit as u8)) else { return };
        row.counter.inc();
        let hits = row.told.lock().unwrap_or_else(PoisonError::into_inner).count(now);
        if let Some(hits) = hits {
            say(limit, hits, &who);
        }
    }

    /// How often `limit` was run into.
    pub fn count(&self, limit: Limit) -> u64 {
        self.0.rows.get(usize::from(limit as u8)).map_or(0, |row| row.counter.get())
    }

    /// Tells what was left out of the log, where the time has come. To be called once a second or so.
    pub fn tell(&self, now: Instant) {
        for (limit, row) in Limit::ALL.into_iter().zip(&self.0.rows) {
            let hits = row.told.lock().unwrap_or_else(PoisonError::into_inner).due(now);
            if let Some(hits) = hits {
                say(limit, hits, &"several");
            }
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("limit_hits", "Times that a limit was run into", self.0.family.clone());
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::new()
    }
}

impl Told {
    /// One more hit; how many there were since the last line, if there is to be one now.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.untold = self.untold.saturating_add(1);
        self.due(now)
    }

    fn due(&mut self, now: Instant) -> Option<u64> {
        let since = self.at.map(|at| now.saturating_duration_since(at));
        let wait = if self.goes_on { TELL_SELDOM } else { TELL_EVERY };
        if self.untold == 0 || since.is_some_and(|since| since < wait) {
            return None;
        }
        self.goes_on = since.is_some_and(|since| since < TELL_SELDOM * 2);
        self.at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

/// One line: `hits` since the last one, of which `who` was the last.
fn say(limit: Limit, hits: u64, who: &dyn Display) {
    match limit {
        // Every browser leaves like this.
        Limit::HttpIdle => tracing::debug!(limit = limit.name(), hits, %who, "limit_hit"),
        _ => tracing::warn!(limit = limit.name(), hits, %who, "limit_hit"),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    fn text(hits: &Bounds) -> String {
        let (mut registry, mut text) = (Registry::with_prefix("rillcast"), String::new());
        hits.register(&mut registry);
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn every_limit_is_there_from_the_start_and_no_others_come() {
        let hits = Bounds::new();
        let before = text(&hits);
        for limit in Limit::ALL {
            let line = format!("rillcast_limit_hits_total{{limit=\"{}\"}} 0", limit.name());
            assert!(before.lines().any(|found| found == line), "{line}");
            hits.limit(limit, "somebody", Instant::now());
            assert_eq!(hits.count(limit), 1);
        }
        assert_eq!(text(&hits).lines().count(), before.lines().count());
    }

    #[test]
    fn a_flood_is_told_at_once_then_seldom_and_nothing_is_left_untold() {
        let (mut told, start) = (Told::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        let lines: Vec<_> =
            (0..60_000).filter_map(|millis| Some((millis, told.count(at(millis))?))).collect();
        assert_eq!(lines[..3], [(0, 1), (1_000, 1_000), (11_000, 10_000)]);
        assert_eq!(lines.len(), 7);
        assert_eq!(told.due(at(60_000)), None);
        assert_eq!(told.due(at(61_000)), Some(8_999));
        assert_eq!(told.due(at(99_000)), None, "there is nothing to tell");
        assert_eq!(told.count(at(99_000)), Some(1), "and the next is told at once");
        assert_eq!(lines.iter().map(|(_, hits)| hits).sum::<u64>() + 8_999, 60_000);
    }
}
