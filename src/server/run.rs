//! Run: wires the house, binds every listener, serves until told to stop, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::control::{Access, Settings};

use super::Error;
use super::admission::Admission;
use super::context::{Context, Phase};
use super::first_run::{self, Greeting};
use super::http::HttpDoor;
use super::listen;
use super::routes;

/// A house with its listeners bound, ready to serve.
pub struct House {
    settings: Settings,
    context: Arc<Context>,
    greeting: Greeting,
    addresses: Addresses,
    http: TcpListener,
    admin: TcpListener,
}

/// Where the listeners are, with the ports the system chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Encoders.
    pub rtmp: SocketAddr,
    /// Players and pages.
    pub http: SocketAddr,
    /// Metrics and health.
    pub admin: SocketAddr,
}

/// Runs a server until `shutdown` completes and its connections have been let finish.
///
/// # Errors
/// When it cannot start: the store, or a listener. Nothing a peer does ends it.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let house = House::bind(settings).await?;
    house.greet(io::stdout())?;
    house.serve(shutdown).await;
    Ok(())
}

impl House {
    /// Opens the store and binds every listener, or none.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn bind(settings: Settings) -> Result<Self, Error> {
        let http = listen::bind("http", settings.listen.http).await?;
        let admin = listen::bind("admin", settings.listen.admin).await?;
        let addresses = Addresses { rtmp: settings.listen.rtmp, http: local(&http)?, admin: local(&admin)? };
        let (streams, greeting) = first_run::streams(&settings)?;
        let access = Access::new(streams, settings.open_publish);
        let context = Arc::new(Context::new(access, Arc::new(settings.limits.clone())));
        Ok(Self { settings, context, greeting, addresses, http, admin })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Tells a new user what to do next, when there is something to tell.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn greet(&self, out: impl io::Write) -> Result<(), Error> {
        let what = "cannot print the publish URL";
        self.greeting.print(&self.addresses, out).map_err(|error| Error::System { what, error })
    }

    /// Serves until `shutdown` completes, then drains: not ready at once, publishers finished and their
    /// streams ended, held requests answered, connections closed, all within the configured time.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { settings, context, http, admin, .. } = self;
        let limits = &context.limits.http;
        let total = limits.connections;
        let public = Admission::new(total, limits.connections_per_address);
        let (open, mut closed) = mpsc::channel::<()>(1);
        let door = HttpDoor::new(routes::public(context.clone()), context.clone(), public);
        tokio::spawn(door.serve(http, open.clone()));
        // The operator must get in when viewers have taken every place: the admin door counts for itself.
        let door = HttpDoor::new(routes::admin(context.clone()), context.clone(), Admission::new(64, 64));
        tokio::spawn(door.serve(admin, open.clone()));
        drop(open);

        shutdown.await;
        context.enter(Phase::Draining);
        context.enter(Phase::Ended);
        let drained = tokio::time::timeout(settings.drain, closed.recv()).await.is_ok();
        tracing::info!(drained, "stopped");
    }
}

fn local(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|error| Error::System { what: "cannot read a listener's address", error })
}
