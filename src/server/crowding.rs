//! Crowding: whether there is room for newcomers, which a readiness probe is told.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::admission::Admission;

/// For how long after the last connection that could not be accepted there is said to be no room. Accepting is tried
/// again several times in it.
const SHORT: Duration = Duration::from_millis(250);

/// How full the public doors are.
#[derive(Debug, Default)]
pub(super) struct Crowding {
    doors: OnceLock<[Arc<Admission>; 2]>,
    /// When the system last had no descriptor for a connection.
    short: Mutex<Option<Instant>>,
}

impl Crowding {
    /// The doors to look at: the encoders' and the viewers'.
    pub(super) fn watch(&self, doors: [Arc<Admission>; 2]) {
        // There is one server to a context.
        let _ = self.doors.set(doors);
    }

    /// The system had no descriptor for a connection.
    pub(super) fn ran_short(&self, now: Instant) {
        *self.short() = Some(now);
    }

    /// Whether the next to come would be turned away or would have to wait.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.doors.get().is_some_and(|doors| doors.iter().any(|door| door.is_full()))
            || self.short().is_some_and(|at| now.saturating_duration_since(at) < SHORT)
    }

    fn short(&self) -> MutexGuard<'_, Option<Instant>> {
        self.short.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
