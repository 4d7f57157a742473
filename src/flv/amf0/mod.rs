//! AMF0: the values of script tags and of RTMP commands, read within bounds and written.
//! In:  `&[u8]` of one message.   Out: `Value`s that borrow their text from it.
//! Belongs here: the AMF0 grammar.   Does not: what a command or a property means (see rtmp, `flv::Metadata`).
//! Memory: `RtmpLimits::amf_values` values; text is not copied; stack: `RtmpLimits::amf_depth` small frames.
//! Spec: Adobe AMF0 (December 2007).

mod read;
mod value;
mod write;

#[cfg(test)]
mod tests;

pub use self::read::Reader;
pub use self::value::Value;
pub use self::write::{command, write};
