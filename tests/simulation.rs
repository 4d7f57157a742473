//! The server on a virtual clock: encoders, twenty players and every fault, all by a seed.
//!
//! What runs is the server itself, from the bytes of RTMP to those of HTTP; only sockets and the passing of time are
//! not real. `docs/simulation.md` says what is promised and how a seed is run again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stderr, reason = "seeds are printed")]

#[path = "simulation/auditor.rs"]
mod auditor;
#[path = "simulation/client.rs"]
mod client;
#[path = "simulation/encoder.rs"]
mod encoder;
#[path = "simulation/history.rs"]
mod history;
#[path = "simulation/ledger.rs"]
mod ledger;
#[path = "simulation/marks.rs"]
mod marks;
#[path = "simulation/mutant.rs"]
mod mutant;
#[path = "simulation/others.rs"]
mod others;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/player.rs"]
mod player;
#[path = "simulation/random.rs"]
mod random;
#[path = "simulation/reel.rs"]
mod reel;
#[path = "simulation/run.rs"]
mod run;
#[path = "simulation/shelf.rs"]
mod shelf;
#[path = "transcripts/kit/wire.rs"]
#[allow(dead_code, reason = "shared with the transcripts")]
mod wire;
#[path = "simulation/world.rs"]
mod world;
#[path = "transcripts/kit/writer.rs"]
#[allow(dead_code, reason = "shared with the transcripts")]
mod writer;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ledger::Promise;
use mutant::Mutant;
use run::{Outcome, run};
use wire::Wire;

/// A number in the environment.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

/// Everything there is to say of a seed that failed.
fn report(seed: u64, outcome: &Outcome) -> Option<String> {
    let breach = outcome.breach.as_ref()?;
    let events = breach.events.join("\n");
    Some(format!(
        "seed {seed} at {:.3} s: {:?}: {}\n{events}\nagain, with every event:\n  \
         RILLCAST_SEED={seed} cargo test --release --test simulation every_seed -- --nocapture",
        breach.at.as_secs_f64(),
        breach.promise,
        breach.what
    ))
}

/// `RILLCAST_SEED` runs one seed and prints every event; `RILLCAST_SEEDS` says how many to run.
#[test]
fn every_seed_keeps_every_promise() {
    if let Some(seed) = given("RILLCAST_SEED") {
        let outcome = run(seed, None, true);
        eprintln!("{} events, fingerprint {:016x}", outcome.events, outcome.fingerprint);
        assert!(outcome.breach.is_none(), "{}", report(seed, &outcome).unwrap_or_default());
        return;
    }
    let seeds = given("RILLCAST_SEEDS").unwrap_or(40);
    let first = given("RILLCAST_FIRST_SEED").unwrap_or(1);
    let (next, failed) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let sums: [AtomicU64; 4] = Default::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            let outcome = run(seed, None, false);
            let lasted = outcome.lasted.as_millis() as u64;
            for (sum, one) in sums.iter().zip([lasted, outcome.requests, outcome.frames, outcome.events]) {
                sum.fetch_add(one, Ordering::Relaxed);
            }
            if let Some(report) = report(seed, &outcome) {
                eprintln!("{report}");
                failed.lock().unwrap().push(seed);
            }
        }
    };
    std::thread::scope(|scope| {
        (0..std::thread::available_parallelism().map_or(1, usize::from)).for_each(|_| {
            scope.spawn(work);
        });
    });
    let [lasted, requests, frames, events] = sums.map(AtomicU64::into_inner);
    let hours = Duration::from_millis(lasted).as_secs_f64() / 3_600.0;
    eprintln!(
        "{seeds} seeds, {hours:.2} virtual hours: {frames} frames, {requests} answers, {events} events"
    );
    let mut failed = failed.into_inner().unwrap();
    failed.sort_unstable();
    assert!(failed.is_empty(), "{} of {seeds} seeds failed: {failed:?}", failed.len());
}

#[test]
fn a_seed_runs_the_same_way_every_time() {
    for seed in given("RILLCAST_SEED").map_or(1..=5, |seed| seed..=seed) {
        let [one, other] = [run(seed, None, false), run(seed, None, false)];
        assert_eq!(one.events, other.events, "seed {seed}");
        assert_eq!(one.fingerprint, other.fingerprint, "seed {seed}");
    }
}

/// What cannot fail says nothing: each of these is a mistake that somebody might make.
#[test]
fn every_mistake_is_found() {
    for (mutant, promises) in [
        (Mutant::GenerationKept, &[Promise::LetGo][..]),
        (Mutant::GapPartForgotten, &[Promise::Playlists, Promise::OneState]),
        (Mutant::PartForgotten, &[Promise::Playlists, Promise::OneState]),
        (Mutant::DiscontinuityForgotten, &[Promise::Playlists]),
        (Mutant::SequenceStepsBack, &[Promise::Playlists, Promise::OneState]),
        (Mutant::DeltaTooShort, &[Promise::Playlists, Promise::OneState]),
        (Mutant::UriReused, &[Promise::OneUri]),
        (Mutant::WakingForgotten, &[Promise::Answered]),
        (Mutant::AnswerDropped, &[Promise::Answered]),
        (Mutant::FrameLost, &[Promise::NothingLost]),
        (Mutant::OldFrame, &[Promise::Order]),
        (Mutant::FrameTwice, &[Promise::Order]),
    ] {
        let found = (1..=20).find_map(|seed| run(seed, Some(mutant), false).breach);
        let breach = found.unwrap_or_else(|| panic!("{mutant:?} is not found"));
        assert!(promises.contains(&breach.promise), "{mutant:?}: {:?}: {}", breach.promise, breach.what);
    }
}
