//! Lane: what one member of a group has sent and the leader has not taken yet, in bounded memory.
//!
//! ```text
//!   member ──▶ [track] frame frame key frame frame ──▶ leader takes what is not ahead of it
//!                    └ held: nobody takes, the two newest GOPs are kept
//! ```

use std::collections::VecDeque;

use crate::media::{Frame, Track, TrackKind};

/// Frames of one member that wait: more than ten seconds of pictures and sound.
const MOST: usize = 2_048;
/// Their bytes: two seconds of 30 Mbit/s.
const MOST_BYTES: usize = 8 << 20;

/// One thing of a member's, with its tracks numbered as the group's.
#[derive(Debug)]
pub(super) enum Item {
    Track(Track),
    /// A frame and where it belongs: its decode time, moved on as the timeline does, in milliseconds.
    Frame(Frame, i64),
}

/// The way from a member to its leader.
#[derive(Debug)]
pub(super) struct Lane {
    /// The newest configuration of each track before everything that waits.
    tracks: Vec<Track>,
    /// Whether the leader knows those.
    told: bool,
    items: VecDeque<Item>,
    bytes: usize,
    /// Whether pictures were lost that others may build upon: the next keyframe mends it.
    broken: bool,
}

impl Lane {
    /// An empty one, that begins with a keyframe.
    pub(super) fn new() -> Self {
        Self { tracks: Vec::new(), told: false, items: VecDeque::new(), bytes: 0, broken: true }
    }

    /// A configuration that comes before what is pushed next.
    pub(super) fn configure(&mut self, track: Track) {
        if self.items.is_empty() {
            self.told = false;
            return self.know(track);
        }
        // Configurations in a row of one track are one.
        let last = self.items.iter().rposition(|item| matches!(item, Item::Frame(..)));
        let tail = last.map_or(0, |at| at.saturating_add(1));
        let same = |item: &&mut Item| matches!(item, Item::Track(known) if known.id == track.id);
        match self.items.range_mut(tail..).find(same) {
            Some(item) => *item = Item::Track(track),
            None => self.items.push_back(Item::Track(track)),
        }
    }

    /// Takes a frame that belongs at `at`; how many were given up, this one or all that waited.
    pub(super) fn push(&mut self, frame: Frame, at: i64) -> u64 {
        let video = frame.track.kind == TrackKind::Video;
        let size = frame.payload.len();
        let mut lost = 0;
        if self.items.len() >= MOST || self.bytes.saturating_add(size) > MOST_BYTES {
            lost = self.give_up();
        }
        if size > MOST_BYTES || (video && self.broken && !frame.key) {
            return lost.saturating_add(1);
        }
        self.broken &= !video;
        self.bytes = self.bytes.saturating_add(size);
        self.items.push_back(Item::Frame(frame, at));
        lost
    }

    /// Forgets all frames; what comes begins with a keyframe.
    fn give_up(&mut self) -> u64 {
        let all = self.items.len();
        self.broken = true;
        self.forget(all)
    }

    /// Keeps no more than the two newest GOPs: nobody takes anything.
    pub(super) fn hold(&mut self) {
        self.told = false;
        let key = |item: &Item| matches!(item, Item::Frame(frame, _) if frame.key && frame.track.kind == TrackKind::Video);
        let keys = self.items.iter().enumerate().rev().filter(|(_, item)| key(item));
        if let Some((at, _)) = keys.take(2).nth(1) {
            self.forget(at);
        }
    }

    /// Forgets the first `count` items, but not the configurations; how many were frames.
    fn forget(&mut self, count: usize) -> u64 {
        let mut frames = 0_u64;
        for item in self.items.drain(..count).collect::<Vec<_>>() {
            match item {
                Item::Track(track) => {
                    self.told = false;
                    self.know(track);
                }
                Item::Frame(frame, _) => {
                    self.bytes = self.bytes.saturating_sub(frame.payload.len());
                    frames = frames.saturating_add(1);
                }
            }
        }
        frames
    }

    fn know(&mut self, track: Track) {
        self.tracks.retain(|known| known.id != track.id);
        self.tracks.push(track);
    }

    /// Whether there is something to take by a leader that has come to `until`.
    pub(super) fn ready(&self, until: i64) -> bool {
        match self.items.front() {
            Some(Item::Frame(_, at)) => *at <= until,
            Some(Item::Track(_)) => true,
            None => !self.told && !self.tracks.is_empty(),
        }
    }

    /// The next thing for a leader that has come to `until`.
    pub(super) fn take(&mut self, until: i64, to: &mut Vec<Item>) {
        if !self.ready(until) {
            return;
        }
        if !std::mem::replace(&mut self.told, true) {
            to.extend(self.tracks.iter().cloned().map(Item::Track));
        }
        match self.items.pop_front() {
            Some(Item::Track(track)) => {
                self.know(track.clone());
                to.push(Item::Track(track));
            }
            Some(Item::Frame(frame, at)) => {
                self.bytes = self.bytes.saturating_sub(frame.payload.len());
                to.push(Item::Frame(frame, at));
            }
            None => {}
        }
    }
}
