//! Clip: the video and audio of a file, or of several, as samples on exact clocks, ready to be sent.

use std::time::Duration;

use bytes::Bytes;

use super::error::ClipError;
use super::{flv_file, mp4};
use crate::codec;
use crate::media::{
    AudioCodec, AudioConfig, CodecConfig, CodecLimits, FrameRate, Ticks, Timescale, Track, TrackId,
    TrackKind, VideoCodec,
};

/// One access unit of a clip. Its times count in its track's timescale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Decode time; zero is where the presentation begins, so what must be decoded before it is negative.
    pub dts: i64,
    /// Presentation time minus decode time, never negative.
    pub cts: i64,
    /// How long it lasts on the decode clock.
    pub duration: i64,
    /// Whether decoding can start here; true of all audio.
    pub key: bool,
    /// The coded bytes as ISO-BMFF and FLV hold them.
    pub payload: Bytes,
}

/// One track of a clip.
#[derive(Debug, Clone)]
pub struct ClipTrack {
    /// Which one it is, and how to decode it.
    pub track: Track,
    /// What its samples' times count in: the file's own timescale.
    pub scale: Timescale,
    /// Its samples in decode order; at least one.
    pub samples: Vec<Sample>,
}

/// A data message of a clip besides its metadata: a cue point, a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When it is sent, in milliseconds on the clock of the samples.
    pub at: i64,
    /// AMF0 values, as they stand in the file.
    pub body: Bytes,
}

/// A clip: tracks of video and of audio, video first, on one common clock, and messages between them.
#[derive(Debug, Clone)]
pub struct Clip {
    tracks: Vec<ClipTrack>,
    messages: Vec<Message>,
    period: Ticks,
}

impl Clip {
    /// Largest file that is taken: clips are held in memory, whole.
    pub const MAX_FILE: u64 = 2 * 1_024 * 1_024 * 1_024;

    /// Reads an MP4 or FLV file. Payloads share `file`; nothing is copied.
    pub fn parse(file: Bytes) -> Result<Self, ClipError> {
        if file.len() as u64 > Self::MAX_FILE {
            return Err(ClipError::TooLarge { limit: Self::MAX_FILE });
        }
        let (raw, messages) = match file.get(4..8) {
            Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide" | b"styp") => {
                (mp4::read(&file)?, Vec::new())
            }
            _ if file.starts_with(b"FLV") => flv_file::read(&file)?,
            _ => return Err(ClipError::Unrecognised),
        };
        let mut tracks = Vec::new();
        for raw in raw {
            tracks.extend(raw.settle(&CodecLimits::default())?);
        }
        Self::new(tracks, messages)
    }

    /// Several clips as one, which begin together: all tracks and messages of the first, and of each other its pictures as further
    /// tracks of video. Their sound is left out, since it is most likely the same; that of a clip without a picture
    /// is a further track of audio.
    ///
    /// # Errors
    /// [`ClipError::Tracks`] when there are more than numbers for them.
    pub fn join(clips: impl IntoIterator<Item = Self>) -> Result<Self, ClipError> {
        let mut clips = clips.into_iter();
        let Self { mut tracks, messages, .. } = clips.next().ok_or(ClipError::Empty)?;
        for clip in clips {
            let kind = clip.tracks.first().map_or(TrackKind::Video, |first| first.track.id.kind);
            for mut track in clip.tracks.into_iter().filter(|track| track.track.id.kind == kind) {
                let taken = tracks.iter().map(|track| track.track.id).filter(|id| id.kind == kind).max();
                let index =
                    taken.map_or(Some(0), |last| last.index.checked_add(1)).ok_or(ClipError::Tracks)?;
                track.track.id = TrackId { kind, index };
                tracks.push(track);
            }
        }
        Self::new(tracks, messages)
    }

    fn new(mut tracks: Vec<ClipTrack>, messages: Vec<Message>) -> Result<Self, ClipError> {
        tracks.sort_by_key(|track| track.track.id);
        // The first picture sets the period; sound follows it (see `Pace`).
        let period = tracks.first().ok_or(ClipError::Empty)?.span();
        if period.micros() < 1_000 {
            return Err(ClipError::damaged("file", "lasts less than a millisecond"));
        }
        Ok(Self { tracks, messages, period })
    }

    /// The tracks, video first, each kind in the order of their numbers.
    pub fn tracks(&self) -> &[ClipTrack] {
        &self.tracks
    }

    /// Its messages, in the order of their times; only FLV files have them.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// How long the clip lasts, exactly: from its first picture to the end of its last one, or the
    /// same of its sound when it has no picture. A loop repeats after this long.
    pub fn period(&self) -> Ticks {
        self.period
    }

    /// How long a single pass takes to send: that of the longest track.
    pub fn duration(&self) -> Duration {
        let micros = self.tracks.iter().map(|track| track.span().micros()).max().unwrap_or(0);
        Duration::from_micros(micros.try_into().unwrap_or(0))
    }
}

impl ClipTrack {
    /// From the first sample's decode time to the end of the last one's.
    pub fn span(&self) -> Ticks {
        let first = self.samples.first().map_or(0, |first| first.dts);
        let end = self.samples.last().map_or(0, |last| last.dts.saturating_add(last.duration));
        Ticks::new(end.saturating_sub(first), self.scale)
    }

    /// The duration of every sample, when they all last equally long.
    pub fn grid(&self) -> Option<i64> {
        let duration = self.samples.first()?.duration;
        let steady = self.samples.iter().all(|sample| sample.duration == duration);
        (steady && duration > 0).then_some(duration)
    }

    /// Frames a second: of the grid when there is one, else the average.
    pub fn frame_rate(&self) -> Option<FrameRate> {
        if let Some(grid) = self.grid() {
            return FrameRate::new(self.scale.per_second(), u32::try_from(grid).ok()?);
        }
        let micros = self.span().micros();
        if micros <= 0 { None } else { FrameRate::nearest(self.samples.len() as f64 * 1e6 / micros as f64) }
    }

    /// Bits a second of its payloads, on average.
    pub fn bit_rate(&self) -> Option<u64> {
        let bytes: u64 = self.samples.iter().map(|sample| sample.payload.len() as u64).sum();
        bytes.saturating_mul(8_000_000).checked_div(u64::try_from(self.span().micros()).ok()?)
    }
}

/// A track as its file describes it.
#[derive(Debug)]
pub(super) struct RawTrack {
    /// The file's number for it.
    pub(super) id: u32,
    /// The publisher's number for it among its kind.
    pub(super) index: u8,
    pub(super) coding: Coding,
    pub(super) scale: Timescale,
    pub(super) edit: Edit,
    /// In decode order, `dts` and `cts` as in the file.
    pub(super) samples: Vec<Sample>,
}

/// What no clip can do: its configuration is sent once.
pub(super) const CHANGES: &str = "the codec configuration changes, which cannot be published";

/// A codec and its configuration record.
#[derive(Debug)]
pub(super) enum Coding {
    /// A video codec's configuration record.
    Video(VideoCodec, Bytes),
    /// A track of sound, of which samples may have more to say.
    Sound(codec::Sound),
}

impl Coding {
    /// Sound of `codec` by its sequence header, where it has one.
    pub(super) fn sound(codec: AudioCodec, header: Option<Bytes>) -> Result<Self, ClipError> {
        let mut sound = codec::Sound::new(codec);
        if let Some(header) = header {
            let refused = |source| ClipError::Config { place: place(codec), source };
            sound.declare(header, &CodecLimits::default()).map_err(refused)?;
        }
        Ok(Self::Sound(sound))
    }

    pub(super) fn is_video(&self) -> bool {
        matches!(self, Self::Video(..))
    }

    /// The configuration; of some codecs it takes a key frame, or some sound, among `samples` to know it.
    fn config(self, samples: &[Sample], limits: &CodecLimits) -> Result<CodecConfig, ClipError> {
        let refused = |place| move |source| ClipError::Config { place, source };
        Ok(match self {
            Self::Video(codec, record) => {
                let refused = refused(match codec {
                    VideoCodec::Avc => "H.264 configuration",
                    VideoCodec::Hevc => "HEVC configuration",
                    VideoCodec::Av1 => "AV1 configuration",
                    VideoCodec::Vp9 => "VP9 configuration",
                });
                let mut video = codec::Video::parse(codec, record, limits).map_err(refused)?;
                if video.config().is_none() {
                    let key = samples.iter().find(|sample| sample.key);
                    let key = key.ok_or(ClipError::damaged("video track", "has no key frame"))?;
                    video.take(key.payload.clone(), true, limits).map_err(refused)?;
                }
                let config = video.config().cloned();
                CodecConfig::Video(
                    config.ok_or(ClipError::damaged("first key frame", "describes no picture"))?,
                )
            }
            Self::Sound(sound) => CodecConfig::Audio(heard(sound, samples)?),
        })
    }
}

/// The configuration of a track of sound, which all its samples have.
fn heard(mut sound: codec::Sound, samples: &[Sample]) -> Result<AudioConfig, ClipError> {
    let place = place(sound.codec());
    for sample in samples {
        let known = sound.config().is_some();
        let new = sound.hear(&sample.payload).map_err(|source| ClipError::Config { place, source })?;
        if known && new.is_some() {
            return Err(ClipError::damaged(place, CHANGES));
        }
    }
    sound.config().cloned().ok_or_else(|| ClipError::damaged(place, "says nothing of the sound"))
}

/// What a configuration is called in errors.
fn place(codec: AudioCodec) -> &'static str {
    match codec {
        AudioCodec::Aac => "AAC configuration",
        AudioCodec::Opus => "Opus configuration",
        AudioCodec::Flac => "FLAC configuration",
        AudioCodec::Ac3 => "AC-3 frame",
        AudioCodec::Eac3 => "E-AC-3 frame",
        AudioCodec::Mp3 => "MP3 frame",
    }
}

/// Which span of a track is shown, and when: times in the track's timescale.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    /// Media time of the first shown moment.
    pub(super) start: i64,
    /// When it is shown.
    pub(super) delay: i64,
    /// How much is shown; `None`: all there is.
    pub(super) length: Option<i64>,
}

impl RawTrack {
    /// The track on the presentation's clock; `None` when no sample of it is shown.
    fn settle(self, limits: &CodecLimits) -> Result<Option<ClipTrack>, ClipError> {
        let kind = if self.coding.is_video() { TrackKind::Video } else { TrackKind::Audio };
        let mut samples = self.samples;
        let shift = self.edit.delay.saturating_sub(self.edit.start);
        for sample in &mut samples {
            sample.dts = sample.dts.saturating_add(shift);
        }
        let end = self.edit.length.map(|length| self.edit.delay.saturating_add(length));
        trim(&mut samples, kind, self.edit.delay, end);
        // RTMP receivers take composition times for unsigned: decode earlier instead.
        let lowest = samples.iter().map(|sample| sample.cts).min().unwrap_or(0).min(0);
        for sample in &mut samples {
            sample.dts = sample.dts.saturating_add(lowest);
            sample.cts = sample.cts.saturating_sub(lowest);
        }
        if samples.is_empty() {
            return Ok(None);
        }
        let id = TrackId { kind, index: self.index };
        let track = Track { id, config: self.coding.config(&samples, limits)? };
        Ok(Some(ClipTrack { track, scale: self.scale, samples }))
    }
}

/// Leaves out what the edit hides and nothing shown needs: pictures before the last key frame at or
/// before `start`, sound up to the frame before the one at `start` (which the decoder needs to overlap
/// with), and what follows `end`.
fn trim(samples: &mut Vec<Sample>, kind: TrackKind, start: i64, end: Option<i64>) {
    let pts = |sample: &Sample| sample.dts.saturating_add(sample.cts);
    let shown = |sample: &Sample| match kind {
        TrackKind::Video => sample.key && pts(sample) <= start,
        TrackKind::Audio => pts(sample) <= start,
    };
    if let Some(end) = end {
        // Only a tail that is hidden as a whole: a shown picture may refer to a hidden one before it.
        let kept =
            samples.iter().rposition(|sample| pts(sample) < end).map_or(0, |last| last.saturating_add(1));
        samples.truncate(kept);
    }
    let first = samples.iter().rposition(shown).unwrap_or(0);
    let first = if kind == TrackKind::Audio { first.saturating_sub(1) } else { first };
    samples.drain(..first);
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use super::*;

    /// Samples one tick long from their composition offsets and key flags.
    fn samples(shapes: &[(i64, bool)]) -> Vec<Sample> {
        let sample = |(n, &(cts, key)): (i64, &(i64, bool))| {
            let payload = Bytes::copy_from_slice(&[n as u8]);
            Sample { dts: n * 10, cts, duration: 10, key, payload }
        };
        (0..).zip(shapes).map(sample).collect()
    }

    fn kept(samples: &[Sample]) -> Vec<u8> {
        samples.iter().map(|sample| sample.payload[0]).collect()
    }

    #[test]
    fn an_edit_keeps_what_the_first_shown_picture_needs_and_drops_a_hidden_tail() {
        let shapes = [(0, true), (0, false), (0, true), (0, false), (20, false), (0, false), (0, false)];
        let mut all = samples(&shapes);
        // Shown from 35 to 55: picture 3 needs the key frame 2; 4 is shown at 60, but 5 may refer to it.
        trim(&mut all, TrackKind::Video, 35, Some(55));
        assert_eq!(kept(&all), [2, 3, 4, 5]);
        let mut all = samples(&shapes);
        trim(&mut all, TrackKind::Audio, 35, Some(55));
        assert_eq!(kept(&all), [2, 3, 4, 5], "sound: the frame at 35 and the one before it");
        let mut all = samples(&shapes);
        trim(&mut all, TrackKind::Video, 0, Some(0));
        assert!(all.is_empty(), "nothing is shown");
    }

    #[test]
    fn negative_composition_offsets_become_earlier_decode_times() {
        // A real AudioSpecificConfig (AAC-LC, 48 kHz, stereo); the offsets are what is tested.
        let coding = Coding::sound(AudioCodec::Aac, Some(Bytes::from_static(&[0x11, 0x90]))).unwrap();
        let scale = Timescale::MILLIS;
        let edit = Edit { start: 10, delay: 40, length: None };
        let raw = RawTrack {
            id: 1,
            index: 0,
            coding,
            scale,
            edit,
            samples: samples(&[(5, true), (-20, true), (0, true)]),
        };
        let track = raw.settle(&CodecLimits::default()).unwrap().unwrap();
        let times: Vec<_> = track.samples.iter().map(|s| (s.dts, s.cts)).collect();
        // Shifted by the edit (+30), then decoded 20 earlier; shown when they were.
        assert_eq!(times, [(10, 25), (20, 0), (30, 20)]);
    }
}
