//! Tracks: packets to configurations and frames, and what is left out of them.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::codec::{aac, avc};
use crate::flv::{self, FourCc, Packet, PacketKind};
use crate::media::{CodecConfig, CodecLimits, Frame, Ticks, Track, TrackId, TrackKind, Unroll};
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
    audio: Slot,
    /// Refusals that were told already.
    told: Vec<Told>,
}

/// The one track of a kind.
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
        let known = match kind {
            TrackKind::Video => FourCc::AVC,
            TrackKind::Audio => FourCc::AAC,
        };
        if packet.track != 0 {
            self.tell(Told::Extra(kind, packet.track), track, Discard::Extra(packet.track), outbox);
            return true;
        }
        if packet.codec != known {
            self.tell(Told::Codec(kind, packet.codec), track, Discard::Codec(packet.codec), outbox);
            return true;
        }
        match packet.kind {
            PacketKind::SequenceStart(record) => self.configure(track, record, limits, outbox),
            PacketKind::Frames { cts, key, payload, .. } => {
                if self.slot(kind).record.is_none() {
                    self.tell(Told::NoConfig(kind), track, Discard::NoConfig, outbox);
                    return true;
                }
                match self.judge(kind, key, &payload, limits) {
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

    /// Takes a configuration record; a repetition of the one in force says nothing new, and a bad one leaves it
    /// in force.
    fn configure(
        &mut self,
        track: TrackId,
        record: Bytes,
        limits: &CodecLimits,
        outbox: &mut Outbox,
    ) -> bool {
        if self.slot(track.kind).record.as_ref() == Some(&record) {
            return true;
        }
        let parsed = match track.kind {
            TrackKind::Video => avc::Config::parse(record.clone(), limits)
                .map(|config| (config.length_size(), CodecConfig::Video(config.into_video()))),
            TrackKind::Audio => aac::Config::parse(record.clone(), limits)
                .map(|config| (0, CodecConfig::Audio(config.into_audio()))),
        };
        match parsed {
            Ok((length_size, config)) => {
                *self.slot(track.kind) = Slot { record: Some(record), length_size };
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
    fn judge(&mut self, kind: TrackKind, declared: bool, payload: &[u8], limits: &CodecLimits) -> Verdict {
        if kind == TrackKind::Audio {
            return Verdict::Good { key: true };
        }
        match avc::scan(payload, self.video.length_size, limits) {
            Ok(unit) => Verdict::Good { key: unit.idr || (declared && unit.intra) },
            Err(fault) => Verdict::Bad(Discard::Frame(fault)),
        }
    }

    fn slot(&mut self, kind: TrackKind) -> &mut Slot {
        match kind {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        }
    }

    fn tell(&mut self, told: Told, track: TrackId, reason: Discard, outbox: &mut Outbox) {
        if self.told.len() < MAX_TOLD && !self.told.contains(&told) {
            self.told.push(told);
            outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
        }
    }
}
