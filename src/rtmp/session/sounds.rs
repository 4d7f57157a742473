//! Sounds: a track of audio, by whichever codec its packets name.

use bytes::Bytes;

use super::tracks::Seen;
use crate::codec::{Error, Sound};
use crate::flv::{self, Multichannel, PacketKind};
use crate::media::{AudioCodec, CodecConfig, CodecLimits, EncoderReport};

/// The track. Until a packet says otherwise, it is AAC.
pub(super) struct Sounds {
    sound: Sound,
    /// Channels by the multichannel configuration.
    speakers: Option<u8>,
}

impl Sounds {
    pub(super) fn new() -> Self {
        Self { sound: Sound::new(AudioCodec::Aac), speakers: None }
    }

    /// Whether anything good was said of it.
    pub(super) fn known(&self) -> bool {
        self.sound.ready() || self.speakers.is_some()
    }

    /// Whether frames can be read.
    pub(super) fn ready(&self) -> bool {
        self.sound.ready()
    }

    /// Whether `codec` is the track's now. Another one takes over with a good sequence header or, where it has none,
    /// a good frame: a stray packet leaves the one before it in force.
    pub(super) fn turn(&mut self, codec: AudioCodec, said: &PacketKind, limits: &CodecLimits) -> bool {
        if codec == self.sound.codec() {
            return true;
        }
        let mut next = Sound::new(codec);
        let good = match said {
            PacketKind::SequenceStart(header) => next.declare(header.clone(), limits).is_ok(),
            PacketKind::Frames { payload, .. } => next.hear(payload).is_ok(),
            _ => false,
        };
        let turns = (good && next.ready()) || !self.sound.ready();
        if turns {
            self.sound = Sound::new(codec);
        }
        turns
    }

    /// Takes a sequence header: a repetition of the one in force says nothing new, and a bad one leaves it in force.
    /// What is new, if it is known yet.
    pub(super) fn declare(
        &mut self,
        header: Bytes,
        limits: &CodecLimits,
    ) -> Result<Option<CodecConfig>, Error> {
        Ok(self.sound.declare(header, limits)?.cloned().map(CodecConfig::Audio))
    }

    /// Checks a frame; decoding can start at each.
    pub(super) fn see(&mut self, payload: Bytes) -> Result<Option<Seen>, Error> {
        let config = self.sound.hear(&payload)?.cloned().map(CodecConfig::Audio);
        Ok(Some(Seen { key: true, payload, config, captions: None, report: EncoderReport::default() }))
    }

    /// Takes a multichannel configuration.
    pub(super) fn speakers(&mut self, body: &[u8]) -> Result<(), flv::Error> {
        self.speakers = Some(Multichannel::parse(body)?.channels);
        Ok(())
    }

    /// The channels that were declared and those that are coded, when they differ.
    pub(super) fn mismatch(&self) -> Option<(u8, u8)> {
        let (declared, coded) = (self.speakers?, self.sound.config()?.channels);
        (declared != coded).then_some((declared, coded))
    }
}
