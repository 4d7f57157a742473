//! VP9: configuration records and frames.
//! In:  `Bytes` of a VPCodecConfigurationRecord, `&[u8]` of a frame or superframe.   Out: `media::VideoConfig`, `Frame`.
//! Belongs here: record, superframe index, the head of the uncompressed header.   Does not: VP8, decoding.
//! Spec: VP9 bitstream §6.2 and Annex B, VP codec ISO media file format binding.

mod config;
mod frame;
mod level;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests;

pub use self::config::Config;
pub use self::frame::{Frame, scan};
