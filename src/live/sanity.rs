//! Sanity: timestamps that cannot be milliseconds, told early and in words.

use std::time::{Duration, Instant};

use super::Error;
use crate::media::{Frame, Timescale, TrackId};

/// Frames in a row with one timestamp before the clock is said to stand still: four seconds of pictures.
const STILL: u32 = 100;
/// Frames in a row, seconds apart by their stamps but not by their arrival, before the unit is doubted.
const WILD: u32 = 8;
const WILD_STEP_MS: i64 = 5_000;

/// Watches the source's clock, by the first track that it sees.
#[derive(Debug, Default)]
pub(super) struct Sanity {
    track: Option<TrackId>,
    last: Option<(i64, Instant)>,
    still: u32,
    wild: u32,
}

impl Sanity {
    /// Looks at one frame; those of other tracks say nothing new.
    pub(super) fn check(&mut self, frame: &Frame) -> Result<(), Error> {
        if *self.track.get_or_insert(frame.track) != frame.track {
            return Ok(());
        }
        let at = frame.dts.to(Timescale::MILLIS).value;
        let Some((before, arrival)) = self.last.replace((at, frame.arrival)) else { return Ok(()) };
        let step = at.saturating_sub(before);
        let waited = frame.arrival.saturating_duration_since(arrival);
        self.still = if step == 0 { self.still.saturating_add(1) } else { 0 };
        let leaps = step >= WILD_STEP_MS && waited < Duration::from_secs(1);
        self.wild = if leaps { self.wild.saturating_add(1) } else { 0 };
        if self.still >= STILL {
            return Err(Error::ClockStopped { at });
        }
        if self.wild >= WILD {
            return Err(Error::ClockUnit { step });
        }
        Ok(())
    }
}
