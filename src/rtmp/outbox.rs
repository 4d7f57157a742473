//! The outbox: what the session wants done, in order; consecutive sends are joined into one.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use rml_rtmp::chunk_io::{ChunkSerializer, Packet};
use rml_rtmp::messages::{MessagePayload, PeerBandwidthLimitType, RtmpMessage, UserControlEventType};
use rml_rtmp::time::RtmpTimestamp;

use super::{Error, Output};
use crate::flv::amf0::{self, Value};

/// Message type id of an AMF0 command.
const COMMAND: u8 = 20;
/// Message type id of AMF0 data.
const DATA: u8 = 18;

/// Serialises our messages and queues them between the session's other outputs.
pub(super) struct Outbox {
    serializer: ChunkSerializer,
    queue: VecDeque<Output>,
    /// Bytes to send after everything in `queue`.
    tail: BytesMut,
    /// Bytes to send in `queue` and `tail` together.
    sending: usize,
    limit: usize,
}

impl Outbox {
    /// An empty outbox that holds at most `limit` bytes to send.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            serializer: ChunkSerializer::new(),
            queue: VecDeque::new(),
            tail: BytesMut::new(),
            sending: 0,
            limit,
        }
    }

    /// From here on holds at most `limit` bytes to send.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next output, oldest first.
    pub(super) fn poll(&mut self) -> Option<Output> {
        let output = self.queue.pop_front().or_else(|| {
            (!self.tail.is_empty()).then(|| Output::Send(std::mem::take(&mut self.tail).freeze()))
        })?;
        if let Output::Send(bytes) = &output {
            self.sending = self.sending.saturating_sub(bytes.len());
        }
        Some(output)
    }

    /// Bytes to send.
    pub(super) fn sending(&self) -> usize {
        self.sending
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.tail.is_empty()
    }

    /// Queues an output after what is to be sent before it.
    pub(super) fn push(&mut self, output: Output) {
        if !self.tail.is_empty() {
            self.queue.push_back(Output::Send(std::mem::take(&mut self.tail).freeze()));
        }
        self.queue.push_back(output);
    }

    /// Queues bytes that are not chunks: the handshake's.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sending = self.sending.saturating_add(bytes.len());
        if self.sending > self.limit {
            return Err(Error::Outbound(self.limit));
        }
        self.tail.extend_from_slice(bytes);
        Ok(())
    }

    /// Window Acknowledgement Size (§5.4.4).
    pub(super) fn window(&mut self, size: u32) -> Result<(), Error> {
        self.message(RtmpMessage::WindowAcknowledgement { size })
    }

    /// Set Peer Bandwidth (§5.4.5), dynamic.
    pub(super) fn bandwidth(&mut self, size: u32) -> Result<(), Error> {
        let limit_type = PeerBandwidthLimitType::Dynamic;
        self.message(RtmpMessage::SetPeerBandwidth { size, limit_type })
    }

    /// Set Chunk Size (§5.4.1): announces the size and uses it from here on.
    pub(super) fn chunk_size(&mut self, size: u32) -> Result<(), Error> {
        let packet = self.serializer.set_max_chunk_size(size, RtmpTimestamp::new(0));
        self.packet(packet.map_err(|_| Error::Unsendable)?)
    }

    /// Acknowledgement (§5.4.3) of `total` bytes, modulo 2^32.
    pub(super) fn acknowledge(&mut self, total: u32) -> Result<(), Error> {
        self.message(RtmpMessage::Acknowledgement { sequence_number: total })
    }

    /// User Control: a message stream is ready (§7.1.7).
    pub(super) fn stream_begin(&mut self, stream: u32) -> Result<(), Error> {
        self.stream_event(UserControlEventType::StreamBegin, stream)
    }

    /// User Control: nothing more comes on a message stream.
    pub(super) fn stream_eof(&mut self, stream: u32) -> Result<(), Error> {
        self.stream_event(UserControlEventType::StreamEof, stream)
    }

    /// User Control: asks whether the peer is there; the answer repeats `time`.
    pub(super) fn ping(&mut self, time: u32) -> Result<(), Error> {
        self.time_event(UserControlEventType::PingRequest, time)
    }

    /// User Control: the answer to a ping, which repeats its time.
    pub(super) fn pong(&mut self, time: u32) -> Result<(), Error> {
        self.time_event(UserControlEventType::PingResponse, time)
    }

    /// A data message: its values, one after the other.
    pub(super) fn data(&mut self, stream: u32, values: &[Value<'_>]) -> Result<(), Error> {
        let mut body = BytesMut::new();
        values.iter().for_each(|value| amf0::write(&mut body, value));
        self.payload(DATA, stream, body.freeze())
    }

    fn stream_event(&mut self, event_type: UserControlEventType, stream: u32) -> Result<(), Error> {
        self.message(RtmpMessage::UserControl {
            event_type,
            stream_id: Some(stream),
            buffer_length: None,
            timestamp: None,
        })
    }

    fn time_event(&mut self, event_type: UserControlEventType, time: u32) -> Result<(), Error> {
        self.message(RtmpMessage::UserControl {
            event_type,
            stream_id: None,
            buffer_length: None,
            timestamp: Some(RtmpTimestamp::new(time)),
        })
    }

    /// A command: name, transaction and its values.
    pub(super) fn command(
        &mut self,
        stream: u32,
        name: &str,
        transaction: f64,
        values: &[Value<'_>],
    ) -> Result<(), Error> {
        self.payload(COMMAND, stream, amf0::command(name, transaction, values))
    }

    /// `onStatus` with an information object.
    pub(super) fn status(
        &mut self,
        stream: u32,
        level: &str,
        code: &str,
        description: &str,
    ) -> Result<(), Error> {
        let info = information(level, code, description);
        self.command(stream, "onStatus", 0.0, &[Value::Null, Value::Object(info)])
    }

    fn message(&mut self, message: RtmpMessage) -> Result<(), Error> {
        let payload = message.into_message_payload(RtmpTimestamp::new(0), 0);
        self.serialize(&payload.map_err(|_| Error::Unsendable)?)
    }

    fn payload(&mut self, type_id: u8, stream: u32, data: Bytes) -> Result<(), Error> {
        let timestamp = RtmpTimestamp::new(0);
        self.serialize(&MessagePayload { timestamp, type_id, message_stream_id: stream, data })
    }

    fn serialize(&mut self, payload: &MessagePayload) -> Result<(), Error> {
        let packet = self.serializer.serialize(payload, false, false);
        self.packet(packet.map_err(|_| Error::Unsendable)?)
    }

    fn packet(&mut self, packet: Packet) -> Result<(), Error> {
        self.raw(&packet.bytes)
    }
}

/// The information object of statuses and results (§7.2.2).
pub(super) fn information<'a>(
    level: &'a str,
    code: &'a str,
    description: &'a str,
) -> Vec<(&'a str, Value<'a>)> {
    vec![
        ("level", Value::String(level)),
        ("code", Value::String(code)),
        ("description", Value::String(description)),
    ]
}
