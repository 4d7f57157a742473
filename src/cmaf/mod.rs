//! CMAF: the boxes of an initialisation section and of a chunk, and nothing about when to cut.
//! In:  `Track` and sample descriptions from packager.      Out: the bytes of `ftyp`+`moov`, and of `moof`+`mdat` head.
//! Belongs here: one track a file, cmf2 rules, sample flags.   Does not: payloads (packager shares them), cutting (packager).
//! Time: decode times are given.  Memory: an init section or a chunk head at a time.  Spec: ISO/IEC 23000-19 §7; 14496-12 §8.
#![deny(clippy::arithmetic_side_effects)]

mod chunk;
mod init;
mod still;

pub use self::chunk::{ChunkHead, Sample};
pub use self::init::{Error, init};
pub use self::still::still;
