//! Push: one outgoing RTMP publish: what to send, when, and the conversation that carries it.
//! In:  a clip's bytes (MP4 or FLV); the server's bytes.   Out: samples with their send times; bytes for the server.
//! Belongs here: clip files, pace and loop seams, the publishing side of RTMP.   Does not: sockets, clocks, files (see server).
//! Time: an argument everywhere; the driver reads the clock.  Memory: the clip, shared; one message to be sent at a time;
//! inbound messages within `RtmpLimits::early_*`.
//! Spec: ISO/IEC 14496-12 (files), Adobe FLV 10.1 (files and tags), Adobe RTMP 1.0 (conversation).
#![deny(clippy::arithmetic_side_effects)]

mod boxes;
mod client;
mod clip;
mod error;
mod flv_file;
mod fragments;
mod metadata;
mod mp4;
mod pace;
mod target;
mod wire;

pub use self::client::{Client, Output};
pub use self::clip::{Clip, ClipTrack, Message, Sample};
pub use self::error::{ClipError, Error, FourChars, Refusal};
pub use self::pace::{Due, Pace};
pub use self::target::{Target, TargetError};
