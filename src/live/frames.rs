//! FrameRing: the last seconds of one track, frame by frame, numbered and immutable.

use std::collections::VecDeque;

use crate::media::{Frame, Ticks, Timescale};

/// Shared history of one track. Entries are numbered from 0 over the generation's life; a reader that
/// remembers the next number it wants can tell by arithmetic how far it has fallen behind. They lie side by
/// side, so that letting the oldest go touches no memory that has grown cold.
#[derive(Debug)]
pub struct FrameRing {
    frames: VecDeque<Frame>,
    /// Number of the first frame kept.
    first: u64,
    /// Number of the newest frame where decoding can start.
    newest_key: Option<u64>,
    bytes: usize,
    max_bytes: usize,
    max_micros: i64,
}

impl FrameRing {
    /// A ring of at most `max_bytes` of payload and `max_micros` microseconds of media time, except that
    /// the newest GOP is always kept whole.
    pub fn new(max_bytes: usize, max_micros: i64) -> Self {
        Self { frames: VecDeque::new(), first: 0, newest_key: None, bytes: 0, max_bytes, max_micros }
    }

    /// Number of the first frame kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number that the next frame will get.
    pub fn next(&self) -> u64 {
        self.first.saturating_add(self.frames.len() as u64)
    }

    /// Number of the newest frame where decoding can start.
    pub fn newest_key(&self) -> Option<u64> {
        self.newest_key
    }

    /// Payload bytes kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The frame with this number; `None` when it is gone or has not come.
    pub fn frame(&self, number: u64) -> Option<&Frame> {
        self.frames.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// Appends a frame and lets go of what the bounds no longer hold.
    pub fn push(&mut self, frame: Frame) {
        if frame.key {
            self.newest_key = Some(self.next());
        }
        let newest = frame.dts;
        self.bytes = self.bytes.saturating_add(frame.payload.len());
        self.frames.push_back(frame);
        while self.over(newest) && self.newest_key.is_none_or(|key| self.first < key) {
            let Some(gone) = self.frames.pop_front() else { break };
            self.first = self.first.saturating_add(1);
            self.bytes = self.bytes.saturating_sub(gone.payload.len());
        }
        debug_assert!(self.check_invariants());
    }

    fn over(&self, newest: Ticks) -> bool {
        let oldest = self.frames.front().map_or(newest, |frame| frame.dts);
        let span = newest.to(Timescale::MICROS).value.saturating_sub(oldest.micros());
        self.bytes > self.max_bytes || span > self.max_micros
    }

    /// Whether the books are right: for tests and debug builds.
    pub fn check_invariants(&self) -> bool {
        let bytes: usize = self.frames.iter().map(|frame| frame.payload.len()).sum();
        let key = self.newest_key.is_none_or(|key| self.frame(key).is_some_and(|frame| frame.key));
        bytes == self.bytes && key
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;

    use super::*;
    use crate::media::TrackId;

    #[expect(clippy::disallowed_methods, reason = "the instant is only a placeholder")]
    fn frame(millis: i64, key: bool, len: usize) -> Frame {
        Frame {
            track: TrackId::VIDEO,
            dts: Ticks::millis(millis),
            cts: 0,
            duration: None,
            key,
            payload: Bytes::from(vec![0; len]),
            arrival: Instant::now(),
        }
    }

    #[test]
    fn old_frames_go_by_time_and_by_bytes() {
        let mut ring = FrameRing::new(1_000, 1_000_000);
        (0..100).for_each(|n| ring.push(frame(n * 100, n % 5 == 0, 10)));
        assert_eq!((ring.first(), ring.next()), (89, 100));
        (100..110).for_each(|n| ring.push(frame(n * 100, n % 5 == 0, 400)));
        assert!(ring.bytes() <= 2_000, "{} bytes", ring.bytes());
    }

    #[test]
    fn the_newest_gop_is_never_dropped() {
        let mut ring = FrameRing::new(1_000, 1_000_000);
        (0..500).for_each(|n| ring.push(frame(n * 100, n == 3, 100)));
        assert_eq!((ring.first(), ring.newest_key(), ring.next()), (3, Some(3), 500));
        ring.push(frame(50_000, true, 100));
        assert_eq!(ring.newest_key(), Some(500));
        assert!(ring.frame(490).is_none() && ring.frame(500).is_some());
    }
}
