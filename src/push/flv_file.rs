//! FLV files: tags gathered into tracks, and messages between them.
//!
//! FLV times are rounded to milliseconds. Where one steady grid explains every one of them, the grid is
//! taken for the truth: it gives back each file time when rounded, and loops exactly.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::clip::{CHANGES, Coding, Edit, Message, RawTrack, Sample};
use super::error::{ClipError, FourChars};
use super::mp4::MAX_SAMPLES;
use crate::codec::{self, Sound};
use crate::flv::amf0::{self, Value};
use crate::flv::{self, File, FourCc, Packet, PacketKind, Tag, TagKind};
use crate::media::{
    CodecLimits, FrameRate, RtmpLimits, Ticks, Timescale, TrackId, TrackKind, Unroll, VideoCodec, rescale,
};

/// What a grid's phase is searched in: microseconds are fine enough to tell milliseconds apart.
const FINE: u32 = 1_000;

/// Every track of `file`, in the order of their kinds and numbers, and its messages.
pub(super) fn read(file: &Bytes) -> Result<(Vec<RawTrack>, Vec<Message>), ClipError> {
    let mut tracks: BTreeMap<TrackId, Gathered> = BTreeMap::new();
    let (mut messages, mut clocks) = (Vec::new(), [Unroll::default(); 3]);
    let [pictures, sounds, script] = &mut clocks;
    let tags = File::open(file.clone()).map_err(|source| ClipError::Tag { place: "FLV header", source })?;
    for tag in tags {
        let tag = tag.map_err(|source| ClipError::Tag { place: "FLV tag", source })?;
        let (kind, place, clock) = match tag.kind {
            TagKind::Video => (TrackKind::Video, "video tag", &mut *pictures),
            TagKind::Audio => (TrackKind::Audio, "audio tag", &mut *sounds),
            TagKind::Script => {
                let at = script.push(tag.time);
                messages.extend(is_message(&tag.body).then_some(Message { at, body: tag.body }));
                continue;
            }
        };
        let parsed = match Tag::parse(tag.kind, tag.body) {
            // A frame of no bytes: ffmpeg ends FLAC with one.
            Err(flv::Error::Truncated { field: "video frame" | "audio frame" | "coded frames" }) => continue,
            parsed => parsed.map_err(|source| ClipError::Tag { place, source })?,
        };
        if let Tag::Video(packets) | Tag::Audio(packets) = parsed {
            let time = clock.push(tag.time);
            for packet in packets {
                let id = TrackId { kind, index: packet.track };
                tracks.entry(id).or_insert_with(|| Gathered::new(id, place)).take(time, packet)?;
            }
        }
    }
    // Most files are in order; a message that is not is late, and none the less due.
    messages.sort_by_key(|message| message.at);
    messages.truncate(MAX_SAMPLES);
    let tracks = tracks.into_values().filter_map(|track| track.settle().transpose());
    Ok((tracks.collect::<Result<_, _>>()?, messages))
}

/// Whether a script tag says something of a moment, and not of the file: that is said by ourselves. What is larger
/// than we take is not sent either.
fn is_message(body: &[u8]) -> bool {
    let limits = RtmpLimits::default();
    let mut values = amf0::Reader::new(body, &limits);
    let name = values.read().ok().flatten();
    let of_file = |name: &str| matches!(name, "onMetaData" | "@setDataFrame" | "");
    body.len() <= limits.command_message
        && name.as_ref().and_then(Value::as_str).is_some_and(|name| !of_file(name))
}

/// One track as its tags come by.
struct Gathered {
    id: TrackId,
    place: &'static str,
    /// What its first packet says it is.
    source: Option<Source>,
    /// In milliseconds.
    samples: Vec<Sample>,
}

/// What is known of a track's coding.
enum Source {
    /// Its configuration record, once it has come.
    Video(VideoCodec, Option<Bytes>),
    Sound(Sound),
}

impl Gathered {
    fn new(id: TrackId, place: &'static str) -> Self {
        Self { id, place, source: None, samples: Vec::new() }
    }

    fn take(&mut self, time: i64, packet: Packet) -> Result<(), ClipError> {
        let place = self.place;
        let refused = |source| ClipError::Config { place, source };
        let source = match &mut self.source {
            Some(source) if source.codec() == packet.codec => source,
            Some(_) => return Err(ClipError::damaged(place, CHANGES)),
            None => {
                let codec = ClipError::Codec { place, codec: FourChars(packet.codec.0) };
                self.source.insert(Source::new(packet.codec).ok_or(codec)?)
            }
        };
        match packet.kind {
            PacketKind::SequenceStart(header) => {
                let new = source.declare(header).map_err(refused)?;
                let changes = new && !self.samples.is_empty();
                if changes { Err(ClipError::damaged(place, CHANGES)) } else { Ok(()) }
            }
            PacketKind::Frames { .. } if !source.ready() => {
                Err(ClipError::damaged(place, "comes before the codec configuration"))
            }
            PacketKind::Frames { .. } if self.samples.len() >= MAX_SAMPLES => {
                Err(ClipError::damaged(place, "there are too many"))
            }
            PacketKind::Frames { cts, key, payload, .. } => {
                if source.hear(&payload).map_err(refused)? && !self.samples.is_empty() {
                    return Err(ClipError::damaged(place, CHANGES));
                }
                // A time that steps back cannot be sent: the frame follows the one before it at once.
                let dts = self.samples.last().map_or(time, |last| time.max(last.dts));
                self.samples.push(Sample { dts, cts: i64::from(cts), duration: 0, key, payload });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn settle(self) -> Result<Option<RawTrack>, ClipError> {
        let Some(coding) = self.source.and_then(Source::coding) else { return Ok(None) };
        let mut samples = self.samples;
        let grid = match &coding {
            Coding::Video(..) => picture_grid(&samples),
            Coding::Sound(sound) => {
                sound.config().map(|config| (config.sample_rate, i64::from(config.frame_samples)))
            }
        };
        let scale = match grid.and_then(|(scale, step)| Some((scale, step, on_grid(&samples, scale, step)?)))
        {
            Some((scale, step, times)) => {
                for (sample, (dts, cts)) in samples.iter_mut().zip(times) {
                    (sample.dts, sample.cts, sample.duration) = (dts, cts, step);
                }
                scale
            }
            None => {
                lasting(&mut samples);
                Timescale::MILLIS
            }
        };
        let (index, edit) = (self.id.index, Edit::default());
        Ok(Some(RawTrack { id: 0, index, coding, scale, edit, samples }))
    }
}

impl Source {
    fn new(codec: FourCc) -> Option<Self> {
        let video = codec.video().map(|codec| Self::Video(codec, None));
        video.or_else(|| codec.audio().map(|codec| Self::Sound(Sound::new(codec))))
    }

    fn codec(&self) -> FourCc {
        match self {
            Self::Video(codec, _) => (*codec).into(),
            Self::Sound(sound) => sound.codec().into(),
        }
    }

    /// Takes a sequence header; whether it says anything new.
    fn declare(&mut self, header: Bytes) -> Result<bool, codec::Error> {
        match self {
            Self::Video(_, record) => Ok(record.replace(header.clone()) != Some(header)),
            Self::Sound(sound) => Ok(sound.declare(header, &CodecLimits::default())?.is_some()),
        }
    }

    /// Whether frames can be read.
    fn ready(&self) -> bool {
        match self {
            Self::Video(_, record) => record.is_some(),
            Self::Sound(sound) => sound.ready(),
        }
    }

    /// Takes a frame; whether it says anything new.
    fn hear(&mut self, frame: &[u8]) -> Result<bool, codec::Error> {
        match self {
            Self::Video(..) => Ok(false),
            Self::Sound(sound) => Ok(sound.hear(frame)?.is_some()),
        }
    }

    fn coding(self) -> Option<Coding> {
        match self {
            Self::Video(codec, record) => Some(Coding::Video(codec, record?)),
            Self::Sound(sound) => sound.config().is_some().then_some(Coding::Sound(sound)),
        }
    }
}

/// The scale and step of pictures: the standard rate nearest to their average.
fn picture_grid(samples: &[Sample]) -> Option<(Timescale, i64)> {
    let (first, last) = (samples.first()?, samples.last()?);
    let span = last.dts.saturating_sub(first.dts);
    let steps = samples.len().saturating_sub(1);
    let rate = FrameRate::nearest(steps as f64 * 1_000.0 / span as f64)?;
    let scale = Timescale::new(rate.num.checked_mul(FINE)?)?;
    Some((scale, i64::from(rate.den).checked_mul(i64::from(FINE))?))
}

/// Times on the grid of `step` units of `scale` that round to each sample's milliseconds; `None` when no
/// phase of the grid explains them all.
fn on_grid(samples: &[Sample], scale: Timescale, step: i64) -> Option<Vec<(i64, i64)>> {
    // Milliseconds m come from times in [m - 1/2, m + 1/2): each sample narrows where the grid may begin.
    let halves = Timescale::new(2_000)?;
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    for (n, sample) in (0_i64..).zip(samples) {
        let offset = n.checked_mul(step)?;
        let twice = sample.dts.checked_mul(2)?;
        low = low.max(rescale(twice.checked_sub(1)?, halves, scale).checked_sub(offset)?);
        high = high.min(rescale(twice.checked_add(1)?, halves, scale).checked_sub(offset)?);
    }
    let phase = low.checked_add(high.checked_sub(low)? / 2)?;
    let millis = |ticks| Ticks::new(ticks, scale).to(Timescale::MILLIS).value;
    let place = |(n, sample): (i64, &Sample)| {
        let dts = n.checked_mul(step)?.checked_add(phase)?;
        let pts = sample.dts.checked_add(sample.cts)?;
        // Presentation times lie on the same grid, some whole steps later.
        let cts = rescale(sample.cts, Timescale::MILLIS, scale);
        let cts = cts.checked_add(step / 2)?.div_euclid(step).checked_mul(step)?;
        (millis(dts) == sample.dts && millis(dts.checked_add(cts)?) == pts).then_some((dts, cts))
    };
    (0_i64..).zip(samples).map(place).collect()
}

/// Durations from one decode time to the next; the last lasts as long as they do on average.
fn lasting(samples: &mut [Sample]) {
    let next: Vec<i64> = samples.iter().skip(1).map(|sample| sample.dts).collect();
    let first = samples.first().map_or(0, |sample| sample.dts);
    let steps = i64::try_from(next.len()).unwrap_or(i64::MAX);
    let span = next.last().copied().unwrap_or(first).saturating_sub(first);
    let average = span.saturating_add(steps / 2).checked_div(steps).unwrap_or(0);
    for (sample, next) in samples.iter_mut().zip(next) {
        sample.duration = next.saturating_sub(sample.dts);
    }
    if let Some(last) = samples.last_mut() {
        last.duration = average;
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use super::*;

    fn samples(times: impl Iterator<Item = (i64, i64)>) -> Vec<Sample> {
        let sample = |(dts, cts)| Sample { dts, cts, duration: 0, key: true, payload: Bytes::new() };
        times.map(sample).collect()
    }

    #[test]
    fn a_rounded_rate_is_recognised_and_gives_back_every_millisecond() {
        // 29.97 frames a second, begun at 17.3 ms, with a reordering of two frames now and then.
        let micros = |n: i64| 17_300 + n * 1_001_000 / 30;
        let millis = |n| (micros(n) + 500) / 1_000;
        let samples = samples((0..3_000).map(|n| (millis(n), millis(n + 2 * (n % 2)) - millis(n))));
        let (scale, step) = picture_grid(&samples).unwrap();
        assert_eq!((scale.per_second(), step), (30_000_000, 1_001_000));
        let times = on_grid(&samples, scale, step).unwrap();
        for (sample, (dts, cts)) in samples.iter().zip(times) {
            assert_eq!(rescale(dts, scale, Timescale::MILLIS), sample.dts);
            assert_eq!(rescale(dts + cts, scale, Timescale::MILLIS), sample.dts + sample.cts);
        }
    }

    #[test]
    fn uneven_times_stay_as_they_are() {
        let mut samples = samples([0, 33, 50, 120, 133].into_iter().map(|dts| (dts, 0)));
        let (scale, step) = picture_grid(&samples).unwrap();
        assert_eq!(on_grid(&samples, scale, step), None);
        lasting(&mut samples);
        assert_eq!(samples.iter().map(|s| s.duration).collect::<Vec<_>>(), [33, 17, 70, 13, 33]);
    }
}
