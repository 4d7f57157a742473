//! Readers: one ring that many read, each at its own pace, none in the way of its writer or of another.
//! In:  [`Entry`]s from the one writer of a [`Ring`].      Out: runs of them without a hole to every [`Subscriber`].
//! Belongs here: where a reader joins, what happens to a slow one, what it lost.   Does not: what the entries are
//! (see [`Moment`](super::Moment)), sockets and timers (see the server's drivers).
//! Time: an argument.  Memory: [`Bounds`], whatever the number of readers.  Spec: none.

mod entry;
mod lag;
mod ring;
mod state;
mod subscriber;
mod sync;
mod waiters;

pub use self::entry::{Bounds, Entry};
pub use self::lag::{End, Lag, Reason, Totals};
pub use self::ring::{Occupancy, Ring};
pub use self::subscriber::{Join, Slow, Subscriber, Taken};
