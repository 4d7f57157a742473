//! Messages by type, and what protocol control and user control ask of us (§5.4, §7.1.7).

use super::core::{Phase, Session};
use crate::base::ByteReader;
use crate::flv::TagKind;
use crate::rtmp::chunk::Message;
use crate::rtmp::error::Error;

/// Message type ids.
mod kind {
    pub(super) const SET_CHUNK_SIZE: u8 = 1;
    pub(super) const ABORT: u8 = 2;
    pub(super) const USER_CONTROL: u8 = 4;
    pub(super) const WINDOW_SIZE: u8 = 5;
    pub(super) const AUDIO: u8 = 8;
    pub(super) const VIDEO: u8 = 9;
    pub(super) const DATA_AMF3: u8 = 15;
    pub(super) const COMMAND_AMF3: u8 = 17;
    pub(super) const DATA: u8 = 18;
    pub(super) const COMMAND: u8 = 20;
    pub(super) const AGGREGATE: u8 = 22;
}

/// User control events: a ping, to be answered with its own time, and such an answer.
const PING_REQUEST: u16 = 6;
const PING_RESPONSE: u16 = 7;

/// The chunk stream of protocol control, to say where a bad one stood.
const CONTROL_STREAM: u32 = 2;

impl Session {
    /// Obeys one message. Types we have no use for are ignored, and counted like all that is not media.
    pub(super) fn message(&mut self, message: Message) -> Result<(), Error> {
        // A player has no media to send: whatever it says counts.
        let plays = matches!(self.phase, Phase::Playing { .. });
        let limits = &self.limits.rtmp;
        let rate = if plays { limits.player_rate } else { limits.control_rate };
        let is_media = matches!(message.kind, kind::AUDIO | kind::VIDEO | kind::AGGREGATE) && !plays;
        if !is_media && self.talk.count(self.now) > rate {
            return Err(Error::Flood(rate));
        }
        match message.kind {
            kind::SET_CHUNK_SIZE => {
                let size = self.field(&message)?;
                let at = self.reader.consumed();
                let set = self.reader.set_chunk_size(size);
                set.map_err(|fault| Error::Chunk { csid: CONTROL_STREAM, at, fault })
            }
            kind::ABORT => {
                let csid = self.field(&message)?;
                self.reader.abort(csid);
                Ok(())
            }
            kind::USER_CONTROL => self.user_control(&message),
            kind::WINDOW_SIZE => {
                let size = self.field(&message)?;
                self.flow.announce(size);
                Ok(())
            }
            kind::AUDIO => self.tag(TagKind::Audio, message),
            kind::VIDEO => self.tag(TagKind::Video, message),
            kind::AGGREGATE => self.aggregate(&message),
            kind::DATA => self.data(message.stream, message.timestamp, &message.payload),
            // Type 15 is for AMF3, but encoders put a zero and then AMF0 in it, or AMF0 alone.
            kind::DATA_AMF3 => self.data(message.stream, message.timestamp, &skip_zero(message.payload)),
            kind::COMMAND => self.command(&message, &message.payload),
            kind::COMMAND_AMF3 => self.command(&message, &skip_zero(message.payload.clone())),
            _ => Ok(()),
        }
    }

    /// The four-byte field of a protocol control message. More bytes than that are ignored, as everybody does.
    fn field(&self, message: &Message) -> Result<u32, Error> {
        let too_short =
            Error::Control { kind: message.kind, at: self.reader.consumed(), len: message.payload.len() };
        ByteReader::new(&message.payload).u32().ok_or(too_short)
    }

    /// Only pings are answered: how much a player buffers is its own affair. Events nobody knows are in the field, and no reason to part.
    fn user_control(&mut self, message: &Message) -> Result<(), Error> {
        let mut r = ByteReader::new(&message.payload);
        match (r.u16(), r.u32()) {
            (Some(PING_REQUEST), Some(time)) => self.outbox.pong(time),
            (Some(PING_RESPONSE), _) => {
                self.ponged();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn skip_zero(payload: bytes::Bytes) -> bytes::Bytes {
    if payload.first() == Some(&0) { payload.slice(1..) } else { payload }
}
