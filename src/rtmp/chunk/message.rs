//! What the chunk layer gives: whole messages, or a fault.

use bytes::Bytes;

use crate::media::{Limit, RtmpLimits};

/// One whole RTMP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Message type id: 8 audio, 9 video, 20 AMF0 command, …
    pub kind: u8,
    /// Message stream id: 0 for the connection itself.
    pub stream: u32,
    /// Milliseconds, wrapping.
    pub timestamp: u32,
    /// The body, in a buffer of its own.
    pub payload: Bytes,
}

/// What was wrong with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A header that builds on an earlier one, without one.
    #[error("header builds on an earlier one that was never sent")]
    NoEarlierHeader,
    /// A full or type-1 header inside a message that announces another message.
    #[error("header inside a message of {was} bytes announces one of {is} bytes or of another type")]
    HeaderInMessage {
        /// Length of the message under way.
        was: usize,
        /// Length the new header declares.
        is: usize,
    },
    /// A message over the limit for its type at this stage.
    #[error("message of type {kind} declares {length} bytes, more than {limit}")]
    MessageTooLong {
        /// Message type id.
        kind: u8,
        /// Declared length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// More chunk streams than the limit.
    #[error("more than {0} chunk streams")]
    TooManyStreams(usize),
    /// Unfinished messages need more memory than the limit.
    #[error("unfinished messages need more than {0} bytes")]
    TooMuchUnfinished(usize),
    /// A chunk size of 0 or with the top bit set.
    #[error("chunk size {0:#x} is not between 1 and 0x7fffffff")]
    ChunkSize(u32),
}

impl Fault {
    /// Which of `limits` was run into, if it was one.
    pub fn limit(&self, limits: &RtmpLimits) -> Option<Limit> {
        match self {
            Self::MessageTooLong { limit, .. } if *limit == limits.media_message => {
                Some(Limit::RtmpMediaMessage)
            }
            Self::MessageTooLong { limit, .. } if *limit == limits.command_message => {
                Some(Limit::RtmpCommandMessage)
            }
            Self::MessageTooLong { .. } => Some(Limit::RtmpEarlyMessage),
            Self::TooManyStreams(_) => Some(Limit::RtmpChunkStreams),
            Self::TooMuchUnfinished(limit) if *limit == limits.partial_bytes => Some(Limit::RtmpPartialBytes),
            Self::TooMuchUnfinished(_) => Some(Limit::RtmpEarlyPartialBytes),
            Self::NoEarlierHeader | Self::HeaderInMessage { .. } | Self::ChunkSize(_) => None,
        }
    }
}

/// A fault and the chunk stream it was found on.
pub(super) type Misread = (u32, Fault);
