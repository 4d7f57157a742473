//! Tracks: packets to configurations and frames, and what is left out of them.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::slots::{Slot, Slots};
use crate::flv::{self, ColourInfo, FourCc, Packet, PacketKind};
use crate::media::{
    Captions, CodecConfig, CodecLimits, EncoderReport, Frame, Limits, RtmpLimits, Ticks, Timescale, Track,
    TrackId, TrackKind, Unroll,
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
    slots: Slots,
    /// Refusals that were told already.
    told: Vec<Told>,
}

/// A frame that is what its codec says.
pub(super) struct Seen {
    /// Whether decoding can start there.
    pub(super) key: bool,
    /// Its bytes as a sample holds them.
    pub(super) payload: Bytes,
    /// The track's configuration, when the frame made it known or changed it.
    pub(super) config: Option<CodecConfig>,
    /// All captions of the track, when the frame has some that no other had.
    pub(super) captions: Option<Captions>,
    /// What it tells of the encoder.
    pub(super) report: EncoderReport,
}

/// A refusal that holds for as long as the publish.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Codec(TrackId, FourCc),
    Extra(TrackId),
    NoConfig(TrackId),
    Legacy(TrackKind, u8),
    Channels(TrackId, u8, u8),
    Colour(TrackId),
}

impl Media {
    pub(super) fn new() -> Self {
        Self {
            clock: Unroll::default(),
            bad: Tally::new(Duration::from_secs(10)),
            slots: Slots::default(),
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
        limits: &Limits,
        outbox: &mut Outbox,
    ) -> bool {
        let track = TrackId { kind, index: packet.track };
        let known = match kind {
            TrackKind::Video => packet.codec.video().is_some(),
            TrackKind::Audio => packet.codec.audio().is_some(),
        };
        if !known {
            self.tell(Told::Codec(track, packet.codec), track, Discard::Codec(packet.codec), outbox);
            return true;
        }
        if self.slots.excess(track, &limits.codec) {
            self.tell(Told::Extra(track), track, Discard::Extra(packet.track), outbox);
            return true;
        }
        let good = self.follow(track, time, packet, now, limits, outbox);
        self.slots.tidy(track);
        good
    }

    fn follow(
        &mut self,
        track: TrackId,
        time: i64,
        packet: Packet,
        now: Instant,
        limits: &Limits,
        outbox: &mut Outbox,
    ) -> bool {
        let Limits { rtmp, codec: limits, .. } = limits;
        if let Slot::Audio(sounds) = self.slots.of(track)
            && packet.codec.audio().is_some_and(|codec| !sounds.turn(codec, &packet.kind, limits))
        {
            self.tell(Told::Codec(track, packet.codec), track, Discard::Stray(packet.codec), outbox);
            return true;
        }
        match packet.kind {
            PacketKind::SequenceStart(record) => self.configure(track, packet.codec, record, limits, outbox),
            PacketKind::MultichannelConfig(body) => self.speakers(track, &body, outbox),
            PacketKind::Frames { cts, nanos, key, payload } => {
                if !self.slots.of(track).ready(packet.codec) {
                    self.tell(Told::NoConfig(track), track, Discard::NoConfig, outbox);
                    return true;
                }
                let (dts, cts) = instant(time, nanos, cts);
                let frame = Frame { track, dts, cts, duration: None, key, payload, arrival: now };
                self.judge(frame, limits, outbox)
            }
            PacketKind::Metadata(body) => {
                self.tint(track, &body, rtmp, outbox);
                true
            }
            // The configuration stays: what comes next either repeats it or brings its own.
            PacketKind::SequenceEnd | PacketKind::Mpeg2TsStart(_) => true,
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

    /// Takes a configuration record; `false` when it was bad.
    fn configure(
        &mut self,
        track: TrackId,
        codec: FourCc,
        record: Bytes,
        limits: &CodecLimits,
        outbox: &mut Outbox,
    ) -> bool {
        match self.slots.of(track).declare(codec, record, limits) {
            Ok(config) => {
                self.announce(track, config, outbox);
                true
            }
            Err(fault) => discard(track, Discard::Config(fault), outbox),
        }
    }

    /// Hands on a frame that is what its codec says; `false` when it is not.
    fn judge(&mut self, mut frame: Frame, limits: &CodecLimits, outbox: &mut Outbox) -> bool {
        let track = frame.track;
        let payload = std::mem::take(&mut frame.payload);
        match self.slots.of(track).see(payload, frame.key, limits) {
            Ok(Some(Seen { key, payload, config, captions, report })) => {
                self.announce(track, config, outbox);
                captions.into_iter().for_each(|all| outbox.push(Output::Captions(track, all)));
                if !report.is_empty() {
                    outbox.push(Output::Encoder(track, Box::new(report)));
                }
                outbox.push(Output::Frame(Frame { key, payload, ..frame }));
                true
            }
            Ok(None) => true,
            Err(fault) => discard(track, Discard::Frame(fault), outbox),
        }
    }

    /// Tells the configuration if there is a new one.
    fn announce(&mut self, track: TrackId, config: Option<CodecConfig>, outbox: &mut Outbox) {
        let Some(config) = config else { return };
        self.compare(track, outbox);
        outbox.push(Output::Track(Track { id: track, config }));
    }

    /// Takes what is said of the pictures' colour. What cannot be read changes nothing, and is told once: every picture
    /// can be shown without it.
    fn tint(&mut self, track: TrackId, body: &[u8], limits: &RtmpLimits, outbox: &mut Outbox) {
        let Slot::Video(pictures) = self.slots.of(track) else { return };
        match ColourInfo::parse(body, limits) {
            Ok(said) => {
                let config = said.and_then(|said| pictures.tint(said.colour));
                self.announce(track, config, outbox);
            }
            Err(fault) => self.tell(Told::Colour(track), track, Discard::Metadata(fault), outbox),
        }
    }

    /// Takes a multichannel configuration; `false` when it is none.
    fn speakers(&mut self, track: TrackId, body: &[u8], outbox: &mut Outbox) -> bool {
        let Slot::Audio(sounds) = self.slots.of(track) else { return true };
        match sounds.speakers(body) {
            Ok(()) => {
                self.compare(track, outbox);
                true
            }
            Err(fault) => discard(track, Discard::Tag(fault), outbox),
        }
    }

    /// Says it once when the sound has other channels than were declared.
    fn compare(&mut self, track: TrackId, outbox: &mut Outbox) {
        let Slot::Audio(sounds) = self.slots.of(track) else { return };
        if let Some((declared, coded)) = sounds.mismatch() {
            let reason = Discard::Channels { declared, coded };
            self.tell(Told::Channels(track, declared, coded), track, reason, outbox);
        }
    }

    fn tell(&mut self, told: Told, track: TrackId, reason: Discard, outbox: &mut Outbox) {
        if self.told.len() < MAX_TOLD && !self.told.contains(&told) {
            self.told.push(told);
            outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
        }
    }
}

/// Decode time and composition offset of a tag at `time` and `nanos` more. Milliseconds, as long as there is nothing
/// finer.
fn instant(time: i64, nanos: u32, cts: i32) -> (Ticks, i64) {
    let cts = i64::from(cts);
    if nanos == 0 {
        return (Ticks::millis(time), cts);
    }
    let micros = time.saturating_mul(1_000).saturating_add(i64::from(nanos / 1_000));
    (Ticks::new(micros, Timescale::MICROS), cts.saturating_mul(1_000))
}

/// Leaves out what was bad: `false`.
fn discard(track: TrackId, reason: Discard, outbox: &mut Outbox) -> bool {
    outbox.push(Output::Discarded(Discarded { track: Some(track), reason }));
    false
}
