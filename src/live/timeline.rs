//! Timeline: the generation's one clock. It maps each epoch's audio and video jointly, so that their
//! offset is never lost, and stays monotonic whatever the source's timestamps do.
//!
//! ```text
//!   source ms      0 ····· 80 (first key picture) ········▶   jittery, arbitrary zero, may jump
//!                          │ origin
//!   media ticks           1 s (epoch.media) ··············▶   exact grids, never backwards
//! ```
//! Video decode times are moved on by the first keyframe's composition offset, and every offset is
//! reduced by it: presentation times stay, and the first one of a GOP equals its decode time, as `cmf2`
//! wants without an edit list. The amount is taken once an epoch, never per GOP.

use std::time::{Duration, Instant};

use super::clock::{Clock, FIRST_STEP, Grid};
use super::rates::Rates;
use crate::codec;
use crate::media::{
    AudioConfig, CodecConfig, Frame, Ticks, Timescale, Track, TrackId, TrackKind, WallTime, rescale,
};
use crate::packager::Epoch;

/// Media time at which a generation starts: room for the audio frame that began before the first picture.
const LEAD_IN: Ticks = Ticks { value: 90_000, scale: Timescale::VIDEO };
/// A step back by more than this, or forward by more than was waited, is not the same clock any more.
const JUMP_BACK_MS: i64 = 1_000;
const JUMP_AHEAD_MS: i64 = 3_000;
/// How far the first frame of a track may be from the leader where their clocks are known to go together: muxers hold one
/// while they wait for the other, ffmpeg this long.
const HELD_MS: i64 = 10_000;
/// How far a cue may be behind and ahead of the last frame, in microseconds.
const CUE_BEHIND: i64 = 10_000_000;
const CUE_AHEAD: i64 = 65_000_000;
/// Frames in a row that must agree on a new clock before it is believed.
const AGREE: u32 = 3;

/// One track within the current epoch.
#[derive(Debug)]
struct TrackTime {
    id: TrackId,
    scale: Timescale,
    clock: Clock,
    /// How its frames are to be read for how long they last; `None` for video.
    sound: Option<AudioConfig>,
    /// Source time, in milliseconds, of the epoch's start.
    origin: i64,
    /// Milliseconds by which decode times are moved on and offsets reduced; not known before its first picture
    /// where it follows, so that keyframes that are shown together are cut together.
    delay: Option<i64>,
    /// Decode time and arrival of its last frame in this epoch.
    last: Option<(i64, Instant)>,
    /// Whether its source has the leader's clock, whatever it seems to say.
    believed: bool,
    /// Whether it is known how its clock is to the leader's: what is far from that is early or late, then.
    known: bool,
    /// The last unbelievable source time, and how many in a row agreed.
    stray: Option<(i64, u32)>,
}

/// The generation's clock.
#[derive(Debug)]
pub(super) struct Timeline {
    lead: TrackId,
    epoch: Epoch,
    /// When the frame arrived that the epoch starts with.
    began: Instant,
    tracks: Vec<TrackTime>,
    /// Tracks of sources that have the leader's clock.
    believed: Vec<TrackId>,
    /// End of the latest frame placed, in microseconds of media time.
    end: i64,
    /// Where gaps have come to that stand for frames of the leader, in microseconds of media time.
    gaps: i64,
    jumped: Option<TrackId>,
}

impl Timeline {
    /// A timeline whose first epoch starts with `first`, a keyframe of the track that leads and one of the frames that were
    /// `kept` so far. Timestamps of the tracks in `believed`, of sources with one clock, are not doubted.
    pub(super) fn new(
        tracks: &[Track],
        rates: &Rates,
        first: &Frame,
        kept: &[Frame],
        wall: WallTime,
        believed: &[TrackId],
    ) -> Self {
        let epoch = Epoch { number: 0, media: LEAD_IN, wall };
        let believed = believed.iter().copied().filter(|id| *id != first.track).collect();
        let (lead, tracks_time) = (first.track, Vec::new());
        let began = first.arrival;
        let (end, gaps, jumped) = (0, 0, None);
        let mut timeline = Self { lead, epoch, began, tracks: tracks_time, believed, end, gaps, jumped };
        timeline.start(tracks, rates, first, &[(first.track, offset_of(first))]);
        let near = near(first.track, kept);
        timeline.tracks.iter_mut().for_each(|time| time.known = near.contains(&time.id));
        timeline
    }

    /// Whether `frame` belongs wholly before `media`, by the mapping so far.
    pub(super) fn is_before(&self, frame: &Frame, media: Ticks) -> bool {
        let Some(time) = self.tracks.iter().find(|time| time.id == frame.track) else { return false };
        let source = frame.dts.to(Timescale::MILLIS).value.saturating_add(time.delay.unwrap_or(0));
        let at = time.at(source, self.epoch.media.to(time.scale).value);
        // Half a frame of sound is less than anybody notices, and more than rounding.
        Ticks::new(at, time.scale).micros().saturating_add(10_000) < media.micros()
    }

    /// Begins a new epoch with `first`, any frame of the leading track, of a source that goes on as before
    /// but has lost time: the same rate, the same offset, and the dates that its clock gives it. What comes
    /// late is late: a date by its arrival would put what follows into the future.
    pub(super) fn shift(&mut self, tracks: &[Track], rates: &Rates, first: &Frame) {
        let lead = self.tracks.iter().find(|time| time.id == self.lead);
        let delay = lead.and_then(|time| time.delay).unwrap_or(0);
        let source = first.dts.to(Timescale::MILLIS).value.saturating_add(delay);
        let origin = lead.map_or(source, |time| time.origin);
        let since = source.saturating_sub(origin);
        let heard = self.tracks.iter().filter(|time| time.last.is_some());
        let apart: Vec<_> = heard.map(|time| (time.id, time.origin.saturating_sub(origin))).collect();
        self.next_epoch(self.epoch.wall.plus_micros(since.saturating_mul(1_000)));
        let delays: Vec<_> = self.tracks.iter().filter_map(|time| Some((time.id, time.delay?))).collect();
        self.start(tracks, rates, first, &delays);
        for time in &mut self.tracks {
            if let Some((_, apart)) = apart.iter().find(|(track, _)| *track == time.id) {
                (time.origin, time.known) = (time.origin.saturating_add(*apart), true);
            }
        }
    }

    /// The current epoch.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The track whose keyframes begin epochs.
    pub(super) fn lead(&self) -> TrackId {
        self.lead
    }

    /// The track whose clock has jumped for good: a new epoch should begin at the next keyframe.
    pub(super) fn jumped(&self) -> Option<TrackId> {
        self.jumped
    }

    /// Media time at `at`, by the leader's last frame and the time since.
    pub(super) fn now(&self, at: Instant) -> Option<Ticks> {
        self.tracks.iter().find(|time| time.id == self.lead)?.now(at)
    }

    /// When the leader's last frame arrived.
    pub(super) fn heard(&self) -> Option<Instant> {
        self.tracks.iter().find(|time| time.id == self.lead)?.last.map(|(_, arrival)| arrival)
    }

    /// Wall time of `source` milliseconds of the leader's clock, by the same mapping as the segments' dates, when
    /// that is near its last frame; else of `at`: what a source says of another time it cannot mean.
    pub(super) fn date_of(&self, source: i64, at: Instant) -> Option<WallTime> {
        let lead = self.tracks.iter().find(|time| time.id == self.lead)?;
        let since_epoch = lead.now(at)?.micros().saturating_sub(self.epoch.media.micros());
        let said = source.saturating_sub(lead.origin).saturating_mul(1_000);
        let near = (-CUE_BEHIND..=CUE_AHEAD).contains(&said.saturating_sub(since_epoch));
        let micros = if near && self.jumped.is_none() { said } else { since_epoch };
        // What comes before the first picture belongs to it.
        Some(self.epoch.wall.plus_micros(micros.max(0)))
    }

    /// When the leader's frame that ends at `media` should have arrived, by its last one.
    pub(super) fn arrival_of(&self, media: Ticks) -> Option<Instant> {
        let lead = self.tracks.iter().find(|time| time.id == self.lead)?;
        let (dts, last) = lead.last?;
        let ahead = media.micros().saturating_sub(Ticks::new(dts, lead.scale).micros());
        Some(last + Duration::from_micros(ahead.max(0).unsigned_abs()))
    }

    /// Time has gone on to `media` at least, though no frame said so.
    pub(super) fn reach(&mut self, media: Ticks) {
        self.end = self.end.max(media.micros());
    }

    /// Gaps up to `media` stand where frames of the leader should be: what has no time that can be believed is not from
    /// before.
    pub(super) fn pass(&mut self, media: Ticks) {
        self.gaps = media.micros();
    }

    /// Begins a new epoch with `first`, a keyframe of the leading track, right after the last frame.
    pub(super) fn begin(&mut self, tracks: &[Track], rates: &Rates, first: &Frame, wall: WallTime) {
        self.next_epoch(wall);
        self.start(tracks, rates, first, &[(first.track, offset_of(first))]);
    }

    fn next_epoch(&mut self, wall: WallTime) {
        let media = Ticks::new(self.end, Timescale::MICROS).to(Timescale::VIDEO);
        self.epoch = Epoch { number: self.epoch.number.saturating_add(1), media, wall };
        self.jumped = None;
    }

    fn start(&mut self, tracks: &[Track], rates: &Rates, first: &Frame, delays: &[(TrackId, i64)]) {
        let delay_of = |id: TrackId| match id.kind {
            TrackKind::Video => delays.iter().find(|(track, _)| *track == id).map(|(_, delay)| *delay),
            TrackKind::Audio => Some(0),
        };
        let delay = delay_of(first.track).unwrap_or(0);
        let origin = first.dts.to(Timescale::MILLIS).value.saturating_add(delay);
        let media = self.epoch.media;
        self.began = first.arrival;
        self.tracks = tracks
            .iter()
            .map(|track| {
                let scale = track.timescale();
                let base = media.to(scale).value;
                let grid = match (&track.config, rates.of(track.id)) {
                    (CodecConfig::Video(_), Some(rate)) => {
                        Grid::Rate { rate, anchor: base, next: 0, noise: 0 }
                    }
                    (CodecConfig::Video(_), None) => Grid::Free { last: None, step: FIRST_STEP },
                    (CodecConfig::Audio(audio), _) => {
                        Grid::Samples { frame: i64::from(audio.frame_samples.max(1)), next: base }
                    }
                };
                let delay = delay_of(track.id);
                let clock = Clock::new(scale, grid);
                let sound = match &track.config {
                    CodecConfig::Video(_) => None,
                    CodecConfig::Audio(audio) => Some(audio.clone()),
                };
                let believed = self.believed.contains(&track.id);
                TrackTime {
                    id: track.id,
                    scale,
                    clock,
                    sound,
                    origin,
                    delay,
                    last: None,
                    believed,
                    known: false,
                    stray: None,
                }
            })
            .collect();
    }

    /// The frame on the generation's clock; `None` when it began before the epoch did, or has no track.
    pub(super) fn place(&mut self, frame: Frame) -> Option<Frame> {
        let media = self.epoch.media;
        let lead = self.tracks.iter().find(|time| time.id == self.lead);
        let now = lead.and_then(|time| time.now(frame.arrival));
        // What came before the first frame of the leader was that much earlier.
        let early =
            i64::try_from(self.began.saturating_duration_since(frame.arrival).as_micros()).unwrap_or(0);
        let early =
            now.is_none().then(|| Ticks::new(media.micros().saturating_sub(early), Timescale::MICROS));
        let time = self.tracks.iter_mut().find(|time| time.id == frame.track)?;
        let delay = *time.delay.get_or_insert_with(|| offset_of(&frame));
        let source = frame.dts.to(Timescale::MILLIS).value.saturating_add(delay);
        let base = media.to(time.scale).value;
        // Where the clock of all of them has jumped, followers are not to go there before the leader does.
        let far = time.believed && now.is_some_and(|now| time.is_far(time.at(source, base), now));
        if time.last.is_none() && (far || !time.begin(source, base, now.or(early))) {
            // A picture from before the epoch says nothing of those in it.
            time.delay =
                time.delay.filter(|_| frame.track.kind == TrackKind::Audio || frame.track == self.lead);
            return None;
        }
        let at = time.at(source, base);
        let offset = offset_of(&frame).saturating_sub(delay);
        let from = Ticks::new(self.gaps, Timescale::MICROS).to(time.scale).value;
        // A frame that its own codec cannot measure lasts as long as the one before it.
        if let Some(Ok(samples)) = time.sound.as_ref().map(|sound| codec::samples(sound, &frame.payload)) {
            time.clock.lasting(samples.into());
        }
        let place = if far {
            time.clock.restamp(at, from)
        } else if time.jumps(at, source, frame.arrival) {
            if time.stray.is_some_and(|(_, agreed)| agreed >= AGREE) {
                self.jumped = Some(frame.track);
            }
            time.clock.restamp(at, from)
        } else {
            time.stray = None;
            time.clock.heed(at, offset);
            time.clock.place(at)
        };
        time.last = Some((place.dts, frame.arrival));
        let cts = time.clock.offset(offset);
        let end = place.dts.saturating_add(place.duration.unwrap_or(1));
        self.end = self.end.max(rescale(end, time.scale, Timescale::MICROS).saturating_add(1));
        Some(Frame { dts: Ticks::new(place.dts, time.scale), cts, duration: place.duration, ..frame })
    }

    /// The frame that was just placed, decoded as early as its source had it: never after it is shown, as whoever gets
    /// frames one by one must have it. What segments need is taken back; it is shown when it was.
    pub(super) fn in_order(&self, frame: &Frame) -> Frame {
        let time = self.tracks.iter().find(|time| time.id == frame.track);
        let back = time.map_or(0, |time| time.clock.offset(time.delay.unwrap_or(0).saturating_neg()));
        // Nothing is decoded before there was time.
        let back = back.max(frame.dts.value.saturating_neg());
        let dts = Ticks::new(frame.dts.value.saturating_add(back), frame.dts.scale);
        Frame { dts, cts: frame.cts.saturating_sub(back), ..frame.clone() }
    }
}

/// The tracks of which one of the `kept` frames is near the leader's that it came with: they have one clock, though sound that
/// was held until the first picture may begin long before that.
fn near(lead: TrackId, kept: &[Frame]) -> Vec<TrackId> {
    let (mut near, mut last) = (Vec::new(), None::<&Frame>);
    for frame in kept {
        if frame.track == lead {
            last = Some(frame);
        }
        let Some(last) = last else { continue };
        let since = frame.arrival.saturating_duration_since(last.arrival).as_micros();
        let off = frame.dts.micros().saturating_sub(last.dts.micros());
        let off = off.saturating_sub(i64::try_from(since).unwrap_or(i64::MAX));
        if off.saturating_abs() <= JUMP_AHEAD_MS * 1_000 && !near.contains(&frame.track) {
            near.push(frame.track);
        }
    }
    near
}

/// A frame's composition offset in milliseconds.
fn offset_of(frame: &Frame) -> i64 {
    Ticks::new(frame.cts, frame.dts.scale).to(Timescale::MILLIS).value
}

impl TrackTime {
    /// Media time at `arrival`, by the last frame and the time since. To the microsecond, as deadlines are: in ticks
    /// of another scale than the packager's it could fall short of what a deadline was for.
    fn now(&self, arrival: Instant) -> Option<Ticks> {
        let (dts, last) = self.last?;
        let since = i64::try_from(arrival.saturating_duration_since(last).as_micros()).unwrap_or(0);
        Some(Ticks::new(Ticks::new(dts, self.scale).micros().saturating_add(since), Timescale::MICROS))
    }

    /// Media time of `source` milliseconds under the epoch's mapping.
    fn at(&self, source: i64, base: i64) -> i64 {
        base.saturating_add(Ticks::millis(source.saturating_sub(self.origin)).to(self.scale).value)
    }

    /// Whether `at` cannot be near `lead`, where the leader is.
    fn is_far(&self, at: i64, lead: Ticks) -> bool {
        let off = at.saturating_sub(lead.to(self.scale).value);
        Ticks::new(off, self.scale).to(Timescale::MILLIS).value.saturating_abs() > JUMP_AHEAD_MS
    }

    /// Fixes the mapping with the track's first frame of the epoch; whether that frame is part of it.
    ///
    /// Sound may begin a frame before the first picture. A track whose origin is far from the leader's
    /// runs on a clock of its own: what arrives together belongs together.
    fn begin(&mut self, source: i64, base: i64, lead: Option<Ticks>) -> bool {
        let lead = lead.map_or(base, |lead| lead.to(self.scale).value);
        let off =
            Ticks::new(self.at(source, base).saturating_sub(lead), self.scale).to(Timescale::MILLIS).value;
        let most = if self.known { HELD_MS } else { JUMP_AHEAD_MS };
        if off.saturating_abs() > most && !self.believed {
            self.origin = self.origin.saturating_add(off);
        }
        let at = self.at(source, base);
        let rounding = i64::from(self.scale.per_second()) / 500;
        let Grid::Samples { frame, next } = self.clock.grid_mut() else {
            return at >= base.saturating_sub(rounding);
        };
        if at < base.saturating_sub(*frame).saturating_sub(rounding) {
            return false;
        }
        *next = at;
        true
    }

    /// Whether `at` cannot be the same clock going on.
    fn jumps(&mut self, at: i64, source: i64, arrival: Instant) -> bool {
        let Some((expected, (_, last))) = self.clock.expected().zip(self.last) else { return false };
        let off = Ticks::new(at.saturating_sub(expected), self.scale).to(Timescale::MILLIS).value;
        let waited = i64::try_from(arrival.saturating_duration_since(last).as_millis()).unwrap_or(i64::MAX);
        if self.believed || off >= -JUMP_BACK_MS && off.saturating_sub(waited) <= JUMP_AHEAD_MS {
            return false;
        }
        let agreed = match self.stray {
            Some((before, agreed)) if source.saturating_sub(before).abs() < JUMP_BACK_MS => {
                agreed.saturating_add(1)
            }
            _ => 1,
        };
        self.stray = Some((source, agreed));
        true
    }
}
