//! Writer: the machinery of a generation once its tracks are settled: timeline, packager, rings.
//!
//! It outlives its source. While nothing comes it keeps the cadence that the playlists promise with gaps;
//! a source that comes back, or another, goes on in a new epoch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::constants::Constants;
use super::cues::Cues;
use super::error::{Error, Notice};
use super::generation::Generation;
use super::moment::{Moment, Moments};
use super::position::Report;
use super::rates::Rates;
use super::readers::Ring;
use super::registry::Settings;
use super::ring::{Bounds, PartRing, Rendition};
use super::settle::Settled;
use super::timeline::Timeline;
use crate::media::{
    CodecConfig, Cue, Frame, FrameRate, Hits, Limit, Now, Ticks, Timescale, Track, TrackId, TrackKind,
    WallTime,
};
use crate::packager::{Geometry, Packager, Sealed};

/// Encoders and networks hiccup; below this it is not worth a gap. With the half second of the part that is waited
/// for it is less than players keep from the end (PART-HOLD-BACK).
const LEAST_PATIENCE: Duration = Duration::from_millis(750);
/// A source whose bursts are further apart than this cannot be low latency.
const MOST_PATIENCE: Duration = Duration::from_secs(5);
/// Late frames of followers that are kept for the leader's: a few seconds of sound.
const MOST_LATE: usize = 256;

#[derive(Debug)]
pub(super) struct Writer {
    timeline: Timeline,
    packager: Packager,
    rings: Vec<PartRing>,
    moments: Moments,
    tracks: Vec<Track>,
    rates: Rates,
    /// New configurations that wait for a keyframe to begin an epoch.
    pending: Vec<Track>,
    /// Whether its source is gone, and the first keyframe of the next one is awaited.
    rejoin: bool,
    /// When the last frame came.
    heard: Instant,
    /// How late a part may be before a gap takes its place, while there is a source.
    patience: Duration,
    /// How long after the last segment the next one must be out.
    hurry: Duration,
    /// The longest silence since the last frame that was in time.
    silence: Duration,
    /// Frames of followers that wait for a late leader.
    late: Vec<Frame>,
    /// Tracks that were configured in time and have sent nothing yet.
    silent: Vec<TrackId>,
    /// Renditions that have just left the ladder.
    astray: Vec<TrackId>,
    /// What the source said of moments.
    cues: Cues,
    playable: bool,
    told_long_gop: bool,
    told_cues: bool,
    /// Tracks whose frames find no room.
    choked: Vec<TrackId>,
    /// Limits that cut something short.
    hits: Hits,
}

impl Writer {
    pub(super) fn new(
        settings: &Settings,
        settled: &Settled,
        first: &Frame,
        wall: WallTime,
        announced: u64,
        moments: Arc<Ring<Moment>>,
    ) -> Result<Self, Error> {
        let tracks = settled.tracks.clone();
        let rates = &settled.rates;
        let timeline = Timeline::new(&tracks, rates, first, &settled.frames, wall, &settled.declared);
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
                let bounds = Bounds::of(settings, if video && lone { announced } else { 0 });
                PartRing::new(constants, rates.of(track.id), bounds)
            })
            .collect();
        let (part_target, target_duration) = (geometry.part_target, geometry.target_duration);
        let packager =
            Packager::new(&settings.packager, geometry, &tracks, |id| rates.of(id), timeline.epoch())?;
        Ok(Self {
            timeline,
            packager,
            rings,
            moments: Moments::new(moments),
            tracks,
            rates: settled.rates.clone(),
            pending: Vec::new(),
            rejoin: false,
            heard: first.arrival,
            patience: part_target.max(LEAST_PATIENCE),
            hurry: longest_wait(target_duration),
            silence: Duration::ZERO,
            late: Vec::new(),
            silent: settled.silent.clone(),
            astray: Vec::new(),
            cues: Cues::default(),
            playable: false,
            told_long_gop: false,
            told_cues: false,
            choked: Vec::new(),
            hits: Hits::default(),
        })
    }

    /// Whether the frames of the track that leads come at a steady rate.
    pub(super) fn steady(&self) -> bool {
        self.rates.of(self.timeline.lead()).is_some()
    }

    /// The limits that cut something short since this was last called.
    pub(super) fn hits(&mut self) -> Hits {
        self.hits.join(self.packager.hits());
        self.rings.iter_mut().for_each(|ring| self.hits.join(ring.hits()));
        std::mem::take(&mut self.hits)
    }

    /// Its renditions, video first.
    pub(super) fn renditions(&self) -> Vec<Arc<Rendition>> {
        self.rings.iter().map(|ring| Arc::clone(ring.rendition())).collect()
    }

    pub(super) fn configure(&mut self, track: Track, now: Instant, notices: &mut Vec<Notice>) {
        self.pending.retain(|pending| pending.id != track.id);
        let Some(known) = self.tracks.iter().find(|known| known.id == track.id) else {
            self.silent.retain(|silent| *silent != track.id);
            return notices.push(Notice::LateTrack(track.id));
        };
        // One that cannot be packaged is refused when its first keyframe comes.
        let _unfit = self.packager.announce(&track);
        if known.config != track.config {
            self.pending.push(track);
        }
        self.take_sealed(now);
    }

    pub(super) fn push(&mut self, frame: Frame, now: Now, notices: &mut Vec<Notice>) -> Result<(), Error> {
        let silence = frame.arrival.saturating_duration_since(self.heard);
        self.heard = frame.arrival;
        let late = self.silent.extract_if(.., |track| *track == frame.track);
        notices.extend(late.map(Notice::LateTrack));
        if self.packager.starved() && !self.rejoin && self.timeline.is_before(&frame, self.packager.end()) {
            return self.come_late(frame, silence, now, notices);
        }
        if !self.late.is_empty() {
            // The leader had nothing to send: what others sent meanwhile was no later than it should be. Nor was what
            // another of the same track follows in time: it comes before that.
            let lead = self.timeline.lead();
            let due = |late: &mut Frame| frame.track == lead || late.track == frame.track;
            let late: Vec<Frame> = self.late.extract_if(.., due).collect();
            late.into_iter().try_for_each(|frame| self.take_in(frame, now, notices))?;
        }
        self.take_in(frame, now, notices)
    }

    /// Takes what the source says of a moment. Readers see it with the next part: a state never changes.
    pub(super) fn cue(&mut self, cue: Cue, now: Now, notices: &mut Vec<Notice>) {
        // A source that has not begun has no clock that is known.
        let source = if self.rejoin { i64::MIN } else { cue.at };
        let start = self.timeline.date_of(source, now.mono).unwrap_or(now.wall);
        let msn = self.rings.iter().map(PartRing::next_msn).max().unwrap_or(1);
        if !self.cues.add(cue, start, msn) {
            self.hits.add(Limit::Cues);
            if !std::mem::replace(&mut self.told_cues, true) {
                notices.push(Notice::TooManyCues);
            }
        }
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
        let pending = self.pending.iter().any(|track| track.id == frame.track);
        if pending && !frame.key {
            // It is not shown, and nor is what came with it: gaps go on until its keyframe, which begins the epoch.
            self.late.clear();
            return Ok(());
        }
        notices.push(Notice::Stalled { millis: u64::try_from(self.silence.as_millis()).unwrap_or(u64::MAX) });
        // A source that comes in bursts is not to be taken for a dead one again.
        self.patience = self.patience.max(self.silence * 3 / 2).min(MOST_PATIENCE);
        self.silence = Duration::ZERO;
        if !pending {
            self.timeline.reach(self.packager.end());
            self.timeline.shift(&self.tracks, &self.rates, &frame);
            self.packager.begin_epoch(self.timeline.epoch(), &[])?;
            self.take_sealed(now.mono);
        }
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
        if self.packager.starved() {
            self.timeline.pass(self.packager.end());
        }
        let Some(frame) = self.timeline.place(frame) else { return Ok(()) };
        if self.chokes(&frame) {
            return Ok(());
        }
        let (timeline, tracks) = (&self.timeline, &self.tracks);
        self.moments.keep(timeline.in_order(&frame), timeline.epoch().number, timeline.lead(), tracks);
        self.packager.push(frame)?;
        if let Some(gop) = self.packager.long_gop().filter(|_| !self.told_long_gop) {
            self.told_long_gop = true;
            notices.push(Notice::LongGop { millis: gop.micros() / 1_000 });
        }
        self.take_sealed(now.mono);
        notices.extend(self.astray.drain(..).map(Notice::Misaligned));
        let lead = self.timeline.lead();
        let lead = self.rings.iter().find(|ring| ring.id() == lead);
        let overfull = lead.and_then(|ring| Some((ring.id(), ring.overfull()?)));
        overfull.map_or(Ok(()), |(track, (bytes, most))| Err(Error::TooMuch { track, bytes, most }))
    }

    /// Whether there is no room for the frame of a track that does not lead: what playlists must list of it is more
    /// than there may be. Its next keyframe goes on where there is room again.
    fn chokes(&mut self, frame: &Frame) -> bool {
        let ring = self.rings.iter().find(|ring| ring.id() == frame.track);
        let over = frame.track != self.timeline.lead() && ring.is_some_and(|ring| ring.overfull().is_some());
        if over {
            self.hits.add(Limit::RingBytes);
        }
        if over && !self.choked.contains(&frame.track) {
            self.choked.push(frame.track);
        } else if !over && frame.key && !self.choked.is_empty() {
            self.choked.retain(|track| *track != frame.track);
        }
        self.choked.contains(&frame.track)
    }

    fn begin_epoch(&mut self, first: &Frame, now: Now, notices: &mut Vec<Notice>) -> Result<(), Error> {
        let changed = std::mem::take(&mut self.pending);
        if std::mem::take(&mut self.rejoin) {
            // Time went on without a source: the new one's begins where it is now, not at the last whole part.
            self.timeline.now(now.mono).into_iter().for_each(|media| self.packager.break_off(media));
        } else {
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
        self.take_sealed(now.mono);
        Ok(())
    }

    /// Its source is gone: nothing more of it is waited for. Another one goes on where it stopped, in a new epoch
    /// from its first keyframe.
    pub(super) fn lose(&mut self, now: Instant) {
        self.rejoin = true;
        self.packager.hurry();
        self.packager.retract();
        self.pending.clear();
        self.late.clear();
        self.told_long_gop = false;
        self.take_sealed(now);
    }

    /// When the last frame came.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// When the next part or segment must be out, come what may: a part so long after it would have been complete
    /// that its frames are more likely lost than late, a segment as RFC 8216bis §6.2.1 has it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.packager.due()?;
        let due = Ticks::new(due.micros().saturating_add(self.lateness()), Timescale::MICROS);
        let segments = self.rings.iter().filter_map(PartRing::closed).map(|at| at + self.hurry);
        let others = self.silent_from().filter(|_| self.packager.lags());
        self.timeline.arrival_of(due).into_iter().chain(others).chain(segments).min()
    }

    /// When what others lack is given up, for nothing of the leader has come since: where it comes seldom, that is not
    /// before two of its frames should have.
    fn silent_from(&self) -> Option<Instant> {
        let patience = self.patience.max(Duration::from_micros(self.frame().unsigned_abs()) * 2);
        self.timeline.heard().map(|at| at + patience)
    }

    /// How long a frame of the leader lasts, in microseconds, where they come at a steady rate.
    fn frame(&self) -> i64 {
        self.rates.of(self.timeline.lead()).map_or(0, |rate| rate.span(1, Timescale::MICROS))
    }

    /// How much later than it should be complete a part is given up, in microseconds. With no source that is when
    /// its last frame should have come, a frame before it should end: the last part did not wait longer either.
    fn lateness(&self) -> i64 {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        if self.rejoin { self.frame().saturating_neg() } else { micros(self.patience) }
    }

    /// Publishes gaps for the parts that are overdue at `now`, and ends segments that are.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        let Some(media) = self.timeline.now(now) else { return };
        let overdue = media.micros().saturating_sub(self.lateness());
        self.packager.starve(Ticks::new(overdue, Timescale::MICROS));
        if self.silent_from().is_some_and(|at| at <= now) {
            // Nothing of the leader comes, nor what others lack before its last cut.
            self.packager.hurry();
        }
        self.take_sealed(now);
        let (hurry, lead) = (self.hurry, self.timeline.lead());
        let overdue = |ring: &&mut PartRing| ring.closed().is_some_and(|at| at + hurry <= now);
        let late: Vec<_> = self.rings.iter_mut().filter(overdue).collect();
        if late.is_empty() {
            return;
        }
        if late.iter().any(|ring| ring.id() == lead) {
            self.packager.break_off(media);
        } else {
            late.iter().for_each(|ring| self.packager.end_segment(ring.id()));
        }
        // Whether or not there was anything to close: it is not to be tried again at once.
        late.into_iter().for_each(|ring| ring.excuse(now));
        self.take_sealed(now);
    }

    pub(super) fn end(&mut self, now: Instant) {
        self.packager.finish();
        self.take_sealed(now);
        self.rings.iter_mut().for_each(PartRing::end);
    }

    fn take_sealed(&mut self, now: Instant) {
        while let Some(sealed) = self.packager.pull() {
            let track = sealed.track();
            let opened = match &sealed {
                Sealed::Opened(_, head) if !head.independent => Some(head.msn),
                Sealed::Opened(..) | Sealed::Part(..) | Sealed::Segment(..) | Sealed::NextInit(..) => None,
            };
            let lead = self.rings.iter().find(|ring| ring.id() == self.timeline.lead());
            let astray = opened.filter(|msn| lead.and_then(|lead| lead.independent(*msn)) == Some(true));
            let Some(ring) = self.rings.iter_mut().find(|ring| ring.id() == track) else { continue };
            ring.apply(sealed, now);
            if let Some(msn) = astray.filter(|_| track.kind == TrackKind::Video)
                && ring.misalign(msn)
            {
                self.astray.push(track);
            }
        }
    }

    /// Lets the cues go that are over in every rendition.
    fn settle_cues(&mut self) {
        let starts: Option<Vec<_>> = self.rings.iter().map(PartRing::starts).collect();
        let Some(start) = starts.and_then(|starts| starts.into_iter().min()) else { return };
        if !self.cues.is_empty() {
            let next = self.rings.iter().map(PartRing::next_msn).max().unwrap_or(1);
            let kept = self.rings.iter().map(PartRing::kept_from).min().unwrap_or(0);
            self.cues.settle(start, next, kept);
        }
    }

    /// Shows readers every rendition that changed, each with where the others are; and those that did not, when
    /// another has come that they do not tell of yet.
    pub(super) fn publish(&mut self, generation: &Generation) {
        if !self.rings.iter().any(PartRing::dirty) {
            return;
        }
        self.settle_cues();
        let at: Vec<_> = self.rings.iter().map(|ring| (ring.id(), ring.last())).collect();
        for ring in &mut self.rings {
            let id = ring.id();
            let others = at.iter().filter(|(track, _)| *track != id);
            let reports = others.filter_map(|(track, last)| Some(Report { track: *track, last: (*last)? }));
            let reports: Vec<_> = reports.collect();
            if ring.dirty() || ring.reported() < reports.len() {
                ring.publish(reports, Arc::clone(self.cues.shown()));
            }
        }
        if !self.playable && generation.playable() {
            self.playable = true;
            generation.wake();
        }
    }
}

/// How long after a segment the next one may come: 1.5 target durations (RFC 8216bis §6.2.1), less what a busy
/// machine and the way to the player take.
fn longest_wait(target_duration: u32) -> Duration {
    Duration::from_secs(target_duration.into()) * 29 / 20
}

/// The rate at which sound comes, where it leads: frames of a fixed number of samples.
fn sound_rate(tracks: &[Track]) -> Option<FrameRate> {
    match &tracks.first()?.config {
        CodecConfig::Audio(audio) => FrameRate::new(audio.sample_rate.per_second(), audio.frame_samples),
        CodecConfig::Video(_) => None,
    }
}
