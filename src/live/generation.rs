//! Generation: one run of a stream, as its readers and its registry know it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::error::Error;
use super::moment::Moment;
use super::readers::{Bounds, End, Ring};
use super::ring::{Changes, Rendition};
use super::scene::{Newest, Scene};
use crate::media::{Now, RingLimits, StreamName, TrackId, WallTime};

/// Twelve hexadecimal characters, drawn anew for every generation: URLs are never used twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GenerationId(String);

impl GenerationId {
    /// One that was never drawn before, but for one chance in 2^48.
    ///
    /// # Errors
    /// When the system has no randomness to give: anything else might be an id that caches still know.
    pub(super) fn draw() -> Result<Self, Error> {
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).map_err(Error::Entropy)?;
        Ok(Self(format!("{:012x}", u64::from_be_bytes(bytes) & 0xFFFF_FFFF_FFFF)))
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
    moments: Arc<Ring<Moment>>,
    ended: OnceLock<Instant>,
    states: watch::Sender<()>,
    scene: Newest,
    born: Instant,
    /// Microseconds from `born` to the last frame.
    heard: AtomicU64,
    /// Whose source it is: the fingerprint of the key that was accepted.
    credential: AtomicU64,
    /// Counts requests to make room for another source.
    ousts: watch::Sender<u64>,
}

impl Generation {
    /// A run of `name` that begins at `now`.
    ///
    /// # Errors
    /// `Entropy`.
    pub(super) fn new(
        name: StreamName,
        credential: u64,
        limits: &RingLimits,
        now: Now,
    ) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            id: GenerationId::draw()?,
            name,
            started: now.wall,
            renditions: OnceLock::new(),
            moments: Ring::new(Bounds::of(limits, 1)),
            ended: OnceLock::new(),
            states: watch::Sender::new(()),
            scene: Newest::default(),
            born: now.mono,
            heard: AtomicU64::new(0),
            credential: AtomicU64::new(credential),
            ousts: watch::Sender::new(0),
        }))
    }

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

    /// The frames of all its tracks one by one, in the order of arrival, for outputs that do not wait for parts. It
    /// stays open while another source is waited for, and ends with the generation.
    pub fn moments(&self) -> &Arc<Ring<Moment>> {
        &self.moments
    }

    /// What its renditions show now. All who ask before the next state share a memo.
    pub fn scene(&self) -> Scene {
        self.scene.look(|| self.renditions().iter().map(|rendition| rendition.view()).collect())
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

    pub(super) fn settle(&self, renditions: Vec<Arc<Rendition>>, limits: &RingLimits) {
        self.moments.rebound(Bounds::of(limits, renditions.len()));
        // Set once by the one publisher; a second call would be ignored.
        let _first = self.renditions.set(renditions.into());
    }

    pub(super) fn wake(&self) {
        self.states.send_replace(());
    }

    pub(super) fn end(&self, at: Instant) {
        let _first = self.ended.set(at);
        self.moments.close(End::Stream);
        self.wake();
    }

    /// When it ended.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        self.ended.get().copied()
    }

    /// Notes that its source is alive.
    pub(super) fn hear(&self, at: Instant) {
        let micros = at.saturating_duration_since(self.born).as_micros();
        self.heard.store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long its source has been silent.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        let heard = self.born + Duration::from_micros(self.heard.load(Ordering::Relaxed));
        now.saturating_duration_since(heard)
    }

    pub(super) fn credential(&self) -> u64 {
        self.credential.load(Ordering::Relaxed)
    }

    /// Another source goes on with it.
    pub(super) fn belongs_to(&self, credential: u64) {
        self.credential.store(credential, Ordering::Relaxed);
    }

    /// Asks its source to make room.
    pub(super) fn oust(&self) {
        self.ousts.send_modify(|count| *count += 1);
    }

    pub(super) fn ouster(&self) -> Ouster {
        Ouster(self.ousts.subscribe())
    }
}

/// A wait for the request to make room for another source.
#[derive(Debug)]
pub struct Ouster(watch::Receiver<u64>);

impl Ouster {
    /// A wait for `asked` to change.
    pub(super) fn of(asked: watch::Receiver<u64>) -> Self {
        Self(asked)
    }

    /// Returns when the publisher it came from is to be dropped; never, while none is asked to be.
    pub async fn ousted(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
