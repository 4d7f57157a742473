//! Answers as a client hears them on its connection, byte by byte: whole, or cut short.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a connection gave until it was closed.
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    /// When the last of it came.
    pub(crate) at: Instant,
    /// Whether the end was an orderly one.
    pub(crate) orderly: bool,
}

/// A connection with a small window, so that much of what it asks for is still to come.
pub(crate) fn narrow(at: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&at.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

/// Asks for `path` on `socket`.
pub(crate) async fn ask(socket: &mut TcpStream, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
}

/// Reads on until the connection is closed.
pub(crate) async fn hear(mut socket: TcpStream, mut bytes: Vec<u8>) -> Heard {
    let (mut at, mut buffer) = (Instant::now(), vec![0; 65_536]);
    loop {
        match tokio::time::timeout(Duration::from_secs(60), socket.read(&mut buffer)).await {
            Ok(Ok(n @ 1..)) => {
                at = Instant::now();
                bytes.extend_from_slice(&buffer[..n]);
            }
            Ok(Ok(_)) => return Heard { bytes, at, orderly: true },
            Ok(Err(_)) => return Heard { bytes, at, orderly: false },
            Err(_) => panic!("the connection stays open after {} bytes", bytes.len()),
        }
    }
}

/// The statuses of the answers in `bytes`, or what is wrong with them: each must be whole.
pub(crate) fn whole(mut bytes: &[u8]) -> Result<Vec<u16>, String> {
    let mut statuses = Vec::new();
    while !bytes.is_empty() {
        let end = find(bytes, b"\r\n\r\n").ok_or_else(|| format!("a head of {} bytes", bytes.len()))? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        statuses.push(head[9..12].parse().map_err(|_| head.clone())?);
        let body = &bytes[end..];
        let length = if head.contains("\ntransfer-encoding: chunked") {
            chunked(body)?
        } else {
            let length = head.split("\ncontent-length: ").nth(1).and_then(|rest| rest.lines().next());
            length.and_then(|length| length.parse().ok()).ok_or_else(|| head.clone())?
        };
        if body.len() < length {
            return Err(format!("{} of {length} bytes: {head}", body.len()));
        }
        bytes = &body[length..];
    }
    Ok(statuses)
}

/// How long a chunked body is, with its last chunk.
fn chunked(body: &[u8]) -> Result<usize, String> {
    let mut at = 0;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        let line = find(rest, b"\r\n").ok_or_else(|| format!("no chunk after {at} bytes"))?;
        let size =
            std::str::from_utf8(&rest[..line]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let size = size.ok_or_else(|| format!("no size of a chunk after {at} bytes"))?;
        at += line + 2 + size + 2;
        if size == 0 {
            return Ok(at);
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[test]
fn answers_that_are_cut_short_are_told_from_whole_ones() {
    let both = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 503 No\r\n\
                 transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    assert_eq!(whole(both), Ok(vec![200, 503]));
    assert_eq!(whole(b""), Ok(vec![]));
    let ends = [both.len(), both.len() - 57];
    for cut in (1..both.len()).filter(|cut| !ends.contains(cut)) {
        let whole_first = whole(&both[..cut]).is_ok();
        assert_eq!(whole_first, both[..cut].ends_with(b"abc"), "{cut}");
    }
}
