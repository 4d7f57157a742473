//! PartRing: the parts and segments of one rendition, and the views that readers see.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::constants::Constants;
use super::declared::{Declared, per_second};
use super::position::{PartPos, Report};
use super::registry::Settings;
use super::view::{Bandwidth, Memo, OpenSegment, View};
use crate::media::{Captions, DateRange, FrameRate, Hits, Limit, Ticks, Timescale, TrackId, WallTime};
use crate::packager::{Init, Sealed, Segment};

/// For how long a segment that has left the playlist can be fetched in any case, for each second of the target duration.
/// Where media comes as time goes by it is longer.
const LINGER: Duration = Duration::from_secs(2);

/// One rendition of a generation as its readers know it.
#[derive(Debug)]
pub struct Rendition {
    constants: Arc<Constants>,
    frame_rate: Option<FrameRate>,
    /// [`Captions::to_bits`], which only grow.
    captions: AtomicU32,
    view: ArcSwap<View>,
    states: watch::Sender<()>,
}

impl Rendition {
    /// Its name in URLs.
    pub fn id(&self) -> TrackId {
        self.constants.track.id
    }

    /// What does not change about it.
    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    /// Measured frame rate of its video, when it has a steady one.
    pub fn frame_rate(&self) -> Option<FrameRate> {
        self.frame_rate
    }

    /// Captions that were seen in its pictures so far.
    pub fn captions(&self) -> Captions {
        Captions::from_bits(self.captions.load(Ordering::Relaxed))
    }

    /// Its pictures carry these captions, too.
    pub(super) fn carries(&self, captions: Captions) {
        self.captions.fetch_or(captions.to_bits(), Ordering::Relaxed);
    }

    /// The newest state. Takes no lock.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Watches for new states from now on. Take it before looking at [`view`](Self::view), so that no
    /// state falls between the look and the wait.
    pub fn changes(&self) -> Changes {
        Changes(self.states.subscribe())
    }
}

/// A wait for the next state of a rendition or a generation.
#[derive(Debug)]
pub struct Changes(pub(super) watch::Receiver<()>);

impl Changes {
    /// Returns when there is a state newer than the last one waited for; `false` when none will come.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// The writer's side of a rendition: one owner, no lock.
#[derive(Debug)]
pub(super) struct PartRing {
    rendition: Arc<Rendition>,
    id: TrackId,
    scale: Timescale,
    /// TARGETDURATION, in ticks.
    target: i64,
    /// How much the playlist lists, in ticks.
    window: i64,
    max_bytes: u64,
    most_listed: u64,
    segments: VecDeque<Kept>,
    /// The same segments as views show them: one list for all views until the next segment.
    shown: Arc<[Arc<Segment>]>,
    kept_bytes: u64,
    listed_from: usize,
    listed_bytes: u64,
    listed_ticks: i64,
    /// The same as players add it up: each segment to the microsecond.
    listed_micros: i64,
    /// How much the longest playlist so far has listed, in ticks.
    longest: i64,
    /// Discontinuities that have left the playlist.
    discontinuities: u64,
    open: Option<OpenSegment>,
    next_msn: u64,
    next_part: u64,
    /// The init section that the next segment will need, where that is known and another.
    next_init: Option<Arc<Init>>,
    declared: Declared,
    /// The last segment that began without a keyframe where the leader's began with one.
    misaligned: Option<u64>,
    dirty: bool,
    ended: bool,
    /// When the last segment was closed.
    closed: Option<Instant>,
    /// Limits that cut the playlist short.
    hits: Hits,
}

/// A closed segment with what its writer must know of it at every step: a segment's own memory is cold by then.
#[derive(Debug)]
struct Kept {
    segment: Arc<Segment>,
    bytes: u64,
    duration: i64,
    /// The same as its EXTINF says it, in microseconds.
    micros: i64,
    end: i64,
    /// When it left the playlist; until then when it came.
    left: Instant,
}

/// Bounds of a ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How much the playlist lists, in microseconds.
    pub(super) window: i64,
    pub(super) max_bytes: usize,
    /// Bytes past those that what must stay listed may take.
    pub(super) spare: usize,
    /// Bits per second that the publisher announced for this track.
    pub(super) announced: u64,
}

impl Bounds {
    /// Those of a track for which so many bits per second were `announced`.
    pub(super) fn of(settings: &Settings, announced: u64) -> Self {
        Self {
            window: i64::try_from(settings.window.as_micros()).unwrap_or(i64::MAX),
            max_bytes: settings.packager.limits.bytes,
            spare: settings.packager.limits.segment_bytes,
            announced,
        }
    }
}

impl PartRing {
    pub(super) fn new(constants: Constants, frame_rate: Option<FrameRate>, bounds: Bounds) -> Self {
        let constants = Arc::new(constants);
        let view = View {
            constants: Arc::clone(&constants),
            segments: Arc::default(),
            listed_from: 0,
            discontinuity_sequence: 0,
            open: None,
            next_msn: 1,
            next_part: 0,
            next_init: None,
            date_ranges: Arc::default(),
            reports: Vec::new(),
            ended: false,
            aligned: true,
            bandwidth: Bandwidth::default(),
            memo: Memo::default(),
        };
        let (id, scale) = (constants.track.id, constants.timescale());
        let window = Ticks::new(bounds.window, Timescale::MICROS).to(scale).value;
        let target = i64::from(constants.target_duration) * i64::from(scale.per_second());
        let rendition = Rendition {
            constants,
            frame_rate,
            captions: AtomicU32::default(),
            view: ArcSwap::from_pointee(view),
            states: watch::Sender::new(()),
        };
        Self {
            rendition: Arc::new(rendition),
            id,
            scale,
            target,
            window,
            max_bytes: bounds.max_bytes as u64,
            most_listed: bounds.max_bytes.saturating_add(bounds.spare) as u64,
            segments: VecDeque::new(),
            shown: Arc::default(),
            kept_bytes: 0,
            listed_from: 0,
            listed_bytes: 0,
            listed_ticks: 0,
            listed_micros: 0,
            longest: 0,
            discontinuities: 0,
            open: None,
            next_msn: 1,
            next_part: 0,
            next_init: None,
            declared: Declared::new(bounds.announced),
            misaligned: None,
            dirty: false,
            ended: false,
            closed: None,
            hits: Hits::default(),
        }
    }

    /// The limits that cut the playlist short since this was last called.
    pub(super) fn hits(&mut self) -> Hits {
        std::mem::take(&mut self.hits)
    }

    /// Whether what has to stay listed takes more bytes than there may be: `(bytes, most)`.
    pub(super) fn overfull(&self) -> Option<(u64, u64)> {
        (self.listed_bytes > self.most_listed).then_some((self.listed_bytes, self.most_listed))
    }

    pub(super) fn rendition(&self) -> &Arc<Rendition> {
        &self.rendition
    }

    /// The track it keeps.
    pub(super) fn id(&self) -> TrackId {
        self.id
    }

    /// The last part that the next view will list.
    pub(super) fn last(&self) -> Option<PartPos> {
        let open = self.open.as_ref().and_then(|open| open.parts.last());
        let part = open.or_else(|| self.segments.back().and_then(|kept| kept.segment.parts.last()))?;
        Some(PartPos { msn: part.msn, part: part.index })
    }

    /// When the last segment was closed, or [excused](Self::excuse); `None` before the first.
    pub(super) fn closed(&self) -> Option<Instant> {
        self.closed
    }

    /// Counts the time to the next segment from `now` on, though none was closed.
    pub(super) fn excuse(&mut self, now: Instant) {
        self.closed = self.closed.map(|_| now);
    }

    /// Number of the segment that is open or will open next.
    pub(super) fn next_msn(&self) -> u64 {
        self.next_msn
    }

    /// When its playlist starts; `None` while it is empty.
    pub(super) fn starts(&self) -> Option<WallTime> {
        let listed = self.segments.get(self.listed_from).map(|kept| &kept.segment.head);
        listed.or_else(|| self.open.as_ref().map(|open| &open.head)).map(|head| head.date_time)
    }

    /// Number of the first listed segment that every delta update keeps: six target durations and one segment
    /// from the end.
    pub(super) fn kept_from(&self) -> u64 {
        let listed = self.segments.range(self.listed_from..).rev();
        let (mut msn, mut ticks) = (self.next_msn, 0_i64);
        for kept in listed {
            msn = msn.saturating_sub(1);
            ticks = ticks.saturating_add(kept.duration);
            if ticks > self.target.saturating_mul(7) {
                break;
            }
        }
        msn
    }

    /// Takes in what the packager sealed of this rendition.
    pub(super) fn apply(&mut self, sealed: Sealed, now: Instant) {
        match sealed {
            Sealed::NextInit(_, next) => {
                let number = |init: &Option<Arc<Init>>| init.as_ref().map(|init| init.number);
                // What was announced before changes no playlist.
                let same = number(&next) == number(&self.next_init);
                self.next_init = next;
                if same {
                    return;
                }
            }
            Sealed::Opened(_, head) => {
                self.next_msn = head.msn;
                if self.next_part == 0 {
                    // A track that comes late begins behind the discontinuities that others have shown: the same content
                    // has the same number in all of them (RFC 8216bis §6.2.4).
                    self.discontinuities = head.epoch.into();
                }
                self.next_init.take_if(|next| next.number == head.init.number);
                self.open = Some(OpenSegment { head, parts: Vec::new() });
            }
            Sealed::Part(_, part) => {
                self.next_part = part.number.saturating_add(1);
                if let Some(open) = &mut self.open {
                    open.parts.push(part);
                }
            }
            Sealed::Segment(_, segment) => {
                self.open = None;
                self.next_msn = segment.head.msn.saturating_add(1);
                self.closed = Some(now);
                self.close(segment, now);
            }
        }
        self.dirty = true;
    }

    /// Whether segment `msn`, open or listed, begins with a keyframe.
    pub(super) fn independent(&self, msn: u64) -> Option<bool> {
        let open = self.open.as_ref().map(|open| &open.head);
        let mut heads = open.into_iter().chain(self.segments.iter().rev().map(|kept| &kept.segment.head));
        heads.find(|head| head.msn == msn).map(|head| head.independent)
    }

    /// Segment `msn` began without a keyframe where the leader's began with one: until it has left the
    /// playlist the rendition is not offered. `true` when it was until now.
    pub(super) fn misalign(&mut self, msn: u64) -> bool {
        let was = self.aligned();
        self.misaligned = Some(msn);
        was
    }

    fn aligned(&self) -> bool {
        let first = self.segments.get(self.listed_from).map_or(self.next_msn, |kept| kept.segment.head.msn);
        self.misaligned.is_none_or(|msn| msn < first)
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
        self.dirty = true;
    }

    /// Whether there is something that readers have not seen.
    pub(super) fn dirty(&self) -> bool {
        self.dirty
    }

    /// How many other renditions the state that readers see tells of.
    pub(super) fn reported(&self) -> usize {
        self.rendition.view().reports.len()
    }

    /// Makes the new state visible and wakes every waiter, once.
    pub(super) fn publish(&mut self, reports: Vec<Report>, date_ranges: Arc<[Arc<DateRange>]>) {
        let open = self.open.iter().flat_map(|open| &open.parts).map(|part| part.duration);
        self.longest = self.longest.max(self.listed_ticks.saturating_add(open.sum()));
        let view = View {
            constants: Arc::clone(&self.rendition.constants),
            segments: Arc::clone(&self.shown),
            listed_from: self.listed_from,
            discontinuity_sequence: self.discontinuities,
            open: self.open.clone(),
            next_msn: self.next_msn,
            next_part: self.next_part,
            next_init: self.next_init.clone(),
            date_ranges,
            reports,
            ended: self.ended,
            aligned: self.aligned(),
            bandwidth: self.bandwidth(),
            memo: Memo::default(),
        };
        self.dirty = false;
        self.rendition.view.store(Arc::new(view));
        self.rendition.states.send_replace(());
    }

    fn close(&mut self, segment: Arc<Segment>, now: Instant) {
        let (bytes, duration) = (segment.bytes(), segment.duration);
        self.declared.segment(bytes, duration, self.scale);
        self.kept_bytes = self.kept_bytes.saturating_add(bytes);
        self.listed_bytes = self.listed_bytes.saturating_add(bytes);
        self.listed_ticks = self.listed_ticks.saturating_add(duration);
        let micros = Ticks::new(duration, self.scale).micros();
        self.listed_micros = self.listed_micros.saturating_add(micros);
        let end = segment.start.saturating_add(duration);
        self.segments.push_back(Kept { segment, bytes, duration, micros, end, left: now });
        self.unlist(now);
        self.evict(end, now);
        self.shown = self.segments.iter().map(|kept| Arc::clone(&kept.segment)).collect();
    }

    /// Lets the oldest segments leave the playlist. Three target durations of media always stay listed
    /// (RFC 8216bis §6.2.2), as its players count them.
    fn unlist(&mut self, now: Instant) {
        let target = i64::from(self.rendition.constants.target_duration).saturating_mul(1_000_000);
        while let Some(front) = self.segments.get_mut(self.listed_from) {
            let left = self.listed_ticks.saturating_sub(front.duration);
            let over = self.listed_ticks > self.window || self.listed_bytes > self.max_bytes;
            let left_micros = self.listed_micros.saturating_sub(front.micros);
            if left_micros < target.saturating_mul(3) || !over {
                return;
            }
            if self.listed_ticks <= self.window {
                self.hits.add(Limit::RingBytes);
            }
            front.left = now;
            (self.listed_ticks, self.listed_micros) = (left, left_micros);
            self.listed_bytes = self.listed_bytes.saturating_sub(front.bytes);
            let discontinuity = u64::from(front.segment.head.discontinuity);
            self.discontinuities = self.discontinuities.saturating_add(discontinuity);
            self.listed_from = self.listed_from.saturating_add(1);
        }
    }

    /// Lets segments that left the playlist long enough before `newest` leave memory: a segment stays
    /// fetchable for its own duration and the longest playlist's after it was first listed (RFC 8216bis §6.2.2). Where
    /// media comes faster than time goes by, that is soon over: whoever has just read of it is given time to come.
    fn evict(&mut self, newest: i64, now: Instant) {
        let linger = LINGER.saturating_mul(self.rendition.constants.target_duration);
        while let Some(front) = self.segments.front().filter(|_| self.listed_from > 0) {
            let age = newest.saturating_sub(front.end);
            let young = age < self.longest.saturating_add(front.duration)
                || now.saturating_duration_since(front.left) < linger;
            if self.kept_bytes <= self.max_bytes && young {
                return;
            }
            if young {
                self.hits.add(Limit::RingBytes);
            }
            self.kept_bytes = self.kept_bytes.saturating_sub(front.bytes);
            self.listed_from = self.listed_from.saturating_sub(1);
            self.segments.pop_front();
        }
    }

    /// What to declare, with the average over all that is listed.
    fn bandwidth(&mut self) -> Bandwidth {
        let (mut bytes, mut ticks) = (self.listed_bytes, self.listed_ticks);
        for part in self.open.iter().flat_map(|open| &open.parts) {
            bytes = bytes.saturating_add(part.body.len());
            ticks = ticks.saturating_add(part.duration);
        }
        self.declared.rate(per_second(bytes, ticks, self.scale))
    }
}

#[cfg(test)]
mod tests;
