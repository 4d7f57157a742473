//! FLV: tag bodies legacy and enhanced, script data, and the file around them.
//! In:  `Bytes` of one message or file from rtmp and push; frames from progressive.
//! Out: validated tags whose payloads are slices of what came in; bodies of tags around a frame's own bytes.
//! Belongs here: the FLV and AMF0 grammars.   Does not: chunks and commands (see rtmp), what a codec's bytes mean (see codec).
//! Time: milliseconds and nanoseconds as they stand in the tag; nothing is unwrapped here.
//! Memory: a tag borrows its message; script values are bounded by `RtmpLimits::amf_*`.
//! Spec: Adobe FLV 10.1 Annex E, Adobe AMF0, Enhanced RTMP v2.
#![deny(clippy::arithmetic_side_effects)]

pub mod amf0;
mod audio;
mod colour_info;
mod cue;
mod enhanced;
mod error;
mod file;
mod fourcc;
mod metadata;
mod multichannel;
pub mod mux;
mod packet;
pub mod shared;
mod tag;
mod video;

#[cfg(test)]
mod tests;

pub use self::colour_info::ColourInfo;
pub use self::cue::cue;
pub use self::error::Error;
pub use self::file::{File, FileTag};
pub use self::fourcc::FourCc;
pub use self::metadata::Metadata;
pub use self::multichannel::Multichannel;
pub use self::packet::{Packet, PacketKind, Packets};
pub use self::tag::{Tag, TagKind};
