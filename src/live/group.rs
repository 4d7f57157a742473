//! Group: several publishes that are renditions of one stream, by the clock they share.
//!
//! ```text
//!   cam_1080 ──▶ Lead ───────────────┐  its own frames, at once
//!   cam_720  ──▶ Seat ──▶ lane ──────┼──▶ the leader's Publisher, in order of timestamps
//!   cam_480  ──▶ Seat ──▶ lane ──────┘  nothing is taken that is ahead of the leader
//! ```
//! A seat is *held* while there is no leader, or while their clocks do not agree: what it sends waits, the oldest is
//! forgotten. Else it *flows*. The lock is held for one frame's way into or out of a lane, never for packaging.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::error::Error;
use super::generation::Ouster;
use super::lane::{Item, Lane};
use super::lead::Lead;
use super::offset::Offset;
use super::publisher::Publisher;
use super::registry::Terms;
use super::seat::Seat;
use crate::media::{Frame, Now, StreamName, Ticks, Timescale, Track, TrackId, TrackKind};

/// Things that the leader takes from its members before it looks at its own socket again.
const TURN: usize = 128;
/// What is older than the leader's first picture by more than this, in milliseconds, is not taken at all.
const BEFORE: i64 = 500;

/// The members of one stream. Cloning shares.
#[derive(Debug, Clone)]
pub struct Group(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    members: Vec<StreamName>,
    /// Places whose sound is taken, in the order in which it is numbered.
    sound: Vec<u8>,
    /// How far clocks may be apart, in milliseconds.
    most: i64,
    state: Mutex<State>,
    calls: Arc<Notify>,
}

/// Who is there.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What arrivals are counted from.
    born: Option<Instant>,
    pub(super) lead: Option<Leading>,
    pub(super) places: Vec<Place>,
    leads: u64,
}

/// The leader that is live.
#[derive(Debug, Default)]
pub(super) struct Leading {
    turn: u64,
    pub(super) clock: Offset,
    /// Where its first keyframe and its newest frame belong, in milliseconds.
    pub(super) span: Option<(i64, i64)>,
}

/// A member's place, taken or not.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) seat: Option<Sitting>,
    /// Its tracks as they were last configured by whoever had it, and when one was changed.
    pub(super) tracks: Vec<Track>,
    pub(super) changed: Option<Instant>,
    turns: u64,
}

/// The member that has a place.
#[derive(Debug)]
pub(super) struct Sitting {
    turn: u64,
    pub(super) lane: Lane,
    pub(super) clock: Offset,
    pub(super) flows: bool,
    /// Since when its clock does not agree with the leader's.
    pub(super) off: Option<Instant>,
    /// Its latest timestamp, in milliseconds.
    pub(super) latest: i64,
    pub(super) heard: Instant,
    credential: u64,
    ousts: watch::Sender<u64>,
}

/// A wait for members that have something for their leader.
#[derive(Debug, Clone)]
pub struct Calls(Arc<Notify>);

impl Calls {
    /// Returns when [`Lead::pump`] has something to do.
    pub async fn called(&self) {
        self.0.notified().await;
    }
}

impl Group {
    /// A group of `members`, the one that leads first; sound is taken of those whose place is in `sound`. Clocks may
    /// be `most` apart: a segment.
    pub fn new(members: Vec<StreamName>, sound: Vec<u8>, most: Duration) -> Self {
        let places = members.iter().map(|_| Place::default()).collect();
        let state = Mutex::new(State { places, ..State::default() });
        let most = i64::try_from(most.as_millis()).unwrap_or(i64::MAX);
        Self(Arc::new(Shared { members, sound, most, state, calls: Arc::default() }))
    }

    /// The leader's part, for whoever has just got the `publisher` of the stream.
    pub fn lead(&self, publisher: &mut Publisher) -> Lead {
        publisher.declare(self.tracks());
        let mut state = self.state();
        state.leads = state.leads.saturating_add(1);
        let turn = state.leads;
        state.lead = Some(Leading { turn, ..Leading::default() });
        state.hold();
        drop(state);
        Lead::new(self.clone(), turn)
    }

    /// Takes the place of member `name`, who does not lead.
    ///
    /// # Errors
    /// `NoMember` when there is no such place;
    /// `Busy` when somebody has it and need not yield; `Yielding` when they have been asked to: the same call succeeds
    /// as soon as they have.
    pub fn join(&self, name: &StreamName, terms: Terms, now: Now) -> Result<Seat, Error> {
        let mut places = (0..=u8::MAX).zip(&self.0.members).skip(1);
        let place = places.find(|(_, member)| *member == name).map(|(place, _)| place);
        let place = place.ok_or_else(|| Error::NoMember(name.clone()))?;
        let mut state = self.state();
        let own = state.places.get_mut(usize::from(place)).ok_or_else(|| Error::NoMember(name.clone()))?;
        if let Some(holder) = &own.seat {
            let silence = now.mono.saturating_duration_since(holder.heard);
            if !terms.takes_over(silence, holder.credential) {
                return Err(Error::Busy(name.clone()));
            }
            holder.ousts.send_modify(|count| *count += 1);
            return Err(Error::Yielding(name.clone()));
        }
        own.turns = own.turns.saturating_add(1);
        let turn = own.turns;
        let ousts = watch::Sender::new(0);
        let ouster = Ouster::of(ousts.subscribe());
        own.seat = Some(Sitting {
            turn,
            lane: Lane::new(),
            clock: Offset::default(),
            flows: false,
            off: None,
            latest: i64::MIN,
            heard: now.mono,
            credential: terms.credential,
            ousts,
        });
        drop(state);
        Ok(Seat::new(self.clone(), place, turn, ouster))
    }

    /// What track `id` of the member at `place` is in the group; `None` when it has no place there.
    ///
    /// Each member brings its first video track. The leader brings all of its sound where nobody else brings any; else
    /// those who bring sound bring their first track of it.
    pub(super) fn number(&self, place: u8, id: TrackId) -> Option<TrackId> {
        match id.kind {
            TrackKind::Video => (id.index == 0).then_some(TrackId { index: place, ..id }),
            TrackKind::Audio => {
                let at = self.0.sound.iter().position(|sound| *sound == place)?;
                if !self.has_own_sound() {
                    return Some(id);
                }
                let index = u8::try_from(at).ok()?;
                (id.index == 0).then_some(TrackId { index, ..id })
            }
        }
    }

    /// The tracks that the members are to bring which do not lead.
    fn tracks(&self) -> Vec<TrackId> {
        let places = (0..=u8::MAX).take(self.0.members.len()).skip(1);
        let video = places.map(|index| TrackId { kind: TrackKind::Video, index });
        let sounds = (0..=u8::MAX).zip(&self.0.sound).filter(|(_, place)| **place != 0);
        video.chain(sounds.map(|(index, _)| TrackId { kind: TrackKind::Audio, index })).collect()
    }

    /// Whether others than the leader bring sound, or the leader brings none.
    pub(super) fn has_own_sound(&self) -> bool {
        self.0.sound != [0]
    }

    /// How far clocks may be apart, in milliseconds.
    pub(super) fn most(&self) -> i64 {
        self.0.most
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn calls(&self) -> Calls {
        Calls(Arc::clone(&self.0.calls))
    }

    /// Tells the leader that there is something to take.
    pub(super) fn call(&self) {
        self.0.calls.notify_one();
    }

    /// What members have for the leader of `turn`, no more than fits one turn; calls it again for the rest.
    pub(super) fn take(&self, turn: u64) -> Vec<Item> {
        let mut state = self.state();
        let Some((first, until)) = state.leading(turn).and_then(|lead| lead.span) else { return Vec::new() };
        let mut items = Vec::new();
        for seat in state.seats().filter(|seat| seat.flows) {
            while items.len() < TURN && seat.lane.ready(until) {
                seat.lane.take(until, &mut items);
            }
        }
        if items.len() >= TURN {
            self.call();
        }
        let old = |item: &Item| matches!(item, Item::Frame(_, at) if at.saturating_add(BEFORE) < first);
        items.retain(|item| !old(item));
        items
    }

    /// The leader of `turn` is gone: everybody waits.
    pub(super) fn unlead(&self, turn: u64) {
        let mut state = self.state();
        if state.leading(turn).is_some() {
            state.lead = None;
            state.hold();
        }
    }

    /// The member of `turn` is gone from `place`.
    pub(super) fn rise(&self, place: u8, turn: u64) {
        let mut state = self.state();
        if let Some(own) = state.places.get_mut(usize::from(place)) {
            own.seat.take_if(|seat| seat.turn == turn);
        }
    }
}

impl State {
    /// The leader, while it is the one of `turn`.
    pub(super) fn leading(&mut self, turn: u64) -> Option<&mut Leading> {
        self.lead.as_mut().filter(|lead| lead.turn == turn)
    }

    fn seats(&mut self) -> impl Iterator<Item = &mut Sitting> {
        self.places.iter_mut().filter_map(|place| place.seat.as_mut())
    }

    fn hold(&mut self) {
        self.seats().for_each(|seat| {
            seat.flows = false;
            seat.lane.hold();
        });
    }

    /// How long after the first arrival of all `at` is.
    pub(super) fn since(&mut self, at: Instant) -> Duration {
        at.saturating_duration_since(*self.born.get_or_insert(at))
    }

    /// Lets members flow whose clock agrees with the leader's, and holds those whose does not.
    pub(super) fn settle(&mut self, most: i64) {
        let Some(lead) = &self.lead else { return };
        let (ahead, began) = (lead.clock.ahead(), lead.span.is_some());
        for seat in self.places.iter_mut().filter_map(|place| place.seat.as_mut()) {
            let by = ahead.zip(seat.clock.ahead()).map(|(lead, own)| own.saturating_sub(lead));
            let agrees = by.is_some_and(|by| by.saturating_abs() <= most);
            seat.flows = began && agrees;
            if !seat.flows {
                seat.lane.hold();
            }
        }
    }
}

/// A frame's time and how much later it belongs, in milliseconds.
pub(super) fn millis(frame: &Frame) -> (i64, i64) {
    let delay = Ticks::new(frame.cts, frame.dts.scale).to(Timescale::MILLIS).value;
    (frame.dts.to(Timescale::MILLIS).value, delay)
}
