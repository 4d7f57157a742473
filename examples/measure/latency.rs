//! Latency: one publisher, players that wait, and the time between them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use crate::publish::{Journal, Reel, Sent, Tail, publish};
use crate::stats::Summary;
use crate::watch::{Notes, Way, follow, open};
use crate::{Fault, Source, process};

/// What is left out while everybody gets into step, and the server learns how far keyframes are apart.
const WARM_UP: Duration = Duration::from_secs(6);

#[derive(Args, Clone)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// The multivariant playlist.
    #[arg(long)]
    play: String,
    /// How many players.
    #[arg(long, default_value_t = 1)]
    viewers: usize,
    /// How they wait.
    #[arg(long, value_enum, default_value = "hint")]
    way: Way,
    /// For how many seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// The server's process: its processor time is told too.
    #[arg(long)]
    pid: Option<u32>,
}

pub(crate) fn run(options: Options) -> Result<(), Fault> {
    let reel = Arc::new(Reel::load(&options.source)?);
    let journal = Arc::new(Journal::default());
    // The publisher has a thread of its own: players that are busy must not make it late.
    let url = options.source.rtmp.replace("{n}", "0");
    let notes = journal.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let ended = runtime.map(|runtime| runtime.block_on(publish(&url, &reel, Some(&notes))));
        println!("the publish ended: {ended:?}");
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let notes = runtime.block_on(watch(&options))?;
    report(&options, &notes, &journal.all());
    Ok(())
}

async fn watch(options: &Options) -> Result<Vec<Notes>, Fault> {
    let media = open(&options.play, Duration::from_secs(15)).await?;
    let before = options.pid.map(process::look).transpose()?;
    let (way, until) = (options.way, Instant::now() + WARM_UP + Duration::from_secs(options.seconds));
    let notes = follow(&media, way, options.viewers, until).await?;
    if let (Some(pid), Some(before)) = (options.pid, before) {
        let used = process::look(pid)?.cpu.saturating_sub(before.cpu);
        let parts: usize = notes.iter().map(Vec::len).sum();
        println!("server: {:.1} us a player and part", used.as_secs_f64() * 1e6 / parts.max(1) as f64);
    }
    Ok(notes)
}

fn report(options: &Options, notes: &[Notes], sent: &[Sent]) {
    let mut times: HashMap<Tail, Vec<Instant>> = HashMap::new();
    sent.iter().for_each(|sent| {
        sent.tail.into_iter().for_each(|tail| times.entry(tail).or_default().push(sent.at));
    });
    let last_before = |tail: &Tail, at: Instant| {
        times
            .get(tail)?
            .iter()
            .rev()
            .find(|sent| **sent <= at)
            .map(|sent| at.saturating_duration_since(*sent))
    };
    let start = notes.iter().flatten().map(|received| received.at).min();
    let warm = |at: Instant| start.is_some_and(|start| at >= start + WARM_UP);
    let all = || notes.iter().flatten().filter(|received| warm(received.at));
    let parts = all().filter_map(|received| last_before(&received.tail, received.at)).collect();
    let lists = all().filter_map(|received| last_before(&received.tail, received.listed?)).collect();
    let who = format!("{} players, {:?}", options.viewers, options.way);
    let unknown = all().filter(|received| !times.contains_key(&received.tail)).count();
    if let Some(lists) = Summary::of(lists) {
        println!("{who}: last frame sent -> playlist  {lists}");
    }
    if let Some(parts) = Summary::of(parts) {
        println!("{who}: last frame sent -> part      {parts}  ({unknown} not recognised)");
    }
}
