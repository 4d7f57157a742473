//! RTMP driver: one encoder's socket between its session and the registry.
//!
//! read → handle → drain → write → select on socket, deadline, shutdown. Nothing here waits for a viewer.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::control::{Claim, Limit, Verdict};
use crate::media::Now;
use crate::rtmp::{CloseReason, Error, Output, PublishRequest, Rejection, Session};

use super::admission::{Admission, Full};
use super::clock::Clock;
use super::context::Context;
use super::ingest::Ingest;
use super::listen;
use super::tls::Handshake;

/// Read at once before a publish is accepted: nobody has earned more yet.
const EARLY_READ: usize = 4 * 1024;
/// Read at once from a publisher: most frames whole. It is memory of every publish, and a keyframe's few more
/// reads are nothing beside it.
const READ: usize = 32 * 1024;
/// What an encoder is told when the server drains.
const STOPPING: &str = "the server is stopping";
/// How long a closing connection may take to read the reason.
const FAREWELL: Duration = Duration::from_secs(2);

/// Accepts encoders until the server drains; each connection's task holds a clone of `open` until it ends.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Handshake>,
    context: Arc<Context>,
    admission: Arc<Admission>,
    open: mpsc::Sender<()>,
) {
    let mut drain = context.drain();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = drain.started() => return,
            accepted = listen::accept(&listener, &context.metrics) => accepted,
        };
        match admission.admit(peer.ip()) {
            Ok(permit) => {
                listen::tune_ingest(&stream);
                let (context, open, tls) = (context.clone(), open.clone(), tls.clone());
                tokio::spawn(async move {
                    context.metrics.rtmp_connections.inc();
                    greet(stream, tls, peer, &context).await;
                    context.metrics.rtmp_connections.dec();
                    drop((permit, open));
                });
            }
            Err(Full::Total) => context.metrics.limit(Limit::RtmpConnections),
            Err(Full::Address) => context.metrics.limit(Limit::RtmpConnectionsPerAddress),
        }
    }
}

/// Why a conversation ended, for the log.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the encoder closed the connection")]
    Hangup,
    #[error("{}", reason(*.0))]
    Closed(CloseReason),
    #[error("the encoder does not read what it is sent")]
    Deaf,
    #[error("{0}")]
    Session(#[from] Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Shakes hands where that is asked for, and begins the conversation.
async fn greet(stream: TcpStream, tls: Option<Handshake>, peer: SocketAddr, context: &Context) {
    let Some(tls) = tls else { return converse(stream, peer, context).await };
    let mut drain = context.drain();
    let shaken = tokio::select! {
        shaken = tls.shake(stream, peer.ip(), |stream| stream, &context.metrics) => shaken,
        () = drain.started() => None,
    };
    if let Some(stream) = shaken {
        converse(stream, peer, context).await;
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, peer: SocketAddr, context: &Context) {
    let mut driver = Driver::new(peer, context);
    let end = driver.run(&mut stream).await;
    match &end {
        End::Session(_) => context.metrics.limit(Limit::Rtmp),
        End::Deaf => context.metrics.limit(Limit::RtmpOutbound),
        End::Hangup | End::Closed(_) | End::Io(_) => {}
    }
    match driver.ingest.take() {
        Some(ingest) => ingest.end(&end),
        // Strangers come and go; they do not fill the log.
        None => tracing::debug!(%peer, reason = %end, "rtmp_closed"),
    }
    // Whoever was told something gets the time to read it; the others have had theirs.
    if let End::Closed(_) = end {
        let _ = tokio::time::timeout(FAREWELL, farewell(&mut stream)).await;
    }
}

/// Lets the peer read the last status: closing with its bytes unread would reset the connection.
async fn farewell(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.shutdown().await?;
    let mut sink = [0; EARLY_READ];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

/// Writes what is taken of `bytes`; of nothing, what TLS kept back when its socket was full.
async fn send(output: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return output.flush().await.map(|()| 0);
    }
    output.write(bytes).await
}

struct Driver<'a> {
    context: &'a Context,
    peer: SocketAddr,
    session: Session,
    ingest: Option<Ingest<'a>>,
    /// A refusal, and when to say it.
    refusal: Option<(Instant, Rejection)>,
    outbound: VecDeque<Bytes>,
    queued: usize,
    /// Whether something was written that may not have reached the socket yet.
    unflushed: bool,
    /// Why it ends, once what is queued is written, and by when that must be done.
    end: Option<(End, Instant)>,
}

impl<'a> Driver<'a> {
    fn new(peer: SocketAddr, context: &'a Context) -> Self {
        let session = Session::new(Clock::mono(), context.limits.clone());
        let outbound = VecDeque::new();
        Self {
            context,
            peer,
            session,
            ingest: None,
            refusal: None,
            outbound,
            queued: 0,
            unflushed: false,
            end: None,
        }
    }

    async fn run(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> End {
        let (mut input, mut output) = tokio::io::split(stream);
        let mut drain = self.context.drain();
        // Kept across turns: beginning a wait anew at every read costs more than the read's own bookkeeping.
        let mut drained = pin!(drain.started());
        let mut stopping = false;
        let mut buffer = vec![0; EARLY_READ];
        let mut sleep = pin!(tokio::time::sleep(FAREWELL));
        let mut now = Clock::now();
        loop {
            self.drain(now);
            if let Some((end, _)) = self.end.take_if(|_| self.outbound.is_empty() && !self.unflushed) {
                return end;
            }
            if self.ingest.is_some() && buffer.len() < READ {
                buffer.resize(READ, 0);
            }
            // Deadlines mostly move away: a timer that fires early costs a look, moving it costs at every read.
            let due = self.due(now.mono);
            if sleep.is_elapsed() || due < sleep.deadline().into_std() {
                sleep.as_mut().reset(due.into());
            }
            let front = self.outbound.front().cloned().unwrap_or_default();
            tokio::select! {
                biased;
                () = &mut drained, if !stopping => {
                    now = Clock::now();
                    stopping = true;
                    self.session.finish(&Rejection::shutdown(STOPPING));
                    // The stream ends now, whether or not the encoder hears of it.
                    self.ingest.take().into_iter().for_each(|ingest| ingest.end(STOPPING));
                }
                wrote = send(&mut output, &front), if !front.is_empty() || self.unflushed => match wrote {
                    Ok(count) => self.wrote(count),
                    Err(error) => return error.into(),
                },
                read = input.read(&mut buffer), if self.reads() => match read {
                    Ok(0) => return End::Hangup,
                    Ok(count) => {
                        now = Clock::now();
                        self.heard(buffer.get(..count).unwrap_or_default(), now);
                    }
                    Err(error) => return error.into(),
                },
                () = &mut sleep => {
                    now = Clock::now();
                    self.check(now);
                }
            }
        }
    }

    /// Whether bytes are wanted: not while a publish is being judged, nor after the end.
    fn reads(&self) -> bool {
        self.refusal.is_none() && self.end.is_none()
    }

    fn heard(&mut self, bytes: &[u8], now: Now) {
        self.context.metrics.received.inc_by(bytes.len() as u64);
        let result = self.session.handle_input(now.mono, bytes);
        self.settle(result, now);
    }

    fn wrote(&mut self, count: usize) {
        self.unflushed = count > 0;
        self.queued = self.queued.saturating_sub(count);
        if let Some(front) = self.outbound.front_mut() {
            front.advance(count.min(front.len()));
        }
        self.outbound.pop_front_if(|front| front.is_empty());
    }

    /// When something must be looked at though nothing comes in.
    fn due(&self, now: Instant) -> Instant {
        let far = now + self.context.limits.rtmp.idle;
        let refusal = self.refusal.as_ref().map(|(at, _)| *at);
        let end = self.end.as_ref().map(|(_, by)| *by);
        [self.session.deadline(), refusal, end].into_iter().flatten().fold(far, Instant::min)
    }

    fn check(&mut self, now: Now) {
        if let Some((_, reason)) = self.refusal.take_if(|(at, _)| *at <= now.mono) {
            self.session.reject(&reason);
        }
        if self.end.as_ref().is_some_and(|(_, by)| *by <= now.mono) {
            self.outbound.clear();
            self.unflushed = false;
        } else if self.session.deadline().is_some_and(|at| at <= now.mono) {
            let result = self.session.handle_timeout(now.mono);
            self.settle(result, now);
        }
    }

    fn settle(&mut self, result: Result<(), Error>, now: Now) {
        if let Err(error) = result {
            // What came before the error is still taken.
            self.drain(now);
            self.close(error.into());
        }
    }

    fn close(&mut self, end: End) {
        self.end.get_or_insert_with(|| (end, Clock::mono() + FAREWELL));
    }

    fn drain(&mut self, now: Now) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => self.send(bytes),
                Output::PublishRequested(request) => self.judge(&request, now),
                Output::Unpublished => {
                    self.ingest.take().into_iter().for_each(|ingest| ingest.end("the encoder is done"));
                }
                Output::Close(reason) => self.close(End::Closed(reason)),
                media => {
                    if let Some(ingest) = &mut self.ingest
                        && let Err(error) = ingest.take(media, now)
                    {
                        self.session.finish(&Rejection::failed(error.to_string()));
                        self.ingest.take().into_iter().for_each(|ingest| ingest.end(&error));
                    }
                }
            }
        }
    }

    fn send(&mut self, bytes: Bytes) {
        self.queued = self.queued.saturating_add(bytes.len());
        self.outbound.push_back(bytes);
        if self.queued > self.context.limits.rtmp.outbound {
            self.outbound.clear();
            self.close(End::Deaf);
        }
    }

    fn judge(&mut self, request: &PublishRequest, now: Now) {
        let claim =
            Claim { path: &request.path, key: request.key.as_ref(), address: self.peer.ip(), now: now.mono };
        match self.context.access.authorize(&claim) {
            Verdict::Allow(name) => match self.context.registry.publish(&name, now) {
                Ok(publisher) => {
                    self.session.accept();
                    self.ingest = Some(Ingest::new(self.context, publisher, self.peer, request));
                }
                Err(error) => {
                    tracing::warn!(peer = %self.peer, stream = %name, reason = %error, "publish_refused");
                    self.session.reject(&Rejection::bad_name(error.to_string()));
                }
            },
            Verdict::Refuse { reason, delay } => {
                self.context.metrics.refused_auth.inc();
                tracing::warn!(peer = %self.peer, %reason, "publish_refused");
                self.refusal = Some((now.mono + delay, Rejection::bad_name(reason.to_string())));
            }
        }
    }
}

fn reason(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Unpublished => "the encoder is done",
        CloseReason::Refused(code) | CloseReason::Finished(code) => code,
    }
}
