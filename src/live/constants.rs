//! Constants: what a generation's first playlist promises and no later one may change.

use std::time::Duration;

use crate::media::{Timescale, Track};

/// What never changes about a rendition while its generation lasts.
///
/// TARGETDURATION, PART-TARGET and the hold-backs are promises made in the first playlist and kept in
/// every later one (RFC 8216bis §4.4.3.1, §4.4.3.7, §4.4.3.8).
#[derive(Debug, Clone)]
pub struct Constants {
    /// The rendition's track as it was first configured.
    pub track: Track,
    /// EXT-X-TARGETDURATION in seconds, the same in all renditions.
    pub target_duration: u32,
    /// EXT-X-PART-INF:PART-TARGET; `None` when the stream is served in segments only.
    pub part_target: Option<Duration>,
    /// PART-HOLD-BACK, the same in all renditions.
    pub part_hold_back: Duration,
    /// HOLD-BACK, the same in all renditions.
    pub hold_back: Duration,
}

impl Constants {
    /// The timescale of every start and duration in the view.
    pub fn timescale(&self) -> Timescale {
        self.track.timescale()
    }
}
