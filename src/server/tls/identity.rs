//! Identity: a certificate and its key, read from two files and checked before anything is shown to a peer.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use x509_cert::der::Decode;
use x509_cert::time::Validity;

use crate::control::{Certificate, Settings};
use crate::media::WallTime;

use super::TlsError;
use super::provider::provider;

/// More than any chain or key: a wrong file name must not cost memory.
const LARGEST: u64 = 1 << 20;

/// A checked pair. Prints as what identifies it, without the key.
#[derive(Clone)]
pub struct Identity {
    pub(super) pair: Arc<CertifiedKey>,
    not_after: WallTime,
    fingerprint: [u8; 32],
}

impl Identity {
    /// Reads and checks the pair in `cert` and `key`, to be shown from `now` on.
    pub(super) fn load(
        cert: &Path,
        key: &Path,
        provider: &CryptoProvider,
        now: WallTime,
    ) -> Result<Self, TlsError> {
        let no_certificate = || TlsError::NoCertificate { path: cert.into() };
        let no_key = || TlsError::NoKey { path: key.into() };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(cert)?).collect();
        let chain = chain.map_err(|_| no_certificate())?;
        let leaf = chain.first().ok_or_else(no_certificate)?;
        let validity = validity(leaf).ok_or_else(no_certificate)?;
        let fingerprint = Sha256::digest(leaf).into();
        private(key)?;
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| no_key())?;
        let secret = provider.key_provider.load_private_key(secret).map_err(|_| no_key())?;
        let pair = CertifiedKey::new(chain, secret);
        match pair.keys_match() {
            Ok(()) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(TlsError::Mismatch { cert: cert.into(), key: key.into() });
            }
            Err(_) => return Err(no_certificate()),
        }
        let (from, until) = (moment(&validity.not_before), moment(&validity.not_after));
        if now > until {
            return Err(TlsError::Expired { path: cert.into(), at: until.to_string() });
        }
        if now < from {
            return Err(TlsError::NotYet { path: cert.into(), at: from.to_string() });
        }
        Ok(Self { pair: Arc::new(pair), not_after: until, fingerprint })
    }

    /// When it expires.
    pub fn not_after(&self) -> WallTime {
        self.not_after
    }

    /// SHA-256 of the certificate, as browsers and `openssl x509 -fingerprint` print it.
    pub fn fingerprint(&self) -> String {
        let bytes: Vec<String> = self.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, until {})", self.fingerprint(), self.not_after)
    }
}

/// The certificate in the files that `settings` name, checked as at a start; `None` when they name none.
///
/// # Errors
/// What a start would say.
pub fn identity(settings: &Settings, now: WallTime) -> Result<Option<Identity>, TlsError> {
    match settings.tls.certificate() {
        None => Ok(None),
        Some(Certificate::SelfSigned) => provider().map(|_| None),
        Some(Certificate::Files { cert, key }) => {
            let provider = provider()?;
            Identity::load(cert, key, &provider, now).map(Some)
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let fail = |error| TlsError::Read { path: path.into(), error };
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > LARGEST {
        return Err(fail(std::io::ErrorKind::FileTooLarge.into()));
    }
    std::fs::read(path).map_err(fail)
}

/// Nobody but the owner may read a key, or it is not one for long.
fn private(path: &Path) -> Result<(), TlsError> {
    let metadata = std::fs::metadata(path).map_err(|error| TlsError::Read { path: path.into(), error })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(TlsError::Loose { path: path.into(), mode });
    }
    Ok(())
}

/// From when until when a certificate holds (RFC 5280 §4.1.2.5).
fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(*certificate.tbs_certificate().validity())
}

fn moment(time: &x509_cert::time::Time) -> WallTime {
    let since: Duration = time.to_unix_duration();
    WallTime { unix_micros: i64::try_from(since.as_micros()).unwrap_or(i64::MAX) }
}

#[cfg(test)]
mod tests;
