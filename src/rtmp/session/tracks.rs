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
    /// One for every track that has a good configuration; never more than `CodecLimits::tracks`.
    slots: Vec<(TrackId, Slot)>,
    /// Refusals that were told already.
    told: Vec<Told>,
}

/// What is known of a track.
struct Slot {
    /// Its configuration record.
    record: Bytes,
    /// Bytes of a NAL unit's length.
    length_size: u8,
}

/// A refusal that holds for as long as the publish.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Codec(TrackId, FourCc),
    Extra(TrackId),
    NoConfig(TrackId),
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
            slots: Vec::new(),
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
            TrackKind::Video => FourCc::AVC,
            TrackKind::Audio => FourCc::AAC,
        };
        if packet.codec != known {
            self.tell(Told::Codec(track, packet.codec), track, Discard::Codec(packet.codec), outbox);
            return true;
        }
        match packet.kind {
            PacketKind::SequenceStart(_) | PacketKind::Frames { .. } if self.excess(track, limits) => {
                self.tell(Told::Extra(track), track, Discard::Extra(packet.track), outbox);
                true
            }
            PacketKind::SequenceStart(record) => self.configure(track, record, limits, outbox),
            PacketKind::Frames { cts, key, payload, .. } => {
                let Some(slot) = self.slot(track) else {
                    self.tell(Told::NoConfig(track), track, Discard::NoConfig, outbox);
                    return true;
                };
                match judge(slot, kind, key, &payload, limits) {
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
        if self.slot(track).is_some_and(|slot| slot.record == record) {
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
                self.slots.retain(|(known, _)| *known != track);
                self.slots.push((track, Slot { record, length_size }));
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

    fn slot(&self, track: TrackId) -> Option<&Slot> {
        self.slots.iter().find(|(known, _)| *known == track).map(|(_, slot)| slot)
    }

    /// Whether `track` is one more than are taken.
    fn excess(&self, track: TrackId, limits: &CodecLimits) -> bool {
        self.slots.len() >= limits.tracks && self.slot(track).is_none()
    }

    fn tell(&mut self, told: Told, track: TrackId, reason: Discard, outbox: &mut Outbox) {
        if self.told.len() < MAX_TOLD && !self.told.contains(&told) {
            self.told.push(told);
            outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
        }
    }
}

/// Whether a frame is what its codec says, and whether decoding can start there. The tag's own word for it
/// is taken only where every slice is intra: some encoders call every frame a keyframe.
fn judge(slot: &Slot, kind: TrackKind, declared: bool, payload: &[u8], limits: &CodecLimits) -> Verdict {
    if kind == TrackKind::Audio {
        return Verdict::Good { key: true };
    }
    match avc::scan(payload, slot.length_size, limits) {
        Ok(unit) => Verdict::Good { key: unit.idr || (declared && unit.intra) },
        Err(fault) => Verdict::Bad(Discard::Frame(fault)),
    }
}
