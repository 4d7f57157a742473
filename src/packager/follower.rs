//! A track that follows the leader's cuts.
//!
//! Sound may be cut between any two frames. Pictures are cut where the leader's segments begin only before the
//! keyframe that is within one frame of it: encoders give all renditions of one picture their keyframes
//! together, but rounded times and other frame rates move them a little.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lane::Lane;
use super::part::Sealed;
use super::segment::{Epoch, SegmentHead};
use crate::media::{Frame, Hits, Limit, RingLimits, Ticks, TrackKind};

/// A place where the leader ended a part, in the follower's ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) at: i64,
    /// The segment the part belongs to.
    pub(super) msn: u64,
    /// What the next segment begins with, when that one ends here too.
    pub(super) closes: Option<Next>,
    /// How long a frame of the leader lasts; `None` where it is no cut of the leader's but the end of what
    /// there is, with no keyframe to look for.
    pub(super) frame: Option<i64>,
}

/// What a segment of the leader begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Media,
    Gap,
}

/// How far the open part of a follower has come towards a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    /// The part is full before it.
    Full,
    /// All that belongs before it is there.
    Reached,
    /// Frames to come may belong before it.
    Waiting,
}

/// A lane whose frames wait until the leader has decided where they belong.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) lane: Lane,
    queue: VecDeque<Frame>,
    queued_bytes: usize,
    cuts: VecDeque<Cut>,
    /// Where the last segment ended of which nothing has come, while that is all of the epoch.
    passed: Option<i64>,
    guess: i64,
    /// Whether its last segment began with a keyframe exactly where the leader's did: then the next one is
    /// taken to, and nothing waits to see it.
    steady: bool,
    bounds: Bounds,
    /// Limits that cut something short.
    pub(super) hits: Hits,
}

/// How the leader ended an epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// Its last segment, or the one that it would have opened next.
    pub(super) msn: u64,
    /// Where that ended, in the follower's ticks, if there was one.
    pub(super) closed: Option<i64>,
    /// The longest that a segment may be.
    pub(super) limit: i64,
    /// Whether nothing comes after it.
    pub(super) last_epoch: bool,
}

/// Most bytes of a follower's open part, and of its frames that wait for the leader; and the most ticks that it lacks of a
/// segment and may leave to one of gaps after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    part: usize,
    queue: usize,
    handed: i64,
}

impl Bounds {
    pub(super) fn new(limits: &RingLimits, handed: i64) -> Self {
        Self { part: limits.part_bytes, queue: limits.segment_bytes, handed }
    }
}

impl Follower {
    pub(super) fn new(lane: Lane, bounds: Bounds) -> Self {
        let guess = (i64::from(lane.scale.per_second()) / 50).max(1);
        let (queue, cuts, hits) = (VecDeque::new(), VecDeque::new(), Hits::default());
        Self { lane, queue, queued_bytes: 0, cuts, passed: None, guess, steady: false, bounds, hits }
    }

    /// Takes a frame in; one that belongs wholly to what is already sealed is dropped, and so is one that
    /// there is no room for.
    pub(super) fn push(&mut self, frame: Frame) {
        let half = frame.duration.unwrap_or(self.guess) / 2;
        let sealed = self.lane.chain.or(self.passed);
        let over = sealed.is_some_and(|end| frame.dts.value.saturating_add(half) < end);
        let bytes = self.queued_bytes.saturating_add(frame.payload.len());
        if bytes > self.bounds.queue {
            return self.hits.add(Limit::RingSegmentBytes);
        }
        if !(over && self.lane.waiting.is_empty()) {
            self.queued_bytes = bytes;
            self.queue.push_back(frame);
        }
    }

    pub(super) fn cut(&mut self, cut: Cut) {
        self.cuts.push_back(cut);
    }

    /// Whether a cut waits for frames.
    pub(super) fn lags(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// How far it has been sealed before `at`, in ticks of that; `None` while a cut waits.
    pub(super) fn behind(&self, at: Ticks) -> Option<i64> {
        let chain = self.lane.chain.map_or(at, |chain| Ticks::new(chain, self.lane.scale).to(at.scale));
        (!self.lags()).then(|| at.value.saturating_sub(chain.value))
    }

    /// Seals up to every cut that the frames have reached, or that lies `skew` behind the newest one.
    pub(super) fn advance(&mut self, epoch: Epoch, skew: i64, out: &mut Vec<Sealed>) {
        let newest = self.cuts.back().map_or(0, |cut| cut.at);
        self.seal_while(epoch, out, |cut| newest.saturating_sub(cut.at) > skew);
    }

    /// Seals up to the first cut that ends a segment, whatever is missing.
    pub(super) fn end_segment(&mut self, epoch: Epoch, out: &mut Vec<Sealed>) {
        let end = self.cuts.iter().find(|cut| cut.closes.is_some()).map(|cut| cut.at);
        self.seal_while(epoch, out, |cut| end.is_some_and(|end| cut.at <= end));
    }

    /// Ends the epoch: what is left goes into the leader's last segment, as far as its limit allows; and into
    /// segments after it, when there will be none of the leader's to clash with. Where nothing is left for a segment
    /// that the leader has closed, a gap is.
    pub(super) fn end(&mut self, ends: Ends, epoch: Epoch, out: &mut Vec<Sealed>) {
        self.seal_while(epoch, out, |_| true);
        let Ends { msn, mut closed, limit, last_epoch } = ends;
        for msn in msn.. {
            let queued = self.queue.front().map(|frame| frame.dts.value);
            let (open, of_leader) = (self.lane.segment_start(), closed.take());
            let due = of_leader.map(|at| queued.map_or(at, |queued| queued.min(at)));
            let Some(start) = open.or(due).or_else(|| queued.filter(|_| last_epoch)) else { break };
            // One that is yet to open begins where the one before it ended, be it with a gap; the first where the epoch
            // does, unless it has a frame.
            let begins = epoch.media.to(self.lane.scale).value.min(start);
            let first = if queued == Some(start) { start } else { begins };
            let start = open.or(self.lane.chain).unwrap_or(first);
            let end = self.queue.back().map(|frame| frame.dts.value.saturating_add(1));
            let end = end.or(self.lane.chain).unwrap_or(start);
            let at = end.min(start.saturating_add(limit).saturating_sub(self.guess));
            let at = at.max(start.saturating_add(1));
            self.cuts.push_back(Cut { at, msn, closes: Some(Next::Media), frame: None });
            self.seal_while(epoch, out, |_| true);
            if !last_epoch {
                break;
            }
        }
        self.queue.clear();
        (self.queued_bytes, self.steady) = (0, false);
        (self.lane.chain, self.passed) = (None, None);
    }

    fn seal_while(&mut self, epoch: Epoch, out: &mut Vec<Sealed>, late: impl Fn(&Cut) -> bool) {
        while let Some(cut) = self.cuts.front().copied() {
            let mut fill = self.place_before(cut, false, epoch, out);
            if fill == Fill::Waiting {
                if !late(&cut) {
                    return;
                }
                self.hits.add(Limit::RingSkew);
                fill = self.place_before(cut, true, epoch, out);
            }
            self.cuts.pop_front();
            if fill == Fill::Full {
                self.seal_waiting(cut, epoch, out);
            } else {
                self.seal(cut, epoch, out);
            }
            if cut.closes.is_some() {
                let half = self.guess / 2;
                let next = self.queue.front();
                self.steady = next.map_or(self.steady, |next| next.key && apart(next, cut) <= half);
                self.lane.close(out);
                self.passed = Some(cut.at).filter(|_| self.lane.chain.is_none());
            }
        }
    }

    /// Places every queued frame that belongs before the cut, until the part is full.
    ///
    /// A full part ends early, and what is left before the cut goes into the next one; unless the segment
    /// ends with the cut, for then it goes into a last part of its own, which may be short.
    fn place_before(&mut self, cut: Cut, hurry: bool, epoch: Epoch, out: &mut Vec<Sealed>) -> Fill {
        while let Some(frame) = self.queue.front() {
            match self.belongs_before(frame, cut, hurry) {
                Some(true) => {}
                Some(false) => return Fill::Reached,
                None => return Fill::Waiting,
            }
            let due = frame.dts.value;
            let duration = frame.duration.unwrap_or(self.guess).min(self.lane.target);
            let bytes = self.lane.part_bytes().saturating_add(frame.payload.len());
            let end = self.lane.part_start().unwrap_or(due).saturating_add(self.lane.target);
            if self.lane.chain.is_some_and(|chain| chain < due && due <= end) {
                self.lane.stretch_last(due);
            }
            let len = self.lane.part_len().saturating_add(duration);
            let late = self.lane.chain.map_or(0, |chain| due.saturating_sub(chain).max(0));
            if late > 0 && len.saturating_add(late) > self.lane.target {
                if due >= cut.at {
                    self.outlast(cut);
                    return Fill::Reached;
                }
                self.seal(Cut { at: due, closes: None, ..cut }, epoch, out);
                if cut.closes.is_none() {
                    return Fill::Full;
                }
                continue;
            }
            let heavy = bytes > self.bounds.part && !self.lane.waiting.is_empty();
            if len > self.lane.target || heavy {
                if len <= self.lane.target {
                    self.hits.add(Limit::RingPartBytes);
                }
                if cut.closes.is_none() {
                    return Fill::Full;
                }
                self.seal_waiting(cut, epoch, out);
            }
            self.guess = duration;
            if let Some(frame) = self.queue.pop_front() {
                self.queued_bytes = self.queued_bytes.saturating_sub(frame.payload.len());
                // One that was taken on trust and is none.
                self.steady &= frame.key || self.lane.segment_start().is_some();
                self.lane.place(frame, duration);
            }
        }
        let (slack, known) =
            if self.pictures() { (self.guess / 2, cut.closes.is_none() || self.steady) } else { (0, true) };
        let reached = self.lane.chain.is_some_and(|chain| chain.saturating_add(slack) >= cut.at);
        if hurry || (reached && known && !self.short(cut)) { Fill::Reached } else { Fill::Waiting }
    }

    fn pictures(&self) -> bool {
        self.lane.id.kind == TrackKind::Video
    }

    /// Whether the first queued `frame` belongs before the cut; `None` when that hangs on what comes next, which
    /// cannot be awaited in a `hurry`.
    fn belongs_before(&self, frame: &Frame, cut: Cut, hurry: bool) -> Option<bool> {
        let Some(period) = cut.frame.filter(|_| self.pictures()) else {
            return Some(frame.dts.value < cut.at || self.short(cut));
        };
        let reach = self.guess.max(period);
        // Where times are rounded, or shifted by a fraction of a frame, the same picture is no later.
        let before = frame.dts.value.saturating_add(self.guess / 2) < cut.at;
        let near = |frame: &Frame, cut: Cut| frame.key && apart(frame, cut) <= reach;
        if cut.closes.is_none() {
            if before || !self.short(cut) {
                return Some(before);
            }
            // A short part takes a frame more, but not the one that a segment is about to begin with.
            return match self.cuts.get(1) {
                Some(next) => Some(!(next.closes.is_some() && near(frame, *next))),
                None if frame.key && !hurry => None,
                None => Some(true),
            };
        }
        let next = self.queue.get(1);
        match (near(frame, cut), before) {
            (true, false) => Some(false),
            (false, true) => Some(true),
            _ if apart(frame, cut) > reach => Some(before),
            // Two pictures are within a frame of the cut: the keyframe, and of two the nearer one.
            (key, _) => match next {
                Some(next) => Some(near(next, cut) && (!key || apart(next, cut) < apart(frame, cut))),
                None if hurry => Some(before && !key),
                None => None,
            },
        }
    }

    /// Makes the open part last until the cut, and long enough: the next frame is too far away to be in it.
    fn outlast(&mut self, cut: Cut) {
        if let Some(start) = self.lane.part_start().filter(|_| self.short(cut)) {
            let least = self.lane.target.saturating_mul(17) / 20 + 1;
            let most = start.saturating_add(self.lane.target);
            self.lane.stretch_last(cut.at.max(start.saturating_add(least)).min(most));
        }
    }

    /// Whether the open part, ended now, would be under 85 % of PART-TARGET though it is not the last of
    /// its segment (RFC 8216bis §4.4.4.9): then it takes a frame that starts after the cut.
    fn short(&self, cut: Cut) -> bool {
        let len = self.lane.part_len();
        cut.closes.is_none() && len > 0 && len * 20 < self.lane.target * 17
    }

    /// Ends the open part at the cut: what is missing before it is a longer last frame, or a gap.
    fn seal(&mut self, cut: Cut, epoch: Epoch, out: &mut Vec<Sealed>) {
        let next = self.queue.front().filter(|next| self.pictures() && apart(next, cut) <= self.guess);
        let to = next.map_or(cut.at, |next| next.dts.value);
        let missing = self.lane.chain.map_or(0, |chain| to.saturating_sub(chain));
        if !self.lane.waiting.is_empty() {
            if missing > 0 && self.lane.part_len().saturating_add(missing) <= self.lane.target {
                self.lane.stretch_last(to);
            }
            self.seal_waiting(cut, epoch, out);
        }
        if cut.closes.is_some() && self.lane.would_skip() {
            // Where nothing came in this epoch, what is missing begins where the epoch does.
            let begins = epoch.media.to(self.lane.scale).value.min(cut.at);
            self.lane.chain.get_or_insert(begins);
        }
        let mut missing = self.lane.chain.map_or(0, |chain| cut.at.saturating_sub(chain));
        // Where the leader's next segment is a gap, what is missing here belongs to that too, as far as it has room.
        let handed = cut.closes == Some(Next::Gap)
            && self.lane.ends_in_gap() == Some(false)
            && missing <= self.bounds.handed;
        while !handed && (missing > self.guess || (cut.closes.is_some() && self.lane.would_skip())) {
            let gap = missing.clamp(1, self.lane.target);
            self.lane.gap(gap, self.head(cut, epoch), out);
            missing = missing.saturating_sub(gap);
        }
    }

    fn seal_waiting(&mut self, cut: Cut, epoch: Epoch, out: &mut Vec<Sealed>) {
        let head = self.head(cut, epoch);
        self.lane.seal(0, head, out);
    }

    fn head(&self, cut: Cut, epoch: Epoch) -> impl FnOnce(i64) -> SegmentHead + use<> {
        let (init, scale) = (Arc::clone(&self.lane.init), self.lane.scale);
        move |start| SegmentHead::of(cut.msn, epoch, init, Ticks::new(start, scale))
    }
}

/// How far a frame starts from the cut.
fn apart(frame: &Frame, cut: Cut) -> i64 {
    frame.dts.value.saturating_sub(cut.at).saturating_abs()
}
