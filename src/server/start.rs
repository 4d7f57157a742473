//! Start: a server from its first listener to its end, and the processes around it: the service manager, the server that it
//! takes over from, and the one that takes over from it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::control::Settings;

use super::Error;
use super::handover::{self, Activated, Inherited, Line, Notify, Passing, SocketError, Taking, Wanted};
use super::run::{House, Running};

/// What a server starts from, besides its settings.
#[derive(Debug, Default)]
pub struct Start {
    /// Listening sockets that a service manager has opened.
    pub activated: Activated,
    /// Whether to take over from the server that runs on the same data.
    pub takeover: bool,
    /// The folder that a service manager keeps for what is running (`$RUNTIME_DIRECTORY`).
    pub runtime: Option<PathBuf>,
}

/// Runs a server until `shutdown` completes, or until another has taken over from it, and its connections have been let
/// finish.
///
/// # Errors
/// When it cannot start: the store, a listener, or the server to take over from. Nothing a peer does ends it.
pub async fn run(settings: Settings, from: Start, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let notify = Arc::new(Notify::from_environment());
    let at = handover::path(&settings.data, from.runtime.as_deref());
    let data = settings.data.clone();
    let (taking, inherited) = inherit(&settings, from, at.clone()).await?;
    let taken_over = taking.is_some();
    let house = House::open(settings, inherited)?;
    house.greet(io::stdout())?;
    let passing =
        house.passing().map_err(|error| Error::System { what: "cannot keep the listeners", error })?;
    let mut running = house.begin(notify.clone());
    if let Some(taking) = taking
        && let Err(error) = taking.ready().await
    {
        running.end().await;
        return Err(error.into());
    }
    running.publish_the_demo();
    notify.ready();
    tokio::select! {
        () = shutdown => {}
        () = hand_over(at, taken_over, passing, &mut running, &data) => {}
    }
    notify.stopping();
    running.end().await;
    Ok(())
}

/// The listeners that another process has opened, of whichever kind it is.
async fn inherit(
    settings: &Settings,
    from: Start,
    at: PathBuf,
) -> Result<(Option<Taking>, Inherited), Error> {
    let wanted = Wanted::of(settings);
    match (from.takeover, from.activated.is_empty()) {
        (true, false) => Err(SocketError::AndTakeover.into()),
        (true, true) => {
            let (taking, inherited) = Taking::begin(at, &wanted).await?;
            Ok((Some(taking), inherited))
        }
        (false, _) => Ok((None, Inherited::from_manager(from.activated.into_sockets(), &wanted)?)),
    }
}

/// Returns once another server has taken over; never, where none can.
async fn hand_over(at: PathBuf, taken_over: bool, passing: Vec<Passing>, running: &mut Running, data: &Path) {
    match Line::open(at.clone(), taken_over).await {
        Ok(line) => line.hand_over(passing, &mut running.store, data).await,
        Err(error) => {
            // It serves as well without.
            tracing::info!(path = %at.display(), %error, "takeover_unavailable");
            drop(passing);
            std::future::pending().await
        }
    }
}
