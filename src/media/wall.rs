//! Wall time, and a reading of both clocks.
//!
//! Media time (`Ticks`), monotonic time (`std::time::Instant`) and wall time (`WallTime`) are three types.

use std::fmt;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// A point of wall-clock time, in microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime {
    /// Microseconds since the Unix epoch.
    pub unix_micros: i64,
}

impl WallTime {
    /// This much later (or earlier, when negative).
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self { unix_micros: self.unix_micros.saturating_add(micros) }
    }

    /// Whether RFC 3339 can write it: a time of the years 0 to 9999.
    #[must_use]
    pub fn is_in_calendar(self) -> bool {
        (WRITABLE.0..=WRITABLE.1).contains(&self.unix_micros)
    }
}

/// The first and the last microsecond of the years 0 to 9999: others RFC 3339 cannot write.
const WRITABLE: (i64, i64) = (-62_167_219_200_000_000, 253_402_300_799_999_999);

/// RFC 3339 in UTC with milliseconds: `2026-11-21T09:30:00.040Z`. A time outside the years that have such a form is
/// written as the nearest that has: whoever reads a playlist of somebody else meets any.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FORMAT: &[BorrowedFormatItem<'_>] =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        let text = OffsetDateTime::from_unix_timestamp_nanos(
            i128::from(self.unix_micros.clamp(WRITABLE.0, WRITABLE.1)) * 1_000,
        )
        .ok()
        .and_then(|t| t.format(FORMAT).ok())
        .ok_or(fmt::Error)?;
        f.write_str(&text)
    }
}

/// One reading of both clocks, passed down to whoever needs to know the time.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Monotonic time, for deadlines and intervals.
    pub mono: Instant,
    /// Wall time, for PROGRAM-DATE-TIME and records.
    pub wall: WallTime,
}

impl Now {
    /// Both clocks, `span` later: simulated time in tests.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self { mono: self.mono + span, wall: self.wall.plus_micros(micros) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_prints_as_rfc_3339_with_milliseconds() {
        let t = WallTime { unix_micros: 1_795_253_400_040_900 };
        assert_eq!(t.to_string(), "2026-11-21T09:30:00.040Z");
        assert_eq!(WallTime { unix_micros: 0 }.plus_micros(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_time_that_has_no_such_form_is_the_nearest_that_has() {
        assert_eq!(WallTime { unix_micros: i64::MAX }.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(WallTime { unix_micros: i64::MIN }.to_string(), "0000-01-01T00:00:00.000Z");
        let (first, last) = (WallTime { unix_micros: WRITABLE.0 }, WallTime { unix_micros: WRITABLE.1 });
        assert!(first.is_in_calendar() && last.is_in_calendar());
        assert!(!first.plus_micros(-1).is_in_calendar() && !last.plus_micros(1).is_in_calendar());
    }
}
