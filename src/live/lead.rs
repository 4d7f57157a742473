//! Lead: the leader's part in a group: it publishes its own frames, and its members' up to where it is itself.

use super::error::{Error, Expect};
use super::group::{Calls, Group, millis};
use super::lane::Item;
use super::publisher::Publisher;
use crate::media::{Frame, Now, Track, TrackId, TrackKind};

/// Leads a group for as long as it lives. It goes with the [`Publisher`] of the group's stream, which it is handed at
/// every call, and through which everything of the leader's and the members' goes.
#[derive(Debug)]
pub struct Lead {
    group: Group,
    turn: u64,
    /// How much later than they are decoded its pictures belong, in milliseconds: as its last keyframe has it.
    delay: i64,
}

impl Lead {
    pub(super) fn new(group: Group, turn: u64) -> Self {
        Self { group, turn, delay: 0 }
    }

    /// Says what the leader announced, with what the group is known to have.
    pub fn expect(&self, publisher: &mut Publisher, announced: Expect) {
        let audio = if self.group.has_own_sound() { Some(true) } else { announced.audio };
        // What one of several rates is, is not what all of them are together.
        publisher.expect(Expect { audio, bitrate: None, ..announced });
    }

    /// The number that a track of the leader's has in the group; `None` when it has no place there.
    pub fn number(&self, id: TrackId) -> Option<TrackId> {
        self.group.number(0, id)
    }

    /// A configuration of the leader's.
    pub fn configure(&self, publisher: &mut Publisher, track: Track, now: Now) {
        if let Some(id) = self.number(track.id) {
            publisher.configure(Track { id, ..track }, now);
        }
    }

    /// A frame of the leader's; and what members have for the time up to it.
    ///
    /// # Errors
    /// As [`Publisher::push`].
    pub fn push(&mut self, publisher: &mut Publisher, frame: Frame, now: Now) -> Result<(), Error> {
        let Some(id) = self.number(frame.track) else { return Ok(()) };
        let frame = Frame { track: id, ..frame };
        if id.kind == TrackKind::Video {
            self.hear(&frame);
        }
        publisher.push(frame, now)?;
        self.pump(publisher, now)
    }

    /// Takes what members have.
    ///
    /// # Errors
    /// As [`Publisher::push`]. Nothing that a member can send leads to one: what cannot be packaged is refused before.
    pub fn pump(&self, publisher: &mut Publisher, now: Now) -> Result<(), Error> {
        for item in self.group.take(self.turn) {
            match item {
                Item::Track(track) => publisher.configure(track, now),
                // It is taken now: how long it waited for the leader is not how long it was on its way.
                Item::Frame(frame, _) => publisher.push(Frame { arrival: now.mono, ..frame }, now)?,
            }
        }
        Ok(())
    }

    /// Watches for members that have something.
    pub fn calls(&self) -> Calls {
        self.group.calls()
    }

    /// Notes where the leader is.
    fn hear(&mut self, frame: &Frame) {
        let (at, delay) = millis(frame);
        if frame.key {
            self.delay = delay;
        }
        let most = self.group.most();
        let mut state = self.group.state();
        let since = state.since(frame.arrival);
        let Some(lead) = state.leading(self.turn) else { return };
        lead.clock.hear(at, since);
        let place = at.saturating_add(self.delay);
        lead.span = match lead.span {
            Some((first, _)) => Some((first, place)),
            None => frame.key.then_some((place, place)),
        };
        state.settle(most);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.group.unlead(self.turn);
    }
}
