//! Offset: how a source's clock stands to ours, whatever the network does.
//!
//! A frame is never early, only late: of all that came within some seconds the one that was on its way for the
//! shortest time tells the clock best.

use std::time::Duration;

/// How long one turn lasts; what is known is of this turn and the one before.
const TURN: Duration = Duration::from_secs(10);

/// A frame that is further ahead than all before by more than this, in milliseconds, is not believed alone.
const JUMP: i64 = 1_000;
/// That many in a row are.
const AGREE: u32 = 3;

/// The clock of one source, in milliseconds ahead of arrivals.
#[derive(Debug, Default)]
pub(super) struct Offset {
    /// Where the turn began, since anything that all sources share.
    since: Duration,
    now: Option<i64>,
    before: Option<i64>,
    /// Frames in a row that were further ahead than is believed at once.
    strays: u32,
}

impl Offset {
    /// A frame of source time `millis` came at `at`.
    pub(super) fn hear(&mut self, millis: i64, at: Duration) {
        if at.saturating_sub(self.since) > TURN {
            (self.since, self.before) = (at, self.now.take());
        }
        let ahead = ahead(millis, at);
        let jumps = self.ahead().is_some_and(|best| ahead.saturating_sub(best) > JUMP);
        self.strays = if jumps { self.strays.saturating_add(1) } else { 0 };
        if jumps && self.strays < AGREE {
            return;
        }
        self.now = Some(self.now.map_or(ahead, |best| best.max(ahead)));
    }

    /// How far ahead of arrivals its clock is; `None` while nothing came.
    pub(super) fn ahead(&self) -> Option<i64> {
        self.now.max(self.before)
    }
}

/// How far source time `millis` is ahead of an arrival at `at`.
pub(super) fn ahead(millis: i64, at: Duration) -> i64 {
    millis.saturating_sub(i64::try_from(at.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_frames_do_not_move_a_clock_and_a_clock_that_went_back_is_believed_in_time() {
        let mut offset = Offset::default();
        assert_eq!(offset.ahead(), None);
        for second in 0..60 {
            let late = if second % 7 == 0 { 0 } else { 900 };
            offset.hear(5_000 + second * 1_000, Duration::from_millis(second as u64 * 1_000 + late));
            assert_eq!(offset.ahead(), Some(5_000), "second {second}");
        }
        for second in 60..90 {
            offset.hear(second * 1_000, Duration::from_secs(second as u64));
        }
        assert_eq!(offset.ahead(), Some(0));
    }
}
