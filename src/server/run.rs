//! Run: wires the house, opens every listener, serves until told to stop, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::base::Secret;
use crate::control::{self, Access, Listen, Settings, Store};
use crate::live::{self, Registry};
use crate::packager;

use super::Error;
use super::admission::Admission;
use super::clock::Clock;
use super::contain::forever;
use super::context::{Context, Phase};
use super::demo;
use super::descriptors::Budget;
use super::first_run::{self, Greeting};
use super::handover::{Inherited, Notify, Passing};
use super::http::HttpDoor;
use super::listen;
use super::memory;
use super::routes;
use super::rtmp;
use super::tls::{Doors, Keeper};

/// How often ended streams are looked through, and refusals told that the log left out.
const SWEEP: Duration = Duration::from_secs(10);
/// How often streams without a publisher are looked after at least: a fraction of the shortest part.
const KEEP: Duration = Duration::from_millis(50);
/// How long viewers wait for the encoders' connections to close, once every stream has been told to end: the ends
/// themselves take no time.
const FAREWELL: Duration = Duration::from_millis(500);

/// A house with its listeners bound, ready to serve.
pub struct House {
    settings: Settings,
    context: Arc<Context>,
    greeting: Greeting,
    addresses: Addresses,
    /// Open for as long as this server may write to it, so that no other does.
    store: Option<Store>,
    rtmp: TcpListener,
    http: TcpListener,
    admin: TcpListener,
    secure: Option<Secure>,
}

/// What TLS adds.
struct Secure {
    https: TcpListener,
    rtmps: TcpListener,
    keeper: Arc<Keeper>,
    doors: Doors,
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
    /// Players over TLS.
    pub https: Option<SocketAddr>,
    /// Encoders over TLS.
    pub rtmps: Option<SocketAddr>,
}

impl Addresses {
    fn listen(&self) -> Listen {
        let Self { rtmp, http, admin, https, rtmps } = *self;
        Listen { rtmp, http, admin, https, rtmps }
    }
}

impl House {
    /// Opens the store and binds every listener, or none.
    ///
    /// # Errors
    /// When it cannot start: the store, or a listener.
    pub async fn bind(settings: Settings) -> Result<Self, Error> {
        Self::open(settings, Inherited::default())
    }

    /// The same, with the listeners that another process has opened.
    pub(super) fn open(settings: Settings, mut inherited: Inherited) -> Result<Self, Error> {
        control::watch_panics();
        let strangers = !inherited.is_empty();
        let rtmp = listen::open(&mut inherited, "rtmp", settings.listen.rtmp)?;
        let http = listen::open(&mut inherited, "http", settings.listen.http)?;
        let admin = listen::open(&mut inherited, "admin", settings.listen.admin)?;
        // Before anything is written to the folder.
        let store = first_run::store(&settings)?;
        let secure = Secure::open(&settings, &mut inherited)?;
        let over_tls = |of: fn(&Secure) -> &TcpListener| secure.as_ref().map(|s| local(of(s))).transpose();
        let addresses = Addresses {
            rtmp: local(&rtmp)?,
            http: local(&http)?,
            admin: local(&admin)?,
            https: over_tls(|secure| &secure.https)?,
            rtmps: over_tls(|secure| &secure.rtmps)?,
        };
        let (streams, greeting) = first_run::streams(&settings, store.as_ref())?;
        let access = Access::new(streams, settings.open_publish);
        // From here on it is said where the listeners are, not where they were to be.
        let mut settings = settings;
        settings.listen = addresses.listen();
        if strangers {
            // They may be elsewhere than configured: what must be on loopback still is.
            settings.check()?;
        }
        let context = Arc::new(Context::new(access, Registry::new(live(&settings)), settings.clone()));
        Ok(Self { settings, context, greeting, addresses, store, rtmp, http, admin, secure })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Tells a new user what to do next, when there is something to tell.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn greet(&self, mut out: impl io::Write) -> Result<(), Error> {
        let what = "cannot print the publish URL";
        let own = self.secure.as_ref().filter(|_| self.settings.tls.self_signed);
        let printed = self.greeting.print(&self.addresses, &mut out).and_then(|()| {
            let Some(secure) = own else { return Ok(()) };
            let fingerprint = secure.keeper.identity().fingerprint();
            writeln!(out, "trust     {}", secure.keeper.certificate().display())?;
            writeln!(out, "SHA-256   {fingerprint}")?;
            out.flush()
        });
        printed.map_err(|error| Error::System { what, error })
    }

    /// Its listeners, to be handed over.
    pub(super) fn passing(&self) -> io::Result<Vec<Passing>> {
        let plain = [("rtmp", &self.rtmp), ("http", &self.http), ("admin", &self.admin)];
        let secure = self.secure.as_ref().map(|secure| [("https", &secure.https), ("rtmps", &secure.rtmps)]);
        let all = plain.into_iter().chain(secure.into_iter().flatten());
        all.map(|(name, listener)| Passing::new(name, listener)).collect()
    }

    /// Serves until `shutdown` completes, then drains: not ready at once, publishers finished and their
    /// streams ended, held requests answered, connections closed, all within the configured time.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let mut running = self.begin(Arc::default());
        running.publish_the_demo();
        shutdown.await;
        running.end().await;
    }

    /// Accepts on every listener from now on.
    pub(super) fn begin(self, notify: Arc<Notify>) -> Running {
        let Self { settings, context, greeting, addresses, store, rtmp, http, admin, secure } = self;
        memory::forecast(&settings);
        let (publishing, published) = mpsc::channel::<()>(1);
        let budget = Budget::claim();
        let limits = &context.limits.rtmp;
        let encoders = Admission::new(limits.connections.min(budget.rtmp), limits.connections_per_address);
        let serve_rtmp = |listener, tls| {
            tokio::spawn(rtmp::serve(listener, tls, context.clone(), encoders.clone(), publishing.clone()))
        };
        serve_rtmp(rtmp, None);

        let limits = &context.limits.http;
        let public = Admission::new(limits.connections.min(budget.http), limits.connections_per_address);
        context.crowding.watch([encoders.clone(), public.clone()]);
        let (open, closed) = mpsc::channel::<()>(1);
        let door =
            || HttpDoor::new(routes::public(context.clone()), context.clone(), public.clone()).playing();
        tokio::spawn(door().serve(http, open.clone()));
        let watcher = secure.map(|Secure { https, rtmps, keeper, doors }| {
            serve_rtmp(rtmps, Some(doors.rtmps));
            tokio::spawn(door().secure(doors.https).serve(https, open.clone()));
            tokio::spawn(keeper.watch(context.clone()))
        });
        drop(publishing);
        let door = HttpDoor::new(routes::admin(context.clone()), context.clone(), admin_places());
        tokio::spawn(door.serve(admin, open.clone()));
        drop(open);
        let tending = tokio::spawn(tend(context.clone(), notify));
        let demo = greeting.key().filter(|_| settings.demo).cloned().map(|key| (addresses.rtmp, key));
        Running { context, store, demo, published, closed, tending, watcher, bound: settings.drain }
    }
}

/// A server that accepts.
pub(super) struct Running {
    context: Arc<Context>,
    /// Open for as long as this server may write to it, so that no other does.
    pub(super) store: Option<Store>,
    /// Where the built-in clip is to be published, and under which key.
    demo: Option<(SocketAddr, Secret)>,
    /// Closes with the last encoder's connection.
    published: mpsc::Receiver<()>,
    /// Closes with the last viewer's.
    closed: mpsc::Receiver<()>,
    tending: JoinHandle<()>,
    watcher: Option<JoinHandle<()>>,
    /// How long the end may take.
    bound: Duration,
}

impl Running {
    /// Begins to publish the built-in clip, when that is asked for. It comes in through the listener like any other: only
    /// once nobody else accepts there.
    pub(super) fn publish_the_demo(&mut self) {
        if let Some((rtmp, key)) = self.demo.take() {
            let mut drain = self.context.drain();
            tokio::spawn(async move { demo::run(rtmp, key.expose(), drain.started()).await });
        }
    }

    /// Drains, and ends.
    pub(super) async fn end(self) {
        let Self { context, store, published, closed, tending, watcher, bound, .. } = self;
        // Nothing is written any more: the next server may have the folder, as it may have the ports.
        drop(store);
        let drained = wind_down(&context, bound, published, closed).await;
        tending.abort();
        watcher.inspect(JoinHandle::abort);
        tracing::info!(drained, "stopped");
    }
}

impl Secure {
    /// Opens the certificate and the listeners that show it; `None` when no TLS is asked for.
    fn open(settings: &Settings, inherited: &mut Inherited) -> Result<Option<Self>, Error> {
        let (Some(https), Some(rtmps)) = (settings.https(), settings.rtmps()) else { return Ok(None) };
        let Some(keeper) = Keeper::open(settings, Clock::now().wall)? else { return Ok(None) };
        let keeper = Arc::new(keeper);
        let doors = Doors::new(&keeper, &settings.limits.tls)?;
        let https = listen::open(inherited, "https", https)?;
        let rtmps = listen::open(inherited, "rtmps", rtmps)?;
        let identity = keeper.identity();
        tracing::info!(fingerprint = identity.fingerprint(), until = %identity.not_after(), "tls_certificate");
        Ok(Some(Self { https, rtmps, keeper, doors }))
    }
}

/// The operator must get in when viewers have taken every place: the admin door counts for itself.
pub(super) fn admin_places() -> Arc<Admission> {
    Admission::new(64, 64)
}

/// Ends everything in order, within `bound`; whether it came to that. `published` closes with the last encoder's
/// connection, `closed` with the last viewer's.
pub(super) async fn wind_down(
    context: &Context,
    bound: Duration,
    mut published: mpsc::Receiver<()>,
    mut closed: mpsc::Receiver<()>,
) -> bool {
    // Not ready, and nobody is accepted. Every stream ends now, each by its own task, so that what its viewers hear
    // last is the end; those whose encoder is away have none.
    context.enter(Phase::Draining);
    context.registry.close(Clock::mono());
    let ended = async {
        let _ = tokio::time::timeout(FAREWELL, published.recv()).await;
        // Whoever is held still is answered from what there is; no connection is kept for a further request.
        context.enter(Phase::Ended);
        closed.recv().await;
        // An encoder may still be reading why.
        published.recv().await;
    };
    tokio::time::timeout(bound, ended).await.is_ok()
}

/// Does what is due from time to time, for as long as the server runs.
async fn tend(context: Arc<Context>, notify: Arc<Notify>) {
    tokio::join!(
        forever(|| sweep(context.clone())),
        forever(|| keep(context.clone(), notify.clone())),
        forever(|| memory::watch(context.clone())),
    );
}

/// Forgets what ended long ago.
pub(super) async fn sweep(context: Arc<Context>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let now = Clock::mono();
        context.registry.sweep(now);
        context.refusals.tell(now);
        context.lint.sweep();
    }
}

/// Keeps up the playlists of streams whose publisher is gone, until it is back or their grace is over. That it gets round
/// shows that streams can be looked at and tasks run, which is what a watchdog wants to know.
pub(super) async fn keep(context: Arc<Context>, notify: Arc<Notify>) {
    let mut told = None;
    loop {
        let now = Clock::mono();
        notify.lives(&mut told, now);
        let due = context.registry.tick(now).map_or(KEEP, |due| due.saturating_duration_since(now));
        tokio::time::sleep(due.clamp(Duration::from_millis(2), KEEP)).await;
    }
}

/// The settings of the rooms that package and keep.
pub(super) fn live(settings: &Settings) -> live::Settings {
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
