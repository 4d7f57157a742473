//! Pace: whether an encoder's timestamps can be times at all.
//!
//! Two faults are in the field: an encoder that stamps every frame with the same time, and one that counts in
//! microseconds. Both would otherwise end as a stream that never starts, for reasons nobody can see.

use std::time::{Duration, Instant};

use crate::media::TrackKind;
use crate::rtmp::error::ClockFault;

/// A fault is named within five seconds of media.
const WINDOW: Duration = Duration::from_secs(4);

/// Fewer frames than this within a window say nothing.
const ENOUGH: u32 = 20;

/// From one frame of a track to the next, in milliseconds: no encoder that sends five frames a second means it.
const LEAP: i64 = 5_000;

/// Watches the steps between the frames of each track.
#[derive(Debug, Default)]
pub(super) struct Pace {
    since: Option<Instant>,
    last_video: Option<i64>,
    last_audio: Option<i64>,
    steps: u32,
    still: u32,
    leaps: u32,
}

impl Pace {
    /// Takes one frame's time in milliseconds; answers what is wrong with the clock at the end of a window in
    /// which three steps of four were wrong, so that a stray frame or a jump is no fault.
    pub(super) fn step(&mut self, kind: TrackKind, time: i64, now: Instant) -> Option<ClockFault> {
        let last = match kind {
            TrackKind::Video => &mut self.last_video,
            TrackKind::Audio => &mut self.last_audio,
        };
        if let Some(before) = last.replace(time) {
            let step = time.saturating_sub(before);
            self.steps = self.steps.saturating_add(1);
            self.still = self.still.saturating_add(u32::from(step == 0));
            self.leaps = self.leaps.saturating_add(u32::from(step >= LEAP));
        }
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) < WINDOW {
            return None;
        }
        let most = |count: u32| self.steps >= ENOUGH && count > (self.steps / 4).saturating_mul(3);
        let fault = match (most(self.still), most(self.leaps)) {
            (true, _) => Some(ClockFault::Still),
            (_, true) => Some(ClockFault::TooFast),
            _ => None,
        };
        (self.since, self.steps, self.still, self.leaps) = (Some(now), 0, 0, 0);
        fault
    }
}
