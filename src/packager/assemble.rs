//! The packager: frames of all tracks in, parts and segments with shared boundaries out.
//!
//! One track leads: the first video track, or the first audio track where there is no video. Its frames
//! decide where parts and segments end. The others follow: their parts end at the first frame that starts
//! at or after the leader's cut, so that every rendition has the same segments within one audio frame.

use std::collections::VecDeque;
use std::sync::Arc;

use super::follower::{Bounds, Cut, Ends, Follower, Next};
use super::geometry::{Geometry, Settings, ticks};
use super::init;
use super::lane::Lane;
use super::part::Sealed;
use super::policy::Policy;
use super::segment::{Epoch, SegmentHead};
use crate::cmaf;
use crate::media::{Frame, FrameRate, Hits, Limit, RingLimits, Ticks, Timescale, Track, TrackId, TrackKind};

/// The skew of a follower that is not to be waited for at all.
const AT_ONCE: i64 = -1;

/// How far, in microseconds of media time, a track may run ahead of the leader before gaps stand in for it.
const MOST_AHEAD: i64 = 10_000_000;

/// Why the packager refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No track to lead.
    #[error("nothing to package: no track")]
    NoTrack,
    /// A frame of a track that was never configured.
    #[error("frame of track {0}, which has no configuration")]
    UnknownTrack(TrackId),
    /// No initialisation section for a track.
    #[error("track {track}: {source}")]
    Init {
        /// The track.
        track: TrackId,
        /// Why.
        source: cmaf::Error,
    },
}

/// Cuts frames into parts and segments. Mutate ([`push`](Self::push), [`begin_epoch`](Self::begin_epoch),
/// [`finish`](Self::finish)), then [`pull`](Self::pull) until `None`.
#[derive(Debug)]
pub struct Packager {
    geometry: Geometry,
    policy: Policy,
    limits: RingLimits,
    lead: Lane,
    /// What an ordinary part of the leader lasts, in its ticks.
    span: i64,
    /// What followers lack, in the same, before the open segment of gaps, and have left to it.
    handed: i64,
    /// The leader's last known frame duration: a guess where the next is unknown.
    guess: i64,
    followers: Vec<Follower>,
    epoch: Epoch,
    msn: u64,
    /// Whether gaps stand where the leader's frames should be, since its last frame.
    starved: bool,
    /// Limits that cut something short.
    hits: Hits,
    out: Vec<Sealed>,
    ready: VecDeque<Sealed>,
}

impl Packager {
    /// A packager of `tracks`, pictures at the rates that `rate_of` tells where they are steady, with a fixed
    /// `geometry`, in the generation's first epoch.
    pub fn new(
        settings: &Settings,
        geometry: Geometry,
        tracks: &[Track],
        rate_of: impl Fn(TrackId) -> Option<FrameRate>,
        epoch: Epoch,
    ) -> Result<Self, Error> {
        let leads = tracks.iter().find(|t| t.id.kind == TrackKind::Video).or_else(|| tracks.first());
        let leader = leads.ok_or(Error::NoTrack)?;
        let scale = leader.timescale();
        // What is declared of it: of sound that leads, that is a whole number of its frames.
        let target = ticks(geometry.part_target_of(leader, rate_of(leader.id)), scale);
        let lead = Lane::new(leader.id, scale, target, init::first(leader, scale)?);
        let others = tracks.iter().filter(|track| track.id != leader.id);
        let span = ticks(geometry.part_span, scale);
        let policy = Policy::new(ticks(geometry.segment, scale), geometry.segment_limit(scale), span);
        let followers = others
            .map(|track| {
                let (handed, scale) = (Ticks::new(policy.handed(), scale), track.timescale());
                let target = ticks(geometry.part_target_of(track, rate_of(track.id)), scale);
                let bounds = Bounds::new(&settings.limits, handed.to(scale).value);
                Ok(Follower::new(Lane::new(track.id, scale, target, init::first(track, scale)?), bounds))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            policy,
            limits: RingLimits { skew: settings.skew(rate_of(leader.id)), ..settings.limits.clone() },
            lead,
            span,
            handed: 0,
            guess: span,
            followers,
            epoch,
            msn: 1,
            starved: false,
            hits: Hits::default(),
            out: Vec::new(),
            ready: VecDeque::new(),
            geometry,
        })
    }

    /// The durations it keeps to.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Length of the publisher's GOP, when it is too long to begin every segment with a keyframe.
    pub fn long_gop(&self) -> Option<Ticks> {
        self.policy.long_gop().map(|gop| Ticks::new(gop, self.lead.scale))
    }

    /// The limits that cut something short since this was last called.
    pub fn hits(&mut self) -> Hits {
        self.followers.iter_mut().for_each(|follower| self.hits.join(std::mem::take(&mut follower.hits)));
        std::mem::take(&mut self.hits)
    }

    /// The next finished thing, in the order readers may see it.
    pub fn pull(&mut self) -> Option<Sealed> {
        self.ready.pop_front()
    }

    /// Takes one frame, timed by the generation's timeline in its track's timescale. A track whose timescale
    /// changed in mid-generation is counted in the one it began with.
    pub fn push(&mut self, frame: Frame) -> Result<(), Error> {
        if frame.track == self.lead.id {
            self.lead_push(frame.to(self.lead.scale));
        } else {
            let (epoch, skew) = (self.epoch, self.skew_of(frame.track));
            let follower = self
                .followers
                .iter_mut()
                .find(|follower| follower.lane.id == frame.track)
                .ok_or(Error::UnknownTrack(frame.track))?;
            let at = frame.dts;
            follower.push(frame.to(follower.lane.scale));
            follower.advance(epoch, skew, &mut self.out);
            // Who runs ahead this far waits for a leader that is gone, and would wait in memory.
            let behind = Ticks::new(at.micros().saturating_sub(MOST_AHEAD), Timescale::MICROS);
            if self.due().is_some_and(|due| due.micros() < behind.value) {
                self.starve(behind);
            }
        }
        self.ready.extend(self.out.drain(..));
        Ok(())
    }

    /// Ends the epoch and begins another at its `media` time, which is past every frame pushed so far.
    /// Tracks in `changed` get a new initialisation section; geometry and numbering go on.
    pub fn begin_epoch(&mut self, epoch: Epoch, changed: &[Track]) -> Result<(), Error> {
        self.end_epoch(false);
        for track in changed {
            if let Some(lane) = self.lanes().find(|lane| lane.id == track.id) {
                lane.init = init::next(track, lane)?;
            }
        }
        self.epoch = epoch;
        self.starved = false;
        self.lead.chain = None;
        self.policy.forget();
        self.ready.extend(self.out.drain(..));
        Ok(())
    }

    /// Tells readers of the init section that `track` will need in the next epoch, or that it needs none but the
    /// one it has.
    pub fn announce(&mut self, track: &Track) -> Result<(), Error> {
        let Some(lane) = self.lanes().find(|lane| lane.id == track.id) else { return Ok(()) };
        let next = init::next(track, lane)?;
        let next = (next.number != lane.init.number).then_some(next);
        self.ready.push_back(Sealed::NextInit(track.id, next));
        Ok(())
    }

    /// Takes back what was announced: the source that announced it is gone.
    pub fn retract(&mut self) {
        let none: Vec<_> = self.lanes().map(|lane| Sealed::NextInit(lane.id, None)).collect();
        self.ready.extend(none);
    }

    fn lanes(&mut self) -> impl Iterator<Item = &mut Lane> {
        self.followers.iter_mut().map(|follower| &mut follower.lane).chain([&mut self.lead])
    }

    /// When the open part of the leader should be complete.
    pub fn due(&self) -> Option<Ticks> {
        let start = self.lead.part_start()?;
        Some(Ticks::new(start.saturating_add(self.span), self.lead.scale))
    }

    /// Where the furthest track has come to.
    pub fn end(&self) -> Ticks {
        let lanes = self.followers.iter().map(|follower| &follower.lane).chain([&self.lead]);
        let ends = lanes.filter_map(|lane| Some(Ticks::new(lane.chain?, lane.scale).micros()));
        Ticks::new(ends.max().unwrap_or(0), Timescale::MICROS)
    }

    /// Stands in for parts that should be complete at media time `now` and are not: what there is of them
    /// is sealed, short as it is, and a gap follows.
    pub fn starve(&mut self, now: Ticks) {
        let now = now.to(self.lead.scale).value;
        let due = |lead: &Lane, span| lead.part_start().map(|start| start.saturating_add(span));
        while let Some(due) = due(&self.lead, self.span).filter(|due| *due <= now) {
            self.stand_in(due);
        }
        self.ready.extend(self.out.drain(..));
    }

    /// The same up to `now` exactly, be it a part or less; and the segment ends there.
    pub fn break_off(&mut self, now: Ticks) {
        self.starve(now);
        if self.lead.chain.is_some() {
            self.stand_in(now.to(self.lead.scale).value);
            self.cut(Next::Media);
        }
        self.hurry();
    }

    /// Whether a track lacks something before the leader's cuts so far.
    pub fn lags(&self) -> bool {
        self.followers.iter().any(Follower::lags)
    }

    /// Lets no track wait any longer for what it lacks before the leader's cuts so far.
    pub fn hurry(&mut self) {
        for follower in &mut self.followers {
            follower.advance(self.epoch, AT_ONCE, &mut self.out);
        }
        self.ready.extend(self.out.drain(..));
    }

    /// Ends the segment of `track` that is open, or the next one, where the leader has ended it: of what comes later no more
    /// is given up than that, for it may be on its way.
    pub fn end_segment(&mut self, track: TrackId) {
        for follower in self.followers.iter_mut().filter(|follower| follower.lane.id == track) {
            follower.end_segment(self.epoch, &mut self.out);
        }
        self.ready.extend(self.out.drain(..));
    }

    /// Ends the leader's part at `due`, or later if there is more of it: what is missing is a gap.
    fn stand_in(&mut self, due: i64) {
        self.settle_end();
        let missing = due.saturating_sub(self.lead.chain.unwrap_or(due));
        if missing <= 0 && self.lead.waiting.is_empty() {
            // Where the leader ends no part, others are not to begin one.
            return;
        }
        self.seal_lead(0);
        if missing > 0 {
            self.starved = true;
            self.lead_gap(missing);
        }
        self.after_part();
    }

    /// A gap of `missing` ticks, in a segment without media: players that load the parts of a segment one after
    /// the other, as hls.js does, take all of it for lost where one of them is.
    fn lead_gap(&mut self, missing: i64) {
        if self.lead.ends_in_gap() == Some(false) {
            self.cut(Next::Gap);
            let (at, most) =
                (Ticks::new(self.lead.chain.unwrap_or(0), self.lead.scale), self.policy.handed());
            let behind =
                self.followers.iter().map(|follower| follower.behind(at).unwrap_or(most).clamp(0, most));
            self.handed = behind.max().unwrap_or(0);
        }
        let head = self.lead_head();
        self.lead.gap(missing, head, &mut self.out);
    }

    /// Seals all samples of the leader but the last `keep`.
    fn seal_lead(&mut self, keep: usize) {
        let head = self.lead_head();
        self.lead.seal(keep, head, &mut self.out);
    }

    /// The head of the leader's segment, should it begin here.
    fn lead_head(&self) -> impl FnOnce(i64) -> SegmentHead + use<> {
        let (epoch, msn, scale) = (self.epoch, self.msn, self.lead.scale);
        let init = Arc::clone(&self.lead.init);
        move |start| SegmentHead::of(msn, epoch, init, Ticks::new(start, scale))
    }

    /// Whether gaps stand where the leader's frames should be, since its last frame.
    pub fn starved(&self) -> bool {
        self.starved
    }

    /// Seals and closes everything that is open: nothing more will come.
    pub fn finish(&mut self) {
        self.end_epoch(true);
        self.ready.extend(self.out.drain(..));
    }

    fn end_epoch(&mut self, last_epoch: bool) {
        self.settle_end();
        let msn = self.msn;
        let closed = self.close_lead().then_some(self.lead.chain).flatten();
        if closed.is_some() {
            self.msn = msn.saturating_add(1);
        }
        for follower in &mut self.followers {
            let scale = follower.lane.scale;
            let ends = Ends {
                msn,
                closed: closed.map(|at| Ticks::new(at, self.lead.scale).to(scale).value),
                limit: self.geometry.segment_limit(scale),
                last_epoch,
            };
            follower.end(ends, self.epoch, &mut self.out);
        }
    }

    fn skew_of(&self, track: TrackId) -> i64 {
        let lane = self.followers.iter().find(|follower| follower.lane.id == track);
        lane.map_or(0, |follower| ticks(self.limits.skew, follower.lane.scale))
    }

    fn lead_push(&mut self, frame: Frame) {
        let due = frame.dts.value;
        // A picture of a new and slow rate is cut short: a gap follows, for it cannot be in two parts.
        let next = frame.duration.unwrap_or(self.guess).min(self.lead.target);
        self.starved = false;
        self.settle_last(due, next);
        if self.lead.ends_in_gap() == Some(true) {
            self.cut(Next::Media);
        }
        self.policy.saw(due, next, frame.key);
        let elapsed = self.segment_elapsed();
        let ends = frame.key && self.policy.at_key(elapsed, self.lead.part_len());
        // What is left of a hole is the frame's own: it lasts that much longer.
        let late = self.lead.chain.map_or(0, |chain| due.saturating_sub(chain)).clamp(0, self.lead.target);
        if elapsed > 0 && (ends || self.policy.over(elapsed, next.saturating_add(late))) {
            self.cut(Next::Media);
        }
        let (len, known) = (self.lead.part_len(), frame.duration.is_some());
        let bytes = self.lead.part_bytes().saturating_add(frame.payload.len());
        // One that is known to have no room has none, be the part ever so short: no part may be too long. What others
        // last is only guessed, and settled by the next one.
        let enough = known || len * 20 >= self.lead.target * 17;
        let full = len.saturating_add(next) > self.lead.target && enough;
        let heavy = bytes > self.limits.part_bytes;
        if len > 0 && (full || heavy) {
            if !full {
                self.hits.add(Limit::RingPartBytes);
            }
            self.seal_part();
        }
        self.guess = next;
        self.lead.place(frame, next);
        // On a steady grid the part is known to be full with its last frame, without waiting for another.
        let (end, len) = (self.lead.chain.unwrap_or(due), self.lead.part_len());
        if known && self.policy.foresees_key(end, next, self.segment_elapsed(), len) {
            self.cut(Next::Media);
        } else if known && len.saturating_add(next) > self.lead.target {
            self.seal_part();
        }
    }

    /// How much of the open segment there is so far, in the leader's ticks.
    fn segment_elapsed(&self) -> i64 {
        match (self.lead.chain, self.lead.segment_start()) {
            (Some(end), Some(start)) => end.saturating_sub(start),
            _ => 0,
        }
    }

    /// Ends the open part of the leader; followers end theirs at the same time; a segment may end too.
    fn seal_part(&mut self) {
        self.seal_lead(0);
        self.after_part();
    }

    fn after_part(&mut self) {
        let over = self.lead.segment_bytes() > self.limits.segment_bytes as u64;
        if over {
            self.hits.add(Limit::RingSegmentBytes);
        }
        let elapsed = self.segment_elapsed();
        let gap = self.span.saturating_add(self.handed);
        let full = self.lead.ends_in_gap() == Some(true) && self.policy.over(elapsed, gap);
        if over || full || self.policy.at_boundary(elapsed, self.lead.chain.unwrap_or(0)) {
            self.cut(Next::Media);
        } else {
            self.tell(None);
        }
    }

    /// Ends part and segment of the leader, and tells the followers to.
    fn cut(&mut self, next: Next) {
        self.handed = 0;
        if self.close_lead() {
            self.tell(Some(next));
            self.msn = self.msn.saturating_add(1);
        }
    }

    /// Ends part and segment of the leader; `false` when there was neither.
    fn close_lead(&mut self) -> bool {
        self.seal_lead(0);
        let open = self.lead.segment_start().is_some();
        self.lead.close(&mut self.out);
        open
    }

    /// Hands a cut at the leader's chain to every follower; `closes` when its segment ends there too.
    fn tell(&mut self, closes: Option<Next>) {
        if let Some(at) = self.lead.chain {
            self.tell_at(at, closes);
        }
    }

    /// The same of a cut at `at`.
    fn tell_at(&mut self, at: i64, closes: Option<Next>) {
        let at = Ticks::new(at, self.lead.scale);
        for follower in &mut self.followers {
            // The leader has been waited for: who has not come until then is not waited for once more.
            let scale = follower.lane.scale;
            let skew = if self.starved { AT_ONCE } else { ticks(self.limits.skew, scale) };
            let frame = Some(Ticks::new(self.guess, self.lead.scale).to(scale).value);
            follower.cut(Cut { at: at.to(scale).value, msn: self.msn, closes, frame });
            follower.advance(self.epoch, skew, &mut self.out);
        }
    }

    /// Makes the last waiting frame of the leader last until `due`, when the next one starts; fills what
    /// one part cannot hold with gap parts, so that the next frame, `next` long, fits into one.
    fn settle_last(&mut self, due: i64, next: i64) {
        let Some(last) = self.lead.waiting.last() else { return self.fill(due, next) };
        let (start, known) = (last.start, last.known);
        let end = start.saturating_add(last.duration);
        if known && due <= end {
            return;
        }
        let part = self.lead.part_start().unwrap_or(start);
        if due.saturating_sub(part) <= self.lead.target {
            return self.stretch_last(due);
        }
        let before = start.saturating_sub(part);
        if !known && before * 20 >= self.lead.target * 17 {
            self.seal_all_but_last();
            if due.saturating_sub(start) <= self.lead.target {
                return self.stretch_last(due);
            }
        }
        let part = self.lead.part_start().unwrap_or(start);
        let least = if known { end } else { start.saturating_add(1) };
        let stop = part.saturating_add(self.span).max(least).min(due);
        self.stretch_last(stop);
        self.seal_part();
        self.fill(due, next);
    }

    /// Makes the last waiting frame of the leader last until `end`. Where its segment has no room for that, it begins
    /// the next one.
    fn stretch_last(&mut self, end: i64) {
        let starts = self.lead.segment_start().zip(self.lead.waiting.last().map(|last| last.start));
        let over = |start| self.policy.over(end.saturating_sub(start), 0);
        if let Some((_, last)) = starts.filter(|(segment, last)| segment < last && over(*segment)) {
            self.seal_lead(1);
            self.lead.close(&mut self.out);
            self.tell_at(last, Some(Next::Media));
            self.msn = self.msn.saturating_add(1);
        }
        self.lead.stretch_last(end);
    }

    fn seal_all_but_last(&mut self) {
        let Some(at) = self.lead.waiting.last().map(|last| last.start) else { return };
        self.seal_lead(1);
        // The cut is where the last frame starts: its own end is not known yet.
        self.tell_at(at, None);
    }

    /// Gap parts from the chain on, until a frame of `next` that is due at `due` fits into one part.
    fn fill(&mut self, due: i64, next: i64) {
        while let Some(chain) = self.lead.chain {
            let hole = due.saturating_sub(chain);
            if hole.saturating_add(next) <= self.lead.target || hole < self.span {
                return;
            }
            self.lead_gap(self.span);
            self.after_part();
        }
    }

    /// The last frame of an epoch lasts as long as it was thought to when it was placed, which the timeline has been
    /// told; unless the part has no room for that.
    fn settle_end(&mut self) {
        if let Some(last) = self.lead.waiting.last().filter(|last| !last.known) {
            let room = self.lead.part_start().map_or(1, |part| part + self.lead.target - last.start);
            let end = last.start.saturating_add(last.duration.min(room));
            self.lead.stretch_last(end);
        }
    }
}
