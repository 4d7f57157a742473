//! A player of RTMP on a real socket, whose chunks are read and written by another implementation.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rillcast::flv::amf0::{self, Value};
use rillcast::flv::{PacketKind, Tag, TagKind};
use rml_rtmp::chunk_io::{ChunkDeserializer, ChunkSerializer};
use rml_rtmp::messages::{MessagePayload, RtmpMessage};
use rml_rtmp::rml_amf0::Amf0Value;
use rml_rtmp::time::RtmpTimestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(20);

/// What came, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// A status, by its code and words.
    Status(String, String),
    Metadata,
    Start(TagKind, Bytes),
    Frame(Frame),
    Eof,
}

/// A picture or a piece of sound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) kind: TagKind,
    pub(crate) time: u32,
    pub(crate) cts: i32,
    pub(crate) key: bool,
    pub(crate) payload: Bytes,
}

pub(crate) struct Player {
    pub(crate) socket: TcpStream,
    ears: ChunkDeserializer,
    mouth: ChunkSerializer,
    heard: VecDeque<Heard>,
    /// Bytes of media that came.
    pub(crate) bytes: usize,
}

impl Player {
    /// Connects, says hello, and asks to play `name`; `codecs` are those that it announces.
    pub(crate) async fn ask(at: SocketAddr, name: &str, codecs: &[&str]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // What one that does not read can leave in its own system is little then.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let mut socket = socket.connect(at).await.unwrap();
        let mut hello = vec![0; 1_537];
        hello[0] = 3;
        socket.write_all(&hello).await.unwrap();
        let mut greeting = vec![0; 1 + 2 * 1_536];
        socket.read_exact(&mut greeting).await.unwrap();
        socket.write_all(&greeting[1..1_537]).await.unwrap();
        let (ears, mouth) = (ChunkDeserializer::new(), ChunkSerializer::new());
        let mut player = Self { socket, ears, mouth, heard: VecDeque::new(), bytes: 0 };
        let mut properties = vec![("app", Value::String("live")), ("tcUrl", Value::String("rtmp://h/live"))];
        if !codecs.is_empty() {
            let list = codecs.iter().map(|codec| Value::String(codec)).collect();
            properties.push(("fourCcList", Value::StrictArray(list)));
        }
        player.call(0, "connect", 1.0, &[Value::Object(properties)]).await;
        player.call(0, "createStream", 2.0, &[Value::Null]).await;
        player.call(1, "play", 3.0, &[Value::Null, Value::String(name), Value::Number(-2_000.0)]).await;
        player
    }

    /// The same, and is let in.
    pub(crate) async fn join(at: SocketAddr, name: &str) -> Self {
        let mut player = Self::ask(at, name, &[]).await;
        player.until_status("NetStream.Play.Start").await;
        player
    }

    /// Sends a command.
    pub(crate) async fn call(&mut self, stream: u32, name: &str, transaction: f64, values: &[Value<'_>]) {
        let data = amf0::command(name, transaction, values);
        let timestamp = RtmpTimestamp::new(0);
        let payload = MessagePayload { timestamp, type_id: 20, message_stream_id: stream, data };
        let packet = self.mouth.serialize(&payload, true, false).unwrap();
        // A server that refuses early may close before it has read everything.
        let _ = self.socket.write_all(&packet.bytes).await;
    }

    /// The next thing that came; `None` when the connection is closed.
    pub(crate) async fn hears(&mut self) -> Option<Heard> {
        tokio::time::timeout(LIMIT, self.next()).await.expect("something is heard in time")
    }

    async fn next(&mut self) -> Option<Heard> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Some(heard);
            }
            let count = self.socket.read(&mut buffer).await.unwrap_or(0);
            if count == 0 {
                return None;
            }
            self.take(&buffer[..count]);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut input = bytes;
        while let Some(message) = self.ears.get_next_message(input).expect("the chunks are sound") {
            input = &[];
            let time = message.timestamp.value;
            match message.type_id {
                8 | 9 => {
                    let kind = TagKind::from_id(message.type_id).unwrap();
                    self.bytes += message.data.len();
                    self.heard.push_back(media(kind, time, message.data));
                }
                _ => self.obey(message.to_rtmp_message().expect("the messages are sound")),
            }
        }
    }

    fn obey(&mut self, message: RtmpMessage) {
        match message {
            RtmpMessage::SetChunkSize { size } => self.ears.set_max_chunk_size(size as usize).unwrap(),
            RtmpMessage::Amf0Data { values } if values[0] == Amf0Value::Utf8String("onMetaData".into()) => {
                self.heard.push_back(Heard::Metadata);
            }
            RtmpMessage::Amf0Command { command_name, additional_arguments, .. }
                if command_name == "onStatus" =>
            {
                let Amf0Value::Object(fields) = &additional_arguments[0] else { panic!("no status") };
                let text = |name: &str| fields[name].clone().get_string().unwrap();
                self.heard.push_back(Heard::Status(text("code"), text("description")));
            }
            RtmpMessage::UserControl {
                event_type: rml_rtmp::messages::UserControlEventType::StreamEof,
                ..
            } => {
                self.heard.push_back(Heard::Eof);
            }
            _ => {}
        }
    }

    /// Skips to the status of this code; its words.
    pub(crate) async fn until_status(&mut self, wanted: &str) -> String {
        loop {
            match self.hears().await {
                Some(Heard::Status(code, words)) if code == wanted => return words,
                Some(_) => {}
                None => panic!("closed without {wanted}"),
            }
        }
    }

    /// The next `count` frames of `kind`.
    pub(crate) async fn frames(&mut self, kind: TagKind, count: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        while frames.len() < count {
            match self.hears().await.expect("it goes on") {
                Heard::Frame(frame) if frame.kind == kind => frames.push(frame),
                _ => {}
            }
        }
        frames
    }

    /// Hears everything until the connection is closed.
    pub(crate) async fn hears_out(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        while let Some(heard) = self.hears().await {
            all.push(heard);
        }
        all
    }
}

fn media(kind: TagKind, time: u32, body: Bytes) -> Heard {
    let (Tag::Audio(packets) | Tag::Video(packets)) = Tag::parse(kind, body).expect("a sound tag") else {
        panic!("script data")
    };
    match packets.into_iter().next().unwrap().kind {
        PacketKind::SequenceStart(record) => Heard::Start(kind, record),
        PacketKind::Frames { cts, key, payload, .. } => Heard::Frame(Frame { kind, time, cts, key, payload }),
        other => panic!("{other:?}"),
    }
}
