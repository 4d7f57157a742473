//! Clock: the only place that reads one. Everywhere else, time is an argument.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::media::{Now, WallTime};

/// The process's clock. Monotonic time follows the runtime's, so a test can hold it still.
#[derive(Debug, Clone, Copy)]
pub struct Clock;

impl Clock {
    /// This moment, on both clocks.
    #[allow(clippy::disallowed_methods, reason = "this is the one reader of clocks")]
    pub fn now() -> Now {
        // A clock set before 1970 reads as 1970: dates are then wrong, nothing else is.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Now { mono: Self::mono(), wall: WallTime { unix_micros } }
    }

    /// This moment, on the monotonic clock.
    #[allow(clippy::disallowed_methods, reason = "this is the one reader of clocks")]
    pub fn mono() -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
