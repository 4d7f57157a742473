//! Holding: the one place where a request waits for what it asked for.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use crate::control::{Denied, Strain};
use crate::hls::{Answer, Wait};
use crate::live::Changes;
use crate::media::Limit;

use super::admission::{Full, Permit};
use super::context::Context;
use super::http::Peer;

/// Milliseconds over which holds that began together are given up.
const SPREAD: u64 = 250;
/// Between two that began one after the other: it has no factor in common with the above.
const STRIDE: u64 = 97;

/// Looks until there is an answer, where a first look said to wait: again after every change, until the wait's own
/// bound, the server's end, or the client's (the future is dropped, and everything it holds with it).
///
/// `signals` is taken before each look, so that no change falls between a look and the wait after it.
/// `crowded` answers when nothing more can be held.
pub(super) async fn answer(
    context: &Context,
    peer: &Peer,
    wait: Wait,
    look: impl Fn() -> Answer,
    signals: impl Fn() -> Vec<Changes>,
    crowded: impl FnOnce() -> Answer,
) -> Answer {
    if context.viewers.memory.strain() >= Strain::Viewers {
        context.refused(&Denied::Memory, peer.address);
        return crowded();
    }
    let held = match Held::take(context, peer) {
        Ok(held) => held,
        Err(limit) => {
            context.hit(limit, peer.address);
            return crowded();
        }
    };
    let mut over = pin!(tokio::time::sleep(wait.at_most.saturating_sub(held.earlier())));
    let mut drain = context.drain();
    loop {
        let mut changes = signals();
        match look() {
            Answer::WaitFor(_) => {}
            decided => return decided,
        }
        tokio::select! {
            biased;
            () = any(&mut changes) => {}
            () = drain.publishers_finished() => return ended(look(), wait.expired),
            () = &mut over => {
                context.hit(Limit::HoldTime, peer.address);
                return Answer::Refuse(wait.expired);
            }
        }
    }
}

/// Nothing more will come: what is there now, or nothing.
fn ended(answer: Answer, otherwise: crate::hls::Refusal) -> Answer {
    match answer {
        Answer::WaitFor(_) => Answer::Refuse(otherwise),
        decided => decided,
    }
}

/// Returns at the first change of any.
async fn any(changes: &mut [Changes]) {
    if let [one] = changes {
        one.changed().await;
        return;
    }
    let mut waits: Vec<_> = changes.iter_mut().map(|one| Box::pin(one.changed())).collect();
    poll_fn(|cx| match waits.iter_mut().any(|wait| wait.as_mut().poll(cx).is_ready()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// A place among the held requests: of the connection, of the address, of the process.
struct Held<'a> {
    context: &'a Context,
    peer: &'a Peer,
    /// How many there were before it.
    before: u64,
    _permit: Permit,
}

impl<'a> Held<'a> {
    fn take(context: &'a Context, peer: &'a Peer) -> Result<Self, Limit> {
        let permit = context.holds.admit(peer.address).map_err(|full| match full {
            Full::Total => Limit::HttpHolds,
            Full::Address => Limit::HttpHoldsPerAddress,
        })?;
        let most = context.limits.http.holds_per_connection;
        let more = |held: usize| held.checked_add(1).filter(|held| *held <= most);
        let held = peer.vitals.holds.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        held.map_err(|_| Limit::HttpHoldsPerConnection)?;
        let before = context.metrics.holds.inc();
        Ok(Self { context, peer, before: before.unsigned_abs(), _permit: permit })
    }

    /// By how much sooner than the others it is given up: those that came together do not come back together.
    fn earlier(&self) -> Duration {
        Duration::from_millis(self.before.wrapping_mul(STRIDE) % SPREAD)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.peer.vitals.holds.fetch_sub(1, Ordering::Relaxed);
        self.context.metrics.holds.dec();
    }
}
