//! AAC: AudioSpecificConfig.
//! In:  `Bytes` of an AudioSpecificConfig.   Out: `media::AudioConfig`, ADTS headers.
//! Belongs here: rate, channels and extensions as declared.   Does not: frames (they are opaque).
//! Spec: ISO/IEC 14496-3 §1.6.2, §1.A.2.2, §4.4.1.

mod adts;
mod config;
mod program;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests;

pub use self::adts::Adts;
pub use self::config::Config;
