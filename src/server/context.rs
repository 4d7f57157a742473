//! Context: what every driver and route shares, and the phases of the server's end.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::control::{Access, Denied, Metrics, Quota, Seldom, Settings, Viewers};
use crate::live::Registry;
use crate::media::{Limit, Limits};

use super::admission::Admission;
use super::clock::Clock;
use super::crowding::Crowding;
use super::groups::Groups;
use super::health::Board;
use super::progressive::Feeds;
use super::self_lint::SelfLint;

/// How long after the server began to drain those are waited for who had come before it and have asked nothing yet:
/// what they ask is on its way.
pub(super) const NEWCOMERS: Duration = Duration::from_secs(1);

/// Shared by all tasks.
pub(super) struct Context {
    /// Who may publish.
    pub(super) access: Access,
    /// Who is live.
    pub(super) registry: Registry,
    /// On which terms publishers come.
    pub(super) settings: Settings,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// What we send is held to the rules.
    pub(super) lint: Arc<SelfLint>,
    /// Bounds.
    pub(super) limits: Arc<Limits>,
    /// What the log says of those who are not let in.
    pub(super) refusals: Seldom,
    /// How often an address may ask for an encoder's configuration.
    pub(super) asked: Quota,
    /// How the publishers do.
    pub(super) health: Board,
    /// Who shares a stream.
    pub(super) groups: Groups,
    /// Streams as endless files.
    pub(super) feeds: Feeds,
    /// Whether there is room.
    pub(super) crowding: Crowding,
    /// Held requests.
    pub(super) holds: Arc<Admission>,
    /// Who watches, who did, and how short memory is.
    pub(super) viewers: Arc<Viewers>,
    phase: watch::Sender<Phase>,
}

/// Where the server is in its life. Only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Accepting.
    Serving,
    /// Not ready; nothing is accepted; publishers finish.
    Draining,
    /// Every publisher has finished: what is still asked is answered from what is there.
    Ended,
}

/// A task's view of the phases.
#[derive(Debug, Clone)]
pub(super) struct Drain(watch::Receiver<Phase>);

impl Context {
    /// A context that is serving.
    pub(super) fn new(access: Access, registry: Registry, settings: Settings) -> Self {
        let limits = Arc::new(settings.limits.clone());
        let holds = Admission::new(limits.http.holds, limits.http.holds_per_address);
        let groups = Groups::new(&settings);
        let (phase, _) = watch::channel(Phase::Serving);
        let metrics = Arc::<Metrics>::default();
        let viewers = Arc::new(Viewers::new(limits.viewers.clone(), metrics.audience.clone()));
        Self {
            access,
            registry,
            settings,
            metrics,
            lint: Arc::default(),
            limits,
            refusals: Seldom::default(),
            asked: Quota::default(),
            health: Board::default(),
            groups,
            feeds: Feeds::default(),
            crowding: Crowding::default(),
            holds,
            viewers,
            phase,
        }
    }

    /// `who` ran into `limit`.
    pub(super) fn hit(&self, limit: Limit, who: impl Display) {
        self.metrics.limit(limit, who, Clock::mono());
    }

    /// Counts that `who` was not let in.
    pub(super) fn refused(&self, denied: &Denied, who: impl Display) {
        self.metrics.audience.refused(denied);
        denied.limit().into_iter().for_each(|limit| self.hit(limit, &who));
    }

    /// Where the server is.
    pub(super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Moves on to `phase`.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// A view of the phases to wait on.
    pub(super) fn drain(&self) -> Drain {
        Drain(self.phase.subscribe())
    }
}

impl Drain {
    /// Returns once the server drains.
    pub(super) async fn started(&mut self) {
        self.reached(Phase::Draining).await;
    }

    /// Returns once whoever has come and asked nothing yet has had the time to.
    pub(super) async fn newcomers_had_their_time(&mut self) {
        self.started().await;
        tokio::time::sleep(NEWCOMERS).await;
    }

    /// Returns once every publisher has finished.
    pub(super) async fn publishers_finished(&mut self) {
        self.reached(Phase::Ended).await;
    }

    async fn reached(&mut self, wanted: Phase) {
        // A context that is gone is as good as ended.
        let _ = self.0.wait_for(|phase| *phase >= wanted).await;
    }
}
