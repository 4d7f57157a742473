//! Player: an RTMP play: one player's socket between its session and a feed.
//!
//! ```text
//!   answers of the session ─┐
//!                           ├─▶ queue ─▶ socket      Nothing is taken of the feed before the queue is empty, so
//!   a batch of the feed ────┘                        that what the session says stands between whole messages.
//! ```

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::control::{Denied, Protocol, ViewerRequest};
use crate::live::Reason;
use crate::media::{Limit, StreamName};
use crate::progressive::Format;
use crate::rtmp::{Codecs, Output, PlayRequest, Rejection, Session};

use super::super::account::Account;
use super::super::clock::Clock;
use super::super::context::Context;
use super::super::rtmp::{EARLY_READ, End, FAREWELL, STOPPING};
use super::feed::{Feeds, Unavailable};
use super::reader::Reader;

/// Bytes of a batch, but for the last message of it.
const BATCH: usize = 64 * 1024;
/// Runs written at once.
const RUNS: usize = 64;
/// How long a player may wait for the first keyframe of a stream that has begun.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked for.
const AGAIN: Duration = Duration::from_millis(50);
/// A batch that is not written within this is read too slowly, however steadily.
const BATCH_TIME: Duration = Duration::from_secs(30);

/// One play from its request on.
pub(in crate::server) struct Player<'a> {
    context: &'a Arc<Context>,
    session: &'a mut Session,
    reader: Option<Reader>,
    codecs: Codecs,
    queue: VecDeque<Bytes>,
    /// What the session says, until the queue is empty.
    talk: VecDeque<Bytes>,
    talked: usize,
    /// Bytes in `queue`.
    queued: usize,
    account: Account,
    /// Whether something was written that may not have reached the socket yet.
    unflushed: bool,
    /// When the queue last became shorter, and when it was filled.
    moved: Instant,
    filled: Instant,
    /// Why it ends, once what is queued is written, and by when that must be done.
    end: Option<(End, Instant)>,
}

impl<'a> Player<'a> {
    /// The play that `session` has asked for, with nothing of it left to send.
    pub(in crate::server) fn new(context: &'a Arc<Context>, session: &'a mut Session) -> Self {
        let (now, queue) = (Clock::mono(), VecDeque::new());
        Self {
            context,
            session,
            reader: None,
            codecs: Codecs::default(),
            queue,
            talk: VecDeque::new(),
            talked: 0,
            queued: 0,
            account: Account::new(&context.metrics.outputs.held_by_readers()),
            unflushed: false,
            moved: now,
            filled: now,
            end: None,
        }
    }

    /// Plays what `request` asks for, or says why not.
    pub(in crate::server) async fn run(
        mut self,
        request: PlayRequest,
        peer: SocketAddr,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> End {
        self.codecs = request.codecs.clone();
        let mut drain = self.context.drain();
        let opened = tokio::select! {
            opened = self.open(&request, peer) => opened,
            () = drain.started() => Err(Denied::Stopping),
        };
        match opened {
            Ok(reader) => {
                self.session.accept_play();
                self.drain();
                self.reader = Some(reader);
            }
            Err(denied) => {
                self.context.refused(&denied, peer);
                tracing::debug!(%peer, reason = %denied, "play_refused");
                let code = denied.status().play;
                self.session.reject(&Rejection { code, description: denied.to_string() });
            }
        }
        self.converse(stream).await
    }

    /// A reader of what is asked for, once there is a first message for it.
    async fn open(&mut self, request: &PlayRequest, peer: SocketAddr) -> Result<Reader, Denied> {
        let name = StreamName::parse(&request.name).map_err(|_| Denied::NotFound)?;
        let generation = self.context.registry.find(&name).ok_or(Denied::NotFound)?;
        let (stream, agent) = (&name, request.player.as_deref());
        let address = peer.ip();
        let who = ViewerRequest { stream, protocol: Protocol::Rtmp, address, agent, session: None };
        let began = Clock::now();
        let viewer = self.context.viewers.admit(&who, began)?;
        let chunks = loop {
            let now = Clock::mono();
            match Feeds::join(self.context, &generation, Format::Rtmp, now) {
                Ok(chunks) => break chunks,
                Err(Unavailable::Incompatible(why)) => return Err(Denied::Incompatible(why.to_string())),
                Err(Unavailable::Starting) if generation.ended() || now >= began.mono + PATIENCE => {
                    return Err(Denied::NotLive);
                }
                Err(Unavailable::Starting) => tokio::time::sleep(AGAIN).await,
            }
        };
        let mut reader = Reader::new(Arc::clone(self.context), chunks, viewer, name.clone(), Protocol::Rtmp);
        // What a feed has just begun with may not be there yet.
        let first = tokio::time::timeout(PATIENCE, poll_fn(|cx| reader.poll_fill(cx))).await;
        if !matches!(first, Ok(Ok(()))) {
            return Err(Denied::NotLive);
        }
        match unknown(&reader, &self.codecs) {
            Some(words) => Err(Denied::Incompatible(words)),
            None => Ok(reader),
        }
    }

    async fn converse(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> End {
        let (mut input, mut output) = tokio::io::split(stream);
        let mut drain = self.context.drain();
        let mut drained = pin!(drain.started());
        let mut stopping = false;
        let (mut buffer, mut batch) = (vec![0; EARLY_READ], VecDeque::new());
        let mut sleep = pin!(tokio::time::sleep(FAREWELL));
        loop {
            self.drain();
            let held = self.queued.saturating_add(self.talked).saturating_add(self.session.held());
            self.account.set(held.saturating_add(buffer.len()));
            if self.queue.is_empty() && !self.talk.is_empty() {
                mem::swap(&mut self.queue, &mut self.talk);
                self.talked = 0;
                self.fill();
            }
            let idle = self.queue.is_empty();
            if let Some((end, _)) = self.end.take_if(|_| idle && !self.unflushed) {
                return end;
            }
            let due = self.due();
            if sleep.is_elapsed() || due < sleep.deadline().into_std() {
                sleep.as_mut().reset(due.into());
            }
            let reads = self.end.is_none();
            tokio::select! {
                () = &mut drained, if !stopping => {
                    stopping = true;
                    self.leave(Reason::Shutdown);
                    self.session.retire(&Rejection::shutdown(STOPPING));
                }
                wrote = write(&mut output, &self.queue), if !idle || self.unflushed => match wrote {
                    Ok(0) if !idle => return End::Hangup,
                    Ok(count) => self.wrote(count),
                    Err(error) => return error.into(),
                },
                taken = poll_fn(|cx| match &mut self.reader {
                    Some(reader) if idle => take(reader, &self.codecs, &mut batch, cx),
                    // What is queued may stand still for long.
                    Some(reader) => reader.dismissal().poll(cx).map(|reason| Err(Some(reason))),
                    None => Poll::Pending,
                }) => match taken {
                    Ok(()) => {
                        mem::swap(&mut self.queue, &mut batch);
                        self.fill();
                    }
                    Err(reason) => self.stop(reason),
                },
                read = input.read(&mut buffer), if reads => match read {
                    Ok(0) => return End::Hangup,
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return End::Hangup,
                    Ok(count) => self.heard(buffer.get(..count).unwrap_or_default()),
                    Err(error) => return error.into(),
                },
                () = &mut sleep => if let Some(end) = self.check() { return end },
            }
        }
    }

    /// The queue was filled.
    fn fill(&mut self) {
        self.filled = Clock::mono();
        self.queued = self.queue.iter().map(Bytes::len).sum();
        self.moved = self.filled;
    }

    /// There is nothing more for it: of the stream, or without a reason of codecs that it knows.
    fn stop(&mut self, reason: Option<Reason>) {
        let words = match reason {
            None => {
                let words = self.reader.as_ref().and_then(|reader| unknown(reader, &self.codecs));
                Rejection::play_failed(words.unwrap_or_default())
            }
            Some(Reason::StreamEnded | Reason::ClientClosed) => {
                Rejection::unpublished("the stream has ended")
            }
            Some(Reason::Shutdown) => Rejection::unpublished(STOPPING),
            Some(Reason::Kicked) => Rejection::play_failed(Denied::Kicked.to_string()),
            Some(Reason::SlowClientLagged | Reason::WriteTimeout) => {
                Rejection::too_slow("the connection is too slow for this stream")
            }
        };
        self.reader = None;
        self.session.end_play(&words);
    }

    fn heard(&mut self, bytes: &[u8]) {
        self.context.metrics.received.inc_by(bytes.len() as u64);
        if let Err(error) = self.session.handle_input(Clock::mono(), bytes) {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: crate::rtmp::Error) {
        self.drain();
        self.close(error.into());
    }

    fn wrote(&mut self, mut count: usize) {
        self.unflushed = count > 0;
        let given: usize = self.queue.iter().take(RUNS).map(Bytes::len).sum();
        if let Some(reader) = self.reader.as_mut().filter(|_| count < given) {
            reader.wrote_short();
        }
        self.moved = Clock::mono();
        self.queued = self.queued.saturating_sub(count);
        while let Some(front) = self.queue.front_mut() {
            let len = front.len().min(count);
            front.advance(len);
            count = count.saturating_sub(len);
            if !front.is_empty() {
                break;
            }
            self.queue.pop_front();
        }
    }

    /// When something must be looked at though nothing happens.
    fn due(&self) -> Instant {
        let patience = self.patience();
        let writing = !self.queue.is_empty() || self.unflushed;
        let stuck = writing.then(|| (self.moved + patience).min(self.filled + BATCH_TIME));
        let end = self.end.as_ref().map(|(_, by)| *by);
        let far = Clock::mono() + self.context.limits.rtmp.idle;
        [self.session.deadline(), stuck, end].into_iter().flatten().fold(far, Instant::min)
    }

    fn patience(&self) -> Duration {
        self.context.limits.ring.blocked
    }

    /// Does what is due; why it ends at once, if it does.
    fn check(&mut self) -> Option<End> {
        let now = Clock::mono();
        if let Some((end, _)) = self.end.take_if(|(_, by)| *by <= now) {
            return Some(end);
        }
        if !self.queue.is_empty() || self.unflushed {
            let stuck = now >= self.moved + self.patience();
            if stuck || now >= self.filled + BATCH_TIME {
                self.leave(if stuck { Reason::WriteTimeout } else { Reason::SlowClientLagged });
                return Some(End::Deaf(Limit::RingBlocked));
            }
        }
        if self.session.deadline().is_some_and(|at| at <= now)
            && let Err(error) = self.session.handle_timeout(now)
        {
            self.fail(error);
        }
        None
    }

    /// Reads no more, for `reason`.
    fn leave(&mut self, reason: Reason) {
        if let Some(mut reader) = self.reader.take() {
            reader.close(reason);
        }
    }

    fn close(&mut self, end: End) {
        self.leave(Reason::ClientClosed);
        self.end.get_or_insert_with(|| (end, Clock::mono() + FAREWELL));
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => {
                    self.talked = self.talked.saturating_add(bytes.len());
                    self.talk.push_back(bytes);
                    if self.talked > self.context.limits.rtmp.outbound {
                        self.talk.clear();
                        self.close(End::Deaf(Limit::RtmpOutbound));
                    }
                }
                Output::Stopped => self.leave(Reason::ClientClosed),
                Output::Close(reason) => self.close(End::Closed(reason)),
                // A player has nothing to publish.
                _ => {}
            }
        }
    }
}

/// Moves what `reader` has `into` a batch; else why there is nothing more of it, without a reason for codecs that its
/// player does not know.
fn take(
    reader: &mut Reader,
    codecs: &Codecs,
    into: &mut VecDeque<Bytes>,
    cx: &mut Task<'_>,
) -> Poll<Result<(), Option<Reason>>> {
    let mut size = 0_usize;
    while size < BATCH {
        let next = match reader.poll_fill(cx) {
            Poll::Ready(Ok(())) if unknown(reader, codecs).is_some() => Poll::Ready(Err(None)),
            Poll::Ready(Ok(())) => reader.poll_next(cx).map_err(Some),
            Poll::Ready(Err(reason)) => Poll::Ready(Err(Some(reason))),
            Poll::Pending => Poll::Pending,
        };
        let (preface, body) = match next {
            Poll::Ready(Ok(next)) => next,
            // What ends it is told again when what came before is written.
            Poll::Pending | Poll::Ready(Err(_)) if size > 0 => break,
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(reason)) => return Poll::Ready(Err(reason)),
        };
        into.extend(Some(preface).filter(|preface| !preface.is_empty()));
        for run in body {
            size = size.saturating_add(run.len());
            into.push_back(run);
        }
    }
    Poll::Ready(Ok(()))
}

/// What `reader` gets that its player has not announced, in words.
fn unknown(reader: &Reader, codecs: &Codecs) -> Option<String> {
    let code = reader.next_head()?.fourccs.iter().find(|code| !codecs.take(**code))?;
    Some(format!(
        "the stream has {code}, which this player does not say it takes (Enhanced RTMP, fourCcList)"
    ))
}

/// Writes what is taken of `runs`; of none, what TLS kept back when its socket was full.
async fn write(output: &mut (impl AsyncWrite + Unpin), runs: &VecDeque<Bytes>) -> io::Result<usize> {
    if runs.is_empty() {
        return output.flush().await.map(|()| 0);
    }
    let mut slices = [IoSlice::new(&[]); RUNS];
    slices.iter_mut().zip(runs).for_each(|(slice, run)| *slice = IoSlice::new(run));
    output.write_vectored(slices.get(..runs.len().min(RUNS)).unwrap_or_default()).await
}
