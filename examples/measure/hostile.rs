//! Hostile: what peers who never publish cost a server: connections that stand there, promises of large messages,
//! HTTP/2 made to exhaust.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clap::Args;
use rillcast::flv::amf0::Reader;
use rillcast::media::RtmpLimits;

use crate::{Fault, process};

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// The server's process.
    #[arg(long)]
    pid: u32,
    /// Where it takes encoders.
    #[arg(long)]
    rtmp: String,
    /// Where it takes viewers.
    #[arg(long)]
    http: String,
    /// Idle connections at once; each is one descriptor here as well.
    #[arg(long, default_value_t = 1_000)]
    connections: usize,
}

pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    println!("| what | connections | memory more | of each | processor |\n|---|---:|---:|---:|---:|");
    // What the first connection costs once is none of theirs.
    each(options, 1, &[])?();
    std::thread::sleep(SETTLED);
    measured(options, "chunk size of 2^31-1, then a message", 20, || each(options, 20, &chunk_size()))?;
    measured(options, "16 MiB promised on 64 chunk streams", 20, || each(options, 20, &promises()))?;
    measured(options, "all but a byte of 16 KiB on 64 chunk streams", 20, || {
        each(options, 20, &nearly_whole())
    })?;
    for (name, first, next) in floods() {
        measured(options, name, 1, || flood(options, &first, &*next))?;
    }
    // Last, and against one look: what the allocator keeps of those before would hide what others cost.
    let before = process::look(options.pid)?;
    for stage in [Stage::Silent, Stage::Greeted, Stage::Connected] {
        let begin = process::Look { cpu: process::look(options.pid)?.cpu, ..before };
        measure_from(options, begin, stage.name(), options.connections, || {
            many(options, stage).map(drop_after)
        })?;
    }
    println!("\nAMF0 nested 100,000 deep: refused in {:.1?}", amf_depth());
    Ok(())
}

/// For memory to be given back, and for the server to see who has left.
const SETTLED: Duration = Duration::from_millis(700);

/// How far a connection gets before it stands there.
#[derive(Clone, Copy)]
enum Stage {
    Silent,
    Greeted,
    Connected,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Silent => "RTMP, nothing sent",
            Self::Greeted => "RTMP, after the handshake",
            Self::Connected => "RTMP, connected, before a publish",
        }
    }
}

/// Connections that are kept until they have been looked at.
type Kept = Vec<TcpStream>;

fn drop_after(kept: Kept) -> Box<dyn FnOnce()> {
    Box::new(move || drop(kept))
}

/// Does `what`, and prints what it cost the server by then.
fn measured(
    options: &Options,
    name: &str,
    count: usize,
    what: impl FnOnce() -> Result<Box<dyn FnOnce()>, Fault>,
) -> Result<(), Fault> {
    measure_from(options, process::look(options.pid)?, name, count, what)
}

fn measure_from(
    options: &Options,
    before: process::Look,
    name: &str,
    count: usize,
    what: impl FnOnce() -> Result<Box<dyn FnOnce()>, Fault>,
) -> Result<(), Fault> {
    let end = what()?;
    std::thread::sleep(Duration::from_millis(300));
    let after = process::look(options.pid)?;
    end();
    let grown = after.rss.saturating_sub(before.rss);
    let each = grown as f64 / count as f64 / 1_024.0;
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    println!("| {name} | {count} | {:.2} MiB | {each:.1} KiB | {cpu:.2} s |", grown as f64 / 1_048_576.0);
    std::thread::sleep(SETTLED);
    Ok(())
}

fn many(options: &Options, stage: Stage) -> Result<Kept, Fault> {
    let mut kept: Kept = Vec::new();
    for _ in 0..options.connections {
        kept.push(TcpStream::connect(&options.rtmp)?);
    }
    if let Stage::Silent = stage {
        return Ok(kept);
    }
    for socket in &mut kept {
        greet(socket)?;
        if let Stage::Connected = stage {
            socket.write_all(&connect())?;
        }
    }
    Ok(kept)
}

fn greet(socket: &mut TcpStream) -> Result<(), Fault> {
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.write_all(&[&[3][..], &[0; 1_536]].concat())?;
    socket.read_exact(&mut [0; 3_073])?;
    socket.write_all(&[0; 1_536])?;
    Ok(())
}

/// The `connect` command, in one chunk of chunk stream 3.
fn connect() -> Vec<u8> {
    let text = |text: &str| [&[2, 0, text.len() as u8], text.as_bytes()].concat();
    let body = [
        &text("connect")[..],
        &[0, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 3, 0, 3],
        b"app",
        &text("live"),
        &[0, 0, 9],
    ]
    .concat();
    [&[3, 0, 0, 0, 0, 0, body.len() as u8, 20, 0, 0, 0, 0], &body[..]].concat()
}

/// The first chunk, of chunk size 128, of a message of type 9 that declares `length`.
fn begun(csid: u8, length: u32, sent: usize) -> Vec<u8> {
    let length = length.to_be_bytes();
    [&[csid, 0, 0, 0][..], &length[1..], &[9, 1, 0, 0, 0], &vec![0; sent]].concat()
}

fn chunk_size() -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF][..], &begun(4, 16_384, 8_000)].concat()
}

fn promises() -> Vec<u8> {
    (2..64).flat_map(|csid| begun(csid, 0xFF_FFFF, 1)).collect()
}

/// With the chunk size at its largest, so that one chunk would be all of it.
fn nearly_whole() -> Vec<u8> {
    let size = [2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0x3F, 0xFF];
    let messages = (4..64).flat_map(|csid| begun(csid, 16_384, 16_383));
    size.into_iter().chain(messages).collect()
}

/// As many connections, each of which says `bytes` after the handshake.
fn each(options: &Options, count: usize, bytes: &[u8]) -> Result<Box<dyn FnOnce()>, Fault> {
    let mut kept: Kept = Vec::new();
    for _ in 0..count {
        let mut socket = TcpStream::connect(&options.rtmp)?;
        greet(&mut socket)?;
        // The server may have closed by then.
        let _ = socket.write_all(bytes);
        kept.push(socket);
    }
    Ok(drop_after(kept))
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A GET of /livez.
fn get() -> Vec<u8> {
    [&[0x82, 0x86, 1, 1, b't', 4, 6][..], b"/livez"].concat()
}

type Next = Box<dyn Fn(u32) -> Vec<u8>>;

/// What each flood begins with, and what is sent over and over.
fn floods() -> Vec<(&'static str, Vec<u8>, Next)> {
    let open = frame(1, 1, 1, &get());
    let entry = [&[0x40, 1, b'a', 0x7F, 0xA1, 0x1E], &[b'v'; 4_000][..]].concat();
    let bomb = [open.clone(), frame(9, 0, 1, &entry)].concat();
    let crumbs = [&[0, 6][..], b"cookie", &[3], b"a=b"].concat().repeat(1_000);
    vec![
        (
            "HTTP/2, 100,000 streams reset as they open",
            Vec::new(),
            Box::new(|n: u32| {
                [frame(1, 5, 2 * n + 1, &get()), frame(3, 0, 2 * n + 1, &[0, 0, 0, 8])].concat()
            }) as Next,
        ),
        (
            "HTTP/2, 100,000 streams that we have to reset",
            Vec::new(),
            Box::new(|n: u32| [frame(1, 5, 2 * n + 1, &get()), frame(8, 0, 2 * n + 1, &[0; 4])].concat()),
        ),
        ("HTTP/2, continuations without end", open.clone(), Box::new(|_| frame(9, 0, 1, &[]))),
        ("HTTP/2, an entry named again and again", bomb, Box::new(|_| frame(9, 0, 1, &[0xBE; 8_000]))),
        ("HTTP/2, cookies in crumbs", open, Box::new(move |_| frame(9, 0, 1, &crumbs))),
        ("HTTP/2, empty data", frame(1, 4, 1, &get()), Box::new(|_| frame(0, 0, 1, &[]))),
        ("HTTP/2, pings", Vec::new(), Box::new(|_| frame(6, 0, 0, &[7; 8]))),
    ]
}

/// Sends until all is sent, or the server has had enough.
fn flood(options: &Options, first: &[u8], next: &dyn Fn(u32) -> Vec<u8>) -> Result<Box<dyn FnOnce()>, Fault> {
    let mut socket = TcpStream::connect(&options.http)?;
    let mut reader = socket.try_clone()?;
    let heard = std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    socket.write_all(&[PREFACE, first].concat())?;
    for batch in 0..200_u32 {
        let bytes: Vec<u8> = (batch * 500..(batch + 1) * 500).flat_map(next).collect();
        if socket.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = socket.shutdown(std::net::Shutdown::Both);
    let _ = heard.join();
    Ok(Box::new(|| ()))
}

/// The shortest of several runs.
fn amf_depth() -> Duration {
    let nested = [3, 0, 1, b'o'].repeat(100_000);
    let limits = RtmpLimits::default();
    let refused = || {
        let began = Instant::now();
        let mut reader = Reader::new(&nested, &limits);
        assert!(reader.read().is_err(), "it is taken");
        began.elapsed()
    };
    (0..20).map(|_| refused()).min().unwrap_or_default()
}
