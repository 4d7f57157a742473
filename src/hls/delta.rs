//! Delta updates: how much of a playlist a client that keeps up with it has already (§6.2.5.1).

use std::time::Duration;

use crate::live::{Constants, View};
use crate::m3u8::Seconds;
use crate::media::Ticks;
use crate::packager::Segment;

/// CAN-SKIP-UNTIL: six target durations, the least that is allowed (§4.4.3.8), and as constant as they are.
pub(super) fn skip_until(constants: &Constants) -> Duration {
    Duration::from_secs(u64::from(constants.target_duration).saturating_mul(6))
}

/// How many of the listed segments a delta update leaves out: those further from the end of the last
/// closed one than the skip boundary. None after the end: directives mean nothing then.
///
/// It is counted from the right in durations as they are printed, so that what stays is never less than
/// the boundary to whoever adds it up.
pub(super) fn skippable(view: &View) -> usize {
    if view.ended {
        return 0;
    }
    let boundary = Seconds::from(skip_until(&view.constants)).micros();
    let mut kept = 0_u64;
    let mut first = view.listed().len();
    for segment in view.listed().iter().rev() {
        if kept >= boundary {
            break;
        }
        first -= 1;
        kept = kept.saturating_add(span(segment, view).micros());
    }
    first
}

/// EXTINF of a segment.
pub(super) fn span(segment: &Segment, view: &View) -> Seconds {
    Seconds::nearest(Ticks::new(segment.duration, view.constants.timescale()))
}

#[cfg(test)]
mod tests;
