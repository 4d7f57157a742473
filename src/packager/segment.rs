//! Segments: what is known when one opens, and a closed one.

use std::sync::Arc;

use super::part::{Init, Part};
use crate::base::Rope;
use crate::media::{Ticks, WallTime};

/// An unbroken span of one ingest: where it starts in media time and in wall time.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    /// Counts from 0 within the generation.
    pub number: u32,
    /// Media time of its anchor.
    pub media: Ticks,
    /// Wall time of the same instant.
    pub wall: WallTime,
}

/// What is known of a segment when it opens, before its first part.
#[derive(Debug, Clone)]
pub struct SegmentHead {
    /// Media sequence number, the same for all renditions of the generation; the first is 1.
    pub msn: u64,
    /// Which epoch it belongs to; a segment never spans two.
    pub epoch: u32,
    /// Whether it opens an epoch other than the generation's first: EXT-X-DISCONTINUITY.
    pub discontinuity: bool,
    /// The init section it needs.
    pub init: Arc<Init>,
    /// Wall-clock time of its first frame: the epoch's anchor plus media time.
    pub date_time: WallTime,
    /// Whether its first frame is one where decoding can start.
    pub independent: bool,
}

impl SegmentHead {
    /// That of segment `msn`, whose first frame starts at `start`.
    pub(super) fn of(msn: u64, epoch: Epoch, init: Arc<Init>, start: Ticks) -> Self {
        let since = start.micros().saturating_sub(epoch.media.micros());
        let date_time = epoch.wall.plus_micros(since);
        Self { msn, epoch: epoch.number, discontinuity: false, init, date_time, independent: false }
    }
}

/// A closed segment: exactly the concatenation of its parts.
#[derive(Debug, Clone)]
pub struct Segment {
    /// What was known when it opened.
    pub head: SegmentHead,
    /// Decode time of its first frame, in the rendition's timescale.
    pub start: i64,
    /// Sum of its parts' durations, in the rendition's timescale.
    pub duration: i64,
    /// Its parts in order; at least one.
    pub parts: Vec<Arc<Part>>,
}

impl Segment {
    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.body.len()).sum()
    }

    /// Whether all of it is a gap.
    pub fn is_gap(&self) -> bool {
        self.parts.iter().all(|part| part.gap)
    }

    /// Its bytes: those of its parts, shared.
    pub fn body(&self) -> Rope {
        let mut body = Rope::with_capacity(self.parts.iter().map(|part| part.body.runs().len()).sum());
        self.parts.iter().for_each(|part| body.append(&part.body));
        body
    }
}
