//! Base: checked cursors over bytes and bits, and nothing that knows what they mean.
//! In:  `&[u8]` from any room.   Out: integers and sub-slices, or `None` when there are too few bytes.
//! Belongs here: cursors, bounded helpers, `Secret`.   Does not: formats (see codec, flv, cmaf), time (see media).
//! Time: none.  Memory: borrows only; writers grow by what is written.  Spec: none.
#![deny(clippy::arithmetic_side_effects)]

mod bits;
mod bytes;
mod rope;
mod secret;

pub use self::bits::BitReader;
pub use self::bytes::ByteReader;
pub use self::rope::Rope;
pub use self::secret::Secret;
