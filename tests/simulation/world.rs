//! World: the server, the one clock, and what everybody who is in it writes down.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rillcast::media::StreamName;
use rillcast::server::{Clock, Indoors};
use tokio::io::DuplexStream;

use crate::ledger::Ledger;
use crate::mutant::Mutant;
use crate::plan::Plan;

/// What a network's buffers hold of one connection, each way.
const PIPE: usize = 32 * 1_024;

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) mutant: Option<Mutant>,
    start: Instant,
    house: Mutex<Option<Indoors>>,
    ledger: Mutex<Ledger>,
    over: AtomicBool,
}

impl World {
    /// A server that has just begun.
    pub(crate) fn new(seed: u64, mutant: Option<Mutant>, told: bool) -> Arc<Self> {
        let plan = Plan::of(seed);
        let house = Indoors::new(plan.settings.clone());
        Arc::new(Self {
            seed,
            plan,
            mutant,
            start: Clock::mono(),
            house: Mutex::new(Some(house)),
            ledger: Mutex::new(Ledger::new(told)),
            over: AtomicBool::new(false),
        })
    }

    /// Virtual time since the run began.
    pub(crate) fn now(&self) -> Duration {
        Clock::mono().saturating_duration_since(self.start)
    }

    /// Waits for `span`, and then for the next instant at which `who` may act: no two act in the same millisecond on
    /// what they share, so the order in which a runtime wakes them decides nothing.
    pub(crate) async fn pause(&self, span: Duration, who: Turn) {
        let (every, offset) = who.millis();
        let due = (self.now() + span).as_micros().div_ceil(1_000) as u64;
        let due = (due + every - 1 - offset % every) / every * every + offset % every;
        let due = self.start + Duration::from_millis(due);
        tokio::time::sleep_until(due.into()).await;
    }

    /// Writes down what `who` saw.
    pub(crate) fn event(&self, who: usize, what: &str) {
        let now = self.now();
        self.ledger().event(now, who, what);
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server has stopped, or will take nobody any more.
    pub(crate) fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Looks at the server, if there is one.
    pub(crate) fn house<T>(&self, look: impl FnOnce(&Indoors) -> T) -> Option<T> {
        self.house.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }

    /// The server is to stop: nobody gets in any more.
    pub(crate) fn take_house(&self) -> Option<Indoors> {
        self.over.store(true, Ordering::Relaxed);
        self.house.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A connection of an encoder.
    pub(crate) fn connect_encoder(&self, who: u8) -> Option<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let peer = SocketAddr::from(([192, 0, 2, who], 40_000));
        self.house(|house| house.encoder(theirs, peer))?.then_some(ours)
    }

    /// A connection of a player.
    pub(crate) fn connect_viewer(&self, who: u8) -> Option<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        self.house(|house| house.viewer(theirs, [198, 51, 100, who].into()))?.then_some(ours)
    }

    /// The longest that any request may be held, with what the way takes.
    pub(crate) fn longest(&self) -> Duration {
        (self.plan.settings.segment.max(Duration::from_secs(2))) * 3 + Duration::from_millis(200)
    }
}

/// Who acts when.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    Encoder(u8),
    Player(usize),
    Auditor,
}

impl Turn {
    /// Every how many milliseconds, and at which of them.
    fn millis(self) -> (u64, u64) {
        match self {
            Self::Encoder(which) => (4, 2 * u64::from(which)),
            Self::Player(which) => (64, 2 * which as u64 + 1),
            Self::Auditor => (8, 5),
        }
    }
}

/// The one stream there is.
pub(crate) fn cam() -> StreamName {
    StreamName::parse("cam").unwrap()
}
