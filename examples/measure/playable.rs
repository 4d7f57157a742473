//! Playable: how long the first viewer of a stream waits for something to play.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use crate::publish::{Journal, Reel, publish};
use crate::stats::Summary;
use crate::watch::open;
use crate::{Fault, Source};

#[derive(Args, Clone)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// The multivariant playlist; `{n}` as in --rtmp.
    #[arg(long)]
    play: String,
    /// How many streams, one after the other.
    #[arg(long, default_value_t = 5)]
    times: usize,
}

pub(crate) fn run(options: Options) -> Result<(), Fault> {
    let reel = Arc::new(Reel::load(&options.source)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut waits = Vec::new();
        for n in 0..options.times {
            let (rtmp, play) = (options.source.rtmp.clone(), options.play.clone());
            let (rtmp, play) = (rtmp.replace("{n}", &n.to_string()), play.replace("{n}", &n.to_string()));
            let journal = Arc::new(Journal::default());
            let (notes, reel) = (journal.clone(), reel.clone());
            let publisher = tokio::spawn(async move { publish(&rtmp, &reel, Some(&notes)).await });
            let playable = open(&play, Duration::from_secs(15)).await;
            let at = Instant::now();
            publisher.abort();
            playable?;
            let first = journal.all().first().map(|sent| sent.at).ok_or("nothing was sent")?;
            waits.push(at.saturating_duration_since(first));
        }
        if let Some(waits) = Summary::of(waits) {
            println!("first keyframe sent -> multivariant and playlist  {waits}");
        }
        Ok(())
    })
}
