//! Error: why a conversation cannot go on.

use std::time::Duration;

use super::chunk;
use crate::flv;
use crate::media::{Limit, RtmpLimits};

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The peer sent what it must not, or nothing.
    Peer,
    /// We could not do what we should.
    Us,
}

/// Which wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// For the handshake.
    Handshake,
    /// For an accepted publish.
    Publish,
    /// For the first audio or video of a publisher.
    FirstMedia,
    /// For any byte of a publisher.
    Byte,
    /// For a whole audio or video message, while bytes did come.
    Media,
    /// For any byte of a player that has answered pings before.
    Pong,
}

/// How timestamps can be no times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    /// Frame after frame has the same one.
    #[error("timestamps stand still: nearly every frame has the same time as the one before")]
    Still,
    /// They leap by seconds from frame to frame.
    #[error(
        "timestamps leap by seconds from frame to frame: they may be in microseconds instead of milliseconds"
    )]
    TooFast,
}

/// Why a conversation ended in error; `at` counts bytes from the end of the handshake.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The first byte is not RTMP's version 3.
    #[error("handshake: version {0} where plain RTMP (3) is expected{hint}", hint = hint(*.0))]
    Version(u8),
    /// The handshake went wrong in another way.
    #[error("handshake: packet could not be processed")]
    Handshake,
    /// A malformed chunk.
    #[error("chunk stream {csid} at byte {at}: {fault}")]
    Chunk {
        /// The chunk stream.
        csid: u32,
        /// Where its header was being read.
        at: u64,
        /// What was wrong.
        fault: chunk::Fault,
    },
    /// A control message of the wrong size.
    #[error("control message of type {kind} at byte {at} holds {len} bytes, fewer than its field needs")]
    Control {
        /// Message type id.
        kind: u8,
        /// Where the message ended.
        at: u64,
        /// Its length.
        len: usize,
    },
    /// A command whose values cannot be read.
    #[error("command message ending at byte {at}: {fault}")]
    Command {
        /// Where the message ended.
        at: u64,
        /// What was wrong; its offset counts from the message's start.
        fault: flv::Error,
    },
    /// A command message that does not start with a name.
    #[error("command message ending at byte {at} has no name")]
    NoCommandName {
        /// Where the message ended.
        at: u64,
    },
    /// Too many messages that are not media.
    #[error("more than {0} control messages within a second")]
    Flood(u32),
    /// More createStream than the limit.
    #[error("more than {0} message streams")]
    MessageStreams(u32),
    /// An aggregate message of too many tags.
    #[error("aggregate message ending at byte {at} holds more than {max} tags")]
    AggregateTags {
        /// Where the message ended.
        at: u64,
        /// The limit.
        max: usize,
    },
    /// An aggregate message with a tag that ends past it.
    #[error("aggregate message ending at byte {at}: a tag of {len} bytes ends past it")]
    AggregateCut {
        /// Where the message ended.
        at: u64,
        /// Declared length of the tag.
        len: usize,
    },
    /// Too many bad frames.
    #[error("more than {0} bad frames within ten seconds")]
    BadFrames(u32),
    /// Timestamps that cannot be times.
    #[error("{0}")]
    Clock(ClockFault),
    /// Bytes that came on top of a publish not yet answered.
    #[error("more than {0} bytes sent ahead of the answer to publish")]
    SentAhead(usize),
    /// What we owe the peer grows without end.
    #[error("answers to the peer exceed {0} bytes")]
    Outbound(usize),
    /// A wait ended.
    #[error("nothing within {limit:?} while waiting for {}", wait.name())]
    Timeout {
        /// What was waited for.
        wait: Wait,
        /// For how long.
        limit: Duration,
    },
    /// A message of ours could not be written as chunks.
    #[error("a message of ours could not be serialised")]
    Unsendable,
}

impl Error {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Unsendable => Blame::Us,
            _ => Blame::Peer,
        }
    }

    /// Which of `limits` was run into; `None` where the peer did something else that it must not.
    pub fn limit(&self, limits: &RtmpLimits) -> Option<Limit> {
        match self {
            Self::Chunk { fault, .. } => fault.limit(limits),
            Self::Command { fault, .. } => fault.limit(),
            Self::Flood(rate) if *rate == limits.player_rate => Some(Limit::RtmpPlayerRate),
            Self::Flood(_) => Some(Limit::RtmpControlRate),
            Self::MessageStreams(_) => Some(Limit::RtmpMessageStreams),
            Self::AggregateTags { .. } => Some(Limit::RtmpAggregateTags),
            Self::BadFrames(_) => Some(Limit::CodecBadFrames),
            Self::SentAhead(_) => Some(Limit::RtmpEarlyPartialBytes),
            Self::Outbound(_) => Some(Limit::RtmpOutbound),
            Self::Timeout { wait, .. } => Some(wait.limit()),
            Self::Version(_)
            | Self::Handshake
            | Self::Control { .. }
            | Self::NoCommandName { .. }
            | Self::AggregateCut { .. }
            | Self::Clock(_)
            | Self::Unsendable => None,
        }
    }
}

impl Wait {
    fn limit(self) -> Limit {
        match self {
            Self::Handshake => Limit::RtmpHandshake,
            Self::Publish => Limit::RtmpUntilPublish,
            Self::FirstMedia => Limit::RtmpFirstMedia,
            Self::Byte | Self::Media | Self::Pong => Limit::RtmpIdle,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Handshake => "the handshake",
            Self::Publish => "an accepted publish",
            Self::FirstMedia => "the first audio or video",
            Self::Byte => "any byte",
            Self::Media => "a whole audio or video message",
            Self::Pong => "an answer of the player",
        }
    }
}

/// What a peer that begins like this probably is.
fn hint(version: u8) -> &'static str {
    match version {
        6 | 8 => " (encrypted RTMPE is not supported)",
        0x16 => " (this looks like TLS)",
        b'A'..=b'Z' => " (this looks like HTTP)",
        _ => "",
    }
}
