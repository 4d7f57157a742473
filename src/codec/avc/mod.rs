//! AVC: H.264 configuration records and access units.
//! In:  `Bytes` of an AVCDecoderConfigurationRecord, `&[u8]` of length-prefixed NAL units.   Out: `media::VideoConfig`, `AccessUnit`.
//! Belongs here: record, SPS, NAL headers, slice types.   Does not: Annex B (see annexb), decoding.
//! Spec: ISO/IEC 14496-15 §5.3.3, ITU-T H.264 §7.3.

mod config;
mod scan;
mod sps;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests;

pub use self::config::Config;
pub use self::scan::{AccessUnit, scan};
