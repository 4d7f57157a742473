//! Seconds: a span exactly as a playlist prints it.

use std::fmt;
use std::time::Duration;

use crate::media::Ticks;

const MICROS: u64 = 1_000_000;

/// A span in whole microseconds, printed as decimal seconds.
///
/// `{}` prints six decimals (EXTINF, PART:DURATION); `{:#}` leaves trailing zeros out but keeps one
/// decimal (PART-TARGET, hold-backs). No float is involved, so what is printed is what is compared.
///
/// Everything a player compares with another value is rounded *down* ([`Seconds::floor`], `From<Duration>`):
/// then `part <= target` and `3 x target <= hold-back` hold as printed whenever they hold exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds {
    micros: u64,
}

impl Seconds {
    /// `micros` millionths of a second.
    pub fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// In millionths of a second.
    pub fn micros(self) -> u64 {
        self.micros
    }

    /// A media span rounded down; nothing for a negative one.
    pub fn floor(span: Ticks) -> Self {
        Self::scaled(span, 0)
    }

    /// A media span rounded to the nearest microsecond, so that a sum of many stays true.
    pub fn nearest(span: Ticks) -> Self {
        Self::scaled(span, span.scale.per_second().checked_div(2).unwrap_or(0))
    }

    fn scaled(span: Ticks, bias: u32) -> Self {
        let value = u128::from(u64::try_from(span.value).unwrap_or(0));
        let scaled = value.saturating_mul(u128::from(MICROS)).saturating_add(u128::from(bias));
        let micros = scaled.checked_div(u128::from(span.scale.per_second())).unwrap_or(0);
        Self { micros: u64::try_from(micros).unwrap_or(u64::MAX) }
    }

    /// Reads a decimal-floating-point (§4.2): digits, and optionally a point and digits. Decimals after
    /// the sixth are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        let mut micros = whole.parse::<u64>().ok()?.checked_mul(MICROS)?;
        let mut unit = MICROS;
        for digit in fraction.bytes().take(6) {
            unit = unit.checked_div(10)?;
            let digit = u64::from(digit.checked_sub(b'0')?);
            micros = micros.checked_add(digit.checked_mul(unit)?)?;
        }
        Some(Self { micros })
    }
}

/// Rounds down.
impl From<Duration> for Seconds {
    fn from(span: Duration) -> Self {
        Self { micros: u64::try_from(span.as_micros()).unwrap_or(u64::MAX) }
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.micros.checked_div(MICROS).unwrap_or(0);
        let mut fraction = self.micros.checked_rem(MICROS).unwrap_or(0);
        let mut width = 6_usize;
        if f.alternate() {
            while width > 1 && fraction.is_multiple_of(10) {
                fraction = fraction.checked_div(10).unwrap_or(0);
                width = width.saturating_sub(1);
            }
        }
        write!(f, "{whole}.{fraction:0width$}")
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::Timescale;

    #[test]
    fn seconds_print_in_six_decimals_or_without_trailing_zeros() {
        assert_eq!(Seconds::from_micros(2_002_000).to_string(), "2.002000");
        assert_eq!(format!("{:#}", Seconds::from_micros(510_000)), "0.51");
        assert_eq!(format!("{:#}", Seconds::from_micros(6_000_000)), "6.0");
        assert_eq!(format!("{:#}", Seconds::from_micros(1_000_001)), "1.000001");
        assert_eq!(Seconds::from(Duration::from_nanos(333_333_999)).to_string(), "0.333333");
    }

    #[test]
    fn an_audio_frame_is_rounded_as_asked() {
        let frame = Ticks::new(1_024, Timescale::new(44_100).unwrap());
        assert_eq!(Seconds::floor(frame).to_string(), "0.023219");
        assert_eq!(Seconds::nearest(frame).to_string(), "0.023220");
        assert_eq!(Seconds::floor(Ticks::millis(-3)), Seconds::default());
    }

    #[test]
    fn only_plain_decimals_are_read() {
        assert_eq!(Seconds::parse("4"), Some(Seconds::from_micros(4_000_000)));
        assert_eq!(Seconds::parse("0.0000019"), Some(Seconds::from_micros(1)));
        for bad in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "99999999999999999999"] {
            assert_eq!(Seconds::parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(micros in any::<u64>()) {
            let span = Seconds::from_micros(micros);
            prop_assert_eq!(Seconds::parse(&span.to_string()), Some(span));
            prop_assert_eq!(Seconds::parse(&format!("{span:#}")), Some(span));
        }

        /// A part that is within its target stays so as printed, and so does 3 x target <= hold-back,
        /// whatever the timescale (§4.4.4.9, §4.4.3.8).
        #[test]
        fn a_part_is_never_printed_longer_than_its_target(
            scale in 1_u32..200_000, nanos in 1_u64..20_000_000_000, over in 0_u64..5_000,
        ) {
            let scale = Timescale::new(scale).unwrap();
            let target = Duration::from_nanos(nanos);
            // The longest span of whole ticks that does not pass the target.
            let ticks = (target.as_nanos() * u128::from(scale.per_second()) / 1_000_000_000) as i64;
            let hold_back = target * 3 + Duration::from_nanos(over);
            prop_assert!(Seconds::floor(Ticks::new(ticks, scale)) <= Seconds::from(target));
            prop_assert!(Seconds::from(hold_back).micros() >= 3 * Seconds::from(target).micros());
        }
    }
}
