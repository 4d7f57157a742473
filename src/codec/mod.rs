//! Codec: configuration records and access units of the codecs we carry, read within bounds.
//! In:  `Bytes` of a record, `&[u8]` of a frame, from rtmp and push.   Out: `media::VideoConfig`, `media::AudioConfig`, verdicts on frames.
//! Belongs here: parameter sets, RFC 6381 strings, what a frame holds.   Does not: containers (see flv, cmaf), time (see live).
//! Time: only what a bitstream declares.  Memory: records are shared, frames are borrowed; bounds in `CodecLimits`.
//! Spec: ITU-T H.264 §7, ITU-T H.265 §7, ISO/IEC 14496-15 §5.3.3 and §8.3.3, AV1 §5, VP9 §6, ISO/IEC 14496-3 §1.6,
//! RFC 6716, RFC 7845, RFC 9639, ETSI TS 102 366, ISO/IEC 11172-3, ANSI/SCTE 35 §9.6, ATSC A/53 part 4.
#![deny(clippy::arithmetic_side_effects)]

pub mod aac;
mod ac3;
mod annexb;
pub mod av1;
pub mod avc;
mod bpm;
mod captions;
mod colour;
mod eac3;
mod error;
pub mod flac;
pub mod hevc;
mod mp3;
mod nal;
pub mod opus;
mod rate;
mod rbsp;
mod sei;
mod sequence;
mod sound;
pub mod splice;
mod video;
pub mod vp9;

pub use self::annexb::AnnexB;
pub use self::error::Error;
pub use self::sound::{Sound, samples};
pub use self::video::{Picture, Video};
