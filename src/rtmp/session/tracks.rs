//! Tracks: packets to configurations and frames, and what is left out of them.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::codec::{self, Video, aac};
use crate::flv::{self, FourCc, Packet, PacketKind};
use crate::media::{CodecConfig, CodecLimits, Frame, Ticks, Track, TrackId, TrackKind, Unroll, VideoCodec};
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
    video: Option<Pictures>,
    audio: Slot,
    /// Refusals that were told already.
    told: Vec<Told>,
}

/// The one track of pictures, once there is a good configuration.
struct Pictures {
    codec: VideoCodec,
    record: Bytes,
    video: Video,
}

/// The one track of sound.
#[derive(Default)]
struct Slot {
    /// Its configuration record, once there is a good one.
    record: Option<Bytes>,
}

/// A refusal that holds for as long as the publish.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Codec(TrackKind, FourCc),
    Extra(TrackKind, u8),
    NoConfig(TrackKind),
    Legacy(TrackKind, u8),
}

/// What to do with a frame.
enum Verdict {
    Good {
        key: bool,
        payload: Bytes,
    },
    /// Nobody can use it: what it takes to describe its track has not come yet.
    Early,
    Bad(Discard),
}

impl Media {
    pub(super) fn new() -> Self {
        Self {
            clock: Unroll::default(),
            bad: Tally::new(Duration::from_secs(10)),
            video: None,
            audio: Slot::default(),
            told: Vec::new(),
        }
    }

    /// A message's time in milliseconds that do not wrap.
    pub(super) fn unwrap(&mut self, timestamp: u32) -> i64 {
        self.clock.push(timestamp)
    }

    /// The time of a message that is not media, on the same clock: it may be anything, and moves nothing.
    pub(super) fn near(&self, timestamp: u32) -> i64 {
        let mut clock = self.clock;
        clock.push(timestamp)
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
        if packet.track != 0 {
            self.tell(Told::Extra(kind, packet.track), track, Discard::Extra(packet.track), outbox);
            return true;
        }
        let known = match kind {
            TrackKind::Video => packet.codec.video().is_some(),
            TrackKind::Audio => packet.codec == FourCc::AAC,
        };
        if !known {
            self.tell(Told::Codec(kind, packet.codec), track, Discard::Codec(packet.codec), outbox);
            return true;
        }
        match packet.kind {
            PacketKind::SequenceStart(record) => self.configure(track, packet.codec, record, limits, outbox),
            PacketKind::Frames { cts, key, payload, .. } => {
                if !self.configured(kind, packet.codec) {
                    self.tell(Told::NoConfig(kind), track, Discard::NoConfig, outbox);
                    return true;
                }
                match self.judge(track, key, payload, limits, outbox) {
                    Verdict::Good { key, payload } => {
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
                    Verdict::Early => true,
                    Verdict::Bad(reason) => {
                        outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
                        false
                    }
                }
            }
            // The configuration stays: what comes next either repeats it or brings its own.
            PacketKind::SequenceEnd
            | PacketKind::Metadata(_)
            | PacketKind::Mpeg2TsStart(_)
            | PacketKind::MultichannelConfig(_) => true,
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

    /// Whether frames of `codec` can be read.
    fn configured(&self, kind: TrackKind, codec: FourCc) -> bool {
        match kind {
            TrackKind::Video => {
                self.video.as_ref().is_some_and(|pictures| codec.video() == Some(pictures.codec))
            }
            TrackKind::Audio => self.audio.record.is_some(),
        }
    }

    /// Takes a configuration record; a repetition of the one in force says nothing new, and a bad one leaves it
    /// in force.
    fn configure(
        &mut self,
        track: TrackId,
        codec: FourCc,
        record: Bytes,
        limits: &CodecLimits,
        outbox: &mut Outbox,
    ) -> bool {
        let taken = match codec.video() {
            Some(codec) => self.configure_video(codec, record, limits),
            None => self.configure_audio(record, limits),
        };
        match taken {
            Ok(config) => {
                if let Some(config) = config {
                    outbox.push(Output::Track(Track { id: track, config }));
                }
                true
            }
            Err(fault) => {
                let reason = Discard::Config(fault);
                outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
                false
            }
        }
    }

    /// What is new, if it is known yet.
    fn configure_video(
        &mut self,
        codec: VideoCodec,
        record: Bytes,
        limits: &CodecLimits,
    ) -> Result<Option<CodecConfig>, codec::Error> {
        if self.video.as_ref().is_some_and(|known| known.codec == codec && known.record == record) {
            return Ok(None);
        }
        let video = Video::parse(codec, record.clone(), limits)?;
        let config = video.config().cloned().map(CodecConfig::Video);
        self.video = Some(Pictures { codec, record, video });
        Ok(config)
    }

    /// What is new.
    fn configure_audio(
        &mut self,
        record: Bytes,
        limits: &CodecLimits,
    ) -> Result<Option<CodecConfig>, codec::Error> {
        if self.audio.record.as_ref() == Some(&record) {
            return Ok(None);
        }
        let config = aac::Config::parse(record.clone(), limits)?.into_audio();
        self.audio.record = Some(record);
        Ok(Some(CodecConfig::Audio(config)))
    }

    /// Whether a frame is what its codec says, and whether decoding can start there. The tag's own word for it
    /// is taken only where nothing says otherwise: some encoders call every frame a keyframe.
    fn judge(
        &mut self,
        track: TrackId,
        declared: bool,
        payload: Bytes,
        limits: &CodecLimits,
        outbox: &mut Outbox,
    ) -> Verdict {
        let pictures = match (track.kind, &mut self.video) {
            (TrackKind::Video, Some(pictures)) => pictures,
            (TrackKind::Video, None) => return Verdict::Early,
            (TrackKind::Audio, _) => return Verdict::Good { key: true, payload },
        };
        match pictures.video.take(payload, declared, limits) {
            Ok(picture) => {
                let Some(config) = pictures.video.config() else { return Verdict::Early };
                if picture.reconfigured {
                    let config = CodecConfig::Video(config.clone());
                    outbox.push(Output::Track(Track { id: track, config }));
                }
                Verdict::Good { key: picture.key, payload: picture.payload }
            }
            Err(fault) => Verdict::Bad(Discard::Frame(fault)),
        }
    }

    fn tell(&mut self, told: Told, track: TrackId, reason: Discard, outbox: &mut Outbox) {
        if self.told.len() < MAX_TOLD && !self.told.contains(&told) {
            self.told.push(told);
            outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
        }
    }
}
