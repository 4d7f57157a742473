//! Moment: a frame on the generation's clock and what it belongs to, as every reader of a generation gets it.

use std::sync::Arc;

use super::readers::{Bounds, Entry, Ring};
use crate::media::{Frame, RingLimits, Track, TrackId};

/// The tracks of one epoch.
#[derive(Debug, PartialEq)]
pub struct EpochTracks {
    /// Its number within the generation. Another one means that times, configurations or the source are new; what
    /// decoders hold of the one before is of no use.
    pub number: u32,
    /// The track whose keyframes readers begin at.
    pub lead: TrackId,
    /// The tracks with their configurations in this epoch, video first.
    pub tracks: Vec<Track>,
}

/// One frame of a generation. Those of all its tracks come in the order of their arrival.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The epoch that the frame belongs to.
    pub epoch: Arc<EpochTracks>,
    /// The frame on the generation's clock, decoded no later than it is shown.
    pub frame: Frame,
}

impl Entry for Moment {
    fn bytes(&self) -> usize {
        self.frame.payload.len().saturating_add(size_of::<Self>())
    }

    fn micros(&self) -> i64 {
        self.frame.dts.micros()
    }

    fn start(&self) -> bool {
        self.frame.key && self.frame.track == self.epoch.lead
    }
}

impl Bounds {
    /// What the ring of a generation with so many tracks may keep: for each as much as of its parts.
    pub fn of(limits: &RingLimits, tracks: usize) -> Self {
        let bytes = limits.bytes.saturating_mul(tracks.max(1));
        let micros = i64::try_from(limits.history.as_micros()).unwrap_or(i64::MAX);
        Self {
            bytes,
            micros,
            span_bytes: bytes,
            // Past this nobody waits for so old a keyframe; and where pictures stop for good, sound goes on.
            span_micros: micros.saturating_mul(2),
            jumps: limits.jumps,
            jumps_within: limits.jumps_within,
            blocked: limits.blocked,
        }
    }
}

/// The writer's side of a generation's moments.
#[derive(Debug)]
pub(super) struct Moments {
    ring: Arc<Ring<Moment>>,
    epoch: Option<Arc<EpochTracks>>,
}

impl Moments {
    pub(super) fn new(ring: Arc<Ring<Moment>>) -> Self {
        Self { ring, epoch: None }
    }

    /// Shares a frame of epoch `number`, in which there are `tracks`.
    pub(super) fn keep(&mut self, frame: Frame, number: u32, lead: TrackId, tracks: &[Track]) {
        let known = self.epoch.take().filter(|epoch| epoch.number == number);
        let new = || Arc::new(EpochTracks { number, lead, tracks: tracks.to_vec() });
        let epoch = self.epoch.insert(known.unwrap_or_else(new));
        self.ring.push(Moment { epoch: Arc::clone(epoch), frame });
    }
}
