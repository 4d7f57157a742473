//! What the packager makes: init sections, parts, segments.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::Rope;
use crate::media::{TrackId, WallTime};

/// An initialisation section (ftyp + moov) of one rendition, valid for one or more epochs.
#[derive(Debug, Clone)]
pub struct Init {
    /// Counts up with every new configuration of the rendition: its name in URLs.
    pub number: u32,
    /// The section's bytes.
    pub bytes: Bytes,
}

/// A part: one CMAF chunk, immutable once made.
#[derive(Debug, Clone)]
pub struct Part {
    /// Counts from 0 over the rendition's whole life without a gap: its name in URLs, known before
    /// it is decided which segment the part falls into.
    pub number: u64,
    /// Media sequence number of its segment.
    pub msn: u64,
    /// Its place in that segment, from 0.
    pub index: u32,
    /// Decode time of its first frame (tfdt), in the rendition's timescale.
    pub start: i64,
    /// Sum of its sample durations, in the rendition's timescale.
    pub duration: i64,
    /// Whether it holds a frame where decoding can start.
    pub independent: bool,
    /// Whether it stands for media that never came (GAP=YES): it has a duration and no bytes.
    pub gap: bool,
    /// moof, mdat header and the frames' shared payloads.
    pub body: Rope,
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
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.body.len()).sum()
    }

    /// Whether it holds no byte: all of it is a gap.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes: those of its parts, shared.
    pub fn body(&self) -> Rope {
        let mut body = Rope::with_capacity(self.parts.iter().map(|part| part.body.runs().len()).sum());
        self.parts.iter().for_each(|part| body.append(&part.body));
        body
    }
}

/// One thing the packager finished, in the order readers may see it.
#[derive(Debug, Clone)]
pub enum Sealed {
    /// A segment of this rendition began.
    Opened(TrackId, SegmentHead),
    /// A part of the open segment is complete.
    Part(TrackId, Arc<Part>),
    /// The open segment is complete.
    Segment(TrackId, Arc<Segment>),
}

impl Sealed {
    /// The rendition it belongs to.
    pub fn track(&self) -> TrackId {
        match self {
            Self::Opened(track, _) | Self::Part(track, _) | Self::Segment(track, _) => *track,
        }
    }
}
