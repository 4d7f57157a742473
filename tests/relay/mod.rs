//! A network between two peers that is as bad as it is told to be, on real sockets and by a seed.
//!
//! What becomes of a byte, or of a datagram, is a matter of the seed, of which connection and direction it goes along,
//! and of how many went before it. Reads that cut differently and a busy machine change nothing of that, only when.

pub(crate) mod chance;
pub(crate) mod fates;
pub(crate) mod post;
pub(crate) mod tcp;
pub(crate) mod udp;

pub(crate) use chance::Chance;
pub(crate) use fates::Impairment;
pub(crate) use tcp::{Direction, Relay};
