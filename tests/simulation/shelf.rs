//! Shelf: every state of every playlist that anybody has seen, and which ways between two of them were looked at.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use rillcast::lint::{self, Finding, Listing, Severity};

use crate::ledger::{Promise, hash};

/// A rendition: of which generation, and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) generation: usize,
    pub(crate) track: [u8; 2],
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.generation, String::from_utf8_lossy(&self.track))
    }
}

/// A state of a playlist: which one, how far it goes, and whether that is the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) place: Place,
    pub(crate) msn: u64,
    pub(crate) parts: u64,
    pub(crate) ended: bool,
}

/// A state as its player has it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) state: State,
    pub(crate) listing: Arc<Listing>,
}

#[derive(Default)]
pub(crate) struct Shelf {
    texts: HashMap<u64, Arc<Listing>>,
    deltas: HashMap<(State, u64), Seen>,
    states: HashMap<State, Arc<Listing>>,
    ways: HashSet<(State, State)>,
}

/// What is wrong with what somebody was sent.
pub(crate) type Fault = (Promise, String);

impl Shelf {
    /// Takes in a playlist that somebody was sent who had `before`; `None` when it is a delta to more than they had.
    pub(crate) fn take(
        &mut self,
        place: Place,
        before: Option<&Seen>,
        text: &[u8],
    ) -> Result<Option<Seen>, Fault> {
        let key = hash(&(place, text));
        let listing = match self.texts.get(&key) {
            Some(known) => Arc::clone(known),
            None => {
                let (listing, findings) = lint::media_playlist(text);
                none_of(findings, || format!("{place}:\n{}", String::from_utf8_lossy(text)))?;
                let listing = Arc::new(listing);
                self.texts.insert(key, Arc::clone(&listing));
                if listing.skip.is_none() {
                    self.same(place, &listing)?;
                }
                listing
            }
        };
        let seen = match &listing.skip {
            None => Seen { state: state(place, &listing), listing },
            Some(_) => {
                let Some(before) = before else {
                    return Err((Promise::Playlists, format!("{place}: a delta that nobody asked for")));
                };
                match self.merged(before, key, &listing)? {
                    Some(seen) => seen,
                    None => return Ok(None),
                }
            }
        };
        if let Some(before) = before {
            self.way(before, &seen)?;
        }
        Ok(Some(seen))
    }

    fn merged(&mut self, before: &Seen, key: u64, delta: &Listing) -> Result<Option<Seen>, Fault> {
        if let Some(known) = self.deltas.get(&(before.state, key)) {
            return Ok(Some(known.clone()));
        }
        let Some(whole) = lint::merge(&before.listing, delta) else { return Ok(None) };
        let listing = self.same(before.state.place, &Arc::new(whole))?;
        let seen = Seen { state: state(before.state.place, &listing), listing };
        self.deltas.insert((before.state, key), seen.clone());
        Ok(Some(seen))
    }

    /// Two of one state say the same.
    fn same(&mut self, place: Place, listing: &Arc<Listing>) -> Result<Arc<Listing>, Fault> {
        let state = state(place, listing);
        let known = self.states.entry(state).or_insert_with(|| Arc::clone(listing));
        let findings = lint::delta(listing, listing, known);
        let known = Arc::clone(known);
        none_of(findings, || format!("{state:?}")).map_err(|(_, what)| (Promise::OneState, what))?;
        Ok(known)
    }

    fn way(&mut self, before: &Seen, after: &Seen) -> Result<(), Fault> {
        if before.state == after.state || !self.ways.insert((before.state, after.state)) {
            return Ok(());
        }
        let (a, b) = (&before.state, &after.state);
        if (a.msn, a.parts) > (b.msn, b.parts) || a.ended && !b.ended {
            return Err((Promise::Playlists, format!("{a:?}, and after it {b:?}")));
        }
        none_of(lint::change(&before.listing, &after.listing), || format!("{a:?} to {b:?}"))
    }
}

fn state(place: Place, listing: &Listing) -> State {
    let position = listing.position();
    State { place, msn: position.msn, parts: position.parts, ended: listing.ended }
}

fn none_of(findings: Vec<Finding>, about: impl FnOnce() -> String) -> Result<(), Fault> {
    match findings.iter().find(|finding| finding.severity() == Severity::Error) {
        Some(finding) => Err((Promise::Playlists, format!("{finding}: {}", about()))),
        None => Ok(()),
    }
}
