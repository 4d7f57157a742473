//! Stats: durations as the few numbers that describe them.

use std::fmt;
use std::time::Duration;

/// What is told of a set of durations.
pub(crate) struct Summary {
    count: usize,
    min: Duration,
    p50: Duration,
    p95: Duration,
    p99: Duration,
    max: Duration,
}

impl Summary {
    /// `None` when there are none.
    pub(crate) fn of(mut all: Vec<Duration>) -> Option<Self> {
        all.sort_unstable();
        // The nearest rank: a value that was measured, never one between two.
        let rank = |percent: usize| all.get((all.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Self {
            count: all.len(),
            min: *all.first()?,
            p50: rank(50)?,
            p95: rank(95)?,
            p99: rank(99)?,
            max: *all.last()?,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |span: Duration| span.as_secs_f64() * 1e3;
        write!(
            f,
            "n {:6}  min {:7.3}  p50 {:7.3}  p95 {:7.3}  p99 {:7.3}  max {:7.3} ms",
            self.count,
            ms(self.min),
            ms(self.p50),
            ms(self.p95),
            ms(self.p99),
            ms(self.max)
        )
    }
}
