//! Codec: configuration records and access units of the codecs we carry, read within bounds.
//! In:  `Bytes` of a record, `&[u8]` of a frame, from rtmp and push.   Out: `media::VideoConfig`, `media::AudioConfig`, verdicts on frames.
//! Belongs here: parameter sets, RFC 6381 strings, what a frame holds.   Does not: containers (see flv, cmaf), time (see live).
//! Time: only what a bitstream declares.  Memory: records are shared, frames are borrowed; bounds in `CodecLimits`.
//! Spec: ITU-T H.264 §7, ISO/IEC 14496-15 §5.3.3, ISO/IEC 14496-3 §1.6, ANSI/SCTE 35 §9.6.
#![deny(clippy::arithmetic_side_effects)]

pub mod aac;
pub mod avc;
mod error;
pub mod splice;

pub use self::error::Error;
