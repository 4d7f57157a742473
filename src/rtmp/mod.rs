//! RTMP: one encoder's or player's conversation, without IO.
//! In:  bytes and the time from the server's driver.   Out: [`Output`]: bytes to send, a request to publish or play, tracks, frames.
//! Belongs here: handshake, chunks, commands, limits on them.   Does not: tag bodies (see flv), permission (see control),
//! sockets (see server), rings (see live),
//! what is played (see progressive).
//! Time: an argument of every call; deadlines are answered, never waited for.
//! Memory: `RtmpLimits`: 64 KiB before a publish is accepted; then `partial_bytes` and `outbound`.
//! Spec: Adobe RTMP 1.0, Enhanced RTMP v2.
//!
//! ```text
//!  bytes ─▶ handshake ─▶ chunk::Reader ─▶ Message ─▶ session (connect, publish, play, control, media) ─▶ Output
//! ```
//!
//! Mutate, then drain: every call that changes a [`Session`] is followed by `poll_output` until it answers `None`.
#![deny(clippy::arithmetic_side_effects)]

mod address;
pub mod chunk;
mod codecs;
mod error;
mod flow;
mod handshake;
mod outbox;
mod output;
mod request;
mod session;
mod tally;

pub use self::codecs::Codecs;
pub use self::error::{Blame, ClockFault, Error, Wait};
pub use self::output::{Discard, Discarded, Output};
pub use self::request::{CloseReason, PlayRequest, PublishRequest, Rejection};
pub use self::session::Session;
pub use crate::flv::Metadata as Announcement;
