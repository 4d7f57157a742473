//! HTTP/2 made to exhaust: hand-made frames at a server in a process of its own, whose memory and time are read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test reports by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frame types (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// Flags of HEADERS and CONTINUATION.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// More than this the server's memory must not grow by. The rows say 8 MiB and 2 MiB; allocators keep some.
const GROWTH: u64 = 8 << 20;
/// A server that has nothing more to say.
const QUIET: Duration = Duration::from_millis(700);
/// How soon a flood must be over.
const SOON: Duration = Duration::from_secs(5);

/// The server in a process of its own.
struct Server {
    child: Child,
    http: SocketAddr,
    _data: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rillcast"));
        command.args(["serve", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.arg("--data").arg(data.path().join("data")).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = log.find(|line| line.as_ref().is_ok_and(|line| line.contains("\"listener\":\"http\"")));
        let line = line.unwrap().unwrap();
        let at = line.split("\"address\":\"").nth(1).unwrap().split('"').next().unwrap();
        let http = at.parse().unwrap();
        std::thread::spawn(move || log.for_each(drop));
        let server = Self { child, http, _data: data };
        // What the first connection costs once is none of a flood's.
        assert!(server.well());
        server
    }

    /// Resident bytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Whether a request on a new connection is answered.
    fn well(&self) -> bool {
        let mut socket = TcpStream::connect(self.http).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket.write_all(b"GET /livez HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
        let mut heard = String::new();
        socket.read_to_string(&mut heard).is_ok() && heard.starts_with("HTTP/1.1 200")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field that is not indexed, with a name and a value of less than 127 bytes (RFC 7541 §6.2.2).
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

/// A header block: GET of `path`.
fn block(path: &str) -> Vec<u8> {
    [&[0x82, 0x86, 0x01, 1, b't', 0x04, path.len() as u8], path.as_bytes()].concat()
}

fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(path))
}

/// How a connection went.
#[derive(Debug)]
struct End {
    /// The error code of GOAWAY, if one came.
    code: Option<u32>,
    /// Frames other than SETTINGS, PING and WINDOW_UPDATE: their type, flags and stream.
    frames: Vec<(u8, u8, u32)>,
    /// Whether the server closed.
    closed: bool,
}

fn read(mut socket: TcpStream) -> End {
    let mut end = End { code: None, frames: Vec::new(), closed: false };
    let mut head = [0; 9];
    loop {
        if let Err(error) = socket.read_exact(&mut head) {
            end.closed =
                !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            return end;
        }
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        if socket.read_exact(&mut payload).is_err() {
            end.closed = true;
            return end;
        }
        let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
        match head[3] {
            GOAWAY => end.code = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap())),
            SETTINGS | PING | WINDOW_UPDATE => {}
            kind if end.frames.len() < 1_000 => end.frames.push((kind, head[4], stream)),
            _ => {}
        }
    }
}

/// A connection with its preface sent, and what is heard on it.
fn connect(server: &Server) -> (TcpStream, JoinHandle<End>) {
    let mut socket = TcpStream::connect(server.http).unwrap();
    socket.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).unwrap();
    let reader = socket.try_clone().unwrap();
    reader.set_read_timeout(Some(QUIET)).unwrap();
    let heard = std::thread::spawn(move || read(reader));
    (socket, heard)
}

/// Sends `count` times what `next` gives, until it is all sent or the server closes. The server must end the
/// connection, soon, without growing, and go on.
fn flood(server: &Server, what: &str, first: &[u8], count: u32, next: impl Fn(u32) -> Vec<u8>) -> End {
    let before = server.memory();
    let began = Instant::now();
    let (mut socket, heard) = connect(server);
    let _ = socket.write_all(first);
    let mut sent = 0;
    while sent < count {
        let batch: Vec<u8> = (sent..(sent + 500).min(count)).flat_map(&next).collect();
        if socket.write_all(&batch).is_err() {
            break;
        }
        sent += 500;
    }
    let end = heard.join().unwrap();
    let _ = socket.shutdown(Shutdown::Both);
    let (took, grown) = (began.elapsed(), server.memory().saturating_sub(before));
    assert!(end.closed || end.code.is_some(), "{what}: the connection goes on after {sent}");
    assert!(sent < count, "{what}: all of it was taken");
    assert!(took < SOON, "{what}: {took:?}");
    assert!(grown < GROWTH, "{what}: {grown} bytes more");
    assert!(server.well(), "{what}: the server does not go on");
    end
}

fn odd(n: u32) -> u32 {
    2 * n + 1
}

/// Hostile case 47: also what makes us reset them (CVE-2025-8671).
#[test]
fn streams_that_are_reset_as_they_open_end_the_connection() {
    let server = Server::start();
    flood(&server, "rapid reset", &[], 100_000, |n| {
        [get(odd(n), "/livez"), frame(RST_STREAM, 0, odd(n), &8_u32.to_be_bytes())].concat()
    });
    flood(&server, "a window update of zero", &[], 100_000, |n| {
        [get(odd(n), "/livez"), frame(WINDOW_UPDATE, 0, odd(n), &[0; 4])].concat()
    });
    flood(&server, "a window that overflows", &[], 100_000, |n| {
        [get(odd(n), "/livez"), frame(WINDOW_UPDATE, 0, odd(n), &0x7FFF_FFFF_u32.to_be_bytes())].concat()
    });
    flood(&server, "data after the end", &[], 100_000, |n| {
        [get(odd(n), "/livez"), frame(DATA, 0, odd(n), b"x")].concat()
    });
    flood(&server, "a stream that depends on itself", &[], 100_000, |n| {
        let on = [&odd(n).to_be_bytes()[..], &[16]].concat();
        [get(odd(n), "/livez"), frame(PRIORITY, 0, odd(n), &on)].concat()
    });
}

/// Hostile case 48.
#[test]
fn header_lists_are_counted_as_they_decode() {
    let server = Server::start();
    let open = frame(HEADERS, END_STREAM, 1, &block("/livez"));
    flood(&server, "empty continuations", &open, 1_000_000, |_| frame(CONTINUATION, 0, 1, &[]));
    let filler = field("x", &"y".repeat(100)).repeat(100);
    flood(&server, "continuations", &open, 100_000, |_| frame(CONTINUATION, 0, 1, &filler));
    // An entry of 4,000 bytes enters the table once, and each further byte names it again (RFC 7541 §6.1).
    let entry = [&[0x40, 1, b'a', 0x7F, 0xA1, 0x1E], &[b'v'; 4_000][..]].concat();
    let bomb = |_| {
        let references = [0xBE; 8_000];
        frame(CONTINUATION, 0, 1, &references)
    };
    flood(
        &server,
        "an entry named again and again",
        &[&open[..], &frame(CONTINUATION, 0, 1, &entry)].concat(),
        100_000,
        bomb,
    );
    let crumbs = field("cookie", "a=b").repeat(1_000);
    flood(&server, "cookies in crumbs", &open, 100_000, |_| frame(CONTINUATION, 0, 1, &crumbs));

    // The same within a complete list: an answer that it is too large, and no memory.
    for (what, fields) in [
        ("names without a value", field("a", "").repeat(1_500)),
        ("a bomb", [&entry[..], &[0xBE; 8_000]].concat()),
        ("crumbs", field("cookie", "a=b").repeat(1_500)),
    ] {
        let before = server.memory();
        let (mut socket, heard) = connect(&server);
        let list = [block("/livez"), fields].concat();
        for stream in 0..64 {
            if socket
                .write_all(&frame(
                    HEADERS,
                    END_STREAM | END_HEADERS,
                    odd(stream),
                    &list[..list.len().min(16_384)],
                ))
                .is_err()
            {
                break;
            }
        }
        heard.join().unwrap();
        let grown = server.memory().saturating_sub(before);
        assert!(grown < GROWTH, "{what}: {grown} bytes more");
        assert!(server.well(), "{what}");
    }
}

/// Hostile case 49.
#[test]
fn frames_that_ask_for_nothing_end_the_connection() {
    let server = Server::start();
    let post =
        frame(HEADERS, END_HEADERS, 1, &[&[0x83, 0x86, 0x01, 1, b't', 0x04, 6], &b"/livez"[..]].concat());
    flood(&server, "empty data", &post, 1_000_000, |_| frame(DATA, 0, 1, &[]));
    flood(&server, "pings", &[], 1_000_000, |n| frame(PING, 0, 0, &u64::from(n).to_be_bytes()));
    flood(&server, "settings", &[], 1_000_000, |_| frame(SETTINGS, 0, 0, &[]));
    flood(&server, "priorities", &[], 1_000_000, |n| frame(PRIORITY, 0, odd(n % 500), &[0, 0, 0, 0, 16]));
    flood(&server, "frames of an unknown type", &[], 1_000_000, |_| frame(0xEE, 0, 0, &[]));
    flood(&server, "windows that open by one", &[], 1_000_000, |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]));
}

/// Hostile case 46, in HTTP/2: what would split a request of HTTP/1 is no request.
#[test]
fn line_ends_in_a_path_or_a_field_are_no_request() {
    let server = Server::start();
    let split = "/livez HTTP/1.1\r\nHost: t\r\n\r\nGET /readyz";
    for (what, list) in [
        ("a path with line ends", block(split)),
        ("a path with NUL", block("/live\0z")),
        ("a value with line ends", [block("/livez"), field("x-a", "1\r\nx-b: 2")].concat()),
        ("a name with line ends", [block("/livez"), field("x-a: 1\r\nx-b", "2")].concat()),
        ("a name in capitals", [block("/livez"), field("X-A", "1")].concat()),
        ("a transfer encoding", [block("/livez"), field("transfer-encoding", "chunked")].concat()),
        ("a connection field", [block("/livez"), field("connection", "close")].concat()),
        ("two paths", [block("/livez"), block("/readyz")].concat()),
        ("no path", vec![0x82, 0x86, 0x01, 1, b't']),
        ("a method with a space", [vec![0x02, 5], b"GET /".to_vec(), block("/livez")[1..].to_vec()].concat()),
    ] {
        let (mut socket, heard) = connect(&server);
        socket.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &list)).unwrap();
        let end = heard.join().unwrap();
        let served = end.frames.iter().filter(|(kind, _, _)| *kind == DATA).count();
        assert_eq!(served, 0, "{what}: {end:?}");
        assert!(server.well(), "{what}");
    }
}
