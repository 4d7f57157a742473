//! Clock: the only place that reads one. Everywhere else, time is an argument.

use std::cell::Cell;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::media::{Now, WallTime};

thread_local! {
    /// What wall time is counted from on this thread, where it is not the system's.
    static WALL: Cell<Option<Now>> = const { Cell::new(None) };
}

/// The process's clock. Monotonic time follows the runtime's, so a test can hold it still.
#[derive(Debug, Clone, Copy)]
pub struct Clock;

impl Clock {
    /// This moment, on both clocks.
    #[allow(clippy::disallowed_methods, reason = "this is the one reader of clocks")]
    pub fn now() -> Now {
        if let Some(set) = WALL.get() {
            return set.plus(Self::mono().saturating_duration_since(set.mono));
        }
        // A clock set before 1970 reads as 1970: dates are then wrong, nothing else is.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Now { mono: Self::mono(), wall: WallTime { unix_micros } }
    }

    /// From now on it is `wall` on this thread, and wall time goes with monotonic time: a simulation has dates of its
    /// own, and has them jump. `None` goes back to the system's.
    pub fn set_wall(wall: Option<WallTime>) {
        WALL.set(wall.map(|wall| Now { mono: Self::mono(), wall }));
    }

    /// This moment, on the monotonic clock.
    #[allow(clippy::disallowed_methods, reason = "this is the one reader of clocks")]
    pub fn mono() -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_is_set_goes_with_the_runtimes_time_until_it_is_let_go() {
        let noon = WallTime { unix_micros: 1_000_000 };
        Clock::set_wall(Some(noon));
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!(Clock::now().wall.unix_micros, 2_500_000);
        Clock::set_wall(None);
        assert!(Clock::now().wall.unix_micros > 1_000_000_000_000_000);
    }
}
