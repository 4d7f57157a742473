//! A track that follows the leader's cuts.

use std::collections::VecDeque;
use std::sync::Arc;

use super::assemble::{Epoch, segment_head};
use super::lane::Lane;
use super::part::Sealed;
use crate::media::{Frame, Ticks};

/// A place where the leader ended a part, in the follower's ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) at: i64,
    /// The segment the part belongs to.
    pub(super) msn: u64,
    /// What the next segment begins with, when that one ends here too.
    pub(super) closes: Option<Next>,
}

/// What a segment of the leader begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Media,
    Gap,
}

/// A lane whose frames wait until the leader has decided where they belong.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) lane: Lane,
    queue: VecDeque<Frame>,
    cuts: VecDeque<Cut>,
    guess: i64,
}

impl Follower {
    pub(super) fn new(lane: Lane) -> Self {
        let guess = (i64::from(lane.scale.per_second()) / 50).max(1);
        Self { lane, queue: VecDeque::new(), cuts: VecDeque::new(), guess }
    }

    /// Takes a frame in; one that belongs wholly to what is already sealed is dropped.
    pub(super) fn push(&mut self, frame: Frame) {
        let half = frame.duration.unwrap_or(self.guess) / 2;
        let over = self.lane.chain.is_some_and(|chain| frame.dts.value.saturating_add(half) < chain);
        if !(over && self.lane.waiting.is_empty()) {
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

    /// Seals up to every cut that the frames have reached, or that lies `skew` behind the newest one.
    pub(super) fn advance(&mut self, epoch: Epoch, skew: i64, out: &mut Vec<Sealed>) {
        let newest = self.cuts.back().map_or(0, |cut| cut.at);
        self.seal_while(epoch, out, |cut| newest.saturating_sub(cut.at) > skew);
    }

    /// Ends the epoch: what is left goes into segment `msn`, the leader's last, as far as `limit` allows;
    /// and into segments after it, when there will be none of the leader's to clash with.
    pub(super) fn end(
        &mut self,
        msn: u64,
        limit: i64,
        last_epoch: bool,
        epoch: Epoch,
        out: &mut Vec<Sealed>,
    ) {
        self.seal_while(epoch, out, |_| true);
        for msn in msn.. {
            let queued = self.queue.front().map(|frame| frame.dts.value);
            let open = self.lane.segment_start();
            let Some(start) = open.or_else(|| queued.filter(|_| last_epoch)) else { break };
            let end = self.queue.back().map(|frame| frame.dts.value.saturating_add(1));
            let end = end.or(self.lane.chain).unwrap_or(start);
            let at = end.min(start.saturating_add(limit).saturating_sub(self.guess));
            self.cuts.push_back(Cut { at: at.max(start.saturating_add(1)), msn, closes: Some(Next::Media) });
            self.seal_while(epoch, out, |_| true);
            if !last_epoch {
                break;
            }
        }
        self.queue.clear();
        self.lane.chain = None;
    }

    fn seal_while(&mut self, epoch: Epoch, out: &mut Vec<Sealed>, late: impl Fn(&Cut) -> bool) {
        while let Some(cut) = self.cuts.front().copied() {
            let full = self.place_before(cut, epoch, out);
            let reached = self.lane.chain.is_some_and(|chain| chain >= cut.at) && !self.short(cut);
            if !full && !reached && self.queue.is_empty() && !late(&cut) {
                return;
            }
            self.cuts.pop_front();
            if full {
                self.seal_waiting(cut, epoch, out);
            } else {
                self.seal(cut, epoch, out);
            }
            if cut.closes.is_some() {
                self.lane.close(out);
            }
        }
    }

    /// Places every queued frame that starts before the cut; `true` when the part is full before that.
    ///
    /// A full part ends early, and what is left before the cut goes into the next one; unless the segment
    /// ends with the cut, for then it goes into a last part of its own, which may be short.
    fn place_before(&mut self, cut: Cut, epoch: Epoch, out: &mut Vec<Sealed>) -> bool {
        while let Some(frame) = self.queue.front() {
            if frame.dts.value >= cut.at && !self.short(cut) {
                return false;
            }
            let (due, duration) = (frame.dts.value, frame.duration.unwrap_or(self.guess));
            let end = self.lane.part_start().unwrap_or(due).saturating_add(self.lane.target);
            if self.lane.chain.is_some_and(|chain| chain < due && due <= end) {
                self.lane.stretch_last(due);
            }
            let late = self.lane.chain.map_or(0, |chain| due.saturating_sub(chain).max(0));
            if late > 0
                && self.lane.part_len().saturating_add(late).saturating_add(duration) > self.lane.target
            {
                if due >= cut.at {
                    self.outlast(cut);
                    return false;
                }
                self.seal(Cut { at: due, closes: None, ..cut }, epoch, out);
                if cut.closes.is_none() {
                    return true;
                }
                continue;
            }
            if self.lane.part_len().saturating_add(duration) > self.lane.target {
                if cut.closes.is_none() {
                    return true;
                }
                self.seal_waiting(cut, epoch, out);
            }
            self.guess = duration;
            self.queue.pop_front().into_iter().for_each(|frame| self.lane.place(frame, duration));
        }
        false
    }

    /// Makes the open part last until the cut, and long enough: the next frame is too far away to be in it.
    fn outlast(&mut self, cut: Cut) {
        if let Some(start) = self.lane.part_start().filter(|_| self.short(cut)) {
            let least = self.lane.target.saturating_mul(17) / 20 + 1;
            self.lane.stretch_last(
                cut.at.max(start.saturating_add(least)).min(start.saturating_add(self.lane.target)),
            );
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
        let missing = self.lane.chain.map_or(0, |chain| cut.at.saturating_sub(chain));
        if !self.lane.waiting.is_empty() {
            if missing > 0 && self.lane.part_len().saturating_add(missing) <= self.lane.target {
                self.lane.stretch_last(cut.at);
            }
            self.seal_waiting(cut, epoch, out);
        }
        let missing = self.lane.chain.map_or(0, |chain| cut.at.saturating_sub(chain));
        // Where the leader's next segment is a gap, what is missing here belongs to that too.
        let own = cut.closes == Some(Next::Gap) && self.lane.ends_in_gap() == Some(false);
        if !own && (missing > self.guess || (cut.closes.is_some() && self.lane.would_skip())) {
            let head = self.head(cut, epoch);
            self.lane.gap(missing.clamp(1, self.lane.target), head, out);
        }
    }

    fn seal_waiting(&mut self, cut: Cut, epoch: Epoch, out: &mut Vec<Sealed>) {
        let head = self.head(cut, epoch);
        self.lane.seal(0, head, out);
    }

    fn head(&self, cut: Cut, epoch: Epoch) -> impl FnOnce(i64) -> super::segment::SegmentHead + use<> {
        let (init, scale) = (Arc::clone(&self.lane.init), self.lane.scale);
        move |start| segment_head(cut.msn, epoch, init, Ticks::new(start, scale))
    }
}
