//! Ring: bounded, numbered, shared history of one writer.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::entry::{Bounds, Entry};
use super::lag::{End, Totals};
use super::state::State;
use super::subscriber::{Join, Slow, Subscriber};
use super::sync::{Mutex, MutexGuard};

/// The recent past of one writer. Entries are numbered from 0 for ever; the oldest go by bytes and by media time,
/// but what lies behind the newest start is kept whole up to a hard bound.
///
/// The writer never waits for a reader: readers take the lock for the time it takes to share a few entries, and what
/// a push does for them is to wake those that wait.
#[derive(Debug)]
pub struct Ring<T>(Mutex<State<T>>);

/// What a ring holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// Number of the first entry kept.
    pub first: u64,
    /// Number that the next entry will get.
    pub next: u64,
    /// Bytes kept.
    pub bytes: u64,
    /// Media time from the first to the newest entry, in microseconds.
    pub micros: i64,
    /// Whether nothing more will come, and why.
    pub end: Option<End>,
}

impl<T: Entry> Ring<T> {
    /// An empty ring.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::new(bounds))))
    }

    /// Other bounds from the next push on.
    pub fn rebound(&self, bounds: Bounds) {
        self.lock().bounds = bounds;
    }

    /// Appends an entry and wakes the readers that wait. One that comes after the end is dropped.
    pub fn push(&self, entry: T) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        let gone = state.push(entry);
        let waiting = state.waiters.take();
        drop(state);
        // Neither freeing nor waking holds up a reader.
        drop(gone);
        waiting.into_iter().flatten().for_each(std::task::Waker::wake);
    }

    /// Appends entries and wakes the readers that wait once for all of them. Those that come after the end are
    /// dropped.
    pub fn extend(&self, entries: impl IntoIterator<Item = T>) {
        let mut entries = entries.into_iter().peekable();
        if entries.peek().is_none() {
            return;
        }
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        let gone: Vec<T> = entries.flat_map(|entry| state.push(entry)).collect();
        let waiting = state.waiters.take();
        drop(state);
        drop(gone);
        waiting.into_iter().flatten().for_each(std::task::Waker::wake);
    }

    /// Ends it: readers are told once they have read what it holds. The first end stands.
    pub fn close(&self, end: End) {
        let mut state = self.lock();
        state.end.get_or_insert(end);
        let waiting = state.waiters.take();
        drop(state);
        waiting.into_iter().flatten().for_each(std::task::Waker::wake);
    }

    /// A new reader, which begins where `join` says, never but at a start.
    pub fn subscribe(self: &Arc<Self>, join: Join, slow: Slow, now: Instant) -> Subscriber<T> {
        Subscriber::new(Arc::clone(self), join, slow, now)
    }

    /// What it holds now.
    pub fn occupancy(&self) -> Occupancy {
        let state = self.lock();
        let (first, next) = (state.first(), state.next());
        let (bytes, micros) = (state.bytes_from(first), state.micros_from(first.number));
        Occupancy { first: first.number, next: next.number, bytes, micros, end: state.end }
    }

    /// How its readers do, each told of up to its last take.
    pub fn totals(&self) -> Totals {
        self.lock().totals
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
