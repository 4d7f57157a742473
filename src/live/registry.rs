//! Registry: which streams are live, and the generations that are over but still fetchable.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::error::Error;
use super::publisher::Publisher;
use super::ring::{Changes, Rendition};
use crate::media::{Now, StreamName, TrackId, WallTime};
use crate::packager;

/// How streams are packaged and kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Parts, segments, bounds.
    pub packager: packager::Settings,
    /// How much media a playlist lists.
    pub window: Duration,
    /// Whether parts are listed; without, the stream is plain HLS.
    pub parts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { packager: packager::Settings::default(), window: Duration::from_secs(30), parts: true }
    }
}

/// Twelve hexadecimal characters, drawn anew for every generation: URLs are never used twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GenerationId(String);

impl GenerationId {
    fn draw() -> Self {
        let mut bytes = [0_u8; 8];
        // Without entropy the id is still unlike its predecessors by the address of a fresh allocation.
        if getrandom::fill(&mut bytes).is_err() {
            let fresh = Box::new(0_u8);
            bytes = (std::ptr::from_ref(&*fresh).addr() as u64).to_be_bytes();
        }
        Self(format!("{:012x}", u64::from_be_bytes(bytes) & 0xFFFF_FFFF_FFFF))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One run of a stream as its readers know it.
#[derive(Debug)]
pub struct Generation {
    id: GenerationId,
    name: StreamName,
    started: WallTime,
    renditions: OnceLock<Arc<[Arc<Rendition>]>>,
    ended: OnceLock<Instant>,
    states: watch::Sender<()>,
}

impl Generation {
    /// Its part of every URL.
    pub fn id(&self) -> &GenerationId {
        &self.id
    }

    /// The stream it is a run of.
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// When its publisher was accepted.
    pub fn started(&self) -> WallTime {
        self.started
    }

    /// Its renditions, video first; empty until the tracks are settled.
    pub fn renditions(&self) -> Arc<[Arc<Rendition>]> {
        self.renditions.get().cloned().unwrap_or_default()
    }

    /// The rendition of one track.
    pub fn rendition(&self, track: TrackId) -> Option<Arc<Rendition>> {
        self.renditions.get()?.iter().find(|rendition| rendition.id() == track).cloned()
    }

    /// Whether a player can start: every rendition lists a part.
    pub fn playable(&self) -> bool {
        self.renditions.get().is_some_and(|all| all.iter().all(|rendition| rendition.view().playable()))
    }

    /// Whether it is over.
    pub fn ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// Watches for its becoming playable and its end.
    pub fn changes(&self) -> Changes {
        Changes(self.states.subscribe())
    }

    pub(super) fn settle(&self, renditions: Vec<Arc<Rendition>>) {
        // Set once by the one publisher; a second call would be ignored.
        let _first = self.renditions.set(renditions.into());
    }

    pub(super) fn wake(&self) {
        self.states.send_replace(());
    }

    pub(super) fn end(&self, at: Instant) {
        let _first = self.ended.set(at);
        self.wake();
    }
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    /// Read without a lock; replaced whole by writers, who take turns.
    streams: ArcSwap<HashMap<StreamName, Arc<Generation>>>,
    turn: Mutex<()>,
}

/// Who is live. Cloning shares.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Shared>);

impl Registry {
    /// An empty registry.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Shared { settings, streams: ArcSwap::default(), turn: Mutex::new(()) }))
    }

    /// Begins a generation of `name`. Dropping the publisher ends it.
    pub fn publish(&self, name: &StreamName, now: Now) -> Result<Publisher, Error> {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = self.0.streams.load();
        if streams.get(name).is_some_and(|generation| !generation.ended()) {
            return Err(Error::Busy(name.clone()));
        }
        let generation = Arc::new(Generation {
            id: GenerationId::draw(),
            name: name.clone(),
            started: now.wall,
            renditions: OnceLock::new(),
            ended: OnceLock::new(),
            states: watch::Sender::new(()),
        });
        let mut streams = HashMap::clone(&streams);
        streams.insert(name.clone(), Arc::clone(&generation));
        self.0.streams.store(Arc::new(streams));
        Ok(Publisher::new(generation, self.0.settings.clone(), now))
    }

    /// The newest generation of `name`: live, or over and still fetchable. Takes no lock.
    pub fn find(&self, name: &StreamName) -> Option<Arc<Generation>> {
        self.0.streams.load().get(name).cloned()
    }

    /// Every generation that [`find`](Self::find) can find.
    pub fn generations(&self) -> Vec<Arc<Generation>> {
        self.0.streams.load().values().cloned().collect()
    }

    /// Forgets generations that ended long enough before `now` for every player to have seen the end.
    pub fn sweep(&self, now: Instant) {
        let keep = self.0.settings.window.max(Duration::from_secs(30)) * 2;
        let stale = |generation: &Arc<Generation>| {
            generation.ended.get().is_some_and(|ended| now.saturating_duration_since(*ended) > keep)
        };
        if !self.0.streams.load().values().any(stale) {
            return;
        }
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut streams = HashMap::clone(&self.0.streams.load());
        streams.retain(|_, generation| !stale(generation));
        self.0.streams.store(Arc::new(streams));
    }
}
