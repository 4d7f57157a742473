//! Client: the publishing half of one RTMP conversation, without IO.
//!
//! ```text
//!  Handshake ──S0 S1 S2──▶ Connecting ──_result──▶ Creating ──_result──▶ Asking ──Publish.Start──▶ Live ──unpublish──▶ Over
//! ```
//!
//! Mutate, then drain: after every call that takes `&mut self`, call [`Client::poll_output`] until it answers `None`.
//! The handshake and our chunks are `rml_rtmp`'s. What the server sends is read by the bounded readers of
//! [`rtmp`](crate::rtmp) and [`flv`](crate::flv): `rml_rtmp`'s client session leaves out the server's
//! words when it refuses, and a hostile server can end the process through its readers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};

use super::clip::{Clip, ClipTrack, Message};
use super::error::{Error, Refusal};
use super::metadata;
use super::pace::Due;
use super::target::Target;
use super::wire::{Wire, kind};
use crate::base::ByteReader;
use crate::flv::amf0::{self, Value};
use crate::flv::mux::{self, Form};
use crate::media::{CodecConfig, RtmpLimits, TrackId};
use crate::rtmp::chunk;

/// S0, S1 and S2 together.
const HANDSHAKE: usize = 1 + 1_536 + 1_536;
/// Chunks we send: large, so that a frame is few of them; no server is known to refuse it.
const CHUNK_SIZE: u32 = 65_536;
/// Transactions, numbered as every encoder numbers them: some servers expect connect to be the first.
const CONNECT: f64 = 1.0;
const RELEASE: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
const CREATE: f64 = 4.0;
const PUBLISH: f64 = 5.0;

/// What the client wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Send(Bytes),
    /// The server takes our media from now on: [`Client::send`] may be called.
    Live,
}

/// Where the conversation has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Handshake,
    Connecting,
    Creating,
    Asking,
    Live,
    Over,
}

/// One publish to one server.
pub struct Client {
    target: Target,
    clip: Arc<Clip>,
    state: State,
    handshake: Handshake,
    /// Bytes of the handshake taken.
    shaken: usize,
    reader: chunk::Reader,
    limits: RtmpLimits,
    wire: Wire,
    /// Whether `Output::Live` is still to be handed out.
    announce: bool,
    /// When the server must have accepted.
    deadline: Instant,
    /// The server's acknowledgement window, and how many bytes it knows we have.
    window: Option<u32>,
    acknowledged: u64,
    /// The message stream we publish on.
    stream: u32,
    /// Time of the last message with media.
    last: u32,
}

impl Client {
    /// From first byte to accepted publish: a server that takes longer does not want us.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// Starts a conversation over a connection just made; `clip` says what will be sent.
    ///
    /// # Errors
    /// [`Error::Unsendable`] when the handshake cannot be made.
    pub fn new(target: Target, clip: Arc<Clip>, now: Instant) -> Result<Self, Error> {
        let limits = RtmpLimits::default();
        let mut handshake = Handshake::new(PeerType::Client);
        let mut wire = Wire::new();
        wire.raw(&handshake.generate_outbound_p0_and_p1().map_err(|_| Error::Unsendable)?);
        Ok(Self {
            target,
            clip,
            state: State::Handshake,
            handshake,
            shaken: 0,
            reader: chunk::Reader::new(&limits),
            limits,
            wire,
            announce: false,
            deadline: now.checked_add(Self::PATIENCE).unwrap_or(now),
            window: None,
            acknowledged: 0,
            stream: 0,
            last: 0,
        })
    }

    /// Takes what the server sent, in pieces of any size.
    ///
    /// # Errors
    /// The conversation is over: the server refused, or sent what is not RTMP.
    pub fn handle_input(&mut self, _now: Instant, bytes: &[u8]) -> Result<(), Error> {
        let mut input = bytes;
        if self.state == State::Handshake {
            self.shake(&mut input)?;
        }
        if self.state == State::Handshake {
            return Ok(());
        }
        while let Some(message) =
            self.reader.next(&mut input).map_err(|(csid, fault)| Error::Chunk { csid, fault })?
        {
            self.message(&message)?;
        }
        let read = self.reader.consumed();
        if self.window.is_some_and(|window| read.saturating_sub(self.acknowledged) >= u64::from(window)) {
            self.acknowledged = read;
            self.wire.acknowledge(read as u32)?;
        }
        Ok(())
    }

    /// To be called when [`Client::deadline`] has passed.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the server has not accepted in time.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        match self.deadline() {
            Some(deadline) if now >= deadline => Err(Error::Timeout(self.doing())),
            _ => Ok(()),
        }
    }

    /// When [`Client::handle_timeout`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        (!matches!(self.state, State::Live | State::Over)).then_some(self.deadline)
    }

    /// What to do next; `None` when there is nothing.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(bytes) = self.wire.take() {
            return Some(Output::Send(bytes));
        }
        std::mem::take(&mut self.announce).then_some(Output::Live)
    }

    /// Sends one sample.
    ///
    /// # Errors
    /// [`Error::NotLive`] outside of a publish; [`Error::Unsendable`] when the sample is over 16 MiB.
    pub fn send(&mut self, due: &Due<'_>) -> Result<(), Error> {
        if self.state != State::Live {
            return Err(Error::NotLive);
        }
        let payload = &due.sample.payload;
        // 32 bits of milliseconds wrap after 49.7 days, as the protocol has it.
        self.last = due.dts as u32;
        let config =
            self.clip.tracks().iter().find(|track| track.track.id == due.track).map(|t| &t.track.config);
        let form = form(due.track);
        let (kind, body) = match config {
            Some(CodecConfig::Video(video)) => {
                (kind::VIDEO, mux::video_frame(form, video.codec, due.cts, due.sample.key, payload))
            }
            Some(CodecConfig::Audio(audio)) => (kind::AUDIO, mux::audio_frame(form, audio.codec, payload)),
            None => return Ok(()),
        };
        self.wire.message(kind, self.stream, self.last, body)
    }

    /// Sends one message at `dts`, in milliseconds like those of samples.
    ///
    /// # Errors
    /// [`Error::NotLive`] outside of a publish; [`Error::Unsendable`] when it is over 16 MiB.
    pub fn tell(&mut self, dts: i64, message: Message) -> Result<(), Error> {
        if self.state != State::Live {
            return Err(Error::NotLive);
        }
        self.wire.message(kind::DATA, self.stream, dts as u32, message.body)
    }

    /// Ends the publish in words, if there is one; the connection may be closed once its output is sent.
    ///
    /// # Errors
    /// [`Error::Unsendable`], which cannot be helped.
    pub fn unpublish(&mut self) -> Result<(), Error> {
        let state = std::mem::replace(&mut self.state, State::Over);
        let clip = Arc::clone(&self.clip);
        for ClipTrack { track, .. } in clip.tracks().iter().filter(|_| state == State::Live) {
            if let CodecConfig::Video(video) = &track.config {
                let end = mux::video_end(form(track.id), video.codec);
                self.wire.message(kind::VIDEO, self.stream, self.last, end)?;
            }
        }
        if matches!(state, State::Live | State::Asking) {
            let name = Value::String(self.target.name());
            self.wire.command(0, "FCUnpublish", 6.0, &[Value::Null, name])?;
            let stream = Value::Number(f64::from(self.stream));
            self.wire.command(0, "deleteStream", 7.0, &[Value::Null, stream])?;
        }
        Ok(())
    }

    /// What the conversation is waiting for, in words.
    pub fn doing(&self) -> &'static str {
        match self.state {
            State::Handshake => "waiting for the handshake",
            State::Connecting => "waiting for the answer to connect",
            State::Creating => "waiting for the answer to createStream",
            State::Asking => "waiting for the answer to publish",
            State::Live => "publishing",
            State::Over => "ending",
        }
    }

    fn shake(&mut self, input: &mut &[u8]) -> Result<(), Error> {
        let missing = HANDSHAKE.saturating_sub(self.shaken);
        let (ours, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
        *input = rest;
        self.shaken = self.shaken.saturating_add(ours.len());
        match self.handshake.process_bytes(ours).map_err(|_| Error::Handshake)? {
            HandshakeProcessResult::InProgress { response_bytes } => self.wire.raw(&response_bytes),
            HandshakeProcessResult::Completed { response_bytes, .. } => {
                self.wire.raw(&response_bytes);
                self.connect()?;
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<(), Error> {
        self.state = State::Connecting;
        let tc_url = self.target.tc_url();
        let mut properties = vec![
            ("app", Value::String(self.target.app())),
            ("type", Value::String("nonprivate")),
            (
                "flashVer",
                Value::String(concat!("FMLE/3.0 (compatible; rillcast/", env!("CARGO_PKG_VERSION"), ")")),
            ),
            ("tcUrl", Value::String(&tc_url)),
        ];
        properties.extend(metadata::enhancements(self.clip.tracks()));
        self.wire.command(0, "connect", CONNECT, &[Value::Object(properties)])
    }

    fn message(&mut self, message: &chunk::Message) -> Result<(), Error> {
        let mut body = ByteReader::new(&message.payload);
        match message.kind {
            kind::SET_CHUNK_SIZE => {
                let size = body.u32().ok_or(Error::Control(message.kind))?;
                self.reader.set_chunk_size(size).map_err(|fault| Error::Chunk { csid: 2, fault })
            }
            kind::ABORT => {
                self.reader.abort(body.u32().ok_or(Error::Control(message.kind))?);
                Ok(())
            }
            kind::WINDOW => {
                self.window =
                    Some(body.u32().ok_or(Error::Control(message.kind))?).filter(|window| *window > 0);
                Ok(())
            }
            // Ping request (§7.1.7): event 6 with a time.
            kind::USER_CONTROL if body.u16() == Some(6) => {
                let time = body.u32().ok_or(Error::Control(message.kind))?;
                self.wire.pong(time)
            }
            kind::COMMAND => self.command(&message.payload),
            // Bandwidth, acknowledgements, events and data are nothing a publisher must act on.
            _ => Ok(()),
        }
    }

    fn command(&mut self, body: &[u8]) -> Result<(), Error> {
        let mut values = amf0::Reader::new(body, &self.limits);
        let mut next = || values.read().map_err(Error::Command);
        let Some(name) = next()? else { return Ok(()) };
        let transaction = next()?.and_then(|value| value.as_number()).unwrap_or(0.0);
        let (_object, info) = (next()?, next()?);
        let info = info.unwrap_or(Value::Null);
        match name.as_str() {
            Some("_result") => self.result(transaction, &info),
            Some("_error") => self.error(transaction, &info),
            Some("onStatus") => self.status(&info),
            // Some servers say so instead of, or before, closing.
            Some("close") => Err(Error::Refused(self.refusal(&info))),
            _ => Ok(()),
        }
    }

    fn result(&mut self, transaction: f64, info: &Value<'_>) -> Result<(), Error> {
        match self.state {
            State::Connecting if transaction == CONNECT => {
                self.state = State::Creating;
                self.wire.chunk_size(CHUNK_SIZE)?;
                let name = || Value::String(self.target.name());
                self.wire.command(0, "releaseStream", RELEASE, &[Value::Null, name()])?;
                self.wire.command(0, "FCPublish", FC_PUBLISH, &[Value::Null, name()])?;
                self.wire.command(0, "createStream", CREATE, &[Value::Null])
            }
            State::Creating if transaction == CREATE => {
                let stream = info.as_number().filter(|n| (1.0..=f64::from(u32::MAX)).contains(n));
                self.stream = stream.ok_or(Error::StreamId)? as u32;
                self.state = State::Asking;
                let values = [Value::Null, Value::String(self.target.name()), Value::String("live")];
                self.wire.command(self.stream, "publish", PUBLISH, &values)
            }
            _ => Ok(()),
        }
    }

    fn error(&mut self, transaction: f64, info: &Value<'_>) -> Result<(), Error> {
        // releaseStream and FCPublish are courtesies that many servers do not know.
        if transaction == RELEASE || transaction == FC_PUBLISH {
            return Ok(());
        }
        Err(Error::Refused(self.refusal(info)))
    }

    fn status(&mut self, info: &Value<'_>) -> Result<(), Error> {
        let text = |name| info.get(name).and_then(Value::as_str);
        match (self.state, text("code")) {
            (State::Asking, Some("NetStream.Publish.Start")) => self.start(),
            _ if text("level") == Some("error") => Err(Error::Refused(self.refusal(info))),
            _ => Ok(()),
        }
    }

    /// The server's words, without the publish name, which servers like to repeat and which may be the key.
    fn refusal(&self, info: &Value<'_>) -> Refusal {
        Refusal::new(self.doing(), info, self.target.secrets())
    }

    /// The server accepts: what a decoder and a player must know comes before the first frame.
    fn start(&mut self) -> Result<(), Error> {
        self.state = State::Live;
        self.announce = true;
        let clip = Arc::clone(&self.clip);
        self.wire.message(kind::DATA, self.stream, 0, metadata::body(clip.tracks()))?;
        for ClipTrack { track, .. } in clip.tracks() {
            let (kind, body) = match &track.config {
                CodecConfig::Video(video) => {
                    (kind::VIDEO, mux::video_start(form(track.id), video.codec, &video.record))
                }
                CodecConfig::Audio(audio) => {
                    let start = mux::audio_start(form(track.id), audio.codec, &audio.record);
                    let Some(start) = start else { continue };
                    (kind::AUDIO, start)
                }
            };
            self.wire.message(kind, self.stream, 0, body)?;
        }
        Ok(())
    }
}

/// The first track of each kind is written as every server reads it, the others as only one can that takes several:
/// so do encoders.
fn form(track: TrackId) -> Form {
    if track.index == 0 { Form::Legacy } else { Form::Track(track.index) }
}
