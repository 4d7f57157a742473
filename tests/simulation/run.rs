//! Run: one seed from the server's first moment to its last, on a clock that stands still between two events.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rillcast::live::Generation;
use rillcast::media::WallTime;
use rillcast::server::Clock;

use crate::client::Client;
use crate::ledger::{Breach, Promise};
use crate::mutant::Mutant;
use crate::plan::PLAYERS;
use crate::player::{self, Habits};
use crate::world::{Turn, World, cam};
use crate::{auditor, encoder, others};

/// When every run begins, in microseconds since 1970.
const DAWN: i64 = 1_800_000_000_000_000;
/// How long after the server's end everybody has gone home.
const HOME: Duration = Duration::from_secs(30);

/// What came of a seed.
pub(crate) struct Outcome {
    pub(crate) breach: Option<Breach>,
    /// What tells it from every other.
    pub(crate) fingerprint: u64,
    pub(crate) lasted: Duration,
    pub(crate) requests: u64,
    pub(crate) events: u64,
    pub(crate) frames: u64,
}

/// Runs `seed`, with a mistake in it if there is a `mutant`; `told` prints every event.
pub(crate) fn run(seed: u64, mutant: Option<Mutant>, told: bool) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let outcome = runtime.block_on(whole(seed, mutant, told));
    Clock::set_wall(None);
    outcome
}

async fn whole(seed: u64, mutant: Option<Mutant>, told: bool) -> Outcome {
    Clock::set_wall(Some(WallTime { unix_micros: DAWN }));
    let world = World::new(seed, mutant, told);
    if told {
        let plan = &world.plan;
        eprintln!("main {:#?}\nrival {:#?}\njumps {:?}", plan.main, plan.rival, plan.jumps);
        let s = &plan.settings;
        let (part, segment, window) = (s.part, s.segment, s.window);
        eprintln!(
            "parts {part:?}, segments {segment:?}, window {window:?}, grace {:?}, {:?}",
            s.grace, s.takeover
        );
    }
    let panics = world.house(|house| house.metrics().panics.get());
    let audit = tokio::spawn(auditor::run(world.clone()));
    let mut all = vec![
        tokio::spawn(encoder::run(world.clone(), 0, world.plan.main.clone())),
        tokio::spawn(encoder::run(world.clone(), 1, world.plan.rival.clone())),
        tokio::spawn(jumps(world.clone())),
    ];
    for who in 0..PLAYERS {
        all.push(tokio::spawn(somebody(Client::new(world.clone(), who))));
    }
    world.pause(world.plan.stops, Turn::Auditor).await;
    let newest = world.house(|house| house.registry().find(&cam())).flatten();
    let kept = newest.filter(|_| mutant == Some(Mutant::GenerationKept));
    end(&world).await;
    let found = audit.await.unwrap_or_default();
    let home = async {
        for one in &mut all {
            if let Err(error) = one.await {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    };
    if tokio::time::timeout(HOME, home).await.is_err() {
        world.ledger().breaks(Promise::Answered, "somebody still waits long after the server's end");
    }
    // Tasks that were told to end do so when they are next looked at.
    tokio::time::sleep(Duration::from_millis(10)).await;
    verdict(&world, &found, panics);
    drop(kept);
    let ledger = world.ledger();
    let frames = ledger.publishes.iter().flat_map(|one| &one.sent).map(|sent| sent.len() as u64).sum();
    Outcome {
        breach: ledger.breach.clone(),
        fingerprint: ledger.fingerprint(),
        lasted: world.now(),
        requests: ledger.requests,
        events: ledger.count(),
        frames,
    }
}

/// Wall time jumps.
async fn jumps(world: Arc<World>) {
    for (at, by) in &world.plan.jumps {
        world.pause(at.saturating_sub(world.now()), Turn::Auditor).await;
        Clock::set_wall(Some(Clock::now().wall.plus_micros(*by)));
        world.event(60, &format!("wall time jumps by {by} us"));
    }
}

/// Twenty different ones.
fn somebody(mut client: Client) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    let who = client.who;
    let blocks = Habits { track: b'v', blocks: true, skips: false, hints: false, sleeps: 0 };
    let track = if who.is_multiple_of(3) { b'a' } else { b'v' };
    let skips = client.random.once_in(2);
    match who {
        0..=8 => Box::pin(player::play(client, Habits { track, skips, hints: who % 2 == 1, ..blocks })),
        9..=12 => Box::pin(player::play(client, Habits { track, blocks: false, skips, ..blocks })),
        13..=14 => Box::pin(player::play(client, Habits { track, skips: true, sleeps: 14, ..blocks })),
        15..=16 => Box::pin(others::ask_wrongly(client)),
        17 => Box::pin(others::read_endless(client, "ts")),
        18 => Box::pin(others::read_endless(client, "mp4")),
        _ => Box::pin(others::read_endless(client, "flv")),
    }
}

/// The server is told to stop.
async fn end(world: &World) {
    world.event(61, "the server is told to stop");
    let Some(house) = world.take_house() else { return };
    let metrics = house.metrics().clone();
    let drained = house.close().await;
    world.event(61, "the server has stopped");
    let mut ledger = world.ledger();
    if !drained {
        ledger.breaks(Promise::Answered, "not everybody was answered when the server stopped");
    }
    let left = [metrics.holds.get(), metrics.http_connections.get(), metrics.publishers.get()];
    if left != [0; 3] {
        ledger.breaks(Promise::LetGo, format_args!("holds, connections, publishers: {left:?} are left"));
    }
    if metrics.lint_violations.get() > 0 {
        ledger.breaks(Promise::Playlists, "the server has found its own playlists wrong");
    }
}

/// What can only be said in the end.
fn verdict(world: &World, found: &[Weak<Generation>], panics: Option<u64>) {
    let kept = found.iter().filter(|one| one.upgrade().is_some()).count();
    let mut ledger = world.ledger();
    if kept > 0 {
        ledger.breaks(Promise::LetGo, format_args!("{kept} of {} generations are kept", found.len()));
    }
    if found.len() != ledger.generations() {
        ledger.breaks(Promise::Listed, "a generation was offered that the registry never had");
    }
    let histories = std::mem::take(&mut ledger.histories);
    let publishes = std::mem::take(&mut ledger.publishes);
    for (place, history) in &histories {
        if let Err((promise, what)) = history.check(u8::from(place.track[0] == b'a'), &publishes) {
            ledger.breaks(promise, format_args!("{place}: {what}"));
        }
    }
    ledger.publishes = publishes;
    drop(ledger);
    // Counted for the process: where several seeds run in it, it is one of theirs.
    let now = rillcast::control::Metrics::new().panics.get();
    if panics.is_some_and(|before| now > before) {
        world.ledger().breaks(Promise::Panics, "the server panicked");
    }
}
