//! Lag: how far a reader fell behind, what it lost by that, and why it ended.

use std::time::Duration;

use serde::Serialize;

/// Why a ring takes nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There is nothing more to come.
    Stream,
    /// The server is ending.
    Shutdown,
}

/// Why a reader ended. The first reason stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Whoever it read for went away.
    ClientClosed,
    /// It fell behind too far, or too often.
    SlowClientLagged,
    /// A write did not go on.
    WriteTimeout,
    /// It has read everything there was.
    StreamEnded,
    /// An operator closed it.
    Kicked,
    /// The server is ending.
    Shutdown,
}

impl Reason {
    /// Every reason, in the order of [`Totals::closed`].
    pub const ALL: [Self; 6] = [
        Self::ClientClosed,
        Self::SlowClientLagged,
        Self::WriteTimeout,
        Self::StreamEnded,
        Self::Kicked,
        Self::Shutdown,
    ];

    /// Its name in logs, metrics and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::SlowClientLagged => "slow_client_lagged",
            Self::WriteTimeout => "write_timeout",
            Self::StreamEnded => "stream_ended",
            Self::Kicked => "kicked",
            Self::Shutdown => "shutdown",
        }
    }
}

impl From<End> for Reason {
    fn from(end: End) -> Self {
        match end {
            End::Stream => Self::StreamEnded,
            End::Shutdown => Self::Shutdown,
        }
    }
}

/// How a reader did. Of several together it is their sum, the largest lag of any, and no reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// How often it was too far behind.
    pub events: u64,
    /// Entries that it never got by that.
    pub frames: u64,
    /// Bytes that it never got by that.
    pub bytes: u64,
    /// The most that was ever waiting for it when it came to take, in bytes.
    pub largest_bytes: u64,
    /// The same in microseconds of media time.
    pub largest_micros: i64,
    /// How long it waited for its writes, in microseconds.
    pub blocked_micros: u64,
    /// Writes that did not go on for too long.
    pub timeouts: u64,
    /// Writes that took less than they were given.
    pub short_writes: u64,
    /// Why it ended.
    #[serde(skip)]
    pub reason: Option<Reason>,
}

/// How all readers of a ring did, those that have left as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Those that are there now.
    pub readers: usize,
    /// Those that ever came.
    pub joined: u64,
    /// All of their lag.
    pub lag: Lag,
    /// How many have left for each of [`Reason::ALL`].
    pub closed: [u64; Reason::ALL.len()],
}

impl Lag {
    /// A write took so long.
    pub(super) fn waited(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.blocked_micros = self.blocked_micros.saturating_add(micros);
    }
}

impl Totals {
    pub(super) fn join(&mut self) {
        self.readers = self.readers.saturating_add(1);
        self.joined = self.joined.saturating_add(1);
    }

    /// Takes in what a reader's lag has become since it was `told`.
    pub(super) fn add(&mut self, told: &Lag, lag: &Lag) {
        let total = &mut self.lag;
        let add =
            |total: &mut u64, told: u64, now: u64| *total = total.saturating_add(now.saturating_sub(told));
        add(&mut total.events, told.events, lag.events);
        add(&mut total.frames, told.frames, lag.frames);
        add(&mut total.bytes, told.bytes, lag.bytes);
        add(&mut total.timeouts, told.timeouts, lag.timeouts);
        add(&mut total.short_writes, told.short_writes, lag.short_writes);
        add(&mut total.blocked_micros, told.blocked_micros, lag.blocked_micros);
        total.largest_bytes = total.largest_bytes.max(lag.largest_bytes);
        total.largest_micros = total.largest_micros.max(lag.largest_micros);
    }

    pub(super) fn leave(&mut self, reason: Reason) {
        self.readers = self.readers.saturating_sub(1);
        let counts = self.closed.iter_mut().zip(Reason::ALL);
        counts.filter(|(_, other)| *other == reason).for_each(|(count, _)| *count = count.saturating_add(1));
    }
}
