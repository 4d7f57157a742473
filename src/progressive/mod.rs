//! Progressive: one endless file of a live stream: fragmented MP4, FLV, MPEG-TS, or the messages of an RTMP play, joined
//! at a keyframe.
//! In:  `Track` and placed `Frame` from live.      Out: `Chunk`s of bytes that all readers of a format share.
//! Belongs here: which tracks a format carries, when a fragment is cut, tags, packets and tables.
//! Paths: `/live/NAME.mp4`, `.flv`, `.ts`, see [`Format::parse`].
//! Does not: boxes (see cmaf), tag bodies (see flv), chunks (see rtmp), rings and slow readers (see live), HTTP (see
//! server).
//! Time: the generation's, as frames have it; nothing here reads a clock.
//! Memory: one fragment of MP4, bounded in time, samples and bytes; nothing is held of the others.
//! Spec: ISO/IEC 14496-12 §8.8; Adobe FLV 10.1 Annex E, Enhanced RTMP v2; ISO/IEC 13818-1.
#![deny(clippy::arithmetic_side_effects)]

mod choice;
mod chunk;
mod error;
mod format;
mod mp4;
mod mux;
mod tags;
mod ts;

pub use self::chunk::{Chunk, Head};
pub use self::error::Incompatible;
pub use self::format::Format;
pub use self::mux::{Mux, Onward};
