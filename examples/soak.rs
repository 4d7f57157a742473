//! Soak: the server under publishers, viewers and faults for as long as one likes; see docs/testing.md.
//!
//! `tests/soak --for 1h` builds and runs it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a tool that measures time and prints what came of it"
)]

#[path = "../tests/endurance/mod.rs"]
mod endurance;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// What can go wrong is shown to whoever runs it, in words.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Runs a server under publishers, viewers and faults, and says whether it stood it.
#[derive(Parser)]
struct Cli {
    /// For how long: 90s, 10m, 1h. Two to four minutes of rest come after it.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    time: Duration,
    /// Decides on faults, sessions and streams; any by default.
    #[arg(long)]
    seed: Option<u64>,
    /// The server [default: what the variable RILLCAST_BIN names, else target/release/rillcast].
    #[arg(long)]
    server: Option<PathBuf>,
    /// How many streams.
    #[arg(long, default_value_t = 20)]
    publishers: usize,
    /// Viewers' sessions that begin in a second.
    #[arg(long, default_value_t = 5.0)]
    sessions: f64,
    /// From one fault to the next.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    fault: Duration,
    /// How much media playlists list.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    window: Duration,
    /// How long streams wait for their encoders.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// How long to rest after the load at least, before anything is compared.
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = humantime::parse_duration)]
    rest: Duration,
    /// Keep the server's log in this file.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

fn main() -> Result<ExitCode, Fault> {
    let Cli { time, seed, server, publishers, sessions, fault, window, grace, rest, log } = Cli::parse();
    let seed = seed.unwrap_or_else(|| std::process::id().into());
    let server = server.or_else(|| std::env::var_os("RILLCAST_BIN").map(PathBuf::from));
    let server = std::path::absolute(server.unwrap_or_else(|| "target/release/rillcast".into()))?;
    let options = endurance::Options::new(time, seed, server);
    let options = endurance::Options { publishers, sessions, fault, window, grace, rest, log, ..options };
    println!("soak for {time:?}, seed {seed}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(endurance::run(options))?;
    print!("{}", report.text());
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
