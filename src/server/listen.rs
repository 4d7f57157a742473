//! Listening: binding, accepting without spinning, and the socket options of each kind of peer.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::control::Limit;
use crate::media::Limits;

use super::Error;
use super::clock::Clock;
use super::context::Context;

/// Pause after the system had no descriptor or memory for a connection: short enough to recover at once,
/// long enough not to spin.
const BACK_OFF: Duration = Duration::from_millis(50);
/// Connections that wait to be accepted, where the system allows as many. Those past them try again after a second, two
/// and so on up to a minute, which an audience that comes all at once would take for a failure.
const BACKLOG: u32 = 4_096;
/// A dead peer is noticed within this (the last unacknowledged byte, or keepalive 5 s x 3).
const USER_TIMEOUT: Duration = Duration::from_secs(10);
/// What a reader that was given up has yet to be told may take so long.
const LAST_WORD: Duration = Duration::from_secs(4);
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// Unsent bytes the kernel takes for a viewer: what is beyond this is better kept as shared parts.
const NOT_SENT: u32 = 128 * 1024;

/// Binds `address` for `listener` ("rtmp", "http", "https"...) and logs the port it got.
pub(super) fn bind(listener: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    let fail = |error| Error::Bind { listener, address, error };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(fail)?;
    // The next server gets the port though connections of the one before are still closing.
    socket.set_reuseaddr(true).map_err(fail)?;
    socket.bind(address).map_err(fail)?;
    let socket = socket.listen(BACKLOG).map_err(fail)?;
    let bound = socket.local_addr().map_err(fail)?;
    tracing::info!(listener, address = %bound, "listening");
    Ok(socket)
}

/// The next connection. Errors of one connection are passed over; when the system has run out of
/// descriptors, accepting pauses and goes on.
pub(super) async fn accept(listener: &TcpListener, context: &Context) -> (TcpStream, SocketAddr) {
    let mut out = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small writes must not wait for an acknowledgement.
                let _ = stream.set_nodelay(true);
                return (stream, SocketAddr::new(peer.ip().to_canonical(), peer.port()));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                context.metrics.limit(Limit::Descriptors);
                context.crowding.ran_short(Clock::mono());
                if !std::mem::replace(&mut out, true) {
                    tracing::warn!(%error, "accept_paused");
                }
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Options of a viewer's socket, which may be an encoder's: one that vanished is noticed, though not before the server's
/// own patience with a reader is over; and little media waits unsent in the kernel.
pub(super) fn tune(stream: &TcpStream, limits: &Limits) {
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE).with_retries(KEEPALIVE_RETRIES);
    let socket = SockRef::from(stream);
    // A socket that refuses an option still works; the session's own deadlines hold.
    let _ = socket.set_tcp_keepalive(&keepalive);
    let patience = limits.http.write_stall.max(limits.ring.blocked + LAST_WORD);
    let _ = socket.set_tcp_user_timeout(Some(patience.max(USER_TIMEOUT)));
    let _ = socket.set_tcp_notsent_lowat(NOT_SENT);
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
