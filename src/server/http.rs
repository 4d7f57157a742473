//! HTTP: our own accept loop on hyper, with every bound set by us and a timer behind each.
//!
//! HTTP/1.1 and HTTP/2 share a port: by prior knowledge, or over TLS by its ALPN. `axum::serve` sets no timer, which silently turns
//! hyper's timeouts off; here [`Vitals`] times everything, and hyper's own header timer stays off.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::http::request;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::ServiceExt;
use tower::util::Oneshot;

use crate::media::{HttpLimits, Limit};

use super::admission::{Admission, Full};
use super::body::{H2_SLICE, Pace, Payload, Tracked};
use super::clock::Clock;
use super::contain::One;
use super::context::{Context, Drain};
use super::due::until_over;
use super::h2_limits::limit_of;
use super::held::H2_TABLE;
use super::io::{Metered, WatchedIo};
use super::listen;
use super::obs;
use super::playback::{self, Turn, Waiting};
use super::progressive;
use super::screen;
use super::streams::{self, Streams};
use super::tls::{Handshake, Knock};
use super::vitals::{Over, Vitals};

/// What hyper may buffer of a connection. Heads are refused past [`HttpLimits::head`] with a status; this is
/// the memory behind it, and it is also how much of a response one flush takes.
pub(super) const BUFFER: usize = 64 * 1024;
/// HTTP/2 flow control for what we receive, which is never a body.
pub(super) const H2_WINDOW: u32 = 64 * 1024;
/// Streams a peer may make us reset before the connection is closed (CVE-2025-8671).
const H2_LOCAL_RESETS: usize = 200;
/// How late it may be noticed that HTTP/2 is idle: the ends of its streams do not wake the connection.
const TICK: Duration = Duration::from_secs(5);

/// One HTTP listener: its routes, bounds and open connections.
pub(super) struct HttpDoor {
    router: Router,
    context: Arc<Context>,
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
    admission: Arc<Admission>,
    tls: Option<Handshake>,
    /// Whether streams are played through it.
    playing: bool,
}

/// Who sent a request, for the routes.
#[derive(Clone)]
pub(super) struct Peer {
    /// Its address.
    pub(super) address: IpAddr,
    /// Its connection.
    pub(super) vitals: Arc<Vitals>,
    after: Arc<Mutex<Option<After>>>,
}

/// What a connection is for, once HTTP has ended on it.
type After = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Peer {
    fn new(address: IpAddr, vitals: Arc<Vitals>) -> Self {
        Self { address, vitals, after: Arc::default() }
    }

    /// Another protocol follows on its connection, which is counted and waited for as before.
    pub(super) fn goes_on(&self, after: impl Future<Output = ()> + Send + 'static) {
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(after));
    }
}

impl HttpDoor {
    /// A door to `router`, plain.
    pub(super) fn new(router: Router, context: Arc<Context>, admission: Arc<Admission>) -> Self {
        let (http1, http2) = builders(&context);
        Self { router, context, http1, http2, admission, tls: None, playing: false }
    }

    /// The same, through which streams are played.
    pub(super) fn playing(self) -> Self {
        Self { playing: true, ..self }
    }

    /// The same behind TLS.
    pub(super) fn secure(self, tls: Handshake) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Accepts until the server drains; each connection's task holds a clone of `open` until it ends, and then finishes
    /// what it answers and closes.
    pub(super) async fn serve(self, listener: TcpListener, open: mpsc::Sender<()>) {
        let mut drain = self.context.drain();
        let door = Arc::new(self);
        loop {
            let (stream, peer) = tokio::select! {
                biased;
                () = drain.started() => return,
                accepted = listen::accept(&listener, &door.context) => accepted,
            };
            match door.admission.admit(peer.ip()) {
                Ok(permit) => {
                    listen::tune(&stream, &door.context.limits);
                    let (door, open) = (door.clone(), open.clone());
                    tokio::spawn(async move {
                        door.greet(stream, peer.ip()).await;
                        drop((permit, open));
                    });
                }
                Err(Full::Total) => door.context.hit(Limit::HttpConnections, peer.ip()),
                Err(Full::Address) => door.context.hit(Limit::HttpConnectionsPerAddress, peer.ip()),
            }
        }
    }

    /// Shakes hands where that is asked for, and begins the conversation.
    pub(super) async fn greet(&self, stream: impl Knock + 'static, address: IpAddr) {
        let Some(tls) = &self.tls else { return self.welcome(stream, address).await };
        // On the heap: others need not carry room for it.
        Box::pin(self.shake(tls, stream, Peer::new(address, Vitals::new(Clock::mono())))).await;
    }

    /// Begins the conversation on any plain connection.
    async fn welcome<S>(&self, stream: S, address: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let vitals = Vitals::new(Clock::mono());
        let stream = Metered::new(stream, vitals.clone());
        self.converse(stream, Peer::new(address, vitals)).await;
    }

    async fn shake(&self, tls: &Handshake, stream: impl Knock + 'static, peer: Peer) {
        let mut drain = self.context.drain();
        let metered = |stream| Metered::new(stream, peer.vitals.clone());
        let shaken = tokio::select! {
            shaken = tls.shake(stream, peer.address, metered, &self.context.metrics) => shaken,
            () = drain.newcomers_had_their_time() => None,
        };
        if let Some(stream) = shaken {
            // The handshake had a deadline of its own; the first head's begins now.
            peer.vitals.restart(Clock::mono());
            self.converse(stream, peer).await;
        }
    }

    async fn converse<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let context = &self.context;
        let _counted = One::more(&context.metrics.http_connections);
        let (vitals, after, address) = (peer.vitals.clone(), peer.after.clone(), peer.address);
        let mut io = WatchedIo::new(stream, vitals.clone());
        let limits = &context.limits.http;
        let opened = {
            let (mut drain, http2) = (context.drain(), pin!(io.is_http2()));
            tokio::select! {
                biased;
                opened = until_due(http2, &vitals, limits) => opened,
                // Nothing has been asked, so there is nothing to finish.
                () = drain.newcomers_had_their_time() => Ok(Err(io::ErrorKind::ConnectionAborted.into())),
            }
        };
        let ended = match opened {
            Ok(Ok(false)) => {
                let connection = self.http1.serve_connection(io, self.service(peer)).with_upgrades();
                let end = http1::UpgradeableConnection::graceful_shutdown;
                until_due(drained(connection, end, context.drain()), &vitals, limits).await
            }
            Ok(Ok(true)) => {
                let house = Arc::clone(context);
                let io = io.refusing(move |limit| house.hit(limit, address));
                let connection = self.http2.serve_connection(io, self.service(peer));
                let end = http2::Connection::graceful_shutdown;
                until_due(drained(connection, end, context.drain()), &vitals, limits).await
            }
            Ok(Err(_)) => Ok(None),
            Err(over) => Err(over),
        };
        let limit = ended.unwrap_or_else(Over::limit);
        limit.into_iter().for_each(|limit| context.hit(limit, address));
        let after = after.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(after) = after {
            after.await;
        }
    }

    /// Answers the requests of one connection.
    fn service(
        &self,
        peer: Peer,
    ) -> impl Service<Request<Incoming>, Response = Response<Tracked>, Error = Infallible, Future: Send> + use<>
    {
        let (router, context, playing) = (self.router.clone(), self.context.clone(), self.playing);
        service_fn(move |request: Request<Incoming>| {
            let (flight, peer, context) = (peer.vitals.begin(), peer.clone(), context.clone());
            let (head, body) = request.into_parts();
            let (version, class) = (head.version, screen::class(head.uri.path()));
            let speaks = playing && head.method == Method::POST && head.uri.path() == obs::PATH;
            let work = Work::begin(head, speaks.then_some(body), &router, &context, &peer, playing);
            async move {
                streams::answers(flight.asking(), peer.address);
                let mut response = match work {
                    Work::Done(response) => response,
                    Work::Hold(waiting) => playback::hold(&context, &peer, waiting).await,
                    Work::Route(routed) => {
                        let Ok(response) = routed.await;
                        response.map(Payload::Page)
                    }
                };
                if speaks && version < Version::HTTP_2 {
                    // Where its body ends is nobody's doubt when nothing follows it.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                context.metrics.request(class, response.status().as_u16());
                let pace = Pace::of(version, response.body());
                Ok::<_, Infallible>(response.map(|body| Tracked::new(body, flight, pace)))
            }
        })
    }
}

/// Runs a connection until it ends, and from when the server drains has `end` ask it to; by which limit it ended. On the
/// heap, where it is once: the futures around it would each keep room for it.
fn drained<C: Future<Output = Result<(), hyper::Error>>>(
    connection: C,
    end: fn(Pin<&mut C>),
    mut drain: Drain,
) -> Pin<Box<impl Future<Output = Option<Limit>>>> {
    Box::pin(async move {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            // First: whoever came late has asked already, which hyper must have seen before it is told to end.
            biased;
            ended = &mut connection => Some(ended),
            () = drain.publishers_finished() => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                end(connection.as_mut());
                connection.await
            }
        };
        // Why else a connection ended is its peer's business.
        ended.err().and_then(|error| limit_of(&error))
    })
}

/// Runs `work` until it ends, or until the connection's vitals say why it is over.
async fn until_due<W: Future + Unpin>(
    work: W,
    vitals: &Vitals,
    limits: &HttpLimits,
) -> Result<W::Output, Over> {
    let look = |cx: &task::Context<'_>, now| match vitals.due(limits, cx, now) {
        Some((due, over)) if due <= now => {
            vitals.give_up(over);
            Err(over)
        }
        due => Ok(Some(due.map_or(now + TICK, |(due, _)| due))),
    };
    until_over(work, look).await
}

/// What is to be done for a request, once nothing of its head is needed any more.
enum Work {
    /// Nothing.
    Done(Response<Payload>),
    /// It is a player's, and waits.
    Hold(Waiting),
    /// It goes through the router. Boxed, so that connections of players do not carry room for it.
    Route(Pin<Box<Oneshot<Router, Request<Body>>>>),
}

impl Work {
    /// Looks at a request; those of players, of which there are many, go no further way than they must. Where it has no
    /// `body`, it may have none: one that brings it nevertheless is refused, and the connection closes.
    fn begin(
        mut head: request::Parts,
        body: Option<Incoming>,
        router: &Router,
        context: &Arc<Context>,
        peer: &Peer,
        playing: bool,
    ) -> Self {
        let most = if body.is_some() { obs::MOST } else { 0 };
        let screened = match peer.vitals.ends_lines_badly() {
            true => Err(screen::Refusal::Line),
            false => screen::screen(&head, &context.limits.http, most),
        };
        if let Err(refusal) = screened {
            refusal.limit().into_iter().for_each(|limit| context.hit(limit, peer.address));
            return Self::Done(refusal.response(head.version).map(Payload::Page));
        }
        let endless = if playing { progressive::take(context, &mut head, peer) } else { None };
        let turn = match endless {
            Some(response) => Some(Turn::Now(response)),
            None if playing => playback::take(context, &head, peer.address),
            None => None,
        };
        match turn {
            Some(Turn::Now(response)) => Self::Done(response),
            Some(Turn::Later(waiting)) => Self::Hold(waiting),
            None => {
                let body = body.map_or_else(Body::empty, Body::new);
                head.extensions.insert(peer.address);
                let request = Request::from_parts(head, body);
                Self::Route(Box::pin(router.clone().oneshot(request)))
            }
        }
    }
}

/// hyper with every knob set: nothing is left to a default that a timer or a release could change.
fn builders(context: &Arc<Context>) -> (http1::Builder, http2::Builder<Streams>) {
    let limits = &context.limits.http;
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        // Those past the limit are counted and refused by us, but for floods of them.
        .max_headers(limits.headers.saturating_mul(4))
        .max_buf_size(BUFFER)
        .keep_alive(true)
        .half_close(false)
        .pipeline_flush(false);
    let (ping, pong) = limits.h2_ping;
    let mut http2 = http2::Builder::new(Streams::new(context));
    http2
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(limits.h2_header_list)
        .max_send_buf_size(limits.h2_send_buffer)
        .max_pending_accept_reset_streams(limits.h2_pending_resets)
        .max_local_error_reset_streams(H2_LOCAL_RESETS)
        .max_frame_size(H2_SLICE as u32)
        .header_table_size(H2_TABLE)
        .initial_stream_window_size(H2_WINDOW)
        .initial_connection_window_size(H2_WINDOW)
        .adaptive_window(false)
        .keep_alive_interval(ping)
        .keep_alive_timeout(pong);
    (http1, http2)
}
