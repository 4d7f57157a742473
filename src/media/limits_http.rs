//! Limits on HTTP connections, on requests that are held, and on the TLS in front of connections.

use std::time::Duration;

const KIB: usize = 1_024;

/// Bounds on HTTP.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Request head of HTTP/1.
    pub head: usize,
    /// Header fields.
    pub headers: usize,
    /// Request target.
    pub target: usize,
    /// From the first byte of a request head to its last.
    pub head_time: Duration,
    /// A kept-alive connection with nothing asked.
    pub idle: Duration,
    /// A response that makes no progress: the reader is gone.
    pub write_stall: Duration,
    /// A response from its first byte to its last, however it is read: a segment that takes longer is no use to a
    /// player, and keeps memory that the ring has let go.
    pub body_time: Duration,
    /// HTTP/2 streams of one connection.
    pub h2_streams: u32,
    /// HTTP/2 header list, decoded.
    pub h2_header_list: u32,
    /// HTTP/2 send buffer of one stream.
    pub h2_send_buffer: usize,
    /// HTTP/2 resets waiting to be accepted.
    pub h2_pending_resets: usize,
    /// Bytes of HTTP/2 frames that are no requests, as `server::unasked` counts them.
    pub h2_unasked: usize,
    /// HTTP/2 ping interval and its answer's time.
    pub h2_ping: (Duration, Duration),
    /// Held requests of one connection.
    pub holds_per_connection: usize,
    /// Held requests from one address.
    pub holds_per_address: usize,
    /// Held requests in all.
    pub holds: usize,
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
}

/// Bounds on TLS handshakes, of HTTPS and RTMPS together: each costs a signature before anything is known of the peer.
#[derive(Debug, Clone)]
pub struct TlsLimits {
    /// From accept to the handshake's end, waiting for a place included.
    pub handshake: Duration,
    /// Handshakes in flight for each core; those past it wait.
    pub in_flight_per_core: usize,
    /// Handshakes in flight or waiting from one address.
    pub in_flight_per_address: usize,
}

impl Default for TlsLimits {
    fn default() -> Self {
        Self { handshake: Duration::from_secs(5), in_flight_per_core: 256, in_flight_per_address: 128 }
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head: 16 * KIB,
            headers: 64,
            target: 4 * KIB,
            head_time: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(10),
            body_time: Duration::from_secs(60),
            h2_streams: 64,
            h2_header_list: 16 * 1_024,
            h2_send_buffer: 64 * KIB,
            h2_pending_resets: 20,
            h2_unasked: 256 * KIB,
            h2_ping: (Duration::from_secs(20), Duration::from_secs(10)),
            holds_per_connection: 16,
            holds_per_address: 256,
            holds: 20_000,
            connections: 16_384,
            connections_per_address: 4_096,
        }
    }
}
