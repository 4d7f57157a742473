//! Handover: listening sockets that go from one process to the next, so that an upgrade refuses nobody.
//!
//! ```text
//!   service manager ── LISTEN_FDS ──▶ activation ─▶ Inherited ─▶ House
//!   a running server ── Line ═══ unix socket, SCM_RIGHTS ═══ Taking ─▶ Inherited ─▶ House
//! ```
//!
//! Only sockets that listen are handed over: connections stay where they are until they end, and media stays with the
//! process that was given it. Why so: docs/adr/0016-handing-over-listeners.md.

mod activation;
mod error;
mod frame;
#[cfg(fuzzing)]
mod fuzz;
mod line;
mod notify;
mod sockets;
mod taking;

pub use self::activation::Activated;
pub use self::error::{SocketError, TakeoverError};
#[cfg(fuzzing)]
pub use self::fuzz::{next, running};
pub(super) use self::line::{Line, Passing, path};
pub(super) use self::notify::Notify;
pub(super) use self::sockets::{Inherited, Wanted};
pub(super) use self::taking::Taking;
