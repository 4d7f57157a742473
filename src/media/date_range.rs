//! Date ranges: what somebody said of a span of wall time, to be told to players as it stands.

use std::sync::Arc;
use std::time::Duration;

use super::wall::WallTime;

/// A span of wall time with attributes: a cue, an advertisement break, a line of text.
///
/// Nothing of it may change once it has been shown, and its id is never used again (RFC 8216bis §4.4.5.1), except
/// that a second one of the same id, class and start may say when it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateRange {
    /// Unique in its generation, but for the one that says when it ended.
    pub id: String,
    /// What the attributes mean; ranges of one class are alike.
    pub class: Option<String>,
    /// When it starts.
    pub start: WallTime,
    /// How long it lasts, zero for a moment; `None` when nobody knows.
    pub duration: Option<Duration>,
    /// How long it is meant to last, while nobody knows how long it will.
    pub planned: Option<Duration>,
    /// Names and values. A name begins with `X-`, and its value is text; or it is `SCTE35-CMD`, `SCTE35-OUT`
    /// or `SCTE35-IN`, and its value a splice information section in hexadecimal, `0x` before it.
    pub attributes: Vec<(String, String)>,
    /// Media sequence number of the segment that was open, or next to open, when it was added.
    pub added_msn: u64,
}

impl DateRange {
    /// When it ends; `None` when nobody knows.
    pub fn end(&self) -> Option<WallTime> {
        let micros = i64::try_from(self.duration?.as_micros()).unwrap_or(i64::MAX);
        Some(self.start.plus_micros(micros))
    }

    /// When `range`, one of `all`, ends: by itself, or by the one of the same id that says so.
    pub fn end_among(all: &[Arc<Self>], range: &Self) -> Option<WallTime> {
        range.end().or_else(|| all.iter().filter(|other| other.id == range.id).find_map(|other| other.end()))
    }
}
