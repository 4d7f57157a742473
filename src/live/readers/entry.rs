//! Entry: what a ring keeps, and how much of it.

use std::time::Duration;

/// One thing in a ring. Cloning it must be cheap: shared bytes, never copied ones.
pub trait Entry: Clone + Send + Sync + 'static {
    /// Bytes of memory that it keeps alive.
    fn bytes(&self) -> usize;
    /// Its media time in the generation, in microseconds.
    fn micros(&self) -> i64;
    /// Whether a reader can begin here.
    fn start(&self) -> bool;
}

/// How much a ring keeps, and how long it bears with slow readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes kept.
    pub bytes: usize,
    /// Media time kept, in microseconds.
    pub micros: i64,
    /// Bytes that the newest span from a start may take: up to this and `span_micros` it is kept whole, whatever
    /// the others say.
    pub span_bytes: usize,
    /// Media time that it may take, in microseconds.
    pub span_micros: i64,
    /// The jump, within `jumps_within`, at which a slow reader is closed.
    pub jumps: usize,
    /// See `jumps`.
    pub jumps_within: Duration,
    /// A write that did not go on for this long closes its reader.
    pub blocked: Duration,
}
