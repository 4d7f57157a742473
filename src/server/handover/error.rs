//! Errors: why sockets of another process cannot be used, and why a running server is not taken over from.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What is wrong with a socket that the service manager has passed.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nothing listens there.
    #[error(
        "the service manager passed socket {number} (\"{name}\") on {address}, and no listener is to be there; \
         name it with FileDescriptorName= or configure listen.*"
    )]
    Unwanted {
        /// Counted from 1.
        number: usize,
        /// What the service manager calls it.
        name: String,
        /// Where it listens.
        address: SocketAddr,
    },
    /// A listener has one socket.
    #[error(
        "the service manager passed two sockets for listener {listener}: the second is socket {number} on {address}"
    )]
    Twice {
        /// Counted from 1.
        number: usize,
        /// "rtmp", "http", "admin", "https" or "rtmps".
        listener: &'static str,
        /// Where the second listens.
        address: SocketAddr,
    },
    /// It is no listening TCP socket.
    #[error("the service manager passed socket {number} (\"{name}\"), which cannot be used: {error}")]
    Kind {
        /// Counted from 1.
        number: usize,
        /// What the service manager calls it.
        name: String,
        /// What is wrong.
        error: io::Error,
    },
    /// More than there are listeners.
    #[error("the service manager passed {0} sockets; there are five listeners")]
    Many(usize),
    /// They would come from two processes.
    #[error(
        "--takeover is not for a server that gets its sockets from a service manager: restart the service"
    )]
    AndTakeover,
}

/// Why nothing was taken over. The running server goes on.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// There is none.
    #[error("no running server answers at {}: {error}", path.display())]
    Nobody {
        /// Its unix socket.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is not ours.
    #[error("the server at {} runs as another user", path.display())]
    Stranger {
        /// Its unix socket.
        path: PathBuf,
    },
    /// It knows another way to hand over.
    #[error(
        "the running server (version {version}) hands over by protocol {theirs}, this one by protocol {ours}: \
         stop it, and start this one without --takeover"
    )]
    Protocol {
        /// Of the running server.
        version: String,
        /// Of the running server.
        theirs: u32,
        /// Of this one.
        ours: u32,
    },
    /// It broke off.
    #[error("the running server broke off the hand-over: {0}")]
    Broken(#[from] io::Error),
    /// It had waited for long enough.
    #[error("the running server goes on by itself: this one was not ready in time")]
    Late,
}
