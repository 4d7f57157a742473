//! Seat: a member's part in a group: what it sends waits in its lane for the leader.

use std::time::{Duration, Instant};

use super::error::{Error, Notice};
use super::generation::Ouster;
use super::group::{Group, millis};
use super::offset;
use crate::cmaf;
use crate::media::{Frame, Now, Track, TrackId, TrackKind};
use crate::packager;

/// How long a member may send nothing that agrees with its leader's clock.
const PATIENCE: Duration = Duration::from_secs(3);
/// A new configuration is a discontinuity to every viewer of the group: no member makes more of them than this.
const APART: Duration = Duration::from_secs(10);
/// How far timestamps may go back, in milliseconds: more is another clock.
const BACK: i64 = 1_000;

/// Has a member's place for as long as it lives. Nothing it does waits for the leader, nor lets the leader wait.
#[derive(Debug)]
pub struct Seat {
    group: Group,
    place: u8,
    turn: u64,
    ouster: Option<Ouster>,
    /// How much later than they are decoded its pictures belong, in milliseconds.
    delay: i64,
    /// Tracks without a place that were told of.
    left_out: Vec<TrackId>,
    notices: Vec<Notice>,
    lost: u64,
}

impl Seat {
    pub(super) fn new(group: Group, place: u8, turn: u64, ouster: Ouster) -> Self {
        let (left_out, notices) = (Vec::new(), Vec::new());
        Self { group, place, turn, ouster: Some(ouster), delay: 0, left_out, notices, lost: 0 }
    }

    /// Whether somebody leads the group.
    pub fn led(&self) -> bool {
        self.group.state().lead.is_some()
    }

    /// Watches for the request to make room for another source: the seat is to be dropped then. There is one watch.
    pub fn ouster(&mut self) -> Option<Ouster> {
        self.ouster.take()
    }

    /// A configuration of the member's.
    ///
    /// # Errors
    /// When it cannot be packaged, or another came only just before.
    pub fn configure(&mut self, track: Track, now: Now) -> Result<(), Error> {
        let Some(id) = self.number(track.id) else { return Ok(()) };
        let track = Track { id, ..track };
        if let Err(source) = cmaf::init(&track, track.timescale()) {
            return Err(packager::Error::Init { track: id, source }.into());
        }
        let mut state = self.group.state();
        let Some(place) = state.places.get_mut(usize::from(self.place)) else { return Ok(()) };
        let known = place.tracks.iter().find(|known| known.id == id);
        if known.is_some_and(|known| known.config != track.config) {
            let before = place.changed.replace(now.mono);
            if before.is_some_and(|before| now.mono.saturating_duration_since(before) < APART) {
                return Err(Error::Restless(id));
            }
        }
        place.tracks.retain(|known| known.id != id);
        place.tracks.push(track.clone());
        if let Some(seat) = &mut place.seat {
            seat.lane.configure(track);
        }
        Ok(())
    }

    /// A frame of the member's.
    ///
    /// # Errors
    /// `OffClock` when for some seconds nothing came that agrees with the leader's clock.
    pub fn push(&mut self, frame: Frame, now: Now) -> Result<(), Error> {
        let Some(id) = self.number(frame.track) else { return Ok(()) };
        let frame = Frame { track: id, ..frame };
        let (at, delay) = millis(&frame);
        let video = id.kind == TrackKind::Video;
        let most = self.group.most();
        // No picture is shown so much later than it is decoded.
        let absurd = delay.saturating_abs() > most;
        if video && frame.key && !absurd {
            self.delay = delay;
        }
        let mut state = self.group.state();
        let since = state.since(frame.arrival);
        let until = state.lead.as_ref().and_then(|lead| lead.span).map(|(_, until)| until);
        let lead = state.lead.as_ref().and_then(|lead| lead.clock.ahead());
        let place = state.places.get_mut(usize::from(self.place));
        let Some(seat) = place.and_then(|place| place.seat.as_mut()) else { return Ok(()) };
        seat.heard = now.mono;
        let ahead = offset::ahead(at, since);
        // One frame of another time says nothing of the clock; all of them do.
        let early = lead.filter(|lead| seat.flows && ahead.saturating_sub(*lead) > most);
        if absurd || at.saturating_add(BACK) < seat.latest || early.is_some() {
            self.lost = self.lost.saturating_add(1);
            let by = early.map_or_else(|| at.saturating_sub(seat.latest), |lead| ahead.saturating_sub(lead));
            return wait(&mut seat.off, by, most, now.mono);
        }
        seat.latest = seat.latest.max(at);
        seat.clock.hear(at, since);
        let by = lead.zip(seat.clock.ahead()).map_or(0, |(lead, own)| own.saturating_sub(lead));
        let lost = seat.lane.push(frame, at.saturating_add(if video { self.delay } else { 0 }));
        self.lost = self.lost.saturating_add(lost);
        let result = if by.saturating_abs() > most {
            wait(&mut seat.off, by, most, now.mono)
        } else {
            seat.off = None;
            Ok(())
        };
        if lead.is_none() {
            seat.lane.hold();
        } else {
            state.settle(most);
        }
        let place = state.places.get(usize::from(self.place));
        let seat = place.and_then(|place| place.seat.as_ref()).filter(|seat| seat.flows);
        let call = seat.zip(until).is_some_and(|(seat, until)| seat.lane.ready(until));
        drop(state);
        if call {
            self.group.call();
        }
        result
    }

    /// What is worth telling the member, each once.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// How many frames were given up since this was last asked.
    pub fn lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn number(&mut self, id: TrackId) -> Option<TrackId> {
        let number = self.group.number(self.place, id);
        if number.is_none() && !self.left_out.contains(&id) {
            self.left_out.push(id);
            self.notices.push(Notice::LeftOut(id));
        }
        number
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.group.rise(self.place, self.turn);
    }
}

/// Whether clocks that do not agree may still come to.
fn wait(off: &mut Option<Instant>, by: i64, most: i64, now: Instant) -> Result<(), Error> {
    let since = *off.get_or_insert(now);
    if now.saturating_duration_since(since) < PATIENCE { Ok(()) } else { Err(Error::OffClock { by, most }) }
}
