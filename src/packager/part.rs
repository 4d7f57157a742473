//! What the packager makes: init sections and parts, and the order in which readers may see them.

use std::sync::Arc;

use bytes::Bytes;

use super::segment::{Segment, SegmentHead};
use crate::base::Rope;
use crate::media::TrackId;

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

/// One thing the packager finished, in the order readers may see it.
#[derive(Debug, Clone)]
pub enum Sealed {
    /// The init section that the next segment will need is known, and another than this one's; or that has come to
    /// nothing.
    NextInit(TrackId, Option<Arc<Init>>),
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
            Self::NextInit(track, _)
            | Self::Opened(track, _)
            | Self::Part(track, _)
            | Self::Segment(track, _) => *track,
        }
    }
}
