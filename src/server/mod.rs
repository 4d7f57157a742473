//! Server: the porch: sockets, clock, tasks, shutdown, and the pages.
//! In:  `Settings` and a future that ends when the server is to stop.      Out: an exit.
//! Belongs here: listeners, drivers of the sans-IO rooms, limits on sockets, routes.   Does not: bitstreams, decisions
//! about playlists (see hls) or about permission (see control).
//! Time: read here, in `clock.rs`, and handed to every other room.  Memory: connections are permitted by count; each
//! costs at most its buffers in `RtmpLimits` and `HttpLimits`.  Spec: RFC 9112, RFC 9113, RFC 8446.

mod account;
mod admission;
mod api;
mod body;
mod ceiling;
mod clock;
mod contain;
mod context;
mod crowding;
pub mod demo;
mod denial;
mod descriptors;
mod due;
mod error;
mod first_run;
mod gate;
mod groups;
mod h2_limits;
mod handover;
mod health;
mod held;
mod hold;
mod http;
mod indoors;
mod ingest;
pub mod inspect;
mod intake;
mod io;
mod lines;
mod listen;
mod log;
mod member;
mod memory;
mod obs;
pub mod obs_profile;
mod pages;
mod playback;
mod progressive;
pub mod publish;
mod push;
mod routes;
mod rtmp;
mod run;
mod screen;
mod self_lint;
mod shutdown;
mod start;
mod streams;
mod tls;
mod unasked;
mod vitals;
pub mod web;

pub use self::ceiling::Ceiling;
pub use self::clock::Clock;
pub use self::error::Error;
pub use self::handover::{Activated, SocketError, TakeoverError};
#[cfg(fuzzing)]
pub use self::handover::{next as taking_over, running as handing_over};
pub use self::indoors::Indoors;
pub use self::log::start as start_log;
pub use self::memory::words as memory_words;
pub use self::run::{Addresses, House};
pub use self::shutdown::on_signal;
pub use self::start::{Start, run};
pub use self::tls::{Identity, TlsError, TrustError, identity};
