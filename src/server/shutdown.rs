//! Shutdown: the first signal drains, the second ends at once, and so does a drain that does not end.
//!
//! Signals have a thread of their own: however busy or stuck the others are, the process can be ended.

use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// What a shell expects of a process that a signal ended: 128 + SIGTERM.
const EXIT_TERMINATED: i32 = 143;
/// How much longer than it may take a drain is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns what completes at the first SIGTERM or SIGINT. From then on, the next one ends the process immediately;
/// where there is an end to be in order, within `bound`, it ends five seconds after that in any case.
///
/// # Errors
/// When the system refuses a thread, or to tell us about signals.
pub fn on_signal(bound: Option<Duration>) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _within = runtime.enter();
        Signals { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? }
    };
    let (first, heard) = oneshot::channel();
    let watch = async move {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping");
        let _ = first.send(());
        match bound {
            None => drop(signals.next().await),
            Some(bound) => {
                if tokio::time::timeout(bound.saturating_add(PATIENCE), signals.next()).await.is_err() {
                    tracing::error!("not_stopped_in_time");
                }
            }
        }
        process::exit(EXIT_TERMINATED)
    };
    thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(watch))?;
    Ok(async move {
        let _ = heard.await;
    })
}

struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}
