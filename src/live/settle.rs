//! Settling: the first moments of a publish, before anything is promised.
//!
//! Frames are kept until it is known which tracks there are and at which rate pictures come, because the
//! first playlist fixes both for the generation's life. It costs no time: a part is longer than that.

use std::time::{Duration, Instant};

use super::rates::Rates;
use super::{Error, Expect};
use crate::media::{
    CodecConfig, Frame, FrameRate, Hits, Limit, RingLimits, Ticks, Timescale, Track, TrackId, TrackKind,
};

/// Pictures looked at to tell the frame rate.
const LOOK: usize = 8;
/// How long to wait for a track that was not announced either way.
const UNANNOUNCED: Duration = Duration::from_millis(400);
/// How long to wait for a track that was announced and does not come.
const ANNOUNCED: Duration = Duration::from_secs(2);
/// The same of one that another source is to bring, which must connect first.
const DECLARED: Duration = Duration::from_secs(3);

/// What is known and kept before a generation's geometry is fixed.
#[derive(Debug, Default)]
pub(super) struct Settling {
    pub(super) expect: Expect,
    /// Tracks that several sources with one clock are to bring.
    pub(super) declared: Vec<TrackId>,
    tracks: Vec<Track>,
    frames: Vec<Frame>,
    bytes: usize,
    since: Option<Instant>,
    /// Limits that cut something short.
    pub(super) hits: Hits,
}

/// What settling found.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) tracks: Vec<Track>,
    /// Those that were configured and sent nothing.
    pub(super) silent: Vec<TrackId>,
    /// Those whose timestamps are believed: their sources have one clock.
    pub(super) declared: Vec<TrackId>,
    /// Rates of the pictures, of those that come at a steady one.
    pub(super) rates: Rates,
    /// The kept frames in order of arrival, the first picture of each track a keyframe.
    pub(super) frames: Vec<Frame>,
}

impl Settling {
    /// Takes a track's configuration; a later one for the same track replaces it, unless frames of the
    /// old one are kept, which are then given up.
    pub(super) fn configure(&mut self, track: Track) {
        if self.tracks.iter().any(|known| known.id == track.id && known.config != track.config) {
            self.frames.retain(|frame| frame.track != track.id);
        }
        self.tracks.retain(|known| known.id != track.id);
        self.tracks.push(track);
        self.tracks.sort_by_key(|track| track.id);
    }

    /// Keeps a frame. Pictures before the first keyframe are of no use to anyone.
    pub(super) fn push(&mut self, frame: Frame, limits: &RingLimits) -> Result<(), Error> {
        let since = *self.since.get_or_insert(frame.arrival);
        let waited = frame.arrival.saturating_duration_since(since);
        let has_key = self.frames.iter().any(|kept| kept.track.kind == TrackKind::Video && kept.key);
        let video = frame.track.kind == TrackKind::Video;
        let begun = !video || frame.key || self.frames.iter().any(|kept| kept.track == frame.track);
        if !has_key && self.wants(TrackKind::Video) && waited > limits.first_keyframe {
            return Err(Error::NoKeyframe { waited });
        }
        if !self.tracks.iter().any(|track| track.id == frame.track) || !begun {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(frame.payload.len());
        self.frames.push(frame);
        // Sound that piles up while no picture comes is let go from the front.
        if self.bytes > limits.part_bytes && !has_key && !video {
            self.hits.add(Limit::RingPartBytes);
            let gone = self.frames.remove(0);
            self.bytes = self.bytes.saturating_sub(gone.payload.len());
        }
        Ok(())
    }

    fn wants(&self, kind: TrackKind) -> bool {
        let announced = match kind {
            TrackKind::Video => self.expect.video,
            TrackKind::Audio => self.expect.audio,
        };
        announced.unwrap_or(false) || self.tracks.iter().any(|track| track.id.kind == kind)
    }

    /// Whether enough is known at `now`; what was kept then, and settling is over.
    pub(super) fn settle(&mut self, limits: &RingLimits) -> Option<Settled> {
        let newest = self.frames.last()?.arrival;
        let waited = newest.saturating_duration_since(self.since?).max(self.media_span());
        let ready = |kind: TrackKind, announced: Option<bool>| {
            let mut known = self.tracks.iter().filter(|track| track.id.kind == kind).peekable();
            match known.peek() {
                None if announced == Some(false) => true,
                None => waited > if announced == Some(true) { ANNOUNCED } else { UNANNOUNCED },
                Some(first) => {
                    let first = first.id;
                    known.all(|track| self.heard(track.id, waited, track.id == first))
                }
            }
        };
        let full = self.bytes > limits.part_bytes;
        let done = ready(TrackKind::Video, self.expect.video) && ready(TrackKind::Audio, self.expect.audio);
        let come = |id: &TrackId| self.tracks.iter().any(|track| track.id == *id);
        let done = done && (waited > DECLARED || self.declared.iter().all(come));
        (full || done).then(|| self.take())
    }

    /// Whether enough of a configured track has come: pictures until their rate can be told, and one frame of
    /// sound. Only the `first` pictures are waited for without end, for nothing can be cut without them.
    fn heard(&self, track: TrackId, waited: Duration, first: bool) -> bool {
        let count = self.frames.iter().filter(|frame| frame.track == track).count();
        match track.kind {
            TrackKind::Video => {
                count > LOOK
                    || (count > 1 && waited > UNANNOUNCED && self.slow(track))
                    || (!first && waited > ANNOUNCED)
            }
            TrackKind::Audio => count > 0 || waited > ANNOUNCED,
        }
    }

    /// What there is, when the publish ends before it settled; `None` when there is no frame.
    pub(super) fn give_up(&mut self) -> Option<Settled> {
        (!self.frames.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Settled {
        let frames = std::mem::take(&mut self.frames);
        let (tracks, silent): (Vec<Track>, Vec<Track>) = std::mem::take(&mut self.tracks)
            .into_iter()
            .partition(|track| frames.iter().any(|frame| frame.track == track.id));
        let silent = silent.iter().map(|track| track.id).collect();
        let mut rates = Rates::default();
        for (n, track) in tracks.iter().enumerate() {
            // What the publisher says of its pictures, it says of the first.
            let announced = self.expect.frame_rate.filter(|_| n == 0);
            rates.set(track.id, rate(track, announced, &frames));
        }
        Settled { tracks, silent, declared: std::mem::take(&mut self.declared), rates, frames }
    }

    /// Media time between the first and the last kept frame.
    fn media_span(&self) -> Duration {
        let (first, last) = (self.frames.first(), self.frames.last());
        let micros = first.zip(last).map_or(0, |(a, b)| b.dts.micros().saturating_sub(a.dts.micros()));
        Duration::from_micros(micros.clamp(0, 10_000_000).unsigned_abs())
    }

    /// Whether pictures come so seldom that waiting for many would take too long.
    fn slow(&self, track: TrackId) -> bool {
        let mut pictures = self.frames.iter().filter(|frame| frame.track == track);
        let span = pictures.next().zip(pictures.next_back()).map(|(a, b)| b.dts.micros() - a.dts.micros());
        span.is_some_and(|micros| micros > 400_000)
    }
}

/// The declared or announced rate that the pictures of `track` keep, or the standard one that they keep without
/// saying so; none of sound.
fn rate(track: &Track, announced: Option<FrameRate>, frames: &[Frame]) -> Option<FrameRate> {
    let CodecConfig::Video(config) = &track.config else { return None };
    let pictures = || frames.iter().filter(|frame| frame.track == track.id);
    let times: Vec<i64> = pictures().map(|frame| frame.dts.micros()).collect();
    let declared = [config.frame_rate, announced].into_iter().flatten();
    if times.len() < 3 {
        return declared.into_iter().next();
    }
    let mut candidates = declared.clone().chain(measured(&times)).chain(FrameRate::STANDARD);
    candidates.find(|rate| keeps(*rate, &times, 1_500)).or_else(|| {
        let mut candidates = declared.chain(measured(&times));
        let jitters = |rate: &FrameRate| keeps(*rate, &times, 25_000) && mean_is(*rate, &times);
        // What jitters is shown at a steady rate by being decoded so; not where decode times alone are not steady.
        candidates.find(|rate| jitters(rate) && are_whole(*rate, pictures()))
    })
}

/// The mean rate of `times`, in microseconds, when it is near a standard one.
fn measured(times: &[i64]) -> Option<FrameRate> {
    let span = times.last()?.checked_sub(*times.first()?).filter(|span| *span > 0)?;
    let rate = FrameRate::nearest((times.len() - 1) as f64 * 1e6 / span as f64)?;
    FrameRate::STANDARD.contains(&rate).then_some(rate)
}

/// Whether every time is within `slack` microseconds of a whole frame of its own, and few are left out.
fn keeps(rate: FrameRate, times: &[i64], slack: i64) -> bool {
    let Some(first) = times.first() else { return false };
    let frame = rate.span(1, Timescale::MICROS).max(1);
    let mut last = -1_i64;
    let fits = times.iter().all(|time| {
        let since = time.saturating_sub(*first);
        let index = since.saturating_add(frame / 2) / frame;
        let grows = index > last;
        last = index;
        grows && since.abs_diff(rate.span(index, Timescale::MICROS)) <= slack.unsigned_abs()
    });
    fits && (last as f64) < 1.3 * (times.len() as f64 - 1.0) + 0.5
}

/// Whether composition offsets are whole frames, but for the one of all: else they make up for decode times that are
/// not those of a rate.
fn are_whole<'a>(rate: FrameRate, frames: impl Iterator<Item = &'a Frame>) -> bool {
    let mut offsets = frames.map(|frame| Ticks::new(frame.cts, frame.dts.scale).micros());
    let Some(first) = offsets.next() else { return true };
    let frame = rate.span(1, Timescale::MICROS).max(1);
    offsets.all(|offset| {
        let off = offset.saturating_sub(first).rem_euclid(frame);
        off.min(frame - off) <= 1_500
    })
}

fn mean_is(rate: FrameRate, times: &[i64]) -> bool {
    let span = times.first().zip(times.last()).map_or(0, |(a, b)| b.saturating_sub(*a));
    let expected = rate.span(times.len() as i64 - 1, Timescale::MICROS);
    span.abs_diff(expected) <= 40_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(rate: (u32, u32), count: i64) -> Vec<i64> {
        let rate = FrameRate::new(rate.0, rate.1).unwrap();
        (0..count).map(|n| (rate.span(n, Timescale::MICROS) + 500) / 1_000 * 1_000).collect()
    }

    #[test]
    fn a_rate_is_kept_by_its_own_rounded_times_and_not_by_others() {
        for rate in FrameRate::STANDARD {
            let kept = times((rate.num, rate.den), 9);
            assert!(keeps(rate, &kept, 1_500), "{rate:?}");
        }
        let film = times((24, 1), 9);
        assert!(!keeps(FrameRate::new(25, 1).unwrap(), &film, 1_500));
        assert!(!keeps(FrameRate::new(48, 1).unwrap(), &film, 1_500), "half the frames would be missing");
        assert!(!keeps(FrameRate::new(1_000, 1).unwrap(), &film, 1_500), "a timebase is not a rate");
    }

    #[test]
    fn irregular_times_keep_no_rate() {
        let irregular = [0, 40_000, 61_000, 140_000, 145_000, 230_000, 300_000, 310_000, 390_000];
        assert!(FrameRate::STANDARD.iter().all(|rate| !keeps(*rate, &irregular, 1_500)));
    }
}
