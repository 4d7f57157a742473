//! Clock: one track's way from the source's jittery milliseconds onto an exact grid of ticks.
//!
//! Audio snaps to its sample count, video to the measured frame rate. What does not fit is told apart:
//! small errors are jitter and are ignored; an error that stays is drift and is worked off a little a
//! frame; a whole frame or more is a hole in the input, and time moves on by it.

use crate::media::{FrameRate, Ticks, Timescale};

/// Drift of video worked off at once, in ticks of 90 kHz: 4 ms, which a part's slack can hold.
const VIDEO_DRIFT: i64 = 360;
/// Drift of audio that is worth correcting.
const AUDIO_DRIFT_MS: i64 = 10;
/// An audio error past this is a hole, not jitter.
const AUDIO_HOLE_MS: i64 = 35;

/// What keeps a track's time exact.
#[derive(Debug, Clone)]
pub(super) enum Grid {
    /// Video at a steady rate: frame `next` of `rate`, counted from `anchor`. `noise` is the largest
    /// recent jitter, in ticks, fading.
    Rate { rate: FrameRate, anchor: i64, next: i64, noise: i64 },
    /// Audio: the next frame is of so many samples, and starts at `next`.
    Samples { frame: i64, next: i64 },
    /// Video with no steady rate: the source's own times; `last` is the last one and `step` what led to it, or less.
    Free { last: Option<i64>, step: i64 },
}

/// A frame's place on the grid, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) dts: i64,
    pub(super) duration: Option<i64>,
}

/// One track's clock within one epoch.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    scale: Timescale,
    grid: Grid,
    /// Smoothed error, in 1/256 of a tick.
    drift: i64,
    /// Frames in a row that came well before the grid had room for them.
    early: u32,
    /// Frames in a row that came more than half a frame late.
    late: u32,
}

/// That many late ones, and it is no jitter: a frame is missing that the jitter hid.
const LATE: u32 = 4;

/// That many of them, and the rate is not what it was thought to be.
const EARLY: u32 = 5;
/// What "well before" is: 100 ms in ticks of 90 kHz, or four frames.
const EARLY_TICKS: i64 = 9_000;
/// The longest that a picture of no steady rate is expected to last, in ticks of 90 kHz: after one that lasted seconds
/// the next may come at once, and is not from a clock that was set back.
const MOST_STEP: i64 = 9_000;

/// How far rounding to milliseconds moves a decode time, in ticks of 90 kHz, and a composition offset: both of the times
/// that one is the difference of were rounded.
const ROUNDED: u64 = 90;
const OFFSET_ROUNDED: u64 = 135;

/// What is thought to lie between two pictures of no steady rate before any is known: a thirtieth of a second.
pub(super) const FIRST_STEP: i64 = 3_000;

impl Clock {
    /// A clock whose first frame is at `start`.
    pub(super) fn new(scale: Timescale, grid: Grid) -> Self {
        Self { scale, grid, drift: 0, early: 0, late: 0 }
    }

    /// The grid, to be set by a track's first frame.
    pub(super) fn grid_mut(&mut self) -> &mut Grid {
        &mut self.grid
    }

    /// Says how many samples the next frame of audio lasts; nothing to video.
    pub(super) fn lasting(&mut self, samples: i64) {
        if let Grid::Samples { frame, .. } = &mut self.grid {
            *frame = samples.max(1);
        }
    }

    /// Where the next frame is expected.
    pub(super) fn expected(&self) -> Option<i64> {
        match &self.grid {
            Grid::Rate { rate, anchor, next, .. } => {
                Some(anchor.saturating_add(rate.span(*next, self.scale)))
            }
            Grid::Samples { next, .. } => Some(*next),
            Grid::Free { last, step } => last.map(|last| last.saturating_add(*step)),
        }
    }

    /// Leaves the grid for the source's own times where a picture that is decoded at `at` is off it, and its composition
    /// offset of `millis` is no whole number of frames: then only the decode time has been moved, as muxers do that keep
    /// those of all tracks in order (GStreamer's `flvmux`), and to move it back would move when the picture is shown.
    pub(super) fn heed(&mut self, at: i64, millis: i64) {
        let Grid::Rate { rate, anchor, next, .. } = &self.grid else { return };
        let (scale, frame) = (self.scale, rate.span(1, self.scale).max(1));
        let place = |n: i64| anchor.saturating_add(rate.span(n, scale));
        let error = at.saturating_sub(place(*next));
        let nearest = place(next.saturating_add(whole(error, frame)));
        let offset = Ticks::millis(millis).to(scale).value;
        let frames = rate.span(whole(offset, frame), scale);
        if at.abs_diff(nearest) > ROUNDED && offset.abs_diff(frames) > OFFSET_ROUNDED {
            self.grid = Grid::Free { last: Some(place(next.saturating_sub(1))), step: frame };
        }
    }

    /// Puts a frame that the source times at `at` onto the grid.
    pub(super) fn place(&mut self, at: i64) -> Place {
        match self.grid {
            Grid::Rate { .. } => self.place_on_rate(at),
            Grid::Samples { .. } => self.place_on_samples(at),
            Grid::Free { .. } => self.place_free(at),
        }
    }

    /// Puts a frame whose time is not to be believed where the next one is expected, or `from` where that is later.
    pub(super) fn restamp(&mut self, at: i64, from: i64) -> Place {
        match self.expected() {
            Some(expected) => self.place(expected.max(from)),
            None => self.place(at),
        }
    }

    fn place_on_rate(&mut self, at: i64) -> Place {
        let (scale, drift) = (self.scale, self.drift);
        let Grid::Rate { rate, anchor, next, noise } = &mut self.grid else {
            return Place { dts: at, duration: None };
        };
        let frame = rate.span(1, scale).max(1);
        let mut error = at.saturating_sub(anchor.saturating_add(rate.span(*next, scale)));
        self.late = if error > frame / 2 { self.late.saturating_add(1) } else { 0 };
        if error > (frame * 3 / 5).max(*noise * 5 / 2) || self.late >= LATE {
            self.late = 0;
            let missing = error.saturating_add(frame / 2) / frame;
            *next = next.saturating_add(missing);
            error = at.saturating_sub(anchor.saturating_add(rate.span(*next, scale)));
        }
        self.early = if error < -EARLY_TICKS.max(frame * 4) { self.early.saturating_add(1) } else { 0 };
        if self.early >= EARLY {
            let last = anchor.saturating_add(rate.span(next.saturating_sub(1), scale));
            self.grid = Grid::Free { last: Some(last), step: frame };
            return self.place_free(at);
        }
        *noise = error.abs().min(frame * 4).max(*noise * 31 / 32);
        let drift = smooth(drift, error, 32);
        let shift =
            if (drift / 256).abs() > VIDEO_DRIFT { (drift / 256).clamp(-frame / 4, frame / 4) } else { 0 };
        *anchor = anchor.saturating_add(shift);
        let dts = anchor.saturating_add(rate.span(*next, scale));
        *next = next.saturating_add(1);
        let end = anchor.saturating_add(rate.span(*next, scale));
        self.drift = drift.saturating_sub(shift * 256);
        Place { dts, duration: Some(end.saturating_sub(dts)) }
    }

    fn place_on_samples(&mut self, at: i64) -> Place {
        let (scale, drift) = (self.scale, self.drift);
        let Grid::Samples { frame, next } = &mut self.grid else {
            return Place { dts: at, duration: None };
        };
        let error = at.saturating_sub(*next);
        let (shift, drift) = if error > Ticks::millis(AUDIO_HOLE_MS).to(scale).value {
            (error, 0)
        } else {
            let drift = smooth(drift, error, 8);
            let worth = (drift / 256).abs() > Ticks::millis(AUDIO_DRIFT_MS).to(scale).value;
            let shift = if worth { (drift / 256).clamp(-*frame / 2, *frame / 2) } else { 0 };
            (shift, drift.saturating_sub(shift * 256))
        };
        let dts = next.saturating_add(shift);
        *next = dts.saturating_add(*frame);
        let duration = Some(*frame);
        self.drift = drift;
        Place { dts, duration }
    }

    fn place_free(&mut self, at: i64) -> Place {
        if let Grid::Free { last, step } = &mut self.grid {
            // Decode times strictly grow: an equal or earlier one is moved on by a tick.
            let dts = last.map_or(at, |last| at.max(last.saturating_add(1)));
            if let Some(last) = last {
                *step = dts.saturating_sub(*last).min(MOST_STEP);
            }
            *last = Some(dts);
            return Place { dts, duration: None };
        }
        Place { dts: at, duration: None }
    }

    /// A composition offset of the frame placed last, put onto the frame grid when it is within rounding of it.
    ///
    /// Where a frame is no whole number of ticks, the offset is what lies between two places on the grid,
    /// so that presentation times are on it too.
    pub(super) fn offset(&self, millis: i64) -> i64 {
        let exact = Ticks::millis(millis).to(self.scale).value;
        let Grid::Rate { rate, next, .. } = &self.grid else { return exact };
        let frame = rate.span(1, self.scale).max(1);
        let placed = next.saturating_sub(1);
        let to = rate.span(placed.saturating_add(whole(exact, frame)), self.scale);
        let snapped = to.saturating_sub(rate.span(placed, self.scale));
        if snapped.abs_diff(exact) <= OFFSET_ROUNDED { snapped } else { exact }
    }
}

/// The number of whole frames that is nearest to `ticks`.
fn whole(ticks: i64, frame: i64) -> i64 {
    (ticks.saturating_abs().saturating_add(frame / 2) / frame).saturating_mul(ticks.signum())
}

/// Exponential smoothing of `error` over about `over` frames, in 1/256 of a tick.
fn smooth(drift: i64, error: i64, over: i64) -> i64 {
    let error = error.clamp(-1 << 40, 1 << 40);
    drift.saturating_add((error * 256 - drift) / over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(num: u32, den: u32) -> Clock {
        let rate = FrameRate::new(num, den).unwrap();
        Clock::new(Timescale::VIDEO, Grid::Rate { rate, anchor: 90_000, next: 0, noise: 0 })
    }

    fn audio(rate: u32) -> Clock {
        let scale = Timescale::new(rate).unwrap();
        Clock::new(scale, Grid::Samples { frame: 1_024, next: i64::from(rate) })
    }

    /// Source time of frame `n` as RTMP rounds it, on top of a second.
    fn source(n: i64, rate: FrameRate, scale: Timescale) -> i64 {
        let millis = Ticks::new(rate.span(n, Timescale::MICROS), Timescale::MICROS).to(Timescale::MILLIS);
        Ticks::millis(millis.value + 1_000).to(scale).value
    }

    #[test]
    fn rounded_milliseconds_snap_to_the_exact_grid_for_an_hour() {
        for (num, den) in
            [(24_000, 1_001), (24, 1), (25, 1), (30_000, 1_001), (30, 1), (50, 1), (60_000, 1_001), (60, 1)]
        {
            let rate = FrameRate::new(num, den).unwrap();
            let mut clock = video(num, den);
            for n in 0..200_000 {
                let place = clock.place(source(n, rate, Timescale::VIDEO));
                assert_eq!(place.dts, 90_000 + rate.span(n, Timescale::VIDEO), "frame {n} at {num}/{den}");
            }
        }
        for samples in [44_100, 48_000] {
            let (mut clock, scale) = (audio(samples), Timescale::new(samples).unwrap());
            let rate = FrameRate::new(samples, 1_024).unwrap();
            for n in 0..200_000 {
                let place = clock.place(source(n, rate, scale));
                assert_eq!(place, Place { dts: i64::from(samples) + n * 1_024, duration: Some(1_024) });
            }
        }
    }

    #[test]
    fn dropped_frames_leave_a_hole_and_later_frames_stay_in_time() {
        let rate = FrameRate::new(60, 1).unwrap();
        let mut clock = video(60, 1);
        for n in (0..100).filter(|n| n % 10 != 7) {
            let place = clock.place(source(n, rate, Timescale::VIDEO));
            assert_eq!(place.dts, 90_000 + n * 1_500, "frame {n}");
        }
    }

    #[test]
    fn jitter_of_twenty_milliseconds_is_not_drift() {
        let rate = FrameRate::new(30, 1).unwrap();
        let (mut clock, mut seed) = (video(30, 1), 0x2545_F491_u64);
        for n in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let jitter = (seed >> 33) as i64 % 3_600 - 1_800;
            let place = clock.place(90_000 + rate.span(n, Timescale::VIDEO) + jitter);
            let error = place.dts - 90_000 - rate.span(n, Timescale::VIDEO);
            assert!(error.abs() < 3_000, "frame {n} is {error} ticks off");
        }
    }

    #[test]
    fn a_clock_that_runs_fast_is_followed_within_forty_milliseconds() {
        // 500 ppm for an hour, then 10 %.
        for (ppm, frames) in [(500, 168_750), (-500, 168_750), (100_000, 20_000), (-100_000, 20_000)] {
            let mut clock = audio(48_000);
            for n in 0..frames {
                let at = 48_000 + n * 1_024 + n * 1_024 * ppm / 1_000_000;
                let place = clock.place(at);
                assert!((place.dts - at).abs() < 48 * 40, "{ppm} ppm: frame {n} off by {}", place.dts - at);
            }
        }
    }

    #[test]
    fn a_rate_that_doubles_is_followed_by_the_sources_own_times() {
        let mut clock = video(30, 1);
        let doubled = FrameRate::new(60, 1).unwrap();
        let mut last = 0;
        for n in 0..2_000 {
            let at = source(n, doubled, Timescale::VIDEO);
            let place = clock.place(at);
            assert!(place.dts > last);
            assert!(n < 100 || (place.dts - at).abs() < 9_000, "frame {n} is {} ticks off", place.dts - at);
            last = place.dts;
        }
    }

    #[test]
    fn decode_times_that_offsets_make_up_for_are_left_alone_and_others_are_put_onto_the_grid() {
        // Milliseconds after the expected frame, those of the offset, and whether the grid is left.
        for (late, offset, leaves) in [
            (0, 0, false),
            (9, 0, false),
            (9, 67, false),
            (9, -33, false),
            (0, 11, false),
            (1, 32, false),
            (-10, 43, true),
            (2, 31, true),
            (20, 13, true),
            (109, -9, true),
            (i64::MAX / 1_000, 11, true),
        ] {
            let mut clock = video(30, 1);
            (0..30).for_each(|n| {
                clock.place(90_000 + n * 3_000);
            });
            let at = Ticks::millis(late).to(Timescale::VIDEO).value.saturating_add(180_000);
            clock.heed(at, offset);
            assert_eq!(matches!(clock.grid, Grid::Free { .. }), leaves, "{late} ms late, offset {offset} ms");
            if leaves {
                assert_eq!(clock.place(at), Place { dts: at, duration: None });
                assert_eq!(clock.offset(offset), offset * 90);
            }
        }
    }

    #[test]
    fn equal_and_backward_times_still_move_on() {
        let mut free = Clock::new(Timescale::VIDEO, Grid::Free { last: None, step: 1 });
        let places: Vec<i64> = [100, 100, 50, 200].map(|at| free.place(at).dts).to_vec();
        assert_eq!(places, [100, 101, 102, 200]);
    }

    #[test]
    fn a_hole_in_a_source_of_no_steady_rate_is_not_taken_for_its_rate() {
        for frames in [1, 2, 50] {
            let mut free = Clock::new(Timescale::VIDEO, Grid::Free { last: None, step: FIRST_STEP });
            (0..frames).for_each(|n| {
                free.place(n * 3_600);
            });
            let after = frames * 3_600 + 120_000;
            free.place(after);
            let expected = free.expected().unwrap() - after;
            assert!((1..=MOST_STEP).contains(&expected), "after {frames} frames and a hole: {expected}");
            // What cannot be believed then goes on at its pace, and not by holes.
            (0..10).for_each(|_| {
                free.restamp(0, 0);
            });
            assert!(free.expected().unwrap() - after <= 11 * MOST_STEP);
        }
    }

    #[test]
    fn presentation_is_on_the_grid_where_a_frame_is_no_whole_number_of_ticks() {
        let film = FrameRate::new(24_000, 1_001).unwrap();
        let mut clock = video(24_000, 1_001);
        for n in 0..1_000 {
            let place = clock.place(source(n, film, Timescale::VIDEO));
            for (frames, millis) in [(0, 0), (1, 42), (2, 83), (3, 125), (4, 167)] {
                let presented = place.dts + clock.offset(millis);
                assert_eq!(
                    presented,
                    90_000 + film.span(n + frames, Timescale::VIDEO),
                    "frame {n} + {frames}"
                );
            }
        }
    }

    #[test]
    fn offsets_snap_to_whole_frames_within_rounding_only() {
        let ntsc = video(30_000, 1_001);
        assert_eq!(ntsc.offset(67), 6_006);
        assert_eq!(ntsc.offset(-33), -3_003);
        assert_eq!(ntsc.offset(50), 4_500);
    }
}
