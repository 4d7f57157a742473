//! RTMP driver: one encoder's socket between its session and the registry; that of a player until it plays.
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
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::live::{self, Calls, Ouster};
use crate::media::{Limit, Limits, Now};
use crate::rtmp::{CloseReason, Error, Output, PlayRequest, Rejection, Session};

use super::account::Account;
use super::admission::{Admission, Full};
use super::clock::Clock;
use super::contain::One;
use super::context::{Context, NEWCOMERS};
use super::gate::{self, Ruling, Waiting};
use super::ingest::Caller;
use super::intake::Intake;
use super::listen;
use super::progressive::Player;
use super::tls::{Handshake, Knock};

/// Read at once before a publish is accepted: nobody has earned more yet.
pub(super) const EARLY_READ: usize = 4 * 1024;
/// Read at once from a publisher: most frames whole. It is memory of every publish, and a keyframe's few more
/// reads are nothing beside it.
pub(super) const READ: usize = 32 * 1024;
/// What a peer is told when the server drains.
pub(super) const STOPPING: &str = "the server is stopping";
/// What an encoder is told whose stream another one takes over.
const OUSTED: &str = "another encoder has taken over the stream";
/// How long a closing connection may take to read the reason.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

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
            accepted = listen::accept(&listener, &context) => accepted,
        };
        match admission.admit(peer.ip()) {
            Ok(permit) => {
                listen::tune(&stream, &context.limits);
                let (context, open, tls) = (context.clone(), open.clone(), tls.clone());
                tokio::spawn(async move {
                    let counted = One::more(&context.metrics.rtmp_connections);
                    greet(stream, tls, peer, &context).await;
                    drop((counted, permit, open));
                });
            }
            Err(Full::Total) => context.hit(Limit::RtmpConnections, peer),
            Err(Full::Address) => context.hit(Limit::RtmpConnectionsPerAddress, peer),
        }
    }
}

/// Why a conversation ended, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the peer closed the connection")]
    Hangup,
    #[error("{}", reason(*.0))]
    Closed(CloseReason),
    #[error("the peer does not read what it is sent")]
    Deaf(Limit),
    /// It goes on as a play.
    #[error("it plays")]
    Plays,
    #[error("{0}")]
    Session(#[from] Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl End {
    /// Which limit it ended at, if it was one.
    fn limit(&self, limits: &Limits) -> Option<Limit> {
        match self {
            Self::Session(error) => error.limit(&limits.rtmp),
            Self::Deaf(limit) => Some(*limit),
            Self::Hangup | Self::Closed(_) | Self::Plays | Self::Io(_) => None,
        }
    }
}

/// Shakes hands where that is asked for, and begins the conversation.
pub(super) async fn greet(
    stream: impl Knock,
    tls: Option<Handshake>,
    peer: SocketAddr,
    context: &Arc<Context>,
) {
    let Some(tls) = tls else { return converse(stream, peer, context).await };
    let mut drain = context.drain();
    let shaken = tokio::select! {
        // On the heap, as what follows: plain connections need not carry room for it.
        shaken = Box::pin(tls.shake(stream, peer.ip(), |stream| stream, &context.metrics)) => shaken,
        () = drain.newcomers_had_their_time() => None,
    };
    if let Some(stream) = shaken {
        Box::pin(converse(stream, peer, context)).await;
    }
}

/// Says why a conversation ended that nothing was published in.
fn part(context: &Context, peer: SocketAddr, end: &End) {
    match end {
        // Whoever meant to publish must find out why they may not: encoders seldom show what they are told.
        End::Closed(CloseReason::Declined { code, words, at }) => {
            let event = if code.contains(".Play.") { "play_refused" } else { "publish_refused" };
            if let Some(times) = context.refusals.count(event, code, Clock::mono()) {
                tracing::info!(%peer, code, reason = words, at, times, "{event}");
            }
        }
        // Strangers come and go; they do not fill the log.
        _ => tracing::debug!(%peer, reason = %end, "rtmp_closed"),
    }
}

/// One conversation, from its first byte to its last.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    peer: SocketAddr,
    context: &Arc<Context>,
) {
    let mut driver = Driver::new(peer, context);
    let mut end = driver.run(&mut stream).await;
    if let Some(request) = driver.play.take() {
        driver.account.set(0);
        // On the heap: encoders, and whoever says nothing, need not carry room for it.
        end = Box::pin(Player::new(context, &mut driver.session).run(*request, peer, &mut stream)).await;
    }
    match end.limit(&context.limits) {
        Some(limit) => context.hit(limit, peer),
        None if matches!(end, End::Session(_)) => drop(context.metrics.rtmp_errors.inc()),
        None => {}
    }
    match driver.intake.take() {
        // It did not say that it was done: it may be back.
        Some(intake) => intake.leave(&end),
        None => part(context, peer, &end),
    }
    // Whoever was told something gets the time to read it; the others have had theirs.
    if let End::Closed(_) = end {
        let _ = tokio::time::timeout(FAREWELL, farewell(&mut stream)).await;
    }
}

/// Lets the peer read the last status: closing with its bytes unread would reset the connection.
async fn farewell(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.shutdown().await?;
    let mut sink = [0; 512];
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
    intake: Option<Intake<'a>>,
    /// A refusal, and when to say it.
    refusal: Option<(Instant, Rejection)>,
    /// A granted request whose stream is being taken over.
    waiting: Option<Waiting>,
    /// Who asks to play.
    play: Option<Box<PlayRequest>>,
    /// Who asks to publish.
    caller: Caller,
    outbound: VecDeque<Bytes>,
    queued: usize,
    account: Account,
    /// Whether something was written that may not have reached the socket yet.
    unflushed: bool,
    /// When it is to be told that the server stops, at the latest.
    retires: Option<Instant>,
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
            intake: None,
            refusal: None,
            waiting: None,
            play: None,
            caller: Caller::default(),
            outbound,
            queued: 0,
            account: Account::new(&context.metrics.outputs.held_by_rtmp()),
            unflushed: false,
            retires: None,
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
        let (mut ouster, mut calls) = (None, None);
        let mut now = Clock::now();
        loop {
            self.drain(now);
            self.retire(now);
            if let Some(end) = self.over() {
                return end;
            }
            if let Some(intake) = self.intake.as_mut().filter(|_| buffer.len() < READ) {
                buffer.resize(READ, 0);
                (ouster, calls) = (intake.ouster(), intake.calls());
            }
            self.account.set(buffer.len().saturating_add(self.queued).saturating_add(self.session.held()));
            // Deadlines mostly move away: a timer that fires early costs a look, moving it costs at every read.
            let due = self.due(now.mono);
            if sleep.is_elapsed() || due < sleep.deadline().into_std() {
                sleep.as_mut().reset(due.into());
            }
            let front = self.outbound.front().cloned().unwrap_or_default();
            tokio::select! {
                biased;
                () = &mut drained, if !stopping => {
                    (now, stopping) = (Clock::now(), true);
                    self.retires = Some(now.mono + NEWCOMERS);
                }
                () = ousted(&mut ouster), if self.intake.is_some() => {
                    now = Clock::now();
                    self.session.finish(&Rejection::bad_name(OUSTED));
                    self.intake.take().into_iter().for_each(|intake| intake.leave(OUSTED));
                }
                wrote = send(&mut output, &front), if !front.is_empty() || self.unflushed => match wrote {
                    Ok(count) => self.wrote(count),
                    Err(error) => return error.into(),
                },
                read = input.read(&mut buffer), if self.reads() => match read {
                    Ok(0) => return End::Hangup,
                    // TLS tells apart who left without a word of farewell; many encoders do.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return End::Hangup,
                    Ok(count) => {
                        now = Clock::now();
                        self.heard(buffer.get(..count).unwrap_or_default(), now);
                    }
                    Err(error) => return error.into(),
                },
                () = called(calls.as_ref()), if self.intake.is_some() => {
                    now = Clock::now();
                    self.pump(now);
                }
                () = &mut sleep => {
                    now = Clock::now();
                    self.check(now);
                }
            }
        }
    }

    /// Where the server is stopping: the stream ends now, whether or not the encoder hears of it. Who has only just come
    /// is heard to where it can be told.
    fn retire(&mut self, now: Now) {
        let due = |at: &mut Instant| *at <= now.mono || !self.session.is_newcomer();
        if self.retires.take_if(due).is_some() {
            self.session.retire(&Rejection::shutdown(STOPPING));
            self.play = None;
            self.intake.take().into_iter().for_each(|intake| intake.finish(STOPPING));
            self.drain(now);
        }
    }

    /// Why it ends, or goes on as a play, once everything is written.
    fn over(&mut self) -> Option<End> {
        if !self.outbound.is_empty() || self.unflushed {
            return None;
        }
        let end = self.end.take().map(|(end, _)| end);
        end.or_else(|| self.play.is_some().then_some(End::Plays))
    }

    /// Whether bytes are wanted: not while a publish is being judged, nor after the end.
    fn reads(&self) -> bool {
        self.refusal.is_none() && self.waiting.is_none() && self.play.is_none() && self.end.is_none()
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
        let waiting = self.waiting.as_ref().map(Waiting::due);
        let cadence = self.intake.as_ref().and_then(Intake::deadline);
        [self.session.deadline(), refusal, waiting, cadence, end, self.retires]
            .into_iter()
            .flatten()
            .fold(far, Instant::min)
    }

    fn check(&mut self, now: Now) {
        if let Some((_, reason)) = self.refusal.take_if(|(at, _)| *at <= now.mono) {
            self.session.reject(&reason);
        }
        if let Some(waiting) = self.waiting.take_if(|waiting| waiting.due() <= now.mono) {
            let ruling = gate::ask(self.context, self.peer, waiting, now);
            self.rule(ruling);
        }
        if let Some(intake) = self.intake.as_mut().filter(|i| i.deadline().is_some_and(|at| at <= now.mono)) {
            intake.tick(now);
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
                Output::PublishRequested(request) => {
                    self.caller = Caller::of(&request);
                    let ruling = gate::judge(self.context, self.peer, &request, now);
                    self.rule(ruling);
                }
                Output::PlayRequested(request) => self.play = Some(request),
                Output::Unpublished => {
                    // Whoever presses Stop may press Start again: the stream waits, as for one that is lost.
                    self.intake.take().into_iter().for_each(|intake| intake.rest("the encoder is done"));
                }
                Output::Close(reason) => self.close(End::Closed(reason)),
                media => {
                    let taken = self.intake.as_mut().map_or(Ok(()), |intake| intake.take(media, now));
                    taken.unwrap_or_else(|error| self.fail(&error));
                }
            }
        }
    }

    /// Takes what members of a group have for the one that leads.
    fn pump(&mut self, now: Now) {
        let pumped = self.intake.as_mut().map_or(Ok(()), |intake| intake.pump(now));
        pumped.unwrap_or_else(|error| self.fail(&error));
    }

    /// Ends a publish that cannot go on.
    fn fail(&mut self, error: &live::Error) {
        error.limit().into_iter().for_each(|limit| self.context.hit(limit, self.peer));
        self.session.finish(&Rejection::failed(error.to_string()));
        self.intake.take().into_iter().for_each(|intake| intake.finish(error));
    }

    fn send(&mut self, bytes: Bytes) {
        self.queued = self.queued.saturating_add(bytes.len());
        self.outbound.push_back(bytes);
        if self.queued > self.context.limits.rtmp.outbound {
            self.outbound.clear();
            self.close(End::Deaf(Limit::RtmpOutbound));
        }
    }

    fn rule(&mut self, ruling: Ruling) {
        match ruling {
            Ruling::Publish(place, stream) => {
                self.session.accept();
                self.intake = Some(Intake::new(self.context, *place, &stream, self.peer, &self.caller));
            }
            Ruling::Refuse(rejection, at) => self.refusal = Some((at, rejection)),
            Ruling::Wait(waiting) => self.waiting = Some(waiting),
        }
    }
}

/// Returns when the publisher is asked to make room; never, while there is none.
async fn ousted(ouster: &mut Option<Ouster>) {
    match ouster {
        Some(ouster) => ouster.ousted().await,
        None => std::future::pending().await,
    }
}

/// Returns when members of a group have something for their leader; never, where there is none.
async fn called(calls: Option<&Calls>) {
    match calls {
        Some(calls) => calls.called().await,
        None => std::future::pending().await,
    }
}

fn reason(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Unpublished => "the encoder is done",
        CloseReason::Stopped => "the player is done",
        CloseReason::Declined { words, .. } => words,
        CloseReason::Refused(code) | CloseReason::Finished(code) => code,
    }
}
