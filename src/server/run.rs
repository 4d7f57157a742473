//! Run: wires the house, binds every listener, serves until told to stop, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::control::{Access, Settings};
use crate::live::{self, Registry};
use crate::packager;

use super::Error;
use super::admission::Admission;
use super::clock::Clock;
use super::context::{Context, Phase};
use super::demo;
use super::descriptors::Budget;
use super::first_run::{self, Greeting};
use super::http::HttpDoor;
use super::listen;
use super::routes;
use super::rtmp;

/// How often ended streams are looked through.
const SWEEP: Duration = Duration::from_secs(10);
/// How often streams without a publisher are looked after: a fraction of the shortest part.
const KEEP: Duration = Duration::from_millis(50);
/// How long publishers may take to close once they are told to.
const FAREWELL: Duration = Duration::from_secs(5);

/// A house with its listeners bound, ready to serve.
pub struct House {
    settings: Settings,
    context: Arc<Context>,
    greeting: Greeting,
    addresses: Addresses,
    rtmp: TcpListener,
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
        let rtmp = listen::bind("rtmp", settings.listen.rtmp).await?;
        let http = listen::bind("http", settings.listen.http).await?;
        let admin = listen::bind("admin", settings.listen.admin).await?;
        let addresses = Addresses { rtmp: local(&rtmp)?, http: local(&http)?, admin: local(&admin)? };
        let (streams, greeting) = first_run::streams(&settings)?;
        let access = Access::new(streams, settings.open_publish);
        let context = Arc::new(Context::new(access, Registry::new(live(&settings)), settings.clone()));
        Ok(Self { settings, context, greeting, addresses, rtmp, http, admin })
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
        let Self { settings, context, greeting, addresses, rtmp, http, admin } = self;
        let (publishing, mut published) = mpsc::channel::<()>(1);
        let budget = Budget::claim();
        let limits = &context.limits.rtmp;
        let encoders = Admission::new(limits.connections.min(budget.rtmp), limits.connections_per_address);
        tokio::spawn(rtmp::serve(rtmp, context.clone(), encoders, publishing));

        let limits = &context.limits.http;
        let public = Admission::new(limits.connections.min(budget.http), limits.connections_per_address);
        let (open, mut closed) = mpsc::channel::<()>(1);
        let door = HttpDoor::new(routes::public(context.clone()), context.clone(), public);
        tokio::spawn(door.serve(http, open.clone()));
        // The operator must get in when viewers have taken every place: the admin door counts for itself.
        let door = HttpDoor::new(routes::admin(context.clone()), context.clone(), Admission::new(64, 64));
        tokio::spawn(door.serve(admin, open.clone()));
        drop(open);
        if let Some(key) = greeting.key().filter(|_| settings.demo).cloned() {
            let mut drain = context.drain();
            let rtmp = addresses.rtmp;
            tokio::spawn(async move { demo::run(rtmp, key.expose(), drain.started()).await });
        }
        let sweeper = tokio::spawn(sweep(context.clone()));
        let keeper = tokio::spawn(keep(context.clone()));

        shutdown.await;
        context.enter(Phase::Draining);
        let drained = tokio::time::timeout(settings.drain, async {
            // Every stream ends before viewers are sent off, so that what they hear last is the end.
            let _ = tokio::time::timeout(FAREWELL, published.recv()).await;
            context.registry.close(Clock::mono());
            context.enter(Phase::Ended);
            closed.recv().await
        });
        let drained = drained.await.is_ok();
        sweeper.abort();
        keeper.abort();
        tracing::info!(drained, "stopped");
    }
}

/// Forgets what ended long ago.
async fn sweep(context: Arc<Context>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        context.registry.sweep(Clock::mono());
    }
}

/// Keeps up the playlists of streams whose publisher is gone, until it is back or their grace is over.
async fn keep(context: Arc<Context>) {
    let mut ticks = tokio::time::interval(KEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        context.registry.tick(Clock::mono());
    }
}

/// The settings of the rooms that package and keep.
fn live(settings: &Settings) -> live::Settings {
    let part = settings.part_target();
    let defaults = packager::Settings::default();
    live::Settings {
        packager: packager::Settings {
            // Without listed parts segments are still made of them; their length is then ours to choose.
            part: part.unwrap_or(defaults.part),
            segment: settings.segment,
            limits: settings.limits.ring.clone(),
        },
        window: settings.window,
        parts: part.is_some(),
    }
}

fn local(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|error| Error::System { what: "cannot read a listener's address", error })
}
