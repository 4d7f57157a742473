//! Lane: one track on its way into parts: the samples of its open part, and its open segment.
//!
//! ```text
//!  part_start          samples waiting             chain
//!      ▼                                             ▼
//!  ────┬───────┬───────┬───────┬─────────────────────┬──▶ decode time
//!      │ frame │ frame │ frame │ frame (last: may grow until it is sealed)
//! ```
//! The chain is exact: each sample starts where the one before it ends, through parts and segments, so
//! tfdt is always the previous tfdt plus its durations. A frame that comes off the chain is decoded at
//! the chain and, in video, keeps its presentation time by its composition offset.

use std::sync::Arc;

use bytes::Bytes;

use super::part::{Init, Part, Sealed};
use super::segment::{Segment, SegmentHead};
use crate::base::Rope;
use crate::cmaf::{ChunkHead, Sample};
use crate::media::{Frame, Timescale, TrackId, TrackKind};

/// A frame placed on the chain.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) start: i64,
    pub(super) duration: i64,
    /// Whether the duration is certain, or only a guess until the next frame.
    pub(super) known: bool,
    offset: i64,
    key: bool,
    payload: Bytes,
}

#[derive(Debug)]
struct OpenSegment {
    head: SegmentHead,
    parts: Vec<Arc<Part>>,
    bytes: u64,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: TrackId,
    pub(super) scale: Timescale,
    /// PART-TARGET in ticks: no part is longer.
    pub(super) target: i64,
    pub(super) init: Arc<Init>,
    /// The init section made last, whether or not a segment came to need it: no number means two of them.
    pub(super) made: Arc<Init>,
    /// Where the next sample starts; `None` before the first of an epoch.
    pub(super) chain: Option<i64>,
    pub(super) waiting: Vec<Placed>,
    waiting_bytes: usize,
    open: Option<OpenSegment>,
    /// Epoch of the segment opened last.
    epoch: Option<u32>,
    next_part: u64,
}

impl Lane {
    pub(super) fn new(id: TrackId, scale: Timescale, target: i64, init: Arc<Init>) -> Self {
        Self {
            id,
            scale,
            target,
            made: Arc::clone(&init),
            init,
            chain: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            open: None,
            epoch: None,
            next_part: 0,
        }
    }

    /// Where the open part starts.
    pub(super) fn part_start(&self) -> Option<i64> {
        self.waiting.first().map(|placed| placed.start).or(self.chain)
    }

    /// How long the open part is so far.
    pub(super) fn part_len(&self) -> i64 {
        self.waiting.iter().map(|placed| placed.duration).sum()
    }

    /// Bytes of payload waiting in the open part.
    pub(super) fn part_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Bytes of the open segment, its open part left out.
    pub(super) fn segment_bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.bytes)
    }

    /// Where the open segment starts; `None` when it holds nothing yet.
    pub(super) fn segment_start(&self) -> Option<i64> {
        let sealed = self.open.as_ref().and_then(|open| open.parts.first()).map(|part| part.start);
        sealed.or_else(|| self.waiting.first().map(|placed| placed.start))
    }

    /// Puts a frame at the end of the chain; `guess` stands for its duration until the next one tells.
    pub(super) fn place(&mut self, frame: Frame, guess: i64) {
        let due = frame.dts.value;
        let start = self.chain.unwrap_or(due);
        let late = due.saturating_sub(start);
        let nominal = frame.duration.unwrap_or(guess);
        // The sample ends where it would have ended had it started when it was due; what a part has no room for is left
        // to the samples after it.
        let most = self.target.clamp(1, u32::MAX.into());
        let duration = late.saturating_add(nominal).clamp(1, most);
        let offset = match frame.track.kind {
            TrackKind::Video => frame.cts.saturating_add(late),
            TrackKind::Audio => 0,
        };
        self.chain = Some(start.saturating_add(duration));
        self.waiting_bytes = self.waiting_bytes.saturating_add(frame.payload.len());
        self.waiting.push(Placed {
            start,
            duration,
            known: frame.duration.is_some(),
            offset,
            key: frame.key,
            payload: frame.payload,
        });
    }

    /// Makes the last waiting sample end at `end`.
    pub(super) fn stretch_last(&mut self, end: i64) {
        if let Some(last) = self.waiting.last_mut() {
            last.duration = end.saturating_sub(last.start).max(1);
            last.known = true;
            self.chain = Some(last.start.saturating_add(last.duration));
        }
    }

    /// Seals the waiting samples, all but the last `keep`, as a part; nothing when there are none.
    pub(super) fn seal(&mut self, keep: usize, head: impl FnOnce(i64) -> SegmentHead, out: &mut Vec<Sealed>) {
        let count = self.waiting.len().saturating_sub(keep);
        let Some(start) = self.waiting.first().filter(|_| count > 0).map(|placed| placed.start) else {
            return;
        };
        let placed: Vec<Placed> = self.waiting.drain(..count).collect();
        self.waiting_bytes = self.waiting.iter().map(|placed| placed.payload.len()).sum();
        let samples: Vec<Sample> = placed.iter().map(sample).collect();
        let mut body = Rope::with_capacity(placed.len() + 1);
        body.push(self.chunk(start).write(&samples));
        let duration = placed.iter().map(|placed| placed.duration).sum();
        let independent = placed.iter().any(|placed| placed.key);
        let keyed = placed.first().is_some_and(|placed| placed.key);
        placed.into_iter().for_each(|placed| body.push(placed.payload));
        self.add(Part { start, duration, independent, body, ..self.blank() }, keyed, head, out);
    }

    /// Adds a part of `duration` for media that never came: a chunk without samples. Players are told to leave its
    /// segment alone; those that know nothing of gaps, as video.js and GStreamer 1.22, would ask for a missing one
    /// over and over, and pass over an empty one.
    pub(super) fn gap(
        &mut self,
        duration: i64,
        head: impl FnOnce(i64) -> SegmentHead,
        out: &mut Vec<Sealed>,
    ) {
        let start = self.chain.unwrap_or(0);
        self.chain = Some(start.saturating_add(duration));
        // One is enough for a segment, and of several in a row GStreamer's qtdemux 1.22 makes an assertion that fails.
        let body = if self.open.is_none() { self.chunk(start).write(&[]).into() } else { Rope::default() };
        self.add(Part { start, duration, gap: true, body, ..self.blank() }, false, head, out);
    }

    /// Whether the last part of the open segment is a gap; `None` when it has no part.
    pub(super) fn ends_in_gap(&self) -> Option<bool> {
        self.open.as_ref().and_then(|open| open.parts.last()).map(|part| part.gap)
    }

    /// Whether a segment that closes now would be missing from the sequence: others came before it, and
    /// it has no part.
    pub(super) fn would_skip(&self) -> bool {
        self.open.is_none() && self.epoch.is_some()
    }

    /// Closes the open segment; nothing when it has no part.
    pub(super) fn close(&mut self, out: &mut Vec<Sealed>) {
        let Some(open) = self.open.take() else { return };
        let segment = Segment {
            start: open.parts.first().map_or(0, |part| part.start),
            duration: open.parts.iter().map(|part| part.duration).sum(),
            head: open.head,
            parts: open.parts,
        };
        out.push(Sealed::Segment(self.id, Arc::new(segment)));
    }

    /// What the head of the next part says.
    fn chunk(&self, start: i64) -> ChunkHead {
        let sequence = (self.next_part as u32).wrapping_add(1);
        ChunkHead { sequence, decode_time: start.max(0).unsigned_abs() }
    }

    fn blank(&self) -> Part {
        Part {
            number: self.next_part,
            msn: 0,
            index: 0,
            start: 0,
            duration: 0,
            independent: false,
            gap: false,
            body: Rope::default(),
        }
    }

    fn add(&mut self, part: Part, keyed: bool, head: impl FnOnce(i64) -> SegmentHead, out: &mut Vec<Sealed>) {
        self.next_part = self.next_part.saturating_add(1);
        let open = self.open.get_or_insert_with(|| {
            let head = head(part.start);
            let before = self.epoch.replace(head.epoch);
            let discontinuity = before.is_some_and(|before| before != head.epoch);
            let head = SegmentHead { independent: keyed, discontinuity, ..head };
            out.push(Sealed::Opened(self.id, head.clone()));
            OpenSegment { head, parts: Vec::new(), bytes: 0 }
        });
        let index = u32::try_from(open.parts.len()).unwrap_or(u32::MAX);
        let part = Arc::new(Part { msn: open.head.msn, index, ..part });
        open.bytes = open.bytes.saturating_add(part.body.len());
        open.parts.push(Arc::clone(&part));
        out.push(Sealed::Part(self.id, part));
    }
}

fn sample(placed: &Placed) -> Sample {
    Sample {
        duration: u32::try_from(placed.duration).unwrap_or(u32::MAX),
        size: u32::try_from(placed.payload.len()).unwrap_or(u32::MAX),
        offset: i32::try_from(placed.offset).unwrap_or(if placed.offset < 0 { i32::MIN } else { i32::MAX }),
        sync: placed.key,
    }
}
