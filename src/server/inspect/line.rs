//! Lines: connections to an origin, plain or over TLS, HTTP/1.1 or HTTP/2 as the two agree.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{Request, Response, request};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::Address;
use crate::server::tls::{self, TrustError};

const CONNECT: Duration = Duration::from_secs(5);

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FetchError {
    #[error("cannot connect")]
    Connect,
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("the TLS handshake failed, or the certificate is not to be trusted")]
    Tls,
    #[error("the connection was closed or speaks no HTTP")]
    Closed,
    #[error("no answer in time")]
    Late,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body is not what Content-Encoding says")]
    Encoding,
}

/// A connection that can carry a request.
#[derive(Debug)]
pub(super) enum Line {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

impl Line {
    /// One that still works: alone for HTTP/1.1, shared for HTTP/2.
    pub(super) fn take(idle: &mut Vec<Self>) -> Option<Self> {
        idle.retain(|line| match line {
            Self::One(sender) => !sender.is_closed(),
            Self::Two(sender) => !sender.is_closed(),
        });
        match idle.last() {
            Some(Self::Two(sender)) => Some(Self::Two(sender.clone())),
            _ => idle.pop(),
        }
    }

    /// Back to where others find it.
    pub(super) fn give(self, idle: &mut Vec<Self>) {
        // Of those that are shared one is enough.
        if !self.is_h2() || idle.is_empty() {
            idle.push(self);
        }
    }

    pub(super) fn is_h2(&self) -> bool {
        matches!(self, Self::Two(_))
    }

    /// The beginning of a GET.
    pub(super) fn request(&self, address: &Address) -> request::Builder {
        match self {
            Self::One(_) => Request::get(address.target()).header(HOST, address.authority()),
            Self::Two(_) => {
                let scheme = if address.secure { "https" } else { "http" };
                Request::get(format!("{scheme}://{}{}", address.authority(), address.target()))
            }
        }
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::One(sender) => sender.send_request(request).await,
            Self::Two(sender) => sender.send_request(request).await,
        }
    }
}

/// Opens lines.
pub(super) struct Dialer {
    ca: Option<PathBuf>,
    /// Made when the first address asks for it.
    tls: OnceLock<Result<TlsConnector, TrustError>>,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("ca", &self.ca).finish_non_exhaustive()
    }
}

impl Dialer {
    pub(super) fn new(ca: Option<PathBuf>) -> Self {
        Self { ca, tls: OnceLock::new() }
    }

    pub(super) async fn dial(&self, address: &Address) -> Result<Line, FetchError> {
        let host = address.host.trim_start_matches('[').trim_end_matches(']');
        let stream = timeout(CONNECT, TcpStream::connect((host, address.port))).await;
        let stream = stream.map_err(|_| FetchError::Connect)?.map_err(|_| FetchError::Connect)?;
        // Without it a request may wait for the acknowledgement of the one before.
        let _best_effort = stream.set_nodelay(true);
        if !address.secure {
            return one(stream).await;
        }
        let connector = || tls::connector(self.ca.as_deref(), &[b"h2", b"http/1.1"]);
        let tls = self.tls.get_or_init(connector).clone()?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| FetchError::Tls)?;
        let stream = timeout(CONNECT, tls.connect(name, stream)).await;
        let stream = stream.map_err(|_| FetchError::Tls)?.map_err(|_| FetchError::Tls)?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => two(stream).await,
            _ => one(stream).await,
        }
    }
}

async fn one<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Result<Line, FetchError> {
    let done = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = done.map_err(|_| FetchError::Connect)?;
    tokio::spawn(async move {
        // That it ended badly is told by the request that was on it.
        let _ = connection.await;
    });
    Ok(Line::One(sender))
}

async fn two<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Result<Line, FetchError> {
    let done = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (sender, connection) = done.map_err(|_| FetchError::Connect)?;
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(Line::Two(sender))
}
