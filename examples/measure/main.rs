//! Measure: how fast a live server is, seen from outside: a publisher over real RTMP, players over real HTTP.
//!
//! `cargo run --release --example measure -- --help`. It knows nothing of the server but its URLs, so other
//! servers can be measured in the same run. What the numbers mean is told in docs/performance.md.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool that measures time and prints it"
)]

mod crowd;
mod hostile;
mod http;
mod keys;
mod latency;
mod load;
mod playable;
mod playlist;
mod process;
mod progressive;
mod publish;
mod start;
mod stats;
mod viewer;
mod watch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What can go wrong is shown to whoever measures, in words.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Measures a live server from outside.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// From the last frame of a part being sent to the whole part being there, for players that wait for it.
    Latency(latency::Options),
    /// From the first keyframe to a multivariant and a media playlist that a player can start from.
    Playable(playable::Options),
    /// Very many viewers of one stream, one connection each, and nginx beside it.
    Crowd(crowd::Options),
    /// Very many readers of one endless file, and nginx sending one beside it.
    Progressive(progressive::Options),
    /// Processor time and memory of a process while publishers send to it.
    Load(load::Options),
    /// Memory and processor time of a process while peers do their worst to it.
    Hostile(hostile::Options),
    /// Whether the time it takes to refuse a stream key tells how near it came.
    Keys(keys::Options),
    /// From the start of a program to its port being open.
    Start(start::Options),
}

/// What is published, and where.
#[derive(Args, Clone)]
pub(crate) struct Source {
    /// An MP4 or FLV file, repeated without end.
    #[arg(long, default_value = "fixtures/bbb_720p25_avc_aac.mp4")]
    file: PathBuf,
    /// Where to publish; `{n}` stands for the number of the publisher.
    #[arg(long)]
    rtmp: String,
}

fn main() -> Result<(), Fault> {
    match Cli::parse().what {
        What::Latency(options) => latency::run(options),
        What::Playable(options) => playable::run(options),
        What::Crowd(options) => crowd::run(options),
        What::Progressive(options) => progressive::run(options),
        What::Load(options) => load::run(options),
        What::Hostile(options) => hostile::run(&options),
        What::Keys(options) => keys::run(&options),
        What::Start(options) => start::run(&options),
    }
}
