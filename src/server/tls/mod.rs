//! TLS: one certificate for HTTPS and RTMPS, kept up to date, and the handshake in front of both.
//! In:  `Settings` and an accepted socket.      Out: a stream that reads and writes plain bytes.
//! Belongs here: certificate and key files, their checks, the self-signed one, the handshake's bounds, whom we trust.   Does not: what
//! is said over the stream (see the HTTP and RTMP drivers).
//! Time: passed in, but for the handshake's deadline.  Memory: what [`crate::media::TlsLimits`] allows of handshakes in
//! flight; after it, [`handshake`]'s buffer a connection.  Spec: RFC 8446, RFC 5246, RFC 7301.

mod error;
mod handshake;
mod identity;
mod keeper;
mod knock;
mod provider;
mod self_signed;
mod trust;

pub use self::error::TlsError;
pub(super) use self::handshake::{Doors, Handshake, SEND_BUFFER};
pub use self::identity::{Identity, identity};
pub(super) use self::keeper::Keeper;
pub(super) use self::knock::{Ahead, Knock};
pub(super) use self::provider::provider;
pub use self::trust::TrustError;
pub(super) use self::trust::connector;
