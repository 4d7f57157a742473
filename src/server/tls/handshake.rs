//! The handshake: from an accepted socket to a stream of plain bytes, with a deadline, a place, and a plain word
//! for those who came without TLS.

use std::io;
use std::net::IpAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::control::Metrics;
use crate::media::{Limit, TlsLimits};

use super::{Keeper, Knock, TlsError};
use crate::server::admission::Admission;
use crate::server::clock::Clock;

/// First byte of every TLS connection: the type of a handshake record (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;
/// Encrypted bytes a connection may have waiting for its socket: two records.
pub(in crate::server) const SEND_BUFFER: usize = 32 * 1024;
/// What a browser shows to somebody who typed `http://` before the port of HTTPS.
const SAY_HTTPS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Cache-Control: no-store\r\nConnection: close\r\nContent-Length: 44\r\n\r\n\
    this port speaks HTTPS: ask for https://...\n";
/// How long such a peer may take to read it.
const FAREWELL: Duration = Duration::from_secs(1);

/// The two ways in, with one certificate, and one count of handshakes.
pub(in crate::server) struct Doors {
    /// Players: HTTP/2 and HTTP/1.1 by ALPN (RFC 7301).
    pub(in crate::server) https: Handshake,
    /// Encoders.
    pub(in crate::server) rtmps: Handshake,
}

/// What is done with a socket before a protocol is spoken on it.
#[derive(Clone)]
pub(in crate::server) struct Handshake {
    acceptor: TlsAcceptor,
    gate: Arc<Gate>,
    /// What to say to a peer that begins with a letter instead of a handshake.
    plain: &'static [u8],
}

/// Bounds on handshakes in flight.
struct Gate {
    /// Being computed.
    slots: Semaphore,
    /// Being computed or waiting, by address.
    places: Arc<Admission>,
    time: Duration,
}

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("too many TLS handshakes from this address")]
    Crowded,
    #[error("the peer left without a word")]
    Gone,
    #[error("the peer did not speak TLS")]
    Plain,
    #[error("{0}")]
    Tls(#[from] io::Error),
}

impl Doors {
    /// Both doors, showing what `keeper` holds.
    pub(in crate::server) fn new(keeper: &Arc<Keeper>, limits: &TlsLimits) -> Result<Self, TlsError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let slots = limits.in_flight_per_core.saturating_mul(cores).min(Semaphore::MAX_PERMITS);
        let gate = Arc::new(Gate {
            slots: Semaphore::new(slots),
            places: Admission::new(usize::MAX, limits.in_flight_per_address),
            time: limits.handshake,
        });
        let door = |protocols: &[&[u8]], plain| -> Result<Handshake, TlsError> {
            let acceptor = TlsAcceptor::from(Arc::new(config(keeper, protocols)?));
            Ok(Handshake { acceptor, gate: gate.clone(), plain })
        };
        Ok(Self { https: door(&[b"h2", b"http/1.1"], SAY_HTTPS)?, rtmps: door(&[], b"")? })
    }
}

impl Handshake {
    /// Shakes hands with `peer` on `stream`, which `wrap` may put something around first. `None` when there is
    /// nobody to talk to; then the socket is closed and the reason counted.
    pub(in crate::server) async fn shake<K: Knock, S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: K,
        peer: IpAddr,
        wrap: impl FnOnce(K) -> S,
        metrics: &Metrics,
    ) -> Option<TlsStream<S>> {
        let hit = |limit| metrics.limit(limit, peer, Clock::mono());
        let crowded = || hit(Limit::TlsInFlightPerCore);
        match timeout(self.gate.time, self.attempt(stream, peer, wrap, crowded)).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(refused)) => {
                match refused {
                    Refused::Crowded => hit(Limit::TlsInFlightPerAddress),
                    Refused::Gone => {}
                    Refused::Plain | Refused::Tls(_) => {
                        metrics.tls_failures.inc();
                    }
                }
                tracing::debug!(%peer, reason = %refused, "tls_refused");
            }
            Err(_) => {
                hit(Limit::TlsHandshake);
                tracing::debug!(%peer, reason = "the handshake took too long", "tls_refused");
            }
        }
        None
    }

    async fn attempt<K: Knock, S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: K,
        peer: IpAddr,
        wrap: impl FnOnce(K) -> S,
        crowded: impl FnOnce(),
    ) -> Result<TlsStream<S>, Refused> {
        let _place = self.gate.places.admit(peer).map_err(|_| Refused::Crowded)?;
        // Who says nothing takes no slot.
        let Some(first) = stream.first().await? else { return Err(Refused::Gone) };
        if first != HANDSHAKE_RECORD {
            if first.is_ascii_uppercase() && !self.plain.is_empty() {
                let _ = timeout(FAREWELL, farewell(&mut stream, self.plain)).await;
            }
            return Err(Refused::Plain);
        }
        if self.gate.slots.available_permits() == 0 {
            crowded();
        }
        // It is never closed.
        let _slot = self.gate.slots.acquire().await.map_err(|_| Refused::Crowded)?;
        let buffers = |connection: &mut rustls::ServerConnection| {
            connection.set_buffer_limit(Some(SEND_BUFFER));
        };
        Ok(self.acceptor.accept_with(wrap(stream), buffers).await?)
    }
}

/// Says `words` and lets the peer read them: closing with its bytes unread would reset the connection.
async fn farewell(stream: &mut impl Knock, words: &[u8]) -> io::Result<()> {
    stream.write_all(words).await?;
    stream.shutdown().await?;
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

/// TLS 1.3 and 1.2, no early data, tickets under keys that change every six hours.
fn config(keeper: &Arc<Keeper>, protocols: &[&[u8]]) -> Result<ServerConfig, TlsError> {
    let fail = |error: rustls::Error| TlsError::Library { what: "set up TLS", why: error.to_string() };
    let mut config = ServerConfig::builder_with_provider(keeper.provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(fail)?
        .with_no_client_auth()
        .with_cert_resolver(keeper.clone());
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.ticketer = rustls_graviola::Ticketer::new().map_err(fail)?;
    // One is enough to come back with, and nothing is remembered here of who left.
    config.send_tls13_tickets = 1;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}
