//! Wire: our messages as chunks, queued until the driver takes them.

use bytes::{Bytes, BytesMut};
use rml_rtmp::chunk_io::ChunkSerializer;
use rml_rtmp::messages::{MessagePayload, RtmpMessage, UserControlEventType};
use rml_rtmp::time::RtmpTimestamp;

use super::error::Error;
use crate::flv::amf0::{self, Value};

/// Message type ids (Adobe RTMP 1.0 §5.4, §7.1).
pub(super) mod kind {
    pub(crate) const SET_CHUNK_SIZE: u8 = 1;
    pub(crate) const ABORT: u8 = 2;
    pub(crate) const USER_CONTROL: u8 = 4;
    pub(crate) const WINDOW: u8 = 5;
    pub(crate) const AUDIO: u8 = 8;
    pub(crate) const VIDEO: u8 = 9;
    pub(crate) const DATA: u8 = 18;
    pub(crate) const COMMAND: u8 = 20;
}

/// Serialises messages behind one another.
pub(super) struct Wire {
    serializer: ChunkSerializer,
    out: BytesMut,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self { serializer: ChunkSerializer::new(), out: BytesMut::new() }
    }

    /// What is to be sent by now, if anything.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        (!self.out.is_empty()).then(|| self.out.split().freeze())
    }

    /// Bytes that are not chunks: the handshake's.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A message with its body.
    pub(super) fn message(&mut self, kind: u8, stream: u32, time: u32, body: Bytes) -> Result<(), Error> {
        let timestamp = RtmpTimestamp::new(time);
        self.payload(&MessagePayload { timestamp, type_id: kind, message_stream_id: stream, data: body })
    }

    /// A command: name, transaction, its values.
    pub(super) fn command(
        &mut self,
        stream: u32,
        name: &str,
        transaction: f64,
        values: &[Value<'_>],
    ) -> Result<(), Error> {
        self.message(kind::COMMAND, stream, 0, amf0::command(name, transaction, values))
    }

    /// Set Chunk Size (§5.4.1): announces the size and uses it from here on.
    pub(super) fn chunk_size(&mut self, size: u32) -> Result<(), Error> {
        let packet = self.serializer.set_max_chunk_size(size, RtmpTimestamp::new(0));
        self.raw(&packet.map_err(|_| Error::Unsendable)?.bytes);
        Ok(())
    }

    /// Acknowledgement (§5.4.3) of `total` bytes, modulo 2^32.
    pub(super) fn acknowledge(&mut self, total: u32) -> Result<(), Error> {
        self.control(RtmpMessage::Acknowledgement { sequence_number: total })
    }

    /// The answer to a ping, which repeats its time (§7.1.7).
    pub(super) fn pong(&mut self, time: u32) -> Result<(), Error> {
        self.control(RtmpMessage::UserControl {
            event_type: UserControlEventType::PingResponse,
            stream_id: None,
            buffer_length: None,
            timestamp: Some(RtmpTimestamp::new(time)),
        })
    }

    fn control(&mut self, message: RtmpMessage) -> Result<(), Error> {
        let payload = message.into_message_payload(RtmpTimestamp::new(0), 0);
        self.payload(&payload.map_err(|_| Error::Unsendable)?)
    }

    fn payload(&mut self, payload: &MessagePayload) -> Result<(), Error> {
        let packet = self.serializer.serialize(payload, false, false).map_err(|_| Error::Unsendable)?;
        self.raw(&packet.bytes);
        Ok(())
    }
}
