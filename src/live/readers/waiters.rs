//! Waiters: readers that wait for the next entry, woken all at once.

use std::task::Waker;

/// At most one place for each reader, given back when it leaves: it never grows beyond the readers there are.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
    /// Counts the times that all were woken.
    round: u64,
}

/// A reader's place among those that wait, good until all are woken.
#[derive(Debug)]
pub(super) struct Ticket {
    round: u64,
    place: usize,
}

impl Waiters {
    /// Waits for the next [`take`](Self::take), in the place of `ticket` if that is still good.
    pub(super) fn wait(&mut self, ticket: &mut Option<Ticket>, waker: &Waker) {
        if let Some(place) = self.place(ticket.as_ref()) {
            match place {
                Some(known) if known.will_wake(waker) => {}
                place => *place = Some(waker.clone()),
            }
            return;
        }
        let place = self.free.pop().unwrap_or(self.places.len());
        match self.places.get_mut(place) {
            Some(free) => *free = Some(waker.clone()),
            None => self.places.push(Some(waker.clone())),
        }
        *ticket = Some(Ticket { round: self.round, place });
    }

    /// Waits no longer.
    pub(super) fn leave(&mut self, ticket: Option<Ticket>) {
        if let Some(place) = self.place(ticket.as_ref()) {
            *place = None;
            self.free.extend(ticket.map(|ticket| ticket.place));
        }
    }

    /// All that wait, to be woken once the lock is let go.
    pub(super) fn take(&mut self) -> Vec<Option<Waker>> {
        if self.places.is_empty() {
            return Vec::new();
        }
        self.round = self.round.wrapping_add(1);
        self.free.clear();
        std::mem::take(&mut self.places)
    }

    fn place(&mut self, ticket: Option<&Ticket>) -> Option<&mut Option<Waker>> {
        let ticket = ticket.filter(|ticket| ticket.round == self.round)?;
        self.places.get_mut(ticket.place)
    }
}
