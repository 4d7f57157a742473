//! Trust: whom our own connections over TLS believe: the system's authorities, or those of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::provider;

/// Where systems keep the authorities they trust; the first that is there counts.
const AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// Why no connection over TLS can be made to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// No file of authorities, or nothing in it.
    #[error("no certificate authorities to trust: give some with --ca, or in SSL_CERT_FILE")]
    Authorities,
    /// Not on this processor.
    #[error("TLS needs another processor")]
    Unfit,
}

/// A client that trusts the authorities in `ca`, else in the file that SSL_CERT_FILE names, else the system's; and
/// offers `protocols` (RFC 7301), in that order.
///
/// # Errors
/// When there is nobody to trust, or no cryptography for this processor.
pub(in crate::server) fn connector(
    ca: Option<&Path>,
    protocols: &[&[u8]],
) -> Result<TlsConnector, TrustError> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let found = || AUTHORITIES.iter().map(PathBuf::from).find(|path| path.is_file());
    let path = ca.map(Path::to_owned).or(named).or_else(found).ok_or(TrustError::Authorities)?;
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|_| TrustError::Authorities)?;
    // One that cannot be read is one that is not trusted.
    roots.add_parsable_certificates(certificates.flatten());
    if roots.is_empty() {
        return Err(TrustError::Authorities);
    }
    let provider = provider().map_err(|_| TrustError::Unfit)?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|_| TrustError::Unfit)?.with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(TlsConnector::from(Arc::new(config)))
}
