//! Which streams are disturbed when: what a fault explains is no breach.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One disturbance: of a stream, or of all where there is none.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    stream: Option<usize>,
    from: Instant,
    until: Instant,
}

/// All disturbances so far.
#[derive(Debug, Default)]
pub(crate) struct Calm(Mutex<Vec<Trouble>>);

impl Calm {
    /// A stream, or every one, is disturbed from one instant to another.
    pub(crate) fn disturb(&self, stream: Option<usize>, from: Instant, until: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Trouble { stream, from, until });
    }

    /// Whether nothing disturbed this stream at any time between the two.
    pub(crate) fn holds(&self, stream: usize, from: Instant, until: Instant) -> bool {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !troubles.iter().rev().any(|trouble| {
            trouble.stream.is_none_or(|which| which == stream)
                && trouble.from <= until
                && trouble.until >= from
        })
    }
}
