//! CMAF: the boxes of an initialisation section and of a chunk, and nothing about when to cut.
//! In:  `Track` and sample descriptions from packager and progressive.      Out: the bytes of `ftyp`+`moov`, and of `moof`+`mdat` head.
//! Belongs here: one track a file by the rules of cmf2, several in a movie that is streamed, sample flags.
//! Does not: payloads (packager and progressive share them), cutting (theirs too).
//! Time: decode times are given.  Memory: an init section or a chunk head at a time.  Spec: ISO/IEC 23000-19 §7; 14496-12 §8.
#![deny(clippy::arithmetic_side_effects)]

mod chunk;
mod init;
mod still;

pub use self::chunk::{ChunkHead, Sample, TrackRun, fragment};
pub use self::init::{Error, init, movie};
pub use self::still::still;
