//! Held: the most that the libraries keep of one connection for HTTP and TLS, buffer by buffer, from what they are told
//! here and from what they are built with.
//!
//! What no setting of theirs changes stands here as a number with its place in their source: `cargo update` of hyper, h2
//! or rustls is to look at these.

use crate::media::HttpLimits;

use super::body::H2_SLICE;
use super::http::{BUFFER, H2_WINDOW};
use super::io::READ;

/// A frame of HTTP/2 as it is received: what it may carry, and its head (RFC 9113 §4.1).
pub(super) const H2_FRAME: usize = H2_SLICE + 9;
/// Table of header fields that a peer may refer to (RFC 7541 §4.1), either way.
pub(super) const H2_TABLE: u32 = 4_096;
/// An entry of that table that keeps what it was read from: h2 copies names and values, but for those of `:path`,
/// `:scheme` and `:authority` (`hpack/header.rs`), the shortest of which counts as this.
const H2_ENTRY: usize = 32 + ":path".len() + 1;
/// Buffers grow by doubling (`bytes`).
const GROWTH: usize = 2;
/// hyper's buffer of a response's head (`proto/h1/io.rs`, `INIT_BUFFER_SIZE`): ours are smaller.
const H1_HEAD: usize = 8 * 1024;
/// h2's write buffer (`codec/framed_write.rs`, `DEFAULT_BUFFER_CAPACITY`), which takes frames until it is full.
const H2_WRITE: usize = 16 * 1024;
/// h2's buffer for strings in Huffman's code, which grows to twice the longest (`hpack/huffman/mod.rs`).
const H2_STRING: usize = GROWTH * H2_FRAME;
/// A stream's own state in h2 and hyper, its task, and the body that answers it.
const H2_STREAM: usize = 8 * 1024;
/// Streams that were reset and are remembered for a second (h2, `proto/mod.rs`, `DEFAULT_RESET_STREAM_MAX`).
const H2_RESET: usize = 50;
/// A header field in a map (`http`, `header/map.rs`: 104 bytes, allocated names and values, room to grow).
const FIELD: usize = 256;
/// A byte of a body that comes in a frame of its own is ten bytes received, and is kept as one handle of a list.
const CRUMB: usize = 64 / 10 + 1;
/// What rustls keeps of a handshake message that is not whole (`msgs/deframer/buffers.rs`, `MAX_HANDSHAKE_SIZE`).
const TLS_HANDSHAKE: usize = 0xFFFF;
/// Its record as it is received (`msgs/message/mod.rs`, `MAX_WIRE_SIZE`), and what is read of it (`common_state.rs`,
/// `DEFAULT_RECEIVED_PLAINTEXT_LIMIT`).
const TLS_RECORD: usize = 16 * 1024 + 2_048 + 5;
const TLS_PLAIN: usize = 16 * 1024;

/// What a connection of HTTP/1 can hold besides what it shares: its reading side, one head that is being answered, and
/// the head of the answer.
pub(super) fn http1(limits: &HttpLimits) -> u64 {
    sum(&[READ, GROWTH.saturating_mul(BUFFER), H1_HEAD, limits.head, fields(limits)])
}

/// The same of HTTP/2: the connection's buffers and tables, and what each of its streams has.
pub(super) fn http2(limits: &HttpLimits) -> u64 {
    let reads = GROWTH.saturating_mul(H2_FRAME);
    let entries = (H2_TABLE as usize).div_ceil(H2_ENTRY);
    let connection = sum(&[
        READ,
        reads,
        GROWTH * H2_WRITE,
        H2_WINDOW as usize,
        H2_STRING,
        // A block of header fields that goes on in another frame.
        limits.h2_header_list as usize,
        GROWTH * H2_TABLE as usize,
        entries.saturating_mul(reads),
        H2_RESET * H2_STREAM,
        CRUMB.saturating_mul(limits.h2_unasked),
    ]);
    let streams = u64::from(limits.h2_streams).saturating_add(limits.h2_pending_resets as u64);
    connection.saturating_add(streams.saturating_mul(h2_stream(limits)))
}

/// A stream: what waits to be sent, with the slice that was let in over it and the one that waits for room, the fields
/// of its request, and itself.
fn h2_stream(limits: &HttpLimits) -> u64 {
    let fields = fields(limits).saturating_add(limits.h2_header_list as usize);
    sum(&[limits.h2_send_buffer, H2_SLICE, H2_SLICE, fields, H2_STREAM])
}

/// The heads of all streams of one connection as h2 reads them, before any is looked at: in a map each takes so much
/// more than it counts. Each of the server's threads looks at one connection at a time.
pub(super) fn h2_heads(limits: &HttpLimits) -> u64 {
    let streams = u64::from(limits.h2_streams).saturating_add(limits.h2_pending_resets as u64);
    // A field of nothing counts as 33 bytes (RFC 9113 §6.5.2).
    let most = (limits.h2_header_list as usize).div_ceil(33);
    streams.saturating_mul(product(most, FIELD))
}

/// What TLS adds to a connection.
pub(super) fn tls() -> u64 {
    sum(&[2 * super::tls::SEND_BUFFER, TLS_HANDSHAKE, TLS_RECORD, TLS_PLAIN])
}

/// The fields of a head that is being answered, in the request and as its handler has them: those with more are refused
/// before anything waits.
fn fields(limits: &HttpLimits) -> usize {
    limits.headers.saturating_mul(2 * FIELD)
}

fn sum(terms: &[usize]) -> u64 {
    terms.iter().fold(0, |sum, term| sum.saturating_add(*term as u64))
}

fn product(a: usize, b: usize) -> u64 {
    (a as u64).saturating_mul(b as u64)
}
