//! Tag: one FLV tag body, which is also one RTMP audio, video or data message.

use bytes::Bytes;

use super::error::Error;
use super::packet::Packets;
use super::{audio, video};

/// What a tag carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TagKind {
    /// Sound; tag type and RTMP message type 8.
    Audio,
    /// Pictures; type 9.
    Video,
    /// AMF0 values; type 18.
    Script,
}

impl TagKind {
    /// The kind of a tag type or RTMP message type.
    pub fn from_id(id: u8) -> Option<Self> {
        match id {
            8 => Some(Self::Audio),
            9 => Some(Self::Video),
            18 => Some(Self::Script),
            _ => None,
        }
    }

    /// Its tag type, which is its RTMP message type too.
    pub fn id(self) -> u8 {
        match self {
            Self::Audio => 8,
            Self::Video => 9,
            Self::Script => 18,
        }
    }
}

/// One tag body, checked: nothing about it can fail any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// Sound, by track.
    Audio(Packets),
    /// Pictures, by track.
    Video(Packets),
    /// AMF0 values, unread: see [`Metadata::parse`](super::Metadata::parse).
    Script(Bytes),
}

impl Tag {
    /// Checks the body of one tag. An empty audio or video body is a tag with no packets: some encoders send them
    /// to keep a connection awake.
    ///
    /// # Errors
    /// Names the field that is short, unknown or out of bounds, or the legacy codec that is not supported.
    pub fn parse(kind: TagKind, body: Bytes) -> Result<Self, Error> {
        match kind {
            TagKind::Script => Ok(Self::Script(body)),
            TagKind::Audio => audio::parse(&body).map(Self::Audio),
            TagKind::Video => video::parse(&body).map(Self::Video),
        }
    }
}
