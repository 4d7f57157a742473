//! Panics: mistakes of this program. Each ends the connection or the stream it is in; it is logged in a line and counted.

use std::panic;
use std::sync::{LazyLock, Once};

use prometheus_client::metrics::counter::Counter;

static COUNTER: LazyLock<Counter> = LazyLock::new(Counter::default);

/// The counter. Panics are the process's: where there are several servers in it, it is theirs together.
pub(super) fn counter() -> Counter {
    COUNTER.clone()
}

/// Counts panics from now on, and logs them where there is a log; else they are told as they were before.
pub fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            COUNTER.inc();
            if !tracing::dispatcher::has_been_set() {
                return before(panic);
            }
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            // It may hold what a peer sent: with that escaped.
            let reason = panic.payload_as_str().unwrap_or_default();
            tracing::error!(place, ?reason, "panicked");
        }));
    });
}
