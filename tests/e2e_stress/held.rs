//! What connections hold that do their worst with the HTTP library's buffers: within what the ceiling counts for them.

use std::time::Duration;

use rillcast::control::Settings;
use rillcast::server::Ceiling;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::descriptors::raise;
use crate::process::Process;

const CONNECTIONS: usize = 64;
/// HTTP/2, and windows of a mebibyte for each stream and for all of them (RFC 9113 §6.5.2, §6.9).
const PREFACE: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\x10\0\0\0\0\x04\x08\0\0\0\0\0\0\x10\0\0";
const LARGE: &[u8] = b"/assets/hls-1.7.4.min.js";

fn frame(kind: u8, flags: u8, stream: usize, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &(stream as u32).to_be_bytes(), payload].concat()
}

/// A head of `method` (its place in the static table) for `path`, which `kept` puts into the dynamic one.
fn head(method: u8, path: &[u8], kept: bool) -> Vec<u8> {
    let form = if kept { 0x44 } else { 4 };
    [&[method, 0x86, 1, 1, b't', form, path.len() as u8][..], path].concat()
}

/// A field of 210 bytes and its name, in no table.
fn field(n: usize) -> Vec<u8> {
    [&[0, 2, b'a' + (n / 26) as u8, b'a' + (n % 26) as u8, 0x7F, 210 - 0x7F][..], &[b'v'; 210]].concat()
}

/// One head that is never whole.
fn dripped() -> Vec<u8> {
    [&b"GET /livez HTTP/1.1\r\nHost: t\r\nX: "[..], &vec![b'a'; 60 * 1_024]].concat()
}

/// As many answers as there may be, none of which is read.
fn unread() -> Vec<u8> {
    let asks = (0..64).flat_map(|n| frame(1, 5, 2 * n + 1, &head(0x82, LARGE, false)));
    PREFACE.iter().copied().chain(asks).collect()
}

/// Heads that are as large as may be, whose bodies never come.
fn bodiless() -> Vec<u8> {
    let fields: Vec<u8> = (0..60).flat_map(field).collect();
    let head = [head(0x83, b"/api/obs/multitrack", false), fields].concat();
    let asks = (0..20).flat_map(|n| frame(1, 4, 2 * n + 1, &head));
    PREFACE.iter().copied().chain(asks).collect()
}

/// Entries of the dynamic table, each read from a buffer that it keeps.
fn kept() -> Vec<u8> {
    let asks = (0..28).flat_map(|n| {
        let path = [b'/', b'a' + n as u8];
        [frame(1, 5, 2 * n + 1, &head(0x82, &path, true)), frame(0x55, 0, 0, &[0; 9_000])].concat()
    });
    PREFACE.iter().copied().chain(asks).collect()
}

/// What each of them holds, in KiB, that says so much, and says and reads nothing more.
async fn each(server: &Process, says: &[u8]) -> f64 {
    // Whoever asks for the metrics is one of them.
    server.until("rillcast_http_connections", |count| count == 1).await;
    let before = server.resident();
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut socket = TcpStream::connect(server.http).await.unwrap();
        socket.write_all(says).await.unwrap();
        open.push(socket);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let held = server.resident().saturating_sub(before) as f64 / CONNECTIONS as f64;
    server.until("rillcast_http_connections", |count| count == CONNECTIONS as u64 + 1).await;
    held
}

/// What `rillcast serve` says of a connection is no less than what it can be made to hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_holds_more_than_the_ceiling_counts_for_it() {
    raise();
    let most = Ceiling::of(&Settings::default()).per_viewer / 1_024;
    // What is counted for so much of each, in KiB: a connection's buffers, and its streams, fields and entries.
    const BUFFERS: usize = 200;
    for (name, says, counted) in [
        ("dripped", dripped(), BUFFERS),
        ("unread", unread(), BUFFERS + 64 * 8),
        ("bodiless", bodiless(), BUFFERS + 20 * (8 + 16 + 32)),
        ("kept", kept(), BUFFERS + 28 * (8 + 33)),
    ] {
        // Each in a server of its own: what one kind leaves to the allocator would hide what the next takes.
        let server = Process::start(&[], &[]).await;
        let held = each(&server, &says).await;
        eprintln!("{name}: {held:.0} of {counted} KiB a connection, of {most} in all");
        assert!(held <= counted as f64 && counted as u64 <= most, "{name}: {held:.0} of {counted} KiB");
    }
}
