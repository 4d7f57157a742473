//! TLS faults at start and at a reload, each one sentence that names the file.

use std::io;
use std::path::PathBuf;

/// Why there can be no TLS with what is configured. Exit code 78.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The processor is too old for the cryptography, or of another kind.
    #[error("TLS needs a processor with {0}: run without it, behind a proxy that does TLS")]
    Processor(String),
    /// A file that cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file that cannot be made.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Others on the machine may read the key.
    #[error("{} can be read by others than its owner (mode {mode:04o}): chmod 600 it", path.display())]
    Loose {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// No certificate in PEM form, or one that is none.
    #[error("{} holds no certificate in PEM form that can be read", path.display())]
    NoCertificate {
        /// The certificate file.
        path: PathBuf,
    },
    /// No key in PEM form, one under a passphrase, or of a kind we cannot use.
    #[error(
        "{} holds no private key that can be used: PEM without a passphrase, RSA of 2048 bits or more, P-256, P-384 or Ed25519",
        path.display()
    )]
    NoKey {
        /// The key file.
        path: PathBuf,
    },
    /// A pair that is none.
    #[error("the key in {} is not that of the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The certificate file.
        cert: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// Its time is over.
    #[error("the certificate in {} expired at {at}", path.display())]
    Expired {
        /// The certificate file.
        path: PathBuf,
        /// When: RFC 3339.
        at: String,
    },
    /// Its time has not come, or the clock is wrong.
    #[error("the certificate in {} is not valid before {at}", path.display())]
    NotYet {
        /// The certificate file.
        path: PathBuf,
        /// When: RFC 3339.
        at: String,
    },
    /// The library refused what it was asked.
    #[error("cannot {what}: {why}")]
    Library {
        /// What was tried.
        what: &'static str,
        /// The library's word.
        why: String,
    },
}
