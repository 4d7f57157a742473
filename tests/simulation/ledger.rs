//! Ledger: the trace of a run, what has been learnt of the server, and the first promise that it broke.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::history::{History, Publish};
use crate::shelf::{Place, Shelf};

/// Events kept to be shown.
const KEPT: usize = 60;

/// What the server promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Every playlist obeys HLS, alone and after what its player had before.
    Playlists,
    /// All who are sent one state are sent the same, as a whole or as a delta.
    OneState,
    /// A URI has one meaning for ever.
    OneUri,
    /// Every request is answered in time.
    Answered,
    /// What is listed is there.
    Listed,
    /// Nothing of a publisher comes after the one that follows it, and its frames come in order.
    Order,
    /// What was taken comes out, or is declared lost.
    NothingLost,
    /// What is kept has a bound.
    Memory,
    /// Everything is let go in the end.
    LetGo,
    /// Nothing of ours panics.
    Panics,
}

/// A promise that was broken.
#[derive(Debug, Clone)]
pub(crate) struct Breach {
    pub(crate) promise: Promise,
    pub(crate) at: Duration,
    pub(crate) what: String,
    /// What had happened until then.
    pub(crate) events: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    told: bool,
    traces: BTreeMap<usize, u64>,
    events: VecDeque<String>,
    count: u64,
    generations: Vec<String>,
    pub(crate) breach: Option<Breach>,
    pub(crate) shelf: Shelf,
    pub(crate) histories: BTreeMap<Place, History>,
    pub(crate) publishes: Vec<Publish>,
    uris: HashMap<(Place, String), u64>,
    pub(crate) requests: u64,
    now: Duration,
}

impl Ledger {
    pub(crate) fn new(told: bool) -> Self {
        Self { told, ..Self::default() }
    }

    /// Notes what `who` saw at `at`.
    pub(crate) fn event(&mut self, at: Duration, who: usize, what: &str) {
        self.now = at;
        let mut hasher = DefaultHasher::new();
        (self.traces.get(&who), at.as_micros(), what).hash(&mut hasher);
        self.traces.insert(who, hasher.finish());
        self.count += 1;
        let line = format!("{:>10.3} {who:>2} {what}", at.as_secs_f64());
        if self.told {
            eprintln!("{line}");
        }
        self.events.push_back(line);
        if self.events.len() > KEPT {
            self.events.pop_front();
        }
    }

    /// A promise was broken. The first one is kept.
    pub(crate) fn breaks(&mut self, promise: Promise, what: impl fmt::Display) {
        let line = format!("{:>10.3} !! {promise:?}: {what}", self.now.as_secs_f64());
        if self.told {
            eprintln!("{line}");
        }
        if self.breach.is_none() {
            let events = self.events.iter().cloned().collect();
            self.breach = Some(Breach { promise, at: self.now, what: what.to_string(), events });
        }
    }

    /// The how-many-th generation that was heard of is the one of this id.
    pub(crate) fn generation(&mut self, id: &str) -> usize {
        let known = self.generations.iter().position(|known| known == id);
        known.unwrap_or_else(|| {
            self.generations.push(id.to_owned());
            self.generations.len() - 1
        })
    }

    /// How many there were.
    pub(crate) fn generations(&self) -> usize {
        self.generations.len()
    }

    /// Somebody was sent `body` as `file`: it is what everybody is sent.
    pub(crate) fn fetched(&mut self, place: Place, file: &str, body: &[u8]) {
        let hash = hash(body);
        let was = *self.uris.entry((place, file.to_owned())).or_insert(hash);
        if was != hash {
            let len = body.len();
            self.breaks(Promise::OneUri, format_args!("{place} {file} is now another {len} bytes"));
        }
    }

    /// What tells this run from any other.
    pub(crate) fn fingerprint(&self) -> u64 {
        hash(&(&self.traces, self.count))
    }

    /// How many events there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

pub(crate) fn hash(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
