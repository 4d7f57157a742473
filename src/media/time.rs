//! Media time: integers in a timescale, and the one place where counters unwrap.

use std::num::NonZeroU32;

/// Units per second of a media clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timescale(NonZeroU32);

impl Timescale {
    /// RTMP's and FLV's clock.
    pub const MILLIS: Self = Self::constant(1_000);
    /// Wall-clock arithmetic.
    pub const MICROS: Self = Self::constant(1_000_000);
    /// The clock of every video track.
    pub const VIDEO: Self = Self::constant(90_000);
    /// The clock of Opus, whatever rate was coded.
    pub const OPUS: Self = Self::constant(48_000);

    const fn constant(per_second: u32) -> Self {
        match NonZeroU32::new(per_second) {
            Some(n) => Self(n),
            None => Self(NonZeroU32::MIN),
        }
    }

    /// `None` for zero.
    pub const fn new(per_second: u32) -> Option<Self> {
        match NonZeroU32::new(per_second) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// Units per second.
    pub fn per_second(self) -> u32 {
        self.0.get()
    }
}

/// A point or a span of media time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticks {
    /// The count.
    pub value: i64,
    /// What one count is worth.
    pub scale: Timescale,
}

impl Ticks {
    /// `value` units of `scale`.
    pub fn new(value: i64, scale: Timescale) -> Self {
        Self { value, scale }
    }

    /// `value` milliseconds.
    pub fn millis(value: i64) -> Self {
        Self { value, scale: Timescale::MILLIS }
    }

    /// The same time in another timescale, to the nearest unit.
    #[must_use]
    pub fn to(self, scale: Timescale) -> Self {
        Self { value: rescale(self.value, self.scale, scale), scale }
    }

    /// In microseconds, to the nearest one: for wall-clock arithmetic and logs.
    pub fn micros(self) -> i64 {
        rescale(self.value, self.scale, Timescale::MICROS)
    }
}

/// `value` units of `from` in units of `to`, rounded to the nearest (halves away from zero), saturating.
pub fn rescale(value: i64, from: Timescale, to: Timescale) -> i64 {
    if from == to {
        return value;
    }
    let scaled = i128::from(value) * i128::from(to.per_second());
    let den = i128::from(from.per_second());
    let half = den / 2;
    let rounded = if scaled >= 0 { (scaled + half) / den } else { (scaled - half) / den };
    i64::try_from(rounded).unwrap_or(if rounded > 0 { i64::MAX } else { i64::MIN })
}

/// Turns a 32-bit counter that wraps into one that does not.
///
/// Each value is taken to be the one nearest to the value before it, so that steps backwards (a late
/// frame) and wraps forwards are both followed, up to half the counter's range (24.8 days of RTMP time).
#[derive(Debug, Clone, Copy, Default)]
pub struct Unroll {
    last: Option<i64>,
}

impl Unroll {
    /// The unwrapped value of `counter`; the first one is itself.
    pub fn push(&mut self, counter: u32) -> i64 {
        let value = match self.last {
            None => i64::from(counter),
            Some(last) => {
                let step = counter.wrapping_sub(last as u32) as i32;
                last.saturating_add(i64::from(step))
            }
        };
        self.last = Some(value);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescaling_rounds_to_the_nearest_and_saturates() {
        let audio = Timescale::new(48_000).unwrap();
        assert_eq!(rescale(33, Timescale::MILLIS, Timescale::VIDEO), 2_970);
        assert_eq!(rescale(1_024, audio, Timescale::MILLIS), 21);
        assert_eq!(rescale(-1_024, audio, Timescale::MILLIS), -21);
        assert_eq!(rescale(-1_500, Timescale::new(1_000_000).unwrap(), Timescale::MILLIS), -2);
        assert_eq!(rescale(i64::MAX, Timescale::MILLIS, Timescale::VIDEO), i64::MAX);
        assert_eq!(rescale(i64::MIN, Timescale::MILLIS, Timescale::VIDEO), i64::MIN);
    }

    #[test]
    fn a_counter_unwraps_across_its_end_in_both_directions() {
        let mut unroll = Unroll::default();
        assert_eq!(unroll.push(0xFFFF_FFF0), 0xFFFF_FFF0);
        assert_eq!(unroll.push(0x10), 0x1_0000_0010);
        assert_eq!(unroll.push(0xFFFF_FFFF), 0xFFFF_FFFF);
        assert_eq!(unroll.push(0x20), 0x1_0000_0020);
    }
}
