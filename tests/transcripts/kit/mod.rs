//! The kit: a peer that writes chunks and reads answers, and a random source that prints its seed.

mod peer;
mod random;
mod wire;
mod writer;

pub(crate) use self::peer::{Heard, Peer, c0_c1};
pub(crate) use self::random::Random;
pub(crate) use self::wire::*;
pub(crate) use self::writer::{Dialect, Writer};

use std::time::Instant;

/// Any instant to count from.
#[expect(clippy::disallowed_methods, reason = "a test's virtual clock must start somewhere")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
