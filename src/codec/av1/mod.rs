//! AV1: configuration records and temporal units.
//! In:  `Bytes` of an AV1CodecConfigurationRecord, `&[u8]` of a temporal unit in OBUs.   Out: `media::VideoConfig`, `TemporalUnit`.
//! Belongs here: OBU and sequence headers, the head of a frame header.   Does not: Annex B, tiles.
//! Spec: AV1 bitstream §5.3 to §5.9, AV1 codec ISO media file format binding §2.

mod config;
mod obu;
mod scan;
mod sequence;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests;

pub use self::config::Config;
pub use self::scan::{TemporalUnit, scan};
