//! HTTP: our own accept loop on hyper, with every bound set by us and a timer behind each.
//!
//! HTTP/1.1 and HTTP/2 share a port: by prior knowledge, or over TLS by its ALPN. `axum::serve` sets no timer, which silently turns
//! hyper's timeouts off; here [`Vitals`] times everything, and hyper's own header timer stays off.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::http::request;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::ServiceExt;
use tower::util::Oneshot;

use crate::control::Limit;
use crate::media::HttpLimits;

use super::admission::{Admission, Full};
use super::body::Tracked;
use super::clock::Clock;
use super::context::Context;
use super::io::{Metered, WatchedIo};
use super::listen;
use super::playback::{self, Ask};
use super::screen;
use super::tls::Handshake;
use super::vitals::Vitals;

/// What hyper may buffer of a connection. Heads are refused past [`HttpLimits::head`] with a status; this is
/// the memory behind it, and it is also how much of a response one flush takes.
const BUFFER: usize = 64 * 1024;
/// HTTP/2 flow control for what we receive, which is never a body.
const H2_WINDOW: u32 = 64 * 1024;
/// Streams a peer may make us reset before the connection is closed (CVE-2025-8671).
const H2_LOCAL_RESETS: usize = 200;
/// How late a stalled HTTP/2 body may be noticed: its progress does not wake the connection.
const TICK: Duration = Duration::from_secs(5);

/// One HTTP listener: its routes, bounds and open connections.
pub(super) struct HttpDoor {
    router: Router,
    context: Arc<Context>,
    builder: auto::Builder<TokioExecutor>,
    admission: Arc<Admission>,
    tls: Option<Handshake>,
    /// Whether streams are played through it.
    playing: bool,
}

/// Who sent a request, for the routes.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Its address.
    pub(super) address: IpAddr,
    /// Its connection.
    pub(super) vitals: Arc<Vitals>,
}

impl HttpDoor {
    /// A door to `router`, plain.
    pub(super) fn new(router: Router, context: Arc<Context>, admission: Arc<Admission>) -> Self {
        let builder = builder(&context.limits.http);
        Self { router, context, builder, admission, tls: None, playing: false }
    }

    /// The same, through which streams are played.
    pub(super) fn playing(self) -> Self {
        Self { playing: true, ..self }
    }

    /// The same behind TLS.
    pub(super) fn secure(self, tls: Handshake) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Accepts until the server drains; each connection's task holds a clone of `open` until it ends. Then
    /// asks every connection to finish what it answers and close.
    pub(super) async fn serve(self, listener: TcpListener, open: mpsc::Sender<()>) {
        let mut drain = self.context.drain();
        let (door, graceful) = (Arc::new(self), GracefulShutdown::new());
        loop {
            let (stream, peer) = tokio::select! {
                biased;
                () = drain.started() => break,
                accepted = listen::accept(&listener, &door.context.metrics) => accepted,
            };
            match door.admission.admit(peer.ip()) {
                Ok(permit) => {
                    listen::tune_viewer(&stream);
                    let (watcher, open) = (graceful.watcher(), open.clone());
                    let door = door.clone();
                    tokio::spawn(async move {
                        door.greet(stream, peer.ip(), watcher).await;
                        drop((permit, open));
                    });
                }
                Err(Full::Total) => door.context.metrics.limit(Limit::HttpConnections),
                Err(Full::Address) => door.context.metrics.limit(Limit::HttpConnectionsPerAddress),
            }
        }
        drop(listener);
        drain.publishers_finished().await;
        graceful.shutdown().await;
    }

    /// Shakes hands where that is asked for, and begins the conversation.
    async fn greet(&self, stream: TcpStream, address: IpAddr, watcher: Watcher) {
        let vitals = Vitals::new(Clock::mono());
        let metered = |stream| Metered::new(stream, vitals.clone());
        match &self.tls {
            None => Box::pin(self.converse(metered(stream), address, vitals.clone(), watcher)).await,
            Some(tls) => {
                let mut drain = self.context.drain();
                let shaken = tokio::select! {
                    shaken = tls.shake(stream, address, metered, &self.context.metrics) => shaken,
                    () = drain.started() => None,
                };
                if let Some(stream) = shaken {
                    // The handshake had a deadline of its own; the first head's begins now.
                    vitals.restart(Clock::mono());
                    Box::pin(self.converse(stream, address, vitals, watcher)).await;
                }
            }
        }
    }

    async fn converse<S>(&self, stream: S, address: IpAddr, vitals: Arc<Vitals>, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let context = &self.context;
        context.metrics.http_connections.inc();
        let peer = Peer { address, vitals: vitals.clone() };
        let io = WatchedIo::new(stream, vitals.clone());
        let service = service_fn({
            let (router, context, playing) = (self.router.clone(), context.clone(), self.playing);
            move |request: Request<Incoming>| {
                let (flight, peer, context) = (peer.vitals.begin(), peer.clone(), context.clone());
                // Nothing here takes a body: requests that bring one are refused, and the connection closes.
                let (head, _) = request.into_parts();
                let (version, class) = (head.version, screen::class(head.uri.path()));
                let work = Work::begin(head, &router, &context.limits.http, playing);
                async move {
                    let response = work.done(&context, &peer, version).await;
                    context.metrics.request(class, response.status().as_u16());
                    Ok::<_, Infallible>(response.map(|body| Tracked::new(body, flight, version)))
                }
            }
        });
        // On the heap, where it is once: the futures around it would each keep room for it.
        let connection = Box::pin(watcher.watch(self.builder.serve_connection(io, service).into_owned()));
        if let Some(limit) = until_due(connection, &vitals, &context.limits.http).await {
            context.metrics.limit(limit);
        }
        context.metrics.http_connections.dec();
    }
}

/// Runs `connection` until it ends, or until its vitals say which bound it has run into.
async fn until_due(
    mut connection: impl Future + Unpin,
    vitals: &Vitals,
    limits: &HttpLimits,
) -> Option<Limit> {
    let mut sleep = pin!(tokio::time::sleep(limits.head_time));
    poll_fn(|cx| {
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        loop {
            let now = Clock::mono();
            let wake = match vitals.due(limits, now) {
                Some((due, limit)) if due <= now => return Poll::Ready(Some(limit)),
                Some((due, _)) => due,
                None => now + TICK,
            };
            // A timer that fires early costs a look; moving it at every poll would cost more.
            if sleep.is_elapsed() || wake < sleep.deadline().into_std() {
                sleep.as_mut().reset(wake.into());
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// What is to be done for a request, once nothing of its head is needed any more.
enum Work {
    /// One of a player, of which there are many: it goes no further way than it must.
    Play(Ask),
    /// Any other. Boxed, so that connections of players do not carry room for it.
    Route(Pin<Box<Oneshot<Router, Request<Body>>>>),
    /// It is not let in.
    Refuse(screen::Refusal),
}

impl Work {
    fn begin(head: request::Parts, router: &Router, limits: &HttpLimits, playing: bool) -> Self {
        if let Err(refusal) = screen::screen(&head, limits) {
            return Self::Refuse(refusal);
        }
        match Ask::read(&head).filter(|_| playing) {
            Some(ask) => Self::Play(ask),
            None => {
                let request = Request::from_parts(head, Body::empty());
                Self::Route(Box::pin(router.clone().oneshot(request)))
            }
        }
    }

    async fn done(self, context: &Context, peer: &Peer, version: Version) -> Response<Body> {
        match self {
            Self::Play(ask) => playback::serve(context, peer, ask).await,
            Self::Route(routed) => {
                let Ok(response) = routed.await;
                response
            }
            Self::Refuse(refusal) => {
                if refusal.is_of_size() {
                    context.metrics.limit(Limit::RequestSize);
                }
                refusal.response(version)
            }
        }
    }
}

/// hyper with every knob set: nothing is left to a default that a timer or a release could change.
fn builder(limits: &HttpLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(limits.headers)
        .max_buf_size(BUFFER)
        .keep_alive(true)
        .half_close(false)
        .pipeline_flush(false);
    let (ping, pong) = limits.h2_ping;
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(limits.h2_header_list)
        .max_send_buf_size(limits.h2_send_buffer)
        .max_pending_accept_reset_streams(limits.h2_pending_resets)
        .max_local_error_reset_streams(H2_LOCAL_RESETS)
        .initial_stream_window_size(H2_WINDOW)
        .initial_connection_window_size(H2_WINDOW)
        .adaptive_window(false)
        .keep_alive_interval(ping)
        .keep_alive_timeout(pong);
    builder
}
