//! PartRing: the parts and segments of one rendition, and the views that readers see.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::constants::Constants;
use super::frames::FrameRing;
use super::position::{PartPos, Report};
use super::view::{Bandwidth, Memo, OpenSegment, View};
use crate::media::{FrameRate, Ticks, Timescale, TrackId};
use crate::packager::{Sealed, Segment};

/// One rendition of a generation as its readers know it.
#[derive(Debug)]
pub struct Rendition {
    constants: Arc<Constants>,
    frame_rate: Option<FrameRate>,
    view: ArcSwap<View>,
    states: watch::Sender<()>,
    frames: Mutex<FrameRing>,
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

    /// The newest state. Takes no lock.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Its frames one by one, for outputs that do not wait for parts.
    pub fn frames(&self) -> &Mutex<FrameRing> {
        &self.frames
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

/// The writer's side of a rendition: one owner, no lock but the frame ring's.
#[derive(Debug)]
pub(super) struct PartRing {
    rendition: Arc<Rendition>,
    /// How much the playlist lists, in ticks.
    window: i64,
    max_bytes: u64,
    segments: Vec<Arc<Segment>>,
    listed_from: usize,
    /// Discontinuities that have left the playlist.
    discontinuities: u64,
    open: Option<OpenSegment>,
    next_msn: u64,
    next_part: u64,
    announced: u64,
    peak: u64,
    dirty: bool,
    ended: bool,
}

/// Bounds of a ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How much the playlist lists, in microseconds.
    pub(super) window: i64,
    pub(super) max_bytes: usize,
    /// Bits per second that the publisher announced for this track.
    pub(super) announced: u64,
}

/// History kept frame by frame, in microseconds.
const FRAME_HISTORY: i64 = 12_000_000;

impl PartRing {
    pub(super) fn new(constants: Constants, frame_rate: Option<FrameRate>, bounds: Bounds) -> Self {
        let constants = Arc::new(constants);
        let view = View {
            constants: Arc::clone(&constants),
            segments: Vec::new(),
            listed_from: 0,
            discontinuity_sequence: 0,
            open: None,
            next_msn: 1,
            next_part: 0,
            reports: Vec::new(),
            ended: false,
            bandwidth: Bandwidth::default(),
            memo: Memo::default(),
        };
        let window = Ticks::new(bounds.window, Timescale::MICROS).to(constants.timescale()).value;
        let rendition = Rendition {
            constants,
            frame_rate,
            view: ArcSwap::from_pointee(view),
            states: watch::Sender::new(()),
            frames: Mutex::new(FrameRing::new(bounds.max_bytes, FRAME_HISTORY)),
        };
        Self {
            rendition: Arc::new(rendition),
            window,
            max_bytes: bounds.max_bytes as u64,
            segments: Vec::new(),
            listed_from: 0,
            discontinuities: 0,
            open: None,
            next_msn: 1,
            next_part: 0,
            announced: bounds.announced,
            peak: 0,
            dirty: false,
            ended: false,
        }
    }

    pub(super) fn rendition(&self) -> &Arc<Rendition> {
        &self.rendition
    }

    /// The last part that the next view will list.
    pub(super) fn last(&self) -> Option<PartPos> {
        let open = self.open.as_ref().and_then(|open| open.parts.last());
        let part = open.or_else(|| self.segments.last().and_then(|segment| segment.parts.last()))?;
        Some(PartPos { msn: part.msn, part: part.index })
    }

    /// Takes in what the packager sealed of this rendition.
    pub(super) fn apply(&mut self, sealed: Sealed) {
        self.dirty = true;
        match sealed {
            Sealed::Opened(_, head) => {
                self.next_msn = head.msn;
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
                self.peak = self.peak.max(bit_rate(&segment, self.rendition.constants.timescale()));
                self.segments.push(segment);
                self.evict();
            }
        }
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
        self.dirty = true;
    }

    /// Whether there is something that readers have not seen.
    pub(super) fn dirty(&self) -> bool {
        self.dirty
    }

    /// Makes the new state visible and wakes every waiter, once.
    pub(super) fn publish(&mut self, reports: Vec<Report>) {
        let view = View {
            constants: Arc::clone(&self.rendition.constants),
            segments: self.segments.clone(),
            listed_from: self.listed_from,
            discontinuity_sequence: self.discontinuities,
            open: self.open.clone(),
            next_msn: self.next_msn,
            next_part: self.next_part,
            reports,
            ended: self.ended,
            bandwidth: self.bandwidth(),
            memo: Memo::default(),
        };
        self.dirty = false;
        self.rendition.view.store(Arc::new(view));
        self.rendition.states.send_replace(());
    }

    /// Lets the oldest segments leave the playlist, and those that left long enough ago leave memory: a
    /// segment stays fetchable for its own duration and the longest playlist's after it was first listed
    /// (RFC 8216bis §6.2.2). Three target durations of media always stay listed.
    fn evict(&mut self) {
        let scale = self.rendition.constants.timescale();
        let target = i64::from(self.rendition.constants.target_duration) * i64::from(scale.per_second());
        let mut listed: i64 =
            self.segments.iter().skip(self.listed_from).map(|segment| segment.duration).sum();
        while let Some(front) = self.segments.get(self.listed_from) {
            let left = listed.saturating_sub(front.duration);
            let bytes: u64 = self.segments.iter().skip(self.listed_from).map(|segment| segment.len()).sum();
            if left < target * 3 || (listed <= self.window && bytes <= self.max_bytes) {
                break;
            }
            listed = left;
            self.discontinuities = self.discontinuities.saturating_add(u64::from(front.head.discontinuity));
            self.listed_from = self.listed_from.saturating_add(1);
        }
        let newest = self.segments.last().map_or(0, |segment| segment.start.saturating_add(segment.duration));
        let longest = self.window.saturating_add(target);
        let mut total: u64 = self.segments.iter().map(|segment| segment.len()).sum();
        let gone = self.segments.iter().take(self.listed_from).take_while(|segment| {
            let first_listed = segment.start.saturating_add(segment.duration);
            let over = total > self.max_bytes;
            total = total.saturating_sub(segment.len());
            over || newest.saturating_sub(first_listed) >= longest.saturating_add(segment.duration)
        });
        let gone = gone.count();
        self.segments.drain(..gone);
        self.listed_from = self.listed_from.saturating_sub(gone);
    }

    /// What to declare: the measured peak and a tenth, or before three segments are measured the larger
    /// of what was announced and what came so far.
    fn bandwidth(&self) -> Bandwidth {
        let scale = self.rendition.constants.timescale();
        let listed = self.segments.iter().skip(self.listed_from);
        let open = self.open.iter().flat_map(|open| open.parts.iter());
        let (mut bytes, mut ticks) = (0_u64, 0_i64);
        for (len, duration) in
            listed.map(|s| (s.len(), s.duration)).chain(open.map(|p| (p.body.len(), p.duration)))
        {
            bytes = bytes.saturating_add(len);
            ticks = ticks.saturating_add(duration);
        }
        let average = per_second(bytes, ticks, scale);
        let measured =
            if self.segments.len() < 3 { self.announced.max(average).max(self.peak) } else { self.peak };
        Bandwidth { peak: measured.max(average).saturating_mul(11) / 10, average }
    }
}

/// Bits per second of a segment; one shorter than half a second says nothing about a peak.
fn bit_rate(segment: &Segment, scale: Timescale) -> u64 {
    if segment.duration.saturating_mul(2) < i64::from(scale.per_second()) {
        return 0;
    }
    per_second(segment.len(), segment.duration, scale)
}

fn per_second(bytes: u64, ticks: i64, scale: Timescale) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(scale.per_second());
    u64::try_from(bits / u128::from(ticks.max(1).unsigned_abs())).unwrap_or(u64::MAX)
}
