//! Slots: what is known of each track of a publish.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::pictures::Pictures;
use super::sounds::Sounds;
use super::tracks::Seen;
use crate::codec;
use crate::flv::FourCc;
use crate::media::{CodecConfig, CodecLimits, TrackId, TrackKind};

/// One for every track that has said something good; never more than `CodecLimits::tracks`.
#[derive(Default)]
pub(super) struct Slots(BTreeMap<TrackId, Slot>);

/// What is known of one track.
pub(super) enum Slot {
    Video(Pictures),
    Audio(Sounds),
}

impl Slots {
    /// Whether `track` is one more than are taken.
    pub(super) fn excess(&self, track: TrackId, limits: &CodecLimits) -> bool {
        self.0.len() >= limits.tracks && !self.0.contains_key(&track)
    }

    /// What is known of `track`: nothing yet, if it is new.
    pub(super) fn of(&mut self, track: TrackId) -> &mut Slot {
        self.0.entry(track).or_insert_with(|| Slot::new(track.kind))
    }

    /// Takes its place from `track` if it has said nothing good.
    pub(super) fn tidy(&mut self, track: TrackId) {
        if self.0.get(&track).is_some_and(|slot| !slot.known()) {
            self.0.remove(&track);
        }
    }
}

impl Slot {
    fn new(kind: TrackKind) -> Self {
        match kind {
            TrackKind::Video => Self::Video(Pictures::default()),
            TrackKind::Audio => Self::Audio(Sounds::new()),
        }
    }

    fn known(&self) -> bool {
        match self {
            Self::Video(pictures) => pictures.known(),
            Self::Audio(sounds) => sounds.known(),
        }
    }

    /// Whether frames of `codec` can be read.
    pub(super) fn ready(&self, codec: FourCc) -> bool {
        match self {
            Self::Video(pictures) => codec.video().is_some_and(|codec| pictures.ready(codec)),
            Self::Audio(sounds) => sounds.ready(),
        }
    }

    /// Takes a configuration record of `codec`: a repetition of the one in force says nothing new, and a bad one
    /// leaves it in force. What is new, if it is known yet.
    pub(super) fn declare(
        &mut self,
        codec: FourCc,
        record: Bytes,
        limits: &CodecLimits,
    ) -> Result<Option<CodecConfig>, codec::Error> {
        match self {
            Self::Video(pictures) => {
                codec.video().map_or(Ok(None), |codec| pictures.declare(codec, record, limits))
            }
            Self::Audio(sounds) => sounds.declare(record, limits),
        }
    }

    /// Checks a frame, which its tag may have `declared` to be a key frame. `None` while nobody can use it.
    pub(super) fn see(
        &mut self,
        payload: Bytes,
        declared: bool,
        limits: &CodecLimits,
    ) -> Result<Option<Seen>, codec::Error> {
        match self {
            Self::Video(pictures) => pictures.see(payload, declared, limits),
            Self::Audio(sounds) => sounds.see(payload),
        }
    }
}
