//! Tally: how often something happened within the last span, roughly.

use std::time::{Duration, Instant};

/// Counts events in windows of a fixed span that start with the first event in them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    span: Duration,
    window: Option<(Instant, u32)>,
}

impl Tally {
    pub(super) fn new(span: Duration) -> Self {
        Self { span, window: None }
    }

    /// Counts one event; answers how many there were in this window.
    pub(super) fn count(&mut self, now: Instant) -> u32 {
        let (since, before) = match self.window {
            Some((since, count)) if now.saturating_duration_since(since) < self.span => (since, count),
            _ => (now, 0),
        };
        let count = before.saturating_add(1);
        self.window = Some((since, count));
        count
    }
}
