//! Viewer: one member of the audience on a connection of its own: the guard that counts it and can be told to close.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::live::{Lag, Reason};
use crate::media::{Now, StreamName, WallTime};

use super::identity::Protocol;
use super::viewers::Viewers;

/// One that takes what it is given within this keeps up, as far as that tells.
const TAKES: Duration = Duration::from_secs(2);

/// Where a viewer sits: what others may see of it, and say to it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: u64,
    /// By what it is known should it come back.
    pub(super) identity: u64,
    pub(super) stream: StreamName,
    pub(super) protocol: Protocol,
    pub(super) address: IpAddr,
    pub(super) agent: Option<Box<str>>,
    pub(super) since: WallTime,
    sent: AtomicU64,
    /// When it was given what it has not come back from, in milliseconds after `born` and one; 0 while it asks.
    given: AtomicU64,
    born: Instant,
    lag: Mutex<Lag>,
    /// 0 while it may stay; else one more than the reason's place in [`Reason::ALL`].
    leave: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Seat {
    pub(super) fn new(
        (id, identity): (u64, u64),
        stream: StreamName,
        protocol: Protocol,
        (address, agent): (IpAddr, Option<Box<str>>),
        now: Now,
    ) -> Self {
        let (sent, given, lag, leave, waker) = Default::default();
        let (since, born) = (now.wall, now.mono);
        Self { id, identity, stream, protocol, address, agent, since, sent, given, born, lag, leave, waker }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn lag(&self) -> Lag {
        *self.lag.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it has missed, in bytes; then for how long it has not taken what it was given, in microseconds.
    pub(super) fn missed(&self, now: Instant) -> (u64, u64) {
        let lag = self.lag();
        let given = self.given.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis);
        let stands = given.map_or(Duration::ZERO, |at| now.saturating_duration_since(self.born + at));
        let stands = if stands < TAKES { 0 } else { u64::try_from(stands.as_micros()).unwrap_or(u64::MAX) };
        (lag.bytes, lag.blocked_micros.saturating_add(stands))
    }

    /// The first reason wins. Whether it is this one.
    pub(super) fn close(&self, reason: Reason) -> bool {
        let number = Reason::ALL.iter().zip(1_u8..).find(|(one, _)| **one == reason).map_or(1, |(_, n)| n);
        let first = self.leave.compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
        first
    }

    pub(super) fn closed(&self) -> Option<Reason> {
        let number = usize::from(self.leave.load(Ordering::Acquire));
        Reason::ALL.get(number.checked_sub(1)?).copied()
    }
}

/// Where a viewer is told to go. Whoever drives its connection hears of it, though nothing moves there.
#[derive(Debug, Clone)]
pub struct Dismissal(Arc<Seat>);

impl Dismissal {
    /// Ready when the viewer is to be closed, and why: it is kicked, or shed. One task at a time may wait.
    pub fn poll(&self, cx: &Context<'_>) -> Poll<Reason> {
        {
            let mut waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner);
            if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
        }
        // After the waker is there, so that no reason falls between.
        self.given().map_or(Poll::Pending, Poll::Ready)
    }

    /// Why the viewer is to be closed, if it is.
    pub fn given(&self) -> Option<Reason> {
        self.0.closed()
    }
}

/// A viewer on a connection, for as long as it lives. Dropping it counts it out.
#[derive(Debug)]
pub struct Viewer {
    viewers: Arc<Viewers>,
    seat: Arc<Seat>,
    now: Now,
}

impl Viewer {
    pub(super) fn new(viewers: Arc<Viewers>, seat: Arc<Seat>, now: Now) -> Self {
        Self { viewers, seat, now }
    }

    /// Its name in the API.
    pub fn id(&self) -> String {
        format!("{:016x}", self.seat.id)
    }

    /// Notes that it was given `bytes` more to take.
    pub fn sent(&mut self, bytes: u64, now: Now) {
        self.now = now;
        self.seat.sent.fetch_add(bytes, Ordering::Relaxed);
        let at = now.mono.saturating_duration_since(self.seat.born).as_millis();
        self.seat.given.store(u64::try_from(at).unwrap_or(u64::MAX).saturating_add(1), Ordering::Relaxed);
    }

    /// Notes that it has taken all of it.
    pub fn asks(&self) {
        self.seat.given.store(0, Ordering::Relaxed);
    }

    /// Notes all that it has missed so far.
    pub fn lagged(&self, lag: Lag) {
        *self.seat.lag.lock().unwrap_or_else(PoisonError::into_inner) = lag;
    }

    /// Notes why it ends; the first reason counts. What it was told before comes back.
    pub fn close(&mut self, reason: Reason, now: Now) -> Reason {
        self.now = now;
        self.seat.close(reason);
        self.seat.closed().unwrap_or(reason)
    }

    /// Where it is told to go.
    pub fn dismissal(&self) -> Dismissal {
        Dismissal(Arc::clone(&self.seat))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.seat.close(Reason::ClientClosed);
        self.viewers.gone(&self.seat, self.now);
    }
}
