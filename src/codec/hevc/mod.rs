//! HEVC: H.265 configuration records and access units.
//! In:  `Bytes` of an HEVCDecoderConfigurationRecord, `&[u8]` of length-prefixed NAL units.   Out: `media::VideoConfig`, `AccessUnit`.
//! Belongs here: record, SPS, NAL headers.   Does not: Annex B (see annexb), slice data, layers above the base.
//! Spec: ISO/IEC 14496-15 §8.3.3, ITU-T H.265 §7.3 and Annex E.

mod config;
mod scan;
mod sps;
mod vui;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests;

pub use self::config::Config;
pub use self::scan::{AccessUnit, scan};
