//! The session itself: its phases, its deadlines, and the loop from bytes to messages.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pace::Pace;
use super::tracks::Media;
use crate::media::Limits;
use crate::rtmp::address::Application;
use crate::rtmp::chunk::Reader;
use crate::rtmp::codecs::Codecs;
use crate::rtmp::error::{Error, Wait};
use crate::rtmp::flow::Flow;
use crate::rtmp::handshake::Handshake;
use crate::rtmp::outbox::Outbox;
use crate::rtmp::output::Output;
use crate::rtmp::request::{CloseReason, Rejection};
use crate::rtmp::tally::Tally;

/// How long a peer that said it is done may take to close by itself.
const FAREWELL: Duration = Duration::from_secs(5);
/// Asks a client to connect anew.
const RECONNECT: &str = "NetConnection.Connect.ReconnectRequest";

/// The server's side of one RTMP connection that wants to publish or to play, without IO.
///
/// Mutate, then drain: after every `handle_input`, `handle_timeout`, `accept`, `reject`, `finish` and the like, call
/// [`poll_output`](Self::poll_output) until it answers `None`. After an error send what is still in it, then close.
/// Until a publish is accepted read at most 16 KiB at once; between [`Output::PublishRequested`] (or
/// [`Output::PlayRequested`]) and the answer better nothing at all: such bytes are kept (up to `early_partial_bytes`) and handled after the answer.
pub struct Session {
    pub(super) limits: Arc<Limits>,
    pub(super) phase: Phase,
    pub(super) outbox: Outbox,
    pub(super) reader: Reader,
    pub(super) flow: Flow,
    pub(super) media: Media,
    pub(super) pace: Pace,
    /// Messages other than media.
    pub(super) talk: Tally,
    /// Message streams created.
    pub(super) streams: u32,
    /// What the peer calls itself.
    pub(super) encoder: Option<String>,
    /// Whether it connects anew when asked.
    pub(super) reconnects: bool,
    /// Which codecs it takes with a FourCC.
    pub(super) codecs: Codecs,
    /// The instant of the call under way.
    pub(super) now: Instant,
    pub(super) opened: Instant,
    pub(super) heard: Instant,
    /// Input that came while a publish or play was being judged.
    held: Vec<u8>,
}

/// Where the conversation stands.
pub(super) enum Phase {
    /// The handshake is not done.
    Greeting(Box<Handshake>),
    /// No `connect` yet.
    Waiting,
    /// Connected to an application.
    Connected(Application),
    /// A publish or play on this message stream waits to be judged.
    Asking { stream: u32, wish: Wish },
    /// Publishing on this message stream.
    Publishing { stream: u32, since: Instant, media: Option<Instant> },
    /// Playing on this message stream; when it was last asked whether it is there, and whether it answers that.
    Playing { stream: u32, pinged: Instant, answers: bool },
    /// Nothing more is read. `close` is still to be said, at the given instant.
    Over { close: Option<(Instant, CloseReason)> },
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Publish,
    /// And whether what was played before is to be forgotten.
    Play {
        reset: bool,
    },
}

impl Session {
    /// A session with a peer that has just connected.
    pub fn new(now: Instant, limits: Arc<Limits>) -> Self {
        Self {
            phase: Phase::Greeting(Box::new(Handshake::new())),
            outbox: Outbox::new(limits.rtmp.early_message),
            reader: Reader::new(&limits.rtmp),
            flow: Flow::new(),
            media: Media::new(),
            pace: Pace::default(),
            talk: Tally::new(Duration::from_secs(1)),
            streams: 0,
            encoder: None,
            reconnects: false,
            codecs: Codecs::default(),
            now,
            opened: now,
            heard: now,
            held: Vec::new(),
            limits,
        }
    }

    /// Takes bytes the peer sent, cut anywhere.
    ///
    /// # Errors
    /// The conversation is over: send what `poll_output` still gives, then close.
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Error> {
        debug_assert!(self.outbox.is_empty(), "poll_output must be drained before more input");
        self.now = now;
        if !bytes.is_empty() {
            self.heard = now;
        }
        let result = self.take(bytes);
        self.settle(result)
    }

    /// Does what is due by time alone: call it when [`deadline`](Self::deadline) has passed.
    ///
    /// # Errors
    /// [`Error::Timeout`] says which wait ended; the conversation is over then.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.now = now;
        if self.is_holding() {
            let result = self.take(&[]);
            return self.settle(result);
        }
        if let Phase::Over { close } = &mut self.phase {
            if let Some((_, reason)) = close.take_if(|(at, _)| *at <= now) {
                self.outbox.push(Output::Close(reason));
            }
            return Ok(());
        }
        if matches!(self.phase, Phase::Playing { .. }) {
            let result = self.ask_after();
            return self.settle(result);
        }
        match self.wait() {
            Some((at, wait, limit)) if at <= now => self.settle(Err(Error::Timeout { wait, limit })),
            _ => Ok(()),
        }
    }

    /// When `handle_timeout` must be called, unless input comes first; `None` when the session is over.
    pub fn deadline(&self) -> Option<Instant> {
        if self.is_holding() {
            return Some(self.now);
        }
        match &self.phase {
            Phase::Over { close } => close.map(|(at, _)| at),
            Phase::Playing { pinged, .. } => Self::asks_at(*pinged),
            _ => self.wait().map(|(at, ..)| at),
        }
    }

    /// Bytes of heap that the conversation holds: messages that are not whole, what came too early, and what is to be
    /// sent.
    pub fn held(&self) -> usize {
        let early = self.held.capacity();
        self.reader.reserved().saturating_add(early).saturating_add(self.outbox.sending())
    }

    /// The next thing to do; `None` until something changes.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.poll()
    }

    /// Lets the publish that was requested begin. Without one it does nothing.
    pub fn accept(&mut self) {
        let Phase::Asking { stream, wish: Wish::Publish } = self.phase else { return };
        self.reader.trust(&self.limits.rtmp);
        self.outbox.set_limit(self.limits.rtmp.outbound);
        self.phase = Phase::Publishing { stream, since: self.now, media: None };
        let sent = self.outbox.stream_begin(stream).and_then(|()| {
            self.outbox.status(stream, "status", "NetStream.Publish.Start", "Publishing has started.")
        });
        // One status more never passes the bound: the outbox was drained before.
        debug_assert!(sent.is_ok());
    }

    /// Refuses the publish or play that was requested: the peer is told why, then [`Output::Close`] comes.
    pub fn reject(&mut self, reason: &Rejection) {
        if let Phase::Asking { stream, .. } = self.phase {
            let _ = self.outbox.status(stream, "error", reason.code, &reason.description);
            self.close(CloseReason::Refused(reason.code));
        }
    }

    /// Ends the conversation from our side, whatever its phase: tells the peer why if it can be told, then closes.
    pub fn finish(&mut self, reason: &Rejection) {
        let stream = match self.phase {
            Phase::Over { .. } => return,
            Phase::Asking { stream, .. }
            | Phase::Publishing { stream, .. }
            | Phase::Playing { stream, .. } => Some(stream),
            Phase::Connected(_) => Some(0),
            Phase::Greeting(_) | Phase::Waiting => None,
        };
        if let Some(stream) = stream {
            // Full of unsent bytes, it closes without a word.
            let _ = self.outbox.status(stream, "error", reason.code, &reason.description);
        }
        self.close(CloseReason::Finished(reason.code));
    }

    /// Ends the conversation like [`finish`](Self::finish), because this server goes away: a peer that knows how is
    /// asked to connect anew, to the same address (Enhanced RTMP v2, "Reconnect Request"). To a player it is the end of
    /// the stream.
    pub fn retire(&mut self, reason: &Rejection) {
        let connected = !matches!(self.phase, Phase::Greeting(_) | Phase::Waiting | Phase::Over { .. });
        if connected && self.reconnects {
            // Full of unsent bytes, it closes without a word.
            let _ = self.outbox.status(0, "status", RECONNECT, "The server goes away: please connect anew.");
        }
        self.end_play(reason);
    }

    /// Whether the peer has not said yet where it wants to: it cannot be told anything.
    pub fn is_newcomer(&self) -> bool {
        matches!(self.phase, Phase::Greeting(_) | Phase::Waiting)
    }

    /// Tells the peer on `stream` what is wrong with the command that ended at byte `at`, and closes.
    pub(super) fn decline(&mut self, stream: u32, at: u64, code: &'static str, words: &'static str) {
        let _ = self.outbox.status(stream, "error", code, words);
        self.close(CloseReason::Declined { code, words, at });
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        self.outbox.push(Output::Close(reason));
        self.enter_over(None);
    }

    /// The publisher is done: whatever else it sends is not read.
    pub(super) fn unpublish(&mut self) -> Result<(), Error> {
        if let Phase::Publishing { stream, .. } = self.phase {
            self.outbox.status(stream, "status", "NetStream.Unpublish.Success", "Publishing has ended.")?;
            self.outbox.push(Output::Unpublished);
            self.part(CloseReason::Unpublished);
        }
        Ok(())
    }

    /// Leaves the closing to a peer that is done, for a while.
    pub(super) fn part(&mut self, reason: CloseReason) {
        let farewell = self.now.checked_add(FAREWELL).unwrap_or(self.now);
        self.enter_over(Some((farewell, reason)));
    }

    fn enter_over(&mut self, close: Option<(Instant, CloseReason)>) {
        self.phase = Phase::Over { close };
        self.held = Vec::new();
        self.reader = Reader::new(&self.limits.rtmp);
    }

    /// An error ends the conversation. A publisher or player is told: its human reads its log sooner than ours.
    fn settle(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = &result {
            if let Phase::Publishing { stream, .. } | Phase::Playing { stream, .. } = self.phase {
                let _ = self.outbox.status(stream, "error", "NetStream.Failed", &error.to_string());
            }
            self.enter_over(None);
        }
        result
    }

    /// Whether there is held input to handle now.
    fn is_holding(&self) -> bool {
        !self.held.is_empty() && !matches!(self.phase, Phase::Asking { .. })
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.is_holding() {
            let held = mem::take(&mut self.held);
            self.run(&held)?;
        }
        self.run(bytes)
    }

    fn run(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut input = bytes;
        if let Phase::Greeting(handshake) = &mut self.phase {
            let (answer, done) = handshake.handle(&mut input)?;
            self.outbox.raw(&answer)?;
            if done {
                self.phase = Phase::Waiting;
            }
        }
        loop {
            match self.phase {
                Phase::Over { .. } | Phase::Greeting(_) => return Ok(()),
                Phase::Asking { .. } => {
                    self.hold(input)?;
                    break;
                }
                _ => {}
            }
            let before = self.reader.consumed();
            match self.reader.next(&mut input) {
                Ok(Some(message)) => self.message(message)?,
                Ok(None) => break,
                Err((csid, fault)) => return Err(Error::Chunk { csid, at: before, fault }),
            }
        }
        match self.flow.due(self.reader.consumed()) {
            Some(total) => self.outbox.acknowledge(total),
            None => Ok(()),
        }
    }

    /// Keeps what a hasty peer sent ahead of our answer.
    fn hold(&mut self, input: &[u8]) -> Result<(), Error> {
        let limit = self.limits.rtmp.early_partial_bytes;
        let unfinished = self.reader.reserved();
        if self.held.len().saturating_add(input.len()).saturating_add(unfinished) > limit {
            return Err(Error::SentAhead(limit));
        }
        self.held.extend_from_slice(input);
        Ok(())
    }

    /// The wait that ends first: when, which, and how long it was.
    fn wait(&self) -> Option<(Instant, Wait, Duration)> {
        let limits = &self.limits.rtmp;
        let after = |from: Instant, wait, span| from.checked_add(span).map(|at| (at, wait, span));
        match &self.phase {
            Phase::Greeting(_) => after(self.opened, Wait::Handshake, limits.handshake),
            Phase::Waiting | Phase::Connected(_) | Phase::Asking { .. } => {
                after(self.opened, Wait::Publish, limits.until_publish)
            }
            Phase::Publishing { since, media: None, .. } => {
                after(*since, Wait::FirstMedia, limits.first_media)
            }
            Phase::Publishing { media: Some(media), .. } => {
                let wait = if self.heard > *media { Wait::Media } else { Wait::Byte };
                after(*media, wait, limits.idle)
            }
            Phase::Playing { .. } | Phase::Over { .. } => None,
        }
    }
}
