//! Tracks: what is measured of one elementary stream over the last ten seconds.

use std::collections::VecDeque;
use std::time::Instant;

use super::verdict::{Rates, Verdict};
use crate::media::{Frame, Ticks, TrackKind};

/// Buckets kept, each of what came between two looks, which are a second apart.
const BUCKETS: usize = 10;
/// Media time after which rates are believed, in microseconds.
const ENOUGH: i64 = 8_000_000;
/// A time stamp that runs ahead of its arrival by more has jumped.
const JUMP: i64 = 1_000_000;
/// Distances between keyframes kept.
const KEYS: usize = 4;
/// Longest good distance: players begin at a keyframe, and HLS wants segments of some seconds.
const FAR: i64 = 4_100_000;
/// Distances may differ by so much, as rounding and a dropped frame make them.
const UNEVEN: i64 = 300_000;
/// Composition offsets that differ by less are rounding.
const REORDERED: i64 = 10_000;
/// Silence that is a stall, unless frames are as far apart.
const SILENT: i64 = 2_000_000;
/// How long a jump is shown, in seconds.
const SHOWN: u64 = 30;

/// What is measured.
#[derive(Debug)]
pub(super) struct Measures {
    pub(super) codecs: String,
    last: Option<i64>,
    arrival: Instant,
    buckets: VecDeque<Bucket>,
    /// When the last keyframe was, and how far apart the ones before.
    key: Option<i64>,
    distances: VecDeque<i64>,
    jumps: u32,
    jumped: Option<(Instant, i64)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Bucket {
    frames: u32,
    bytes: u64,
    /// Media time, in microseconds.
    span: i64,
    /// Lowest and highest composition offset.
    offsets: Option<(i64, i64)>,
}

impl Measures {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            codecs: String::new(),
            last: None,
            arrival: now,
            buckets: VecDeque::new(),
            key: None,
            distances: VecDeque::new(),
            jumps: 0,
            jumped: None,
        }
    }

    /// Takes a frame.
    pub(super) fn push(&mut self, frame: &Frame) {
        let at = frame.dts.micros();
        let waited = micros(frame.arrival.saturating_duration_since(self.arrival));
        self.arrival = frame.arrival;
        if let Some(before) = self.last.replace(at) {
            let step = at.saturating_sub(before);
            if step < 0 || step > waited.saturating_add(JUMP) {
                self.jumps = self.jumps.saturating_add(1);
                self.jumped = Some((frame.arrival, step));
                self.key = None;
            } else {
                self.count(frame, step);
            }
        }
        if frame.key
            && frame.track.kind == TrackKind::Video
            && let Some(before) = self.key.replace(at)
        {
            self.distances.push_front(at.saturating_sub(before));
            self.distances.truncate(KEYS);
        }
    }

    fn count(&mut self, frame: &Frame, step: i64) {
        let offset = Ticks::new(frame.cts, frame.dts.scale).micros();
        if self.buckets.is_empty() {
            self.roll();
        }
        let Some(bucket) = self.buckets.front_mut() else { return };
        bucket.frames = bucket.frames.saturating_add(1);
        bucket.bytes = bucket.bytes.saturating_add(frame.payload.len() as u64);
        bucket.span = bucket.span.saturating_add(step);
        let (low, high) = bucket.offsets.unwrap_or((offset, offset));
        bucket.offsets = Some((low.min(offset), high.max(offset)));
    }

    /// A look has been taken.
    pub(super) fn roll(&mut self) {
        self.buckets.push_front(Bucket::default());
        self.buckets.truncate(BUCKETS);
    }

    /// The newest time stamp, in microseconds.
    pub(super) fn newest(&self) -> Option<i64> {
        self.last
    }

    /// Frames and bits per second of media time, and the time they are measured over, in microseconds.
    pub(super) fn rates(&self) -> Option<(f64, f64, i64)> {
        let span = self.buckets.iter().map(|bucket| bucket.span).fold(0, i64::saturating_add);
        let frames: f64 = self.buckets.iter().map(|bucket| f64::from(bucket.frames)).sum();
        let bytes: f64 = self.buckets.iter().map(|bucket| bucket.bytes as f64).sum();
        let seconds = span as f64 / 1e6;
        (span > 0).then(|| (frames / seconds, bytes * 8.0 / seconds, span))
    }

    /// Rates that are believed.
    pub(super) fn settled(&self) -> Option<(f64, f64)> {
        self.rates().filter(|(_, _, span)| *span >= ENOUGH).map(|(frames, bits, _)| (frames, bits))
    }

    /// The longest of the last distances between keyframes, the one that has begun included, in microseconds.
    pub(super) fn keyframes(&self) -> Option<i64> {
        let open = self.last.zip(self.key).map(|(last, key)| last.saturating_sub(key));
        let closed = self.distances.iter().copied().max();
        match closed {
            Some(closed) => Some(closed.max(open.unwrap_or(0))),
            None => open.filter(|open| *open > FAR),
        }
    }

    /// For how long nothing came, in microseconds.
    pub(super) fn silence(&self, now: Instant) -> i64 {
        micros(now.saturating_duration_since(self.arrival))
    }

    /// Whether that is a stall.
    pub(super) fn stalled(&self, now: Instant) -> bool {
        let usual = self.rates().map_or(0, |(frames, ..)| (3e6 / frames.max(0.01)) as i64);
        self.silence(now) > SILENT.max(usual)
    }

    /// What is wrong with the track by itself.
    pub(super) fn verdicts(&self, now: Instant) -> Vec<Verdict> {
        let mut found = Vec::new();
        if self.stalled(now) {
            found.push(Verdict::Stalled { seconds: seconds(self.silence(now)) });
        }
        if let Some(far) = self.keyframes().filter(|far| *far > FAR) {
            found.push(Verdict::KeyframesFar { seconds: seconds(far) });
        }
        let (shortest, longest) = (self.distances.iter().min(), self.distances.iter().max());
        if let (Some(shortest), Some(longest)) = (shortest, longest)
            && self.distances.len() == KEYS
            && longest.saturating_sub(*shortest) > UNEVEN
        {
            let (shortest, longest) = (seconds(*shortest), seconds(*longest));
            found.push(Verdict::KeyframesUneven { shortest, longest });
        }
        let offsets = self.buckets.iter().filter_map(|bucket| bucket.offsets);
        let ends = offsets.reduce(|(low, high), (lower, higher)| (low.min(lower), high.max(higher)));
        if let Some((low, high)) = ends.filter(|(low, high)| high.saturating_sub(*low) > REORDERED) {
            found.push(Verdict::BFrames { millis: seconds(high.saturating_sub(low)) * 1e3 });
        }
        let shown = |at: &Instant| now.saturating_duration_since(*at).as_secs() < SHOWN;
        if let Some((_, step)) = self.jumped.filter(|(at, _)| shown(at)) {
            found.push(Verdict::Jumps { count: self.jumps, millis: seconds(step) * 1e3 });
        }
        found
    }

    /// How the rates stand to those that were declared.
    pub(super) fn against(&self, frames: Option<f64>, bits: Option<f64>) -> Vec<Verdict> {
        let Some((fps, rate)) = self.settled() else { return Vec::new() };
        let mut found = Vec::new();
        if let Some(declared) = frames.filter(|declared| (fps / declared - 1.0).abs() > 0.05) {
            found.push(Verdict::FrameRate(Rates { measured: fps, declared }));
        }
        if let Some(declared) = bits {
            let rates = Rates { measured: rate, declared };
            if rate > declared * 1.25 {
                found.push(Verdict::BitrateHigh(rates));
            } else if rate < declared * 0.5 {
                found.push(Verdict::BitrateLow(rates));
            }
        }
        found
    }
}

fn micros(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}
