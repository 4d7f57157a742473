//! Contain: what a mistake of ours in one task leaves behind, and tasks that no mistake may end.
//!
//! A panic unwinds the task it is in, and drops what that holds: connections close, publishers leave their stream to its
//! grace, and whatever is counted is counted by values that are dropped. Locks do not care who held them.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

/// How long after a panic a task begins again: one that always panics must not keep a core busy.
const AGAIN: Duration = Duration::from_millis(250);

/// One more of what a gauge counts, for as long as it lives.
pub(super) struct One(Gauge);

impl One {
    /// One that has just come.
    pub(super) fn more(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Does `work`, and after each panic begins it again.
pub(super) async fn forever<F: Future<Output = ()>>(work: impl Fn() -> F) {
    loop {
        let mut once = pin!(work());
        let ended = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| once.as_mut().poll(cx))) {
            Ok(poll) => poll.map(|()| true),
            Err(_) => Poll::Ready(false),
        });
        if ended.await {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::server::Clock;

    /// Hostile case 94.
    #[tokio::test(start_paused = true)]
    async fn a_task_that_must_not_end_begins_again_after_a_panic_but_not_at_once() {
        let (began, turns) = (Clock::mono(), Cell::new(0));
        let work = async || {
            tokio::time::sleep(Duration::from_millis(1)).await;
            turns.set(turns.get() + 1);
            assert!(turns.get() == 4, "not yet");
        };
        forever(work).await;
        assert_eq!(turns.get(), 4);
        let took = Clock::mono().saturating_duration_since(began);
        assert!(took >= 3 * AGAIN, "{took:?}");
    }

    /// Hostile case 94.
    #[tokio::test]
    async fn what_a_task_counted_is_taken_back_when_it_panics() {
        let gauge = Gauge::default();
        let one = One::more(&gauge);
        let ended = tokio::spawn(async move {
            let _one = one;
            panic!("by intention");
        });
        assert!(ended.await.is_err());
        assert_eq!(gauge.get(), 0);
    }
}
