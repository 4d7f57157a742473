//! AAC: AudioSpecificConfig.
//! In:  `Bytes` of an AudioSpecificConfig.   Out: `media::AudioConfig`.
//! Belongs here: rate, channels and extensions as declared.   Does not: frames (they are opaque), ADTS.
//! Spec: ISO/IEC 14496-3 §1.6.2, §4.4.1.

mod config;
mod program;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests;

pub use self::config::Config;
