//! Errors of a run: each one sentence, and the exit code it ends the process with.

use std::io;
use std::net::SocketAddr;

use crate::control::{SettingsError, StoreError};

use super::handover::{SocketError, TakeoverError};
use super::tls::TlsError;

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A listener's address is taken or not ours.
    #[error("cannot listen for {listener} on {address}: {error}")]
    Bind {
        /// "rtmp", "http", "admin", "https" or "rtmps".
        listener: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// What the service manager passed cannot be used.
    #[error(transparent)]
    Sockets(#[from] SocketError),
    /// Nothing was taken over.
    #[error("cannot take over: {0}")]
    Takeover(#[from] TakeoverError),
    /// There can be no TLS with what is configured.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The state store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no random numbers.
    #[error("cannot make a stream key: {0}")]
    Random(#[from] getrandom::Error),
    /// Anything else the system refuses.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl Error {
    /// The process's exit code: 78 configuration, 69 address in use or nothing to take over, 1 everything else (sysexits.h).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Tls(_) | Self::Sockets(_) => 78,
            Self::Bind { .. } | Self::Takeover(_) => 69,
            Self::Store(_) | Self::Random(_) | Self::System { .. } => 1,
        }
    }
}
