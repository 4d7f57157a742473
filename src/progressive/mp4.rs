//! MP4: short fragments of all tracks together, cut at every keyframe.
//!
//! ```text
//! ftyp moov(v, a) │ moof(traf v, traf a) mdat(v… a…) │ moof mdat │ …
//! ```
//! Decode times are the generation's, track by track, so a fragment that is missed leaves a gap and shifts nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::choice::Choice;
use super::chunk::{Chunk, Head};
use super::error::Incompatible;
use super::format::Format;
use crate::base::Rope;
use crate::cmaf::{self, Sample, TrackRun};
use crate::media::{Frame, Ticks, Timescale, Track, TrackKind};

/// How long a fragment gets, by its leading track: what a reader waits for besides the network.
const SHORT: i64 = 200_000;
/// How long by any other track, where the leading one is silent.
const LONG: i64 = 400_000;
/// Most samples and bytes, whatever their times say: a fragment is held back whole.
const MOST_SAMPLES: usize = 1_024;
const MOST_BYTES: usize = 8 << 20;

/// A file's fragments.
#[derive(Debug)]
pub(super) struct Fragments {
    choice: Choice<Lane>,
    head: Arc<Head>,
    sequence: u32,
}

/// One track of the fragment that is being gathered.
#[derive(Debug)]
struct Lane {
    scale: Timescale,
    frames: Vec<Frame>,
    /// The last duration known, for a frame that does not say.
    step: i64,
}

impl Fragments {
    pub(super) fn new(tracks: &[Track]) -> Result<Self, Incompatible> {
        let choice = choose(tracks)?;
        let first = cmaf::movie(&choice.tracks())?;
        let head = Arc::new(Head { first, ..Head::default() });
        Ok(Self { choice, head, sequence: 0 })
    }

    pub(super) fn head(&self) -> Bytes {
        self.head.first.clone()
    }

    pub(super) fn push(&mut self, frame: &Frame, out: &mut VecDeque<Chunk>) {
        let Some(place) = self.choice.place(frame.track) else { return };
        let Some(lane) = self.lane(place) else { return };
        let frame = frame.clone().to(lane.scale);
        let leads = place == 0 && frame.track.kind == TrackKind::Video;
        let back = lane.frames.last().is_some_and(|last| frame.dts.value < last.dts.value);
        let full = lane.span_to(frame.dts.value) >= most(place);
        if full || back || (leads && frame.key && !lane.frames.is_empty()) {
            self.cut(Some((place, frame.dts.value)), out);
        }
        let Some(lane) = self.lane(place) else { return };
        // Where it is known when the frame ends, nobody needs to wait for the next.
        let end = frame.duration.map(|lasts| frame.dts.value.saturating_add(lasts));
        lane.frames.push(frame);
        let full = end.is_some_and(|end| lane.span_to(end) >= most(place));
        if full || self.is_large() {
            self.cut(None, out);
        }
    }

    /// The same configuration goes on; under another one a player would have to begin anew.
    pub(super) fn begin(&mut self, tracks: &[Track], out: &mut VecDeque<Chunk>) -> Result<(), Incompatible> {
        self.flush(out);
        let choice = choose(tracks)?;
        match self.choice.is_as(&choice) {
            true => Ok(()),
            false => Err(Incompatible::Changed { format: Format::Mp4 }),
        }
    }

    pub(super) fn flush(&mut self, out: &mut VecDeque<Chunk>) {
        self.cut(None, out);
    }

    fn lane(&mut self, place: usize) -> Option<&mut Lane> {
        self.choice.0.get_mut(place).map(|(_, lane)| lane)
    }

    fn is_large(&self) -> bool {
        let frames = || self.choice.0.iter().flat_map(|(_, lane)| &lane.frames);
        let bytes = frames().fold(0, |sum: usize, frame| sum.saturating_add(frame.payload.len()));
        frames().count() >= MOST_SAMPLES || bytes >= MOST_BYTES
    }

    /// Writes what is gathered; `next` is the place and decode time of the frame that comes after it.
    fn cut(&mut self, next: Option<(usize, i64)>, out: &mut VecDeque<Chunk>) {
        let mut lanes: Vec<(u32, Vec<Frame>, Vec<Sample>)> = Vec::with_capacity(2);
        for ((place, (_, lane)), number) in self.choice.0.iter_mut().enumerate().zip(1..) {
            let next = next.filter(|(of, _)| *of == place).map(|(_, dts)| dts);
            let frames = std::mem::take(&mut lane.frames);
            if !frames.is_empty() {
                let samples = lane.samples(&frames, next);
                lanes.push((number, frames, samples));
            }
        }
        let Some(first) = lanes.first().and_then(|(_, frames, _)| frames.first()) else { return };
        let led = self.choice.0.first().is_some_and(|(track, _)| track.id == first.track);
        let (start, mut micros) = (led && first.key, first.dts.micros());
        let run = |(track, frames, samples): &(u32, Vec<Frame>, Vec<Sample>)| {
            let dts = frames.first().map_or(0, |frame| frame.dts.value);
            (*track, u64::try_from(dts).unwrap_or(0), samples.clone())
        };
        let runs: Vec<_> = lanes.iter().map(run).collect();
        let runs: Vec<_> = runs
            .iter()
            .map(|(track, decode_time, samples)| TrackRun {
                track: *track,
                decode_time: *decode_time,
                samples,
            })
            .collect();
        self.sequence = self.sequence.wrapping_add(1);
        let mut body = Rope::with_capacity(16);
        body.push(cmaf::fragment(self.sequence, &runs));
        for frame in lanes.into_iter().flat_map(|(_, frames, _)| frames) {
            micros = micros.min(frame.dts.micros());
            body.push(frame.payload);
        }
        out.push_back(Chunk { body, start, micros, head: Arc::clone(&self.head), resume: Bytes::new() });
    }
}

impl Lane {
    /// From its first frame to `end`, in microseconds; 0 when it is empty.
    fn span_to(&self, end: i64) -> i64 {
        let first = self.frames.first().map_or(end, |frame| frame.dts.value);
        Ticks::new(end.saturating_sub(first), self.scale).micros()
    }

    /// What a trun says of `frames`: each lasts until the next, the last one until `next` if that is known, else as
    /// long as it says itself.
    fn samples(&mut self, frames: &[Frame], next: Option<i64>) -> Vec<Sample> {
        let times = frames.iter().skip(1).map(|frame| Some(frame.dts.value)).chain([next]);
        let mut samples = Vec::with_capacity(frames.len());
        for (frame, after) in frames.iter().zip(times) {
            let until = after.map(|after| after.saturating_sub(frame.dts.value)).filter(|span| *span >= 0);
            self.step = until.or(frame.duration).unwrap_or(self.step);
            samples.push(Sample {
                duration: u32::try_from(self.step.max(0)).unwrap_or(u32::MAX),
                size: u32::try_from(frame.payload.len()).unwrap_or(u32::MAX),
                offset: i32::try_from(frame.cts).unwrap_or(0),
                sync: frame.key,
            });
        }
        samples
    }
}

fn most(place: usize) -> i64 {
    if place == 0 { SHORT } else { LONG }
}

/// MP4 has a sample entry for every codec there is.
fn choose(tracks: &[Track]) -> Result<Choice<Lane>, Incompatible> {
    Choice::of(tracks, |track| Ok(Lane { scale: track.timescale(), frames: Vec::new(), step: 1 }))
}
