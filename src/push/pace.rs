//! Pace: which sample is due when, once or round and round.
//!
//! Every time is computed from the exact position `lap × period + dts`, then rounded once, so nothing adds up.
//!
//! ```text
//! video   |0 1 2 … 131|0 1 2 … 131|0 1 …      lap n begins at n × period, exactly
//! audio   |0 1 … 247 |0 1 … 246 |0 1 …        lap n begins at the frame nearest to n × period
//! ```
//!
//! A loop is a continuation, not a restart: where frames last equally long, each track stays on its own
//! grid for ever. When the period is no whole number of audio frames, laps take one frame more or less,
//! so that sound is never more than half a frame away from its picture and never has a seam.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clip::{Clip, ClipTrack, Message, Sample};
use crate::media::{Ticks, Timescale, TrackId, TrackKind};

/// A sample with its time on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Due<'a> {
    /// The track it belongs to.
    pub track: TrackId,
    /// Decode time in milliseconds since the first sample sent: the exact time, rounded once. Never falls.
    pub dts: i64,
    /// Presentation time minus decode time in milliseconds, never negative: both times are rounded, then subtracted.
    pub cts: i32,
    /// The sample.
    pub sample: &'a Sample,
}

/// Hands out the samples of a clip in the order they are to be sent, each with its instant.
#[derive(Debug)]
pub struct Pace {
    clip: Arc<Clip>,
    looping: bool,
    start: Instant,
    /// Milliseconds that make the first time sent zero.
    shift: i64,
    cursors: Vec<Cursor>,
    /// The message to be sent next, and in which lap.
    message: usize,
    lap: u64,
}

/// Where one track has come to.
#[derive(Debug)]
struct Cursor {
    /// Which track of the clip.
    track: usize,
    /// First sample of every lap.
    first: usize,
    /// Laps are whole multiples of this many ticks.
    grid: i64,
    lap: u64,
    /// Start of this lap and of the next, in ticks after the first.
    lap_start: i64,
    lap_end: i64,
    /// The sample to be sent next.
    index: usize,
}

impl Pace {
    /// Starts at `start`. When `looping`, the clip repeats without end; else each sample is sent once.
    pub fn new(clip: Arc<Clip>, looping: bool, start: Instant) -> Self {
        let cursors = (0..clip.tracks().len())
            .zip(clip.tracks())
            .map(|(index, track)| Cursor::new(index, track, looping, clip.period()))
            .collect();
        let mut pace = Self { clip, looping, start, shift: 0, cursors, message: 0, lap: 0 };
        pace.shift = pace.peek().map_or(0, |(_, due)| due.dts).saturating_neg();
        pace
    }

    /// When the next sample or message is to be sent; `None` when the last one was.
    pub fn due(&self) -> Option<Instant> {
        let sample = self.peek().map(|(_, due)| due.dts);
        let message = self.next_message().map(|(dts, _)| dts);
        sample.into_iter().chain(message).min().map(|dts| self.instant(dts))
    }

    /// The next message and its time, like a sample's, when it has come at `now` and no sample comes before it.
    pub fn message(&mut self, now: Instant) -> Option<(i64, Message)> {
        let (dts, message) = self.next_message()?;
        let first = self.peek().is_none_or(|(_, due)| dts <= due.dts);
        if !first || self.instant(dts) > now {
            return None;
        }
        let message = message.clone();
        self.message = self.message.saturating_add(1);
        if self.looping && self.next_message().is_none() {
            (self.message, self.lap) = (0, self.lap.saturating_add(1));
        }
        Some((dts, message))
    }

    /// The message to be sent next, and when. In a loop, one that lies past the period is never sent.
    fn next_message(&self) -> Option<(i64, &Message)> {
        let message = self.clip.messages().get(self.message)?;
        let period = self.clip.period();
        let within = |at: i64| at.saturating_add(self.shift) < period.to(Timescale::MILLIS).value;
        if self.looping && !within(message.at) {
            return None;
        }
        let laps = i64::try_from(self.lap).unwrap_or(i64::MAX).saturating_mul(period.value);
        let passed = Ticks::new(laps, period.scale).to(Timescale::MILLIS).value;
        // What comes before the first sample comes with it.
        let dts = message.at.saturating_add(self.shift).max(0).saturating_add(passed);
        Some((dts, message))
    }

    /// The next sample, when its time has come at `now`.
    pub fn next(&mut self, now: Instant) -> Option<Due<'_>> {
        let (which, dts) = self.peek().map(|(which, due)| (which, due.dts))?;
        if self.instant(dts) > now {
            return None;
        }
        let cursor = self.cursors.get(which)?;
        let (track, index, offset) = (cursor.track, cursor.index, cursor.lap_start);
        let period = self.clip.period();
        let looping = self.looping;
        self.cursors.get_mut(which)?.advance(self.clip.tracks().get(track)?, looping, period);
        let track = self.clip.tracks().get(track)?;
        Some(timed(track, track.samples.get(index)?, offset, self.shift))
    }

    /// How much of the clip has been sent, in media time: the next sample's decode time.
    pub fn position(&self) -> Option<Duration> {
        self.peek().map(|(_, due)| Duration::from_millis(due.dts.try_into().unwrap_or(0)))
    }

    /// The cursor whose sample comes next, and that sample: the earlier decode time, video before audio.
    fn peek(&self) -> Option<(usize, Due<'_>)> {
        let next = |(which, cursor): (usize, &Cursor)| {
            let track = self.clip.tracks().get(cursor.track)?;
            let sample = track.samples.get(cursor.index)?;
            Some((which, timed(track, sample, cursor.lap_start, self.shift)))
        };
        let heads = self.cursors.iter().enumerate().filter_map(|(which, cursor)| next((which, cursor)));
        heads.min_by(|(_, a), (_, b)| match a.dts.cmp(&b.dts) {
            Ordering::Equal => a.track.cmp(&b.track),
            unequal => unequal,
        })
    }

    fn instant(&self, dts: i64) -> Instant {
        let after = Duration::from_millis(dts.try_into().unwrap_or(0));
        self.start.checked_add(after).unwrap_or(self.start)
    }
}

impl Cursor {
    fn new(index: usize, track: &ClipTrack, looping: bool, period: Ticks) -> Self {
        // A lap of sound begins at time zero: what only leads into it is sent by a single pass alone.
        let body = match track.track.id.kind {
            TrackKind::Audio if looping => {
                track.samples.iter().position(|s| s.dts.saturating_add(s.duration) > 0).unwrap_or(0)
            }
            _ => 0,
        };
        let mut cursor = Self {
            track: index,
            first: body,
            grid: track.grid().unwrap_or(1),
            lap: 0,
            lap_start: 0,
            lap_end: 0,
            index: body,
        };
        cursor.lap_end = cursor.lap_at(1, track, period);
        cursor
    }

    /// Where lap `lap` begins: `lap × period` in ticks, to the nearest multiple of the grid.
    fn lap_at(&self, lap: u64, track: &ClipTrack, period: Ticks) -> i64 {
        let exact = i128::from(lap)
            .saturating_mul(i128::from(period.value))
            .saturating_mul(i128::from(track.scale.per_second()));
        let unit = i128::from(period.scale.per_second()).saturating_mul(i128::from(self.grid));
        let rounded = exact.saturating_add(unit / 2).checked_div(unit).unwrap_or(0);
        i64::try_from(rounded.saturating_mul(i128::from(self.grid))).unwrap_or(i64::MAX)
    }

    /// Moves on to the next sample, of this lap or of the next one that has room for one.
    fn advance(&mut self, track: &ClipTrack, looping: bool, period: Ticks) {
        self.index = self.index.saturating_add(1);
        if !looping || self.within(track) {
            return;
        }
        self.index = self.first;
        self.lap_start = self.lap_end;
        let end = self.lap_past(self.lap_start, track, period);
        self.lap = self.lap.saturating_add(1).max(end.saturating_sub(1));
        self.lap_end = self.lap_at(self.lap.saturating_add(1), track, period);
    }

    /// The first lap that begins after `ticks`, which are on the grid: of those that have room for nothing there can be
    /// more than anybody could count one by one.
    fn lap_past(&self, ticks: i64, track: &ClipTrack, period: Ticks) -> u64 {
        let each = i128::from(period.value).saturating_mul(i128::from(track.scale.per_second()));
        let unit = i128::from(period.scale.per_second()).saturating_mul(i128::from(self.grid));
        let next = i128::from(ticks).checked_div(self.grid.into()).unwrap_or(0).saturating_add(1);
        // Where it is half a unit or less before `next`, it is rounded to that; and to whole laps.
        let exact = next.saturating_mul(unit).saturating_sub(unit / 2);
        let laps = exact.saturating_add(each.saturating_sub(1)).checked_div(each).unwrap_or(0);
        u64::try_from(laps).unwrap_or(u64::MAX)
    }

    /// Whether the sample at `index` exists and begins before the lap ends.
    fn within(&self, track: &ClipTrack) -> bool {
        let (Some(first), Some(sample)) = (track.samples.get(self.first), track.samples.get(self.index))
        else {
            return false;
        };
        sample.dts.saturating_sub(first.dts) < self.lap_end.saturating_sub(self.lap_start)
    }
}

fn timed<'a>(track: &ClipTrack, sample: &'a Sample, offset: i64, shift: i64) -> Due<'a> {
    let millis = |ticks: i64| Ticks::new(ticks, track.scale).to(Timescale::MILLIS).value;
    let dts = millis(sample.dts.saturating_add(offset));
    let pts = millis(sample.dts.saturating_add(offset).saturating_add(sample.cts));
    let cts = i32::try_from(pts.saturating_sub(dts)).unwrap_or(i32::MAX);
    Due { track: track.track.id, dts: dts.saturating_add(shift), cts, sample }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::{AudioCodec, AudioConfig, CodecConfig, Track};

    #[test]
    fn sound_that_lasts_longer_than_many_laps_leaves_them_out_at_once() {
        let scale = Timescale::new(1).unwrap();
        let (codec, record, codecs) = (AudioCodec::Mp3, Bytes::new(), String::new());
        let config = AudioConfig { codec, record, codecs, sample_rate: scale, channels: 1, frame_samples: 1 };
        let sample = Sample { dts: 0, cts: 0, duration: 4_000_000_000, key: true, payload: Bytes::new() };
        let track = Track { id: TrackId::AUDIO, config: CodecConfig::Audio(config) };
        let track = ClipTrack { track, scale, samples: vec![sample] };
        let mut cursor = Cursor::new(0, &track, true, Ticks::millis(3));
        for n in 1..10 {
            cursor.advance(&track, true, Ticks::millis(3));
            // The first lap that begins nearer to it than to what comes before.
            assert_eq!((cursor.lap_end, cursor.lap_start), (n * 4_000_000_000, (n - 1) * 4_000_000_000));
            assert_eq!(cursor.lap, ((n as u64 * 4 - 2) * 1_000_000_000_000).div_ceil(3) - 1);
        }
    }
}
