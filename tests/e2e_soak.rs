//! A short soak of the real binary, so that the long one does not rot; and the parts it is made of.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "these tests measure real time")]

#[path = "endurance/mod.rs"]
mod endurance;

use std::time::Duration;

/// What can go wrong.
type Fault = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_minute_of_publishers_viewers_and_faults_leaves_everything_as_it_was() {
    let server = std::env::var("RILLCAST_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rillcast").into());
    let seed = u64::from(std::process::id());
    let options = endurance::Options::new(Duration::from_secs(35), seed, server.into());
    let report = endurance::run(endurance::Options {
        publishers: 8,
        sessions: 3.0,
        fault: Duration::from_secs(3),
        window: Duration::from_secs(8),
        grace: Duration::from_secs(3),
        rest: Duration::ZERO,
        ..options
    });
    let report = report.await.unwrap();
    eprintln!("{}", report.text());
    assert!(report.passed(), "see above");
}
