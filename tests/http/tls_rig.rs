//! TLS for the tests: settings with a certificate, and clients that trust it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rillcast::control::Settings;
use rillcast::server::House;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::rig::settings;

pub(crate) const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// Settings with a self-signed certificate in `folder`.
pub(crate) fn secure(folder: &Path) -> Settings {
    let mut settings = settings();
    settings.tls.self_signed = true;
    settings.data = folder.to_owned();
    settings.listen.https = Some(([127, 0, 0, 1], 0).into());
    settings.listen.rtmps = Some(([127, 0, 0, 1], 0).into());
    settings
}

/// A fresh certificate and key in `folder`.
pub(crate) async fn pair(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    drop(House::bind(secure(folder)).await.unwrap());
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    (read("self-signed.crt"), read("self-signed.key"))
}

/// A client that trusts the certificate in `cert` alone.
pub(crate) fn client(
    cert: &Path,
    protocols: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cert).unwrap()).unwrap();
    let provider = Arc::new(rustls_graviola::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// Shakes hands over `io`.
pub(crate) async fn shake<S>(client: &TlsConnector, io: S) -> std::io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    client.connect(ServerName::try_from("localhost").unwrap(), io).await
}

/// A port of this machine whose connections go on to `to`, in TLS.
pub(crate) async fn tunnel(to: SocketAddr, client: TlsConnector) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let client = client.clone();
            tokio::spawn(async move {
                let mut secure = shake(&client, TcpStream::connect(to).await.unwrap()).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut plain, &mut secure).await;
            });
        }
    });
    at
}

/// Long enough for a certificate that has changed to be noticed and loaded.
pub(crate) const NOTICED: Duration = Duration::from_secs(8);
