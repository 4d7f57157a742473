//! Load: many publishers, and what the server's process uses meanwhile.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::publish::{Reel, publish};
use crate::{Fault, Source, process};

const MIB: f64 = 1024.0 * 1024.0;

#[derive(Args, Clone)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// How many publishers.
    #[arg(long, default_value_t = 50)]
    publishers: usize,
    /// Seconds before anything is measured: the server's windows fill up.
    #[arg(long, default_value_t = 45)]
    warm: u64,
    /// Seconds to measure.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Seconds of media that the server keeps.
    #[arg(long, default_value_t = 30)]
    window: u64,
    /// The server's process.
    #[arg(long)]
    pid: u32,
}

pub(crate) fn run(options: Options) -> Result<(), Fault> {
    let reel = Arc::new(Reel::load(&options.source)?);
    let base = process::look(options.pid)?;
    println!("base: {:.1} MiB, {} threads", base.rss as f64 / MIB, base.threads);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let period = reel.clip.duration();
        for n in 0..options.publishers {
            let (url, reel) = (options.source.rtmp.replace("{n}", &n.to_string()), reel.clone());
            // Spread over the clip: keyframes of different encoders do not come together.
            let wait = period.mul_f64(n as f64 / options.publishers as f64);
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                println!("publisher {n} ended: {:?}", publish(&url, &reel, None).await);
            });
        }
        tokio::time::sleep(period + Duration::from_secs(options.warm)).await;
        let before = process::look(options.pid)?;
        tokio::time::sleep(Duration::from_secs(options.seconds)).await;
        let after = process::look(options.pid)?;
        report(&options, &reel, base, before, after);
        Ok(())
    })
}

fn report(options: &Options, reel: &Reel, base: process::Look, before: process::Look, after: process::Look) {
    let (streams, seconds) = (options.publishers as f64, options.seconds as f64);
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() / seconds * 100.0;
    let waits = after.waits.saturating_sub(before.waits) as f64 / seconds;
    println!("cpu: {cpu:.2} % of a core, {:.3} % a stream, {waits:.0} waits a second", cpu / streams);
    let grown = after.rss.saturating_sub(base.rss) as f64;
    let window = reel.bit_rate() as f64 / 8.0 * options.window as f64;
    println!(
        "memory: {:.1} MiB, {:.2} MiB a stream; {} s at {:.2} Mbit/s is {:.2} MiB: {:+.0} %",
        after.rss as f64 / MIB,
        grown / streams / MIB,
        options.window,
        reel.bit_rate() as f64 / 1e6,
        window / MIB,
        (grown / streams / window - 1.0) * 100.0,
    );
}
