//! A simulated peer of one session: it writes bytes, keeps what the session puts out, and reads what it is sent
//! with another implementation's eyes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rillcast::media::{Frame, Limits, Track};
use rillcast::rtmp::{CloseReason, Discard, Error, Output, PlayRequest, PublishRequest, Rejection, Session};
use rml_rtmp::chunk_io::ChunkDeserializer;
use rml_rtmp::messages::{RtmpMessage, UserControlEventType};
use rml_rtmp::rml_amf0::Amf0Value;

use super::{Dialect, Wire, Writer, connect, create_stream, play, publish, start};

/// One message of the server, as the peer understands it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    WindowSize(u32),
    Bandwidth(u32),
    ChunkSize(u32),
    Acknowledgement(u32),
    Pong(u32),
    StreamBegin(u32),
    StreamEof(u32),
    Ping(u32),
    Data(Vec<Amf0Value>),
    Command { name: String, transaction: f64, stream: u32, object: Amf0Value, values: Vec<Amf0Value> },
}

impl Heard {
    /// The `code` of a status or result.
    pub(crate) fn code(&self) -> Option<&str> {
        self.text("code")
    }

    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        match self.field(field)? {
            Amf0Value::Utf8String(text) => Some(text),
            _ => None,
        }
    }

    /// A property of its information object.
    pub(crate) fn field(&self, field: &str) -> Option<&Amf0Value> {
        let Self::Command { values, .. } = self else { return None };
        values.iter().find_map(|value| match value {
            Amf0Value::Object(fields) => fields.get(field),
            _ => None,
        })
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Command { name, .. } => name,
            _ => "",
        }
    }
}

pub(crate) struct Peer {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) writer: Writer,
    /// Everything the session put out but `Send`, in order.
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) heard: VecDeque<Heard>,
    /// Bytes the session has sent in all.
    pub(crate) sent: usize,
    /// What of it was not yet taken by `said`.
    unsaid: Vec<u8>,
    /// Cut what is sent into reads of this many bytes.
    pub(crate) reads: usize,
    /// The server's handshake, as far as it is still to come.
    greeting: usize,
    ears: ChunkDeserializer,
    pub(crate) error: Option<Error>,
}

impl Peer {
    /// Somebody who has opened a connection and said nothing.
    pub(crate) fn silent() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let now = start();
        Self {
            session: Session::new(now, Arc::new(limits)),
            now,
            writer: Writer::new(Dialect::PLAIN),
            outputs: VecDeque::new(),
            heard: VecDeque::new(),
            sent: 0,
            unsaid: Vec::new(),
            reads: usize::MAX,
            greeting: 1 + 1_536 * 2,
            ears: ChunkDeserializer::new(),
            error: None,
        }
    }

    /// After the plain handshake.
    pub(crate) fn greeted() -> Self {
        let mut peer = Self::silent();
        peer.greets();
        peer
    }

    pub(crate) fn greets(&mut self) {
        self.says(&c0_c1());
        assert_eq!(self.greeting, 0, "S0, S1 and S2 have come");
        self.says(&[0; 1_536]);
    }

    /// Connected to `live`, with message stream 1.
    pub(crate) fn connected() -> Self {
        let mut peer = Self::greeted();
        peer.sends(connect("live"));
        peer.sends(create_stream(2.0));
        peer.hears_result(1.0);
        peer.hears_result(2.0);
        peer
    }

    /// Publishing `main` on message stream 1, with everything heard and taken so far forgotten.
    pub(crate) fn publishing() -> Self {
        let mut peer = Self::connected();
        peer.sends(publish(1, "main"));
        peer.is_accepted();
        peer
    }

    /// Playing `main` on message stream 1, with everything heard and taken so far forgotten.
    pub(crate) fn playing() -> Self {
        let mut peer = Self::connected();
        peer.sends(play(1, "main"));
        peer.may_play();
        peer.heard.clear();
        peer
    }

    /// Sends raw bytes.
    pub(crate) fn says(&mut self, bytes: &[u8]) {
        for read in bytes.chunks(self.reads.min(bytes.len().max(1))) {
            if self.error.is_some() {
                return;
            }
            let result = self.session.handle_input(self.now, read);
            self.drain();
            self.error = result.err();
        }
    }

    /// Sends a message.
    pub(crate) fn sends(&mut self, message: Wire) {
        let bytes = self.writer.write(&message);
        self.says(&bytes);
        if message.kind == 1 {
            self.writer.chunk_size = u32::from_be_bytes(message.body[..4].try_into().unwrap()) as usize;
        }
    }

    /// Lets time pass, to the deadline if that is earlier.
    pub(crate) fn waits(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.session.deadline().filter(|at| *at <= end && self.error.is_none()) {
            self.now = self.now.max(at);
            let result = self.session.handle_timeout(self.now);
            self.drain();
            self.error = result.err();
        }
        self.now = end;
    }

    /// Takes everything the session put out.
    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => self.listen(&bytes),
                other => self.outputs.push_back(other),
            }
        }
    }

    fn listen(&mut self, bytes: &[u8]) {
        self.sent += bytes.len();
        self.unsaid.extend(bytes);
        let greeting = self.greeting.min(bytes.len());
        self.greeting -= greeting;
        let mut chunks = &bytes[greeting..];
        while let Some(payload) = self.ears.get_next_message(chunks).expect("the server sends sound chunks") {
            chunks = &[];
            let stream = payload.message_stream_id;
            self.heard.push_back(match payload.to_rtmp_message().expect("the server sends sound messages") {
                RtmpMessage::WindowAcknowledgement { size } => Heard::WindowSize(size),
                RtmpMessage::SetPeerBandwidth { size, .. } => Heard::Bandwidth(size),
                RtmpMessage::SetChunkSize { size } => {
                    self.ears.set_max_chunk_size(size as usize).unwrap();
                    Heard::ChunkSize(size)
                }
                RtmpMessage::Acknowledgement { sequence_number } => Heard::Acknowledgement(sequence_number),
                RtmpMessage::UserControl { event_type, stream_id, timestamp, .. } => match event_type {
                    UserControlEventType::PingResponse => Heard::Pong(timestamp.unwrap().value),
                    UserControlEventType::StreamBegin => Heard::StreamBegin(stream_id.unwrap()),
                    UserControlEventType::StreamEof => Heard::StreamEof(stream_id.unwrap()),
                    UserControlEventType::PingRequest => Heard::Ping(timestamp.unwrap().value),
                    other => panic!("unexpected user control {other:?}"),
                },
                RtmpMessage::Amf0Data { values } => Heard::Data(values),
                RtmpMessage::Amf0Command {
                    command_name,
                    transaction_id,
                    command_object,
                    additional_arguments,
                } => Heard::Command {
                    name: command_name,
                    transaction: transaction_id,
                    stream,
                    object: command_object,
                    values: additional_arguments,
                },
                other => panic!("unexpected message {other:?}"),
            });
        }
    }

    /// The bytes the session has sent since this was last asked.
    pub(crate) fn said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unsaid)
    }

    /// The next thing the server said.
    pub(crate) fn hears(&mut self) -> Heard {
        self.heard.pop_front().unwrap_or_else(|| panic!("the server said nothing; {:?}", self.error))
    }

    /// Skips to the `_result` of a transaction.
    pub(crate) fn hears_result(&mut self, wanted: f64) -> Heard {
        loop {
            let heard = self.hears();
            if matches!(&heard, Heard::Command { name, transaction, .. } if name == "_result" && *transaction == wanted)
            {
                return heard;
            }
        }
    }

    /// Skips to a status or error with this code, and answers its description.
    pub(crate) fn hears_code(&mut self, code: &str) -> String {
        loop {
            let heard = self.hears();
            if heard.code() == Some(code) {
                return heard.text("description").unwrap().to_owned();
            }
        }
    }

    pub(crate) fn output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| panic!("no output; {:?}", self.error))
    }

    /// The publish that is asked for.
    pub(crate) fn asks(&mut self) -> PublishRequest {
        match self.output() {
            Output::PublishRequested(request) => *request,
            other => panic!("no request but {other:?}"),
        }
    }

    /// The play that is asked for.
    pub(crate) fn wants(&mut self) -> PlayRequest {
        match self.output() {
            Output::PlayRequested(request) => *request,
            other => panic!("no request but {other:?}"),
        }
    }

    pub(crate) fn may_play(&mut self) -> PlayRequest {
        let request = self.wants();
        self.session.accept_play();
        self.drain();
        // What was sent ahead is handled now.
        self.waits(Duration::ZERO);
        request
    }

    pub(crate) fn is_accepted(&mut self) -> PublishRequest {
        let request = self.asks();
        self.session.accept();
        self.drain();
        self.hears_code("NetStream.Publish.Start");
        // What was sent ahead is handled now.
        self.waits(Duration::ZERO);
        request
    }

    pub(crate) fn is_rejected(&mut self, reason: &Rejection) {
        self.session.reject(reason);
        self.drain();
    }

    pub(crate) fn is_finished(&mut self, reason: &Rejection) {
        self.session.finish(reason);
        self.drain();
    }

    pub(crate) fn retires(&mut self, reason: &Rejection) {
        self.session.retire(reason);
        self.drain();
    }

    pub(crate) fn tracks(&mut self) -> Vec<Track> {
        self.take(|output| match output {
            Output::Track(track) => Ok(track),
            other => Err(other),
        })
    }

    pub(crate) fn frames(&mut self) -> Vec<Frame> {
        self.take(|output| match output {
            Output::Frame(frame) => Ok(frame),
            other => Err(other),
        })
    }

    pub(crate) fn discards(&mut self) -> Vec<Discard> {
        self.take(|output| match output {
            Output::Discarded(discarded) => Ok(discarded.reason),
            other => Err(other),
        })
    }

    /// Takes all outputs of one sort, and leaves the others.
    fn take<T>(&mut self, sort: impl Fn(Output) -> Result<T, Output>) -> Vec<T> {
        let mut taken = Vec::new();
        for output in std::mem::take(&mut self.outputs) {
            match sort(output) {
                Ok(one) => taken.push(one),
                Err(other) => self.outputs.push_back(other),
            }
        }
        taken
    }

    /// The close the session asked for.
    pub(crate) fn is_closed(&mut self) -> CloseReason {
        match self.output() {
            Output::Close(reason) => reason,
            other => panic!("no close but {other:?}"),
        }
    }

    pub(crate) fn fails(&mut self) -> Error {
        self.error.take().unwrap_or_else(|| panic!("no error; {:?}", self.outputs))
    }
}

/// A plain handshake's first two packets: no digest in them.
pub(crate) fn c0_c1() -> Vec<u8> {
    let mut bytes = vec![3, 0, 0, 0, 9, 0, 0, 0, 0];
    bytes.extend((0..1_528_u32).map(|n| (n % 251) as u8));
    bytes
}
