//! Writer: the machinery of a generation once its tracks are settled: timeline, packager, rings.
//!
//! It outlives its source. While nothing comes it keeps the cadence that the playlists promise with gaps;
//! a source that comes back, or another, goes on in a new epoch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::constants::Constants;
use super::error::{Error, Notice};
use super::generation::Generation;
use super::position::Report;
use super::rates::Rates;
use super::registry::Settings;
use super::ring::{Bounds, PartRing, Rendition};
use super::settle::Settled;
use super::timeline::Timeline;
use crate::media::{
    CodecConfig, Frame, FrameRate, Now, Ticks, Timescale, Track, TrackId, TrackKind, WallTime,
};
use crate::packager::{Geometry, Packager, Sealed};

/// Encoders and networks hiccup; below a second it is not worth a gap.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
/// A source whose bursts are further apart than this cannot be low latency.
const MOST_PATIENCE: Duration = Duration::from_secs(5);
/// Late frames of followers that are kept for the leader's: a few seconds of sound.
const MOST_LATE: usize = 256;

#[derive(Debug)]
pub(super) struct Writer {
    timeline: Timeline,
    packager: Packager,
    rings: Vec<PartRing>,
    tracks: Vec<Track>,
    rates: Rates,
    /// New configurations that wait for a keyframe to begin an epoch.
    pending: Vec<Track>,
    /// Whether a new source has taken over and its first keyframe is awaited.
    rejoin: bool,
    /// When the last frame came.
    heard: Instant,
    /// How late a part may be before a gap takes its place.
    patience: Duration,
    /// The longest silence since the last frame that was in time.
    silence: Duration,
    /// Frames of followers that wait for a late leader.
    late: Vec<Frame>,
    /// Renditions that have just left the ladder.
    astray: Vec<TrackId>,
    playable: bool,
    told_long_gop: bool,
}

impl Writer {
    pub(super) fn new(
        settings: &Settings,
        settled: &Settled,
        first: &Frame,
        wall: WallTime,
        announced: u64,
    ) -> Result<Self, Error> {
        let tracks = settled.tracks.clone();
        let rates = &settled.rates;
        let timeline = Timeline::new(&tracks, rates, first, wall);
        let lead = timeline.lead();
        let rate = rates.of(lead).or_else(|| sound_rate(&tracks));
        let geometry = Geometry::new(&settings.packager, rate, &rates.others(lead));
        let target = |track: &Track| geometry.part_target_of(track, rates.of(track.id));
        let hold_back = tracks.iter().map(target).max().unwrap_or_default() * 3;
        // What was announced is what all pictures take together.
        let lone = tracks.iter().filter(|track| track.id.kind == TrackKind::Video).count() == 1;
        let rings = tracks
            .iter()
            .map(|track| {
                let video = track.id.kind == TrackKind::Video;
                let constants = Constants {
                    track: track.clone(),
                    target_duration: geometry.target_duration,
                    part_target: settings.parts.then(|| target(track)),
                    part_hold_back: hold_back,
                    hold_back: Duration::from_secs(u64::from(geometry.target_duration) * 3),
                };
                let bounds = Bounds {
                    window: i64::try_from(settings.window.as_micros()).unwrap_or(i64::MAX),
                    max_bytes: settings.packager.limits.bytes,
                    announced: if video && lone { announced } else { 0 },
                };
                PartRing::new(constants, rates.of(track.id), bounds)
            })
            .collect();
        let geometry_target = geometry.part_target;
        let packager =
            Packager::new(&settings.packager, geometry, &tracks, |id| rates.of(id), timeline.epoch())?;
        let pending = Vec::new();
        Ok(Self {
            timeline,
            packager,
            rings,
            tracks,
            rates: settled.rates.clone(),
            pending,
            rejoin: false,
            heard: first.arrival,
            patience: geometry_target.max(LEAST_PATIENCE),
            silence: Duration::ZERO,
            late: Vec::new(),
            astray: Vec::new(),
            playable: false,
            told_long_gop: false,
        })
    }

    /// Whether the frames of the track that leads come at a steady rate.
    pub(super) fn steady(&self) -> bool {
        self.rates.of(self.timeline.lead()).is_some()
    }

    /// Its renditions, video first.
    pub(super) fn renditions(&self) -> Vec<Arc<Rendition>> {
        self.rings.iter().map(|ring| Arc::clone(ring.rendition())).collect()
    }

    pub(super) fn configure(&mut self, track: Track, notices: &mut Vec<Notice>) {
        self.pending.retain(|pending| pending.id != track.id);
        match self.tracks.iter().find(|known| known.id == track.id) {
            None => notices.push(Notice::LateTrack(track.id)),
            Some(known) if known.config != track.config => self.pending.push(track),
            Some(_) => {}
        }
    }

    pub(super) fn push(&mut self, frame: Frame, now: Now, notices: &mut Vec<Notice>) -> Result<(), Error> {
        let silence = frame.arrival.saturating_duration_since(self.heard);
        self.heard = frame.arrival;
        if self.packager.starved() && !self.rejoin && self.timeline.is_before(&frame, self.packager.end()) {
            return self.come_late(frame, silence, now, notices);
        }
        self.take_in(frame, now, notices)
    }

    /// A frame whose place a gap has taken: the source lost no media but time. It goes on in a new epoch,
    /// later by what was lost; what arrives of other tracks before the leader's first waits for it.
    fn come_late(
        &mut self,
        frame: Frame,
        silence: Duration,
        now: Now,
        notices: &mut Vec<Notice>,
    ) -> Result<(), Error> {
        self.silence = self.silence.max(silence);
        if frame.track != self.timeline.lead() {
            if self.late.len() < MOST_LATE {
                self.late.push(frame);
            }
            return Ok(());
        }
        notices.push(Notice::Stalled { millis: u64::try_from(self.silence.as_millis()).unwrap_or(u64::MAX) });
        // A source that comes in bursts is not to be taken for a dead one again.
        self.patience = self.patience.max(self.silence * 3 / 2).min(MOST_PATIENCE);
        self.silence = Duration::ZERO;
        self.timeline.reach(self.packager.end());
        self.timeline.shift(&self.tracks, &self.rates, &frame);
        self.packager.begin_epoch(self.timeline.epoch(), &[])?;
        self.take_sealed();
        self.take_in(frame, now, notices)?;
        std::mem::take(&mut self.late).into_iter().try_for_each(|frame| self.take_in(frame, now, notices))
    }

    fn take_in(&mut self, frame: Frame, now: Now, notices: &mut Vec<Notice>) -> Result<(), Error> {
        let due = self.rejoin || self.timeline.jumped().is_some() || !self.pending.is_empty();
        if due && frame.track == self.timeline.lead() && frame.key {
            self.begin_epoch(&frame, now, notices)?;
        }
        // A frame of a source or a configuration that has not begun has no place yet.
        if self.rejoin || self.pending.iter().any(|track| track.id == frame.track) {
            return Ok(());
        }
        let Some(frame) = self.timeline.place(frame) else { return Ok(()) };
        if let Some(ring) = self.rings.iter().find(|ring| ring.id() == frame.track) {
            ring.keep(frame.clone());
        }
        self.packager.push(frame)?;
        if let Some(gop) = self.packager.long_gop().filter(|_| !self.told_long_gop) {
            self.told_long_gop = true;
            notices.push(Notice::LongGop { millis: gop.micros() / 1_000 });
        }
        self.take_sealed();
        notices.extend(self.astray.drain(..).map(Notice::Misaligned));
        Ok(())
    }

    fn begin_epoch(&mut self, first: &Frame, now: Now, notices: &mut Vec<Notice>) -> Result<(), Error> {
        let changed = std::mem::take(&mut self.pending);
        if !std::mem::take(&mut self.rejoin) {
            notices.extend(self.timeline.jumped().map(Notice::ClockJump));
        }
        notices.extend(changed.iter().map(|track| Notice::NewConfig(track.id)));
        for track in &changed {
            if let CodecConfig::Video(video) = &track.config {
                self.rates.set(track.id, video.frame_rate);
            }
            if let Some(known) = self.tracks.iter_mut().find(|known| known.id == track.id) {
                known.clone_from(track);
            }
        }
        self.timeline.reach(self.packager.end());
        self.timeline.begin(&self.tracks, &self.rates, first, now.wall);
        self.packager.begin_epoch(self.timeline.epoch(), &changed)?;
        self.take_sealed();
        Ok(())
    }

    /// Lets another source go on where the last one stopped, in a new epoch from its first keyframe.
    pub(super) fn rejoin(&mut self) {
        self.rejoin = true;
        self.pending.clear();
        self.late.clear();
        self.told_long_gop = false;
    }

    /// When the last frame came.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// When the next part must be out, come what may: so long after it would have been complete that its
    /// frames are more likely lost than late, and not so long that players give up waiting.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.packager.due()?;
        self.timeline.arrival_of(due).map(|at| at + self.patience)
    }

    /// Publishes gaps for the parts that are overdue at `now`.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        if let Some(media) = self.timeline.now(now) {
            let patience = i64::try_from(self.patience.as_micros()).unwrap_or(i64::MAX);
            let overdue = media.micros().saturating_sub(patience);
            self.packager.starve(Ticks::new(overdue, Timescale::MICROS));
            self.take_sealed();
        }
    }

    pub(super) fn end(&mut self) {
        self.packager.finish();
        self.take_sealed();
        self.rings.iter_mut().for_each(PartRing::end);
    }

    fn take_sealed(&mut self) {
        while let Some(sealed) = self.packager.pull() {
            let track = sealed.track();
            let opened = match &sealed {
                Sealed::Opened(_, head) if !head.independent => Some(head.msn),
                Sealed::Opened(..) | Sealed::Part(..) | Sealed::Segment(..) => None,
            };
            let lead = self.rings.iter().find(|ring| ring.id() == self.timeline.lead());
            let astray = opened.filter(|msn| lead.and_then(|lead| lead.independent(*msn)) == Some(true));
            let Some(ring) = self.rings.iter_mut().find(|ring| ring.id() == track) else { continue };
            ring.apply(sealed);
            if let Some(msn) = astray.filter(|_| track.kind == TrackKind::Video)
                && ring.misalign(msn)
            {
                self.astray.push(track);
            }
        }
    }

    /// Shows readers every rendition that changed, each with where the others are.
    pub(super) fn publish(&mut self, generation: &Generation) {
        if !self.rings.iter().any(PartRing::dirty) {
            return;
        }
        let at: Vec<_> = self.rings.iter().map(|ring| (ring.id(), ring.last())).collect();
        for ring in self.rings.iter_mut().filter(|ring| ring.dirty()) {
            let id = ring.id();
            let others = at.iter().filter(|(track, _)| *track != id);
            let reports = others.filter_map(|(track, last)| Some(Report { track: *track, last: (*last)? }));
            ring.publish(reports.collect());
        }
        if !self.playable && generation.playable() {
            self.playable = true;
            generation.wake();
        }
    }
}

/// The rate at which sound comes, where it leads: frames of a fixed number of samples.
fn sound_rate(tracks: &[Track]) -> Option<FrameRate> {
    match &tracks.first()?.config {
        CodecConfig::Audio(audio) => FrameRate::new(audio.sample_rate.per_second(), audio.frame_samples),
        CodecConfig::Video(_) => None,
    }
}
