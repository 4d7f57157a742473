//! Positions: where in a rendition something is.

use crate::media::TrackId;

/// A place in a rendition: part `part` of segment `msn`. Ordered as playback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartPos {
    /// Media sequence number.
    pub msn: u64,
    /// Index of the part in its segment.
    pub part: u32,
}

/// How far another rendition of the same generation has come: EXT-X-RENDITION-REPORT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The other rendition.
    pub track: TrackId,
    /// Its last listed part.
    pub last: PartPos,
}
