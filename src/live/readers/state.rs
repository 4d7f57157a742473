//! State: what a ring keeps under its lock.
//!
//! ```text
//!   numbers   first ───────────────────────────── next
//!   entries     K p p p p p p p K p p p p p p p p p
//!   starts      ▲               ▲ newest span: kept whole up to `span_bytes`
//! ```

use std::collections::VecDeque;

use super::entry::{Bounds, Entry};
use super::lag::{End, Totals};
use super::waiters::Waiters;

/// A place between two entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Number of the entry behind it.
    pub(super) number: u64,
    /// Bytes of all entries before it, since ever.
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) bounds: Bounds,
    entries: VecDeque<T>,
    /// Where the kept entries begin and end.
    first: Mark,
    next: Mark,
    /// Where readers can begin.
    starts: VecDeque<Mark>,
    pub(super) end: Option<End>,
    pub(super) waiters: Waiters,
    pub(super) totals: Totals,
}

impl<T: Entry> State<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        let zero = Mark { number: 0, bytes: 0 };
        Self {
            bounds,
            entries: VecDeque::new(),
            first: zero,
            next: zero,
            starts: VecDeque::new(),
            end: None,
            waiters: Waiters::default(),
            totals: Totals::default(),
        }
    }

    /// The place before the first entry kept.
    pub(super) fn first(&self) -> Mark {
        self.first
    }

    /// The place behind the newest entry.
    pub(super) fn next(&self) -> Mark {
        self.next
    }

    /// The newest place to begin at.
    pub(super) fn newest_start(&self) -> Option<Mark> {
        self.starts.back().copied()
    }

    /// The first place to begin at that is `number` or later.
    pub(super) fn start_from(&self, number: u64) -> Option<Mark> {
        self.starts.get(self.starts.partition_point(|start| start.number < number)).copied()
    }

    /// The earliest place to begin at from which there are at most so many bytes and microseconds to the newest
    /// entry; the newest one if there is none.
    pub(super) fn start_within(&self, bytes: u64, micros: i64) -> Option<Mark> {
        let far = |start: &Mark| self.bytes_from(*start) > bytes || self.micros_from(start.number) > micros;
        self.starts.get(self.starts.partition_point(far)).copied().or_else(|| self.newest_start())
    }

    /// Bytes from `mark` to the end.
    pub(super) fn bytes_from(&self, mark: Mark) -> u64 {
        self.next.bytes.saturating_sub(mark.bytes)
    }

    /// Microseconds from the entry `number`, or the first kept, to the newest.
    pub(super) fn micros_from(&self, number: u64) -> i64 {
        let oldest = self.entry(number.max(self.first.number));
        let span = oldest.zip(self.entries.back());
        span.map_or(0, |(oldest, newest)| newest.micros().saturating_sub(oldest.micros()))
    }

    /// The entry with this number; `None` when it is gone or has not come.
    pub(super) fn entry(&self, number: u64) -> Option<&T> {
        self.entries.get(usize::try_from(number.checked_sub(self.first.number)?).ok()?)
    }

    /// Appends an entry, and returns those that the bounds no longer hold: to be freed without the lock.
    pub(super) fn push(&mut self, entry: T) -> Vec<T> {
        if entry.start() {
            self.starts.push_back(self.next);
        }
        self.next = after(self.next, &entry);
        self.entries.push_back(entry);
        let mut gone = Vec::new();
        while self.entries.len() > 1 && self.over() {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.starts.pop_front_if(|start| start.number == self.first.number);
            self.first = after(self.first, &oldest);
            gone.push(oldest);
        }
        gone
    }

    /// Whether the oldest entry is to go.
    fn over(&self) -> bool {
        let bytes = self.bytes_from(self.first);
        let newest = self.newest_start().is_some_and(|start| start.number <= self.first.number);
        let Bounds { bytes: most, micros, span_bytes, span_micros, .. } = self.bounds;
        let (most, micros) = if newest { (span_bytes, span_micros) } else { (most, micros) };
        bytes > most as u64 || self.micros_from(self.first.number) > micros
    }
}

/// The place behind the entry at `mark`.
pub(super) fn after<T: Entry>(mark: Mark, entry: &T) -> Mark {
    let bytes = mark.bytes.saturating_add(entry.bytes() as u64);
    Mark { number: mark.number.saturating_add(1), bytes }
}
