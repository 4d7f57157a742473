//! Chunk: RTMP's multiplexing layer: chunks in, whole messages out; and what is played, written once for all.
//! In:  `&[u8]` as the socket gave them.      Out: [`Message`] to the session; chunks around shared bytes by [`write()`].
//! Belongs here: chunk headers, reassembly, its memory bounds.   Does not: what a message means (see session).
//! Time: message timestamps stay wrapping u32 milliseconds.  Memory: `RtmpLimits::{partial_bytes, chunk_streams}`.
//! Spec: Adobe RTMP 1.0 §5.3.
//!
//! ```text
//!  chunk   = basic header (1-3) | message header (11, 7, 3 or 0) | extended timestamp (0 or 4) | payload
//!  type 0  = timestamp, length, type, stream      type 1 = delta, length, type
//!  type 2  = delta                                type 3 = nothing: goes on, or starts one like the last
//! ```

mod carry;
mod header;
mod message;
mod reader;
mod stream;
mod writer;

pub use self::message::{Fault, Message};
pub use self::reader::Reader;
pub use self::writer::{PLAY_CHUNK, PLAY_STREAM, write};
