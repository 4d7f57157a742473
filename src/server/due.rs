//! Due: work that is given up when its time is over.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::clock::Clock;

/// Longer than anything is waited for.
const FAR: Duration = Duration::from_secs(86_400);

/// Runs `work` until it ends, or until it is given up. Whenever it has run, `look` says at this instant when to look
/// again; without, only when it has run again; or why it is over. It is run again also when `look` wakes it.
pub(super) async fn until_over<W: Future + Unpin, O>(
    mut work: W,
    mut look: impl FnMut(&Context<'_>, Instant) -> Result<Option<Instant>, O>,
) -> Result<W::Output, O> {
    let mut sleep = pin!(tokio::time::sleep(FAR));
    poll_fn(|cx| {
        if let Poll::Ready(output) = Pin::new(&mut work).poll(cx) {
            return Poll::Ready(Ok(output));
        }
        loop {
            let wake = match look(cx, Clock::mono()) {
                Ok(Some(wake)) => wake,
                Ok(None) => return Poll::Pending,
                Err(over) => return Poll::Ready(Err(over)),
            };
            // A timer that fires early costs a look; moving it at every poll would cost more.
            if sleep.is_elapsed() || wake < sleep.deadline().into_std() {
                sleep.as_mut().reset(wake.into());
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}
