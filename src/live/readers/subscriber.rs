//! Subscriber: one reader of a ring: where it is, and what becomes of it when it is slow.
//!
//! ```text
//!   Joining ──▶ first start ──▶ Reading ──▶ tail of a closed ring, or closed ──▶ (a reason)
//!                                │    ▲
//!                   too far behind    next start
//!                                ▼    │
//!                               Skipping ── too often ──▶ (slow_client_lagged)
//! ```

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::lag::{Lag, Reason};
use super::ring::Ring;
use super::state::{Mark, State, after};
use super::waiters::Ticket;

/// Where a reader begins: always at a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// The next start to come.
    Live,
    /// The newest start there is, or else the next.
    LatestStart,
    /// The earliest start from which there is at most so much to read, and not more than half of what the ring may
    /// hold, which is lag already; the newest one where that has more behind it.
    Lag {
        /// In bytes.
        bytes: usize,
        /// In microseconds of media time.
        micros: i64,
    },
}

/// What becomes of a reader that is too far behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slow {
    /// More than half of what the ring may hold behind, it goes on at the newest start: for viewers.
    SkipToStart,
    /// As far behind, it goes on at the next start to come.
    SkipToLive,
    /// It may be behind as far as the ring reaches, and is closed when it has lost something: for whom everything
    /// matters, or nothing.
    Disconnect,
}

/// What came of a take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Entries, which follow what was taken before without a hole.
    Some,
    /// Nothing now: see [`Subscriber::changed`].
    Empty,
    /// Nothing now, and so much of what came before the next take is lost. What comes next begins at a start.
    Skipped {
        /// Entries.
        frames: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Nothing any more.
    Closed(Reason),
}

/// Whether the next entry follows the last one.
#[derive(Debug, Clone, Copy)]
enum Place {
    Reading,
    Joining,
    /// Entries and bytes lost so far.
    Skipping(u64, u64),
}

/// Entries shared in one hold of the lock, at most.
const MOST: usize = 256;

/// A cursor on a ring. Dropping it is leaving.
#[derive(Debug)]
pub struct Subscriber<T: Entry> {
    ring: Arc<Ring<T>>,
    slow: Slow,
    place: Place,
    next: Mark,
    jumps: Vec<Instant>,
    lag: Lag,
    /// What the ring's totals know of `lag`.
    told: Lag,
    ticket: Option<Ticket>,
    since: Instant,
}

impl<T: Entry> Subscriber<T> {
    pub(super) fn new(ring: Arc<Ring<T>>, join: Join, slow: Slow, now: Instant) -> Self {
        let mut state = ring.lock();
        let (half_bytes, half_micros) = halves(&state);
        let start = match join {
            Join::Live => None,
            Join::LatestStart => state.newest_start(),
            Join::Lag { bytes, micros } => {
                state.start_within(half_bytes.min(bytes as u64), half_micros.min(micros))
            }
        };
        let place = if start.is_some() { Place::Reading } else { Place::Joining };
        let next = start.unwrap_or_else(|| state.next());
        state.totals.join();
        drop(state);
        let (lag, jumps) = (Lag::default(), Vec::new());
        Self { ring, slow, place, next, jumps, lag, told: lag, ticket: None, since: now }
    }

    /// Appends what comes next to `into`, at most `most` entries.
    pub fn take(&mut self, now: Instant, most: usize, into: &mut Vec<T>) -> Taken {
        if let Some(reason) = self.lag.reason {
            return Taken::Closed(reason);
        }
        let ring = Arc::clone(&self.ring);
        let mut state = ring.lock();
        let taken = self.take_from(&state, now, most.min(MOST), into);
        if self.told != self.lag {
            state.totals.add(&self.told, &self.lag);
            self.told = self.lag;
        }
        taken
    }

    fn take_from(&mut self, state: &State<T>, now: Instant, most: usize, into: &mut Vec<T>) -> Taken {
        if matches!(self.place, Place::Reading) {
            self.lag.largest_bytes = self.lag.largest_bytes.max(state.bytes_from(self.next));
            self.lag.largest_micros = self.lag.largest_micros.max(state.micros_from(self.next.number));
            if self.is_behind(state) {
                self.fall_behind(state, now);
            }
        }
        if let Some(reason) = self.lag.reason {
            return Taken::Closed(reason);
        }
        if let Some(skipped) = self.seek(state) {
            return skipped;
        }
        let before = into.len();
        if matches!(self.place, Place::Reading) {
            while let Some(entry) = state.entry(self.next.number).filter(|_| into.len() - before < most) {
                self.next = after(self.next, entry);
                into.push(entry.clone());
            }
        }
        match state.end {
            _ if into.len() > before => Taken::Some,
            Some(end) if self.next == state.next() => Taken::Closed(self.close(end.into())),
            Some(_) | None => Taken::Empty,
        }
    }

    /// Whether it has lost something, or would be better off at a newer start.
    fn is_behind(&self, state: &State<T>) -> bool {
        let lost = self.next.number < state.first().number;
        let newer = state.newest_start().is_some_and(|start| start.number > self.next.number);
        let (bytes, micros) = halves(state);
        let far = || state.bytes_from(self.next) > bytes || state.micros_from(self.next.number) > micros;
        lost || (self.slow != Slow::Disconnect && newer && far())
    }

    fn fall_behind(&mut self, state: &State<T>, now: Instant) {
        self.lag.events = self.lag.events.saturating_add(1);
        self.jumps.retain(|at| now.saturating_duration_since(*at) <= state.bounds.jumps_within);
        self.jumps.push(now);
        self.place = Place::Skipping(0, 0);
        if self.slow == Slow::Disconnect || self.jumps.len() >= state.bounds.jumps {
            // It gets nothing more, but only what is gone is its loss.
            self.pass(state.first());
            self.close(Reason::SlowClientLagged);
            return;
        }
        let start = state.newest_start().filter(|_| self.slow == Slow::SkipToStart);
        self.pass(start.unwrap_or_else(|| state.next()));
    }

    /// Goes on to a start, unless it follows what it has read; the loss is told there.
    fn seek(&mut self, state: &State<T>) -> Option<Taken> {
        if matches!(self.place, Place::Reading) {
            return None;
        }
        let start = state.start_from(self.next.number);
        self.pass(start.unwrap_or_else(|| state.next()));
        start?;
        match std::mem::replace(&mut self.place, Place::Reading) {
            Place::Skipping(frames, bytes) => Some(Taken::Skipped { frames, bytes }),
            Place::Joining | Place::Reading => None,
        }
    }

    /// Leaves out what lies before `mark`.
    fn pass(&mut self, mark: Mark) {
        let number = mark.number.saturating_sub(self.next.number);
        if number == 0 {
            return;
        }
        if let Place::Skipping(frames, bytes) = &mut self.place {
            let passed = mark.bytes.saturating_sub(self.next.bytes);
            *frames = frames.saturating_add(number);
            *bytes = bytes.saturating_add(passed);
            self.lag.frames = self.lag.frames.saturating_add(number);
            self.lag.bytes = self.lag.bytes.saturating_add(passed);
        }
        self.next = mark;
    }

    /// Returns when there is something to take, or to be told. It may be dropped before and loses nothing by it.
    pub async fn changed(&mut self) {
        poll_fn(|context| self.poll_changed(context)).await;
    }

    /// Ready when there is something to take, or to be told; else the context's task is woken by the next push.
    pub fn poll_changed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.ring.lock();
        let more = match self.place {
            Place::Reading => self.next != state.next(),
            Place::Joining | Place::Skipping(..) => state.start_from(self.next.number).is_some(),
        };
        if more || state.end.is_some() || self.lag.reason.is_some() {
            return Poll::Ready(());
        }
        state.waiters.wait(&mut self.ticket, context.waker());
        Poll::Pending
    }

    /// Notes a write that took from `since` to `now`, and whether it took less than it was given.
    pub fn wrote(&mut self, since: Instant, now: Instant, short: bool) {
        self.lag.waited(now.saturating_duration_since(since));
        self.lag.short_writes = self.lag.short_writes.saturating_add(u64::from(short));
    }

    /// Whether a write that has not gone on from `since` to `now` is given up: the reader is closed then.
    pub fn blocked(&mut self, since: Instant, now: Instant) -> bool {
        let stuck = now.saturating_duration_since(since) >= self.patience();
        if stuck && self.lag.reason.is_none() {
            self.wrote(since, now, false);
            self.lag.timeouts = self.lag.timeouts.saturating_add(1);
            self.close(Reason::WriteTimeout);
        }
        stuck
    }

    /// For how long a write may stand still.
    pub fn patience(&self) -> Duration {
        self.ring.lock().bounds.blocked
    }

    /// Closes it: the next take tells. The first reason stands, and is returned.
    pub fn close(&mut self, reason: Reason) -> Reason {
        *self.lag.reason.get_or_insert(reason)
    }

    /// How it did so far.
    pub fn lag(&self) -> Lag {
        self.lag
    }

    /// When it joined.
    pub fn since(&self) -> Instant {
        self.since
    }
}

impl<T: Entry> Drop for Subscriber<T> {
    fn drop(&mut self) {
        let mut state = self.ring.lock();
        state.waiters.leave(self.ticket.take());
        state.totals.add(&self.told, &self.lag);
        state.totals.leave(self.lag.reason.unwrap_or(Reason::ClientClosed));
    }
}

/// How far behind a reader is slow: half of what the ring may hold, in bytes and microseconds.
fn halves<T: Entry>(state: &State<T>) -> (u64, i64) {
    (state.bounds.bytes as u64 / 2, state.bounds.micros / 2)
}
