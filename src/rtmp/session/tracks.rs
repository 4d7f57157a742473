//! Tracks: packets to configurations and frames, and what is left out of them.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::codec::{Sound, avc};
use crate::flv::{self, FourCc, Multichannel, Packet, PacketKind};
use crate::media::{
    AudioCodec, AudioConfig, CodecConfig, CodecLimits, Frame, Ticks, Track, TrackId, TrackKind, Unroll,
};
use crate::rtmp::outbox::Outbox;
use crate::rtmp::output::{Discard, Discarded, Output};
use crate::rtmp::tally::Tally;

/// Different refusals told in one conversation; further ones are silent.
const MAX_TOLD: usize = 64;

/// What is remembered of a publish's media.
pub(super) struct Media {
    /// One clock for all tracks: they share the message stream's time, and wrap together.
    clock: Unroll,
    /// Bad frames of late.
    pub(super) bad: Tally,
    video: Slot,
    audio: Sound,
    /// Channels by the multichannel configuration.
    speakers: Option<u8>,
    /// Refusals that were told already.
    told: Vec<Told>,
}

/// The one video track.
#[derive(Default)]
struct Slot {
    /// Its configuration record, once there is a good one.
    record: Option<Bytes>,
    /// Bytes of a NAL unit's length.
    length_size: u8,
}

/// A refusal that holds for as long as the publish.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Codec(TrackKind, FourCc),
    Extra(TrackKind, u8),
    NoConfig(TrackKind),
    Legacy(TrackKind, u8),
    Channels(u8, u8),
}

/// What to do with a frame.
enum Verdict {
    Good { key: bool },
    Bad(Discard),
}

impl Media {
    pub(super) fn new() -> Self {
        Self {
            clock: Unroll::default(),
            bad: Tally::new(Duration::from_secs(10)),
            video: Slot::default(),
            audio: Sound::new(AudioCodec::Aac),
            speakers: None,
            told: Vec::new(),
        }
    }

    /// A message's time in milliseconds that do not wrap.
    pub(super) fn unwrap(&mut self, timestamp: u32) -> i64 {
        self.clock.push(timestamp)
    }

    /// Takes what a tag says about one track; `false` when it was bad.
    pub(super) fn take(
        &mut self,
        kind: TrackKind,
        time: i64,
        packet: Packet,
        now: Instant,
        limits: &CodecLimits,
        outbox: &mut Outbox,
    ) -> bool {
        let track = TrackId { kind, index: packet.track };
        let known = match kind {
            TrackKind::Video => packet.codec == FourCc::AVC,
            TrackKind::Audio => packet.codec.audio().is_some(),
        };
        if packet.track != 0 {
            self.tell(Told::Extra(kind, packet.track), track, Discard::Extra(packet.track), outbox);
            return true;
        }
        if !known {
            self.tell(Told::Codec(kind, packet.codec), track, Discard::Codec(packet.codec), outbox);
            return true;
        }
        if packet.codec.audio().is_some_and(|codec| !self.change(codec, &packet.kind, limits)) {
            self.tell(Told::Codec(kind, packet.codec), track, Discard::Stray(packet.codec), outbox);
            return true;
        }
        match packet.kind {
            PacketKind::MultichannelConfig(body) => self.speakers(track, &body, outbox),
            PacketKind::SequenceStart(header) if kind == TrackKind::Audio => {
                self.declare(track, header, limits, outbox)
            }
            PacketKind::SequenceStart(record) => self.configure(track, record, limits, outbox),
            PacketKind::Frames { cts, key, payload, .. } => {
                if !self.ready(kind) {
                    self.tell(Told::NoConfig(kind), track, Discard::NoConfig, outbox);
                    return true;
                }
                match self.judge(track, key, &payload, limits, outbox) {
                    Verdict::Good { key } => {
                        outbox.push(Output::Frame(Frame {
                            track,
                            dts: Ticks::millis(time),
                            cts: i64::from(cts),
                            duration: None,
                            key,
                            payload,
                            arrival: now,
                        }));
                        true
                    }
                    Verdict::Bad(reason) => {
                        outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
                        false
                    }
                }
            }
            // The configuration stays: what comes next either repeats it or brings its own.
            PacketKind::SequenceEnd | PacketKind::Metadata(_) | PacketKind::Mpeg2TsStart(_) => true,
        }
    }

    /// Says once what a tag that cannot be read is refused for; `false` when it counts as a bad frame.
    pub(super) fn refuse_tag(&mut self, kind: TrackKind, fault: flv::Error, outbox: &mut Outbox) -> bool {
        let track = TrackId { kind, index: 0 };
        let reason = Discard::Tag(fault);
        match fault {
            flv::Error::VideoCodec { id } | flv::Error::SoundFormat { id } => {
                self.tell(Told::Legacy(kind, id), track, reason, outbox);
                true
            }
            // A frame of no bytes: some encoders end a sequence, or keep the connection awake, with one.
            flv::Error::Truncated { field: "video frame" | "audio frame" | "coded frames" } => true,
            _ => {
                outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
                false
            }
        }
    }

    /// Takes a video configuration record; a repetition of the one in force says nothing new, and a bad one leaves it
    /// in force.
    fn configure(
        &mut self,
        track: TrackId,
        record: Bytes,
        limits: &CodecLimits,
        outbox: &mut Outbox,
    ) -> bool {
        if self.video.record.as_ref() == Some(&record) {
            return true;
        }
        let parsed = avc::Config::parse(record.clone(), limits)
            .map(|config| (config.length_size(), CodecConfig::Video(config.into_video())));
        match parsed {
            Ok((length_size, config)) => {
                self.video = Slot { record: Some(record), length_size };
                outbox.push(Output::Track(Track { id: track, config }));
                true
            }
            Err(fault) => {
                let reason = Discard::Config(fault);
                outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
                false
            }
        }
    }

    /// Whether a frame is what its codec says, and whether decoding can start there. The tag's own word for it
    /// is taken only where every slice is intra: some encoders call every frame a keyframe.
    fn judge(
        &mut self,
        track: TrackId,
        declared: bool,
        payload: &[u8],
        limits: &CodecLimits,
        outbox: &mut Outbox,
    ) -> Verdict {
        if track.kind == TrackKind::Audio {
            return match self.audio.hear(payload).map(Option::<&_>::cloned) {
                Ok(config) => {
                    self.sounds(track, Ok(config), outbox);
                    Verdict::Good { key: true }
                }
                Err(fault) => Verdict::Bad(Discard::Frame(fault)),
            };
        }
        match avc::scan(payload, self.video.length_size, limits) {
            Ok(unit) => Verdict::Good { key: unit.idr || (declared && unit.intra) },
            Err(fault) => Verdict::Bad(Discard::Frame(fault)),
        }
    }

    fn ready(&self, kind: TrackKind) -> bool {
        match kind {
            TrackKind::Video => self.video.record.is_some(),
            TrackKind::Audio => self.audio.ready(),
        }
    }

    /// Takes a sequence header of sound.
    fn declare(&mut self, track: TrackId, header: Bytes, limits: &CodecLimits, outbox: &mut Outbox) -> bool {
        let parsed = self.audio.declare(header, limits).map(Option::<&_>::cloned);
        self.sounds(track, parsed.map_err(Discard::Config), outbox)
    }

    /// Another codec takes over with a good sequence header or, where it has none, a good frame: a stray packet
    /// leaves the one before it in force. Whether `codec` is the track's
    /// now.
    fn change(&mut self, codec: AudioCodec, said: &PacketKind, limits: &CodecLimits) -> bool {
        if codec == self.audio.codec() {
            return true;
        }
        let mut next = Sound::new(codec);
        let good = match said {
            PacketKind::SequenceStart(header) => next.declare(header.clone(), limits).is_ok(),
            PacketKind::Frames { payload, .. } => next.hear(payload).is_ok(),
            _ => false,
        };
        let changes = (good && next.ready()) || !self.audio.ready();
        if changes {
            self.audio = Sound::new(codec);
        }
        changes
    }

    /// Tells what became known of the sound, if anything; `false` when what was to say it was bad.
    fn sounds(
        &mut self,
        track: TrackId,
        found: Result<Option<AudioConfig>, Discard>,
        outbox: &mut Outbox,
    ) -> bool {
        match found {
            Ok(Some(config)) => {
                self.agree(track, &config, outbox);
                outbox.push(Output::Track(Track { id: track, config: CodecConfig::Audio(config) }));
                true
            }
            Ok(None) => true,
            Err(reason) => {
                outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
                false
            }
        }
    }

    /// Takes a multichannel configuration; `false` when it is none.
    fn speakers(&mut self, track: TrackId, body: &[u8], outbox: &mut Outbox) -> bool {
        match Multichannel::parse(body) {
            Ok(said) => {
                self.speakers = Some(said.channels);
                if let Some(config) = self.audio.config().cloned() {
                    self.agree(track, &config, outbox);
                }
                true
            }
            Err(fault) => {
                let reason = Discard::Tag(fault);
                outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
                false
            }
        }
    }

    /// Says it once when the bitstream has other channels than were declared.
    fn agree(&mut self, track: TrackId, config: &AudioConfig, outbox: &mut Outbox) {
        let coded = config.channels;
        if let Some(declared) = self.speakers.filter(|declared| *declared != coded) {
            self.tell(Told::Channels(declared, coded), track, Discard::Channels { declared, coded }, outbox);
        }
    }

    fn tell(&mut self, told: Told, track: TrackId, reason: Discard, outbox: &mut Outbox) {
        if self.told.len() < MAX_TOLD && !self.told.contains(&told) {
            self.told.push(told);
            outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
        }
    }
}
