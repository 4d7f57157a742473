//! Declared: the bit rates that a playlist names for a rendition, from those that were measured.

use super::view::Bandwidth;
use crate::media::Timescale;

/// Segments after which what was measured is believed.
const ENOUGH: u32 = 3;

/// The rates of one rendition.
///
/// Measured ones move a little with every segment. What was declared stays while it holds, so that a player that
/// reloads is told of another rate only where there is one.
#[derive(Debug)]
pub(super) struct Declared {
    /// Bits per second that the publisher announced for the track.
    announced: u64,
    /// Of the segment that took most.
    peak: u64,
    /// Segments closed, as far as it matters.
    segments: u32,
    /// What was declared from measured rates.
    last: Option<Bandwidth>,
}

impl Declared {
    pub(super) fn new(announced: u64) -> Self {
        Self { announced, peak: 0, segments: 0, last: None }
    }

    /// A segment was closed.
    pub(super) fn segment(&mut self, bytes: u64, duration: i64, scale: Timescale) {
        self.segments = self.segments.saturating_add(1).min(ENOUGH);
        // One shorter than half a second says nothing about a peak.
        if duration.saturating_mul(2) >= i64::from(scale.per_second()) {
            self.peak = self.peak.max(per_second(bytes, duration, scale));
        }
    }

    /// What to declare when `average` was measured over what is listed: the peak and a tenth, the average and a
    /// twentieth, until the peak is less than a twentieth away, or the average is higher or a tenth lower. Before
    /// enough was measured, the peak is the larger of what was announced and what came so far.
    pub(super) fn rate(&mut self, average: u64) -> Bandwidth {
        let peak = self.peak.max(average);
        let fresh = Bandwidth { peak: tenth_more(peak), average: average.saturating_mul(21) / 20 };
        if self.segments < ENOUGH {
            return Bandwidth { peak: tenth_more(peak.max(self.announced)), average };
        }
        let last = self.last.get_or_insert(fresh);
        if peak.saturating_mul(21) / 20 > last.peak {
            last.peak = fresh.peak;
        }
        if average > last.average || average < last.average.saturating_mul(9) / 10 {
            last.average = fresh.average;
        }
        *last
    }
}

fn tenth_more(bits: u64) -> u64 {
    bits.saturating_mul(11) / 10
}

/// Bits per second.
pub(super) fn per_second(bytes: u64, ticks: i64, scale: Timescale) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(scale.per_second());
    u64::try_from(bits / u128::from(ticks.max(1).unsigned_abs())).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of two seconds.
    fn close(declared: &mut Declared, bits: u64) {
        declared.segment(bits / 4, 180_000, Timescale::VIDEO);
    }

    #[test]
    fn what_was_announced_counts_until_three_segments_are_measured() {
        let mut declared = Declared::new(3_000_000);
        close(&mut declared, 1_000_000);
        assert_eq!(declared.rate(900_000), Bandwidth { peak: 3_300_000, average: 900_000 });
        close(&mut declared, 1_200_000);
        close(&mut declared, 1_100_000);
        assert_eq!(declared.rate(1_000_000), Bandwidth { peak: 1_320_000, average: 1_050_000 });
    }

    #[test]
    fn what_was_declared_stays_while_it_holds() {
        let mut declared = Declared::new(0);
        (0..3).for_each(|_| close(&mut declared, 2_000_000));
        let said = declared.rate(1_800_000);
        assert_eq!(said, Bandwidth { peak: 2_200_000, average: 1_890_000 });
        close(&mut declared, 2_090_000);
        for average in [1_800_000, 1_885_000, 1_710_000] {
            assert_eq!(declared.rate(average), said);
        }
        close(&mut declared, 2_100_000);
        assert_eq!(declared.rate(1_700_000), Bandwidth { peak: 2_310_000, average: 1_785_000 });
        assert_eq!(declared.rate(1_786_000).average, 1_875_300);
    }

    #[test]
    fn a_peak_is_never_declared_with_less_than_a_twentieth_to_spare() {
        let mut declared = Declared::new(0);
        for step in 0..200_u64 {
            let bits = 1_000_000 + step * 7_919;
            close(&mut declared, bits);
            let said = declared.rate(bits / 2);
            assert!(said.peak * 100 >= bits * 104 && said.peak * 100 <= bits * 111, "{said:?} of {bits}");
        }
    }

    #[test]
    fn a_short_segment_sets_no_peak() {
        let mut declared = Declared::new(0);
        (0..3).for_each(|_| declared.segment(1_000_000, 30_000, Timescale::VIDEO));
        assert_eq!(declared.rate(100_000).peak, 110_000);
    }
}
