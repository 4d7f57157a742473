//! Faults: one after the other, by seed, each kind as often as the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rillcast::push::Clip;
use rustix::process::Signal;
use tokio::sync::watch;

use super::churn::Scene;
use super::encoder::Order;
use super::floods;
use super::relay::tcp::Flow;
use super::relay::{Chance, Direction, Impairment, Relay};
use super::server::Server;

const SECOND: Duration = Duration::from_secs(1);
/// How long after the end of its fault a stream may still be about to recover.
const SETTLE: Duration = Duration::from_secs(10);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An encoder dies and is back within its grace.
    Crash,
    /// An encoder says goodbye, and is back when its stream has ended.
    Away,
    /// Nothing gets through for three seconds, then all of it.
    Stall,
    /// Nothing gets through for four seconds, and all of it is lost.
    Swallow,
    /// Bits are turned over on the way.
    Flips,
    /// An end of the connection that nobody made.
    HalfClose,
    /// The connection is reset.
    Reset,
    /// Delay, jitter, loss, small pieces and little room for ten seconds.
    BadWay,
    BadRequests,
    SlowHeads,
    SilentCrowd,
    WrongKeys,
    SecondEncoder,
    Rush,
    Leavers,
    /// The server stands still for a second.
    Stopped,
}

const KINDS: [Kind; 16] = [
    Kind::Crash,
    Kind::Away,
    Kind::Stall,
    Kind::Swallow,
    Kind::Flips,
    Kind::HalfClose,
    Kind::Reset,
    Kind::BadWay,
    Kind::BadRequests,
    Kind::SlowHeads,
    Kind::SilentCrowd,
    Kind::WrongKeys,
    Kind::SecondEncoder,
    Kind::Rush,
    Kind::Leavers,
    Kind::Stopped,
];

/// Who makes them.
pub(crate) struct Faults {
    pub(crate) scene: Arc<Scene>,
    pub(crate) server: Arc<Server>,
    pub(crate) encoders: Vec<watch::Sender<Order>>,
    /// The ways of those encoders that have one, by stream.
    pub(crate) relays: Vec<(usize, Relay)>,
    pub(crate) clip: Arc<Clip>,
    pub(crate) grace: Duration,
    pub(crate) chance: Chance,
}

impl Faults {
    /// Makes a fault every so often until the instant given; the last are over by then.
    pub(crate) async fn run(mut self, every: Duration, until: Instant) -> Self {
        let mut bag = Vec::new();
        let mut next = Instant::now() + every / 2;
        while next < until {
            tokio::time::sleep_until(next.into()).await;
            if bag.is_empty() {
                bag = KINDS.to_vec();
            }
            let at = usize::try_from(self.chance.below(bag.len() as u64)).unwrap_or(0);
            let kind = bag.swap_remove(at);
            let words = self.make(kind).await;
            let at = next.duration_since(self.scene.book.began);
            self.scene.book.pages().faults.push((at, words));
            next = (next + every).max(Instant::now());
        }
        self
    }

    async fn make(&mut self, kind: Kind) -> String {
        let streams = self.encoders.len() as u64;
        let stream = usize::try_from(self.chance.below(streams)).unwrap_or(0);
        let chance = Chance::of(self.chance.next(), 1);
        let scene = self.scene.clone();
        match kind {
            Kind::Crash => {
                let away = SECOND / 2 + SECOND.mul_f64(3.0 * self.chance.unit());
                return self.order(stream, Order::Vanish, away.min(self.grace / 2)).await;
            }
            Kind::Away => return self.order(stream, Order::Leave, self.grace + 2 * SECOND).await,
            Kind::Stall | Kind::Swallow | Kind::Flips | Kind::HalfClose | Kind::Reset | Kind::BadWay => {
                return self.impair(kind).await;
            }
            Kind::Stopped => {
                let now = Instant::now();
                scene.book.calm.disturb(None, now, now + 6 * SECOND);
                let stopped = self.server.signal(Signal::STOP);
                tokio::time::sleep(SECOND).await;
                let goes_on = self.server.signal(Signal::CONT);
                if stopped.is_err() || goes_on.is_err() {
                    scene.book.breach("the server is gone", "it takes no signal");
                }
            }
            Kind::BadRequests => floods::bad_requests(scene, chance).await,
            Kind::SlowHeads => floods::slow_heads(&scene).await,
            Kind::SilentCrowd => floods::silent_crowd(&scene).await,
            Kind::WrongKeys => floods::wrong_keys(scene, self.clip.clone()).await,
            Kind::SecondEncoder => floods::second_encoder(&scene, stream, self.clip.clone()).await,
            Kind::Rush => floods::rush(scene, chance).await,
            Kind::Leavers => floods::leavers(&scene).await,
        }
        format!("{kind:?}")
    }

    /// Tells an encoder something, and to publish again after a while.
    async fn order(&self, stream: usize, order: Order, away: Duration) -> String {
        let now = Instant::now();
        self.scene.book.calm.disturb(Some(stream), now, now + away + SETTLE);
        if let Some(encoder) = self.encoders.get(stream) {
            encoder.send_replace(order);
            tokio::time::sleep(away).await;
            encoder.send_replace(Order::Publish);
        }
        format!("{order:?} {stream} for {away:.1?}")
    }

    /// Makes the way of an encoder bad for a while.
    async fn impair(&mut self, kind: Kind) -> String {
        let Some((stream, relay)) = self.chance.pick(&self.relays) else { return "none".into() };
        let time = match kind {
            Kind::BadWay => 10 * SECOND,
            Kind::Swallow => 4 * SECOND,
            Kind::Reset => Duration::ZERO,
            _ => 3 * SECOND,
        };
        let now = Instant::now();
        self.scene.book.calm.disturb(Some(*stream), now, now + time + SETTLE);
        let change = |flow: &mut Flow| match kind {
            Kind::Stall => flow.stall = true,
            Kind::Swallow => flow.swallow = true,
            Kind::Flips => flow.impairment.flips = 1e-4,
            Kind::HalfClose => flow.end = true,
            Kind::BadWay => {
                flow.impairment = Impairment {
                    delay: SECOND / 25,
                    jitter: SECOND / 16,
                    rate: Some(500_000),
                    loss: 0.005,
                    split: Some(700),
                    ..Impairment::default()
                }
            }
            _ => {}
        };
        relay.set(Direction::Up, change);
        if matches!(kind, Kind::Stall | Kind::Swallow | Kind::BadWay) {
            relay.set(Direction::Down, change);
        }
        tokio::time::sleep(time).await;
        relay.heal();
        // What has lost bytes, or holds wrong ones, does not mend.
        if matches!(kind, Kind::Swallow | Kind::Flips | Kind::Reset) {
            relay.reset();
        }
        format!("{kind:?} {stream} for {time:.1?}")
    }
}
