//! Shutdown: the first signal drains, the second ends at once.

use std::process;

use tokio::signal::unix::{SignalKind, signal};

/// What a shell expects of a process that a signal ended: 128 + SIGTERM.
const EXIT_TERMINATED: i32 = 143;

/// Returns at the first SIGTERM or SIGINT. From then on, the next one ends the process immediately.
///
/// # Errors
/// When the system refuses to tell us about signals.
pub fn on_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            process::exit(EXIT_TERMINATED);
        });
    })
}
