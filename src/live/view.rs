//! View: an immutable snapshot of one rendition's recent past, from which every answer is made.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::constants::Constants;
use super::position::{PartPos, Report};
use crate::media::DateRange;
use crate::packager::{Init, Part, Segment, SegmentHead};

/// The segment that is being filled.
#[derive(Debug, Clone)]
pub struct OpenSegment {
    /// What was known when it opened.
    pub head: SegmentHead,
    /// Its parts so far.
    pub parts: Vec<Arc<Part>>,
}

/// Bits per second, measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// Peak segment bit rate to declare: once it is a measured one, it never falls while the generation lasts.
    pub peak: u64,
    /// Average over the window, to declare.
    pub average: u64,
}

/// One state of one rendition. Immutable: two requests that see the same view see the same bytes.
#[derive(Debug)]
pub struct View {
    /// What does not change from view to view.
    pub constants: Arc<Constants>,
    /// Closed segments, oldest first, with consecutive sequence numbers: first those that have left
    /// the playlist but are still fetchable, then from `listed_from` on those in the playlist.
    pub segments: Arc<[Arc<Segment>]>,
    /// Index in `segments` of the first one in the playlist.
    pub listed_from: usize,
    /// EXT-X-DISCONTINUITY-SEQUENCE of the first listed segment.
    pub discontinuity_sequence: u64,
    /// The segment being filled; `None` between segments and after the end.
    pub open: Option<OpenSegment>,
    /// Media sequence number of the segment that is open or will open next.
    pub next_msn: u64,
    /// Number of the next part to be made: the one that is hinted.
    pub next_part: u64,
    /// The init section that the next part will need, where it is known already to be another than the
    /// last listed one's.
    pub next_init: Option<Arc<Init>>,
    /// Date ranges in the order they were added, the same for all renditions: those that end after the
    /// first listed segment starts, and those that ended before, for at least six target durations.
    pub date_ranges: Arc<[Arc<DateRange>]>,
    /// The other renditions of the generation, as of this state.
    pub reports: Vec<Report>,
    /// Whether the generation is over: EXT-X-ENDLIST, nothing more will come.
    pub ended: bool,
    /// Whether a player can change to it from the rendition that leads, at any segment of the playlist: none
    /// begins without a keyframe where the leader's begins with one. While not, it is not offered.
    pub aligned: bool,
    /// Measured bit rates.
    pub bandwidth: Bandwidth,
    /// Where renderings of this view are kept, made at most once each.
    pub memo: Memo,
}

impl View {
    /// The segments in the playlist.
    pub fn listed(&self) -> &[Arc<Segment>] {
        self.segments.get(self.listed_from..).unwrap_or_default()
    }

    /// EXT-X-MEDIA-SEQUENCE: the number of the first segment in the playlist.
    pub fn media_sequence(&self) -> u64 {
        self.listed().first().map_or(self.next_msn, |segment| segment.head.msn)
    }

    /// The last part that a playlist of this view lists; `None` before the first.
    pub fn last_part(&self) -> Option<PartPos> {
        let open = self.open.as_ref().and_then(|open| open.parts.last());
        let part = open.or_else(|| self.segments.last().and_then(|segment| segment.parts.last()))?;
        Some(PartPos { msn: part.msn, part: part.index })
    }

    /// Whether a player could start from this view: it lists at least one part.
    pub fn playable(&self) -> bool {
        self.last_part().is_some()
    }

    /// The closed segment `msn`, listed or still fetchable.
    pub fn segment(&self, msn: u64) -> Option<&Arc<Segment>> {
        let first = self.segments.first()?.head.msn;
        self.segments.get(usize::try_from(msn.checked_sub(first)?).ok()?)
    }

    /// The part with this number, listed or still fetchable.
    pub fn part(&self, number: u64) -> Option<&Arc<Part>> {
        let open = self.open.iter().flat_map(|open| open.parts.iter());
        if let Some(part) = open.clone().find(|part| part.number == number) {
            return Some(part);
        }
        let after = self.segments.partition_point(|s| s.parts.first().is_some_and(|p| p.number <= number));
        let segment = self.segments.get(after.checked_sub(1)?)?;
        segment.parts.iter().find(|part| part.number == number)
    }

    /// The init section with this number, as long as a fetchable segment needs it or the next one will.
    pub fn init(&self, number: u32) -> Option<&Bytes> {
        if let Some(next) = self.next_init.as_ref().filter(|next| next.number == number) {
            return Some(&next.bytes);
        }
        let open = self.open.iter().map(|open| &open.head);
        let mut heads = open.chain(self.segments.iter().rev().map(|segment| &segment.head));
        heads.find(|head| head.init.number == number).map(|head| &head.init.bytes)
    }
}

/// How many renderings a view can keep.
pub const MEMO_SLOTS: usize = 12;

/// Renderings of one view, each made by the first who asks and shared by all who ask after.
///
/// Which slot means what is the business of the room that renders.
#[derive(Debug, Default)]
pub struct Memo([OnceLock<Bytes>; MEMO_SLOTS]);

impl Memo {
    /// What is in `slot`, made now if it is empty; a slot that does not exist is made anew each time.
    pub fn get(&self, slot: usize, make: impl FnOnce() -> Bytes) -> Bytes {
        match self.0.get(slot) {
            Some(slot) => slot.get_or_init(make).clone(),
            None => make(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn of_many_who_ask_at_once_one_makes_what_all_are_handed() {
        let (memo, start, made) = (Memo::default(), Barrier::new(64), AtomicUsize::new(0));
        let ask = || {
            start.wait();
            memo.get(3, || {
                made.fetch_add(1, Ordering::Relaxed);
                Bytes::from(vec![7; 100])
            })
        };
        let all: Vec<Bytes> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.into_inner(), 1);
        assert!(all.iter().all(|one| one.as_ptr() == all[0].as_ptr()));
    }
}
