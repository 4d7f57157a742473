//! TLS settings: where the certificate comes from, and where it is used.

use std::path::{Path, PathBuf};

/// The `[tls]` table. Empty: no TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those that lead from it to a root, in PEM form.
    pub cert: Option<PathBuf>,
    /// Its private key, in PEM form.
    pub key: Option<PathBuf>,
    /// Whether the server makes a certificate of its own, for this machine.
    pub self_signed: bool,
}

/// Where the certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate<'a> {
    /// From files the operator keeps.
    Files {
        /// The chain.
        cert: &'a Path,
        /// The key.
        key: &'a Path,
    },
    /// Made by the server and kept in the data folder.
    SelfSigned,
}

impl Tls {
    /// The certificate to use; `None` without TLS, or when half of it is missing.
    pub fn certificate(&self) -> Option<Certificate<'_>> {
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(Certificate::Files { cert, key }),
            _ => self.self_signed.then_some(Certificate::SelfSigned),
        }
    }
}
