//! Secure: HTTP/2 over TLS, as browsers speak it: all that a viewer asks for on one connection.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::http::resolve;
use crate::Fault;

/// Where it is spoken, and whom to trust.
#[derive(Clone)]
pub(crate) struct Door {
    at: SocketAddr,
    client: TlsConnector,
}

impl Door {
    /// The one at `at`, whose certificate is in the file `cert`.
    pub(crate) fn new(at: SocketAddr, cert: &Path) -> Result<Self, Fault> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(cert)?)?;
        let provider = Arc::new(rustls_graviola::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { at, client: TlsConnector::from(Arc::new(config)) })
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("at", &self.at).finish_non_exhaustive()
    }
}

/// A connection. Its clones are the same one.
#[derive(Clone)]
pub(crate) struct Secure {
    sender: SendRequest<Empty<Bytes>>,
    body: Bytes,
}

impl Secure {
    /// Opens one; a response may bring `window` bytes before more is asked for.
    pub(crate) async fn open(door: &Door, window: Option<u32>) -> Result<Self, Fault> {
        let stream = TcpStream::connect(door.at).await?;
        stream.set_nodelay(true)?;
        let stream = door.client.connect(ServerName::try_from("localhost")?, stream).await?;
        let mut builder = Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(window);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        // Why it ended is told to whoever has asked for something.
        tokio::spawn(connection);
        Ok(Self { sender, body: Bytes::new() })
    }

    /// The status of GET `path`; the body is then in [`body`](Self::body).
    pub(crate) async fn get(&mut self, path: &str) -> Result<u16, Fault> {
        let mut path = path.to_owned();
        for _ in 0..4 {
            let response = self.ask(&path).await?;
            let status = response.status();
            let location = response.headers().get("location").filter(|_| status.is_redirection());
            if let Some(location) = location {
                path = resolve(&path, location.to_str()?);
                continue;
            }
            self.body = response.into_body().collect().await?.to_bytes();
            return Ok(status.as_u16());
        }
        Err("too many redirections".into())
    }

    /// What comes back for GET `path`.
    pub(crate) async fn ask(&mut self, path: &str) -> Result<Response<Incoming>, Fault> {
        let request = Request::get(format!("https://localhost{path}")).body(Empty::new())?;
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    /// The last body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }
}
