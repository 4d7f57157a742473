//! Readers of a stream without an end: over HTTP, a WebSocket and RTMP; and those that do not read.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use http_body_util::BodyExt;
use rillcast::flv::amf0::{self, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::churn::Scene;
use super::secure::Secure;
use crate::Fault;

/// What a player that does not read lets its system keep.
const SMALL: u32 = 4 * 1024;
const READ: usize = 64 * 1024;
/// How soon the first byte must come where nothing is wrong.
const FIRST: Duration = Duration::from_secs(10);

/// Without announcing them nobody is given any but the first of FLV.
const CODECS: [&str; 10] = ["avc1", "hvc1", "av01", "vp09", "mp4a", "Opus", "fLaC", "ac-3", "ec-3", ".mp3"];

/// A way to have a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Mp4,
    Flv,
    Ts,
    WebSocket,
    Rtmp,
}

impl Way {
    pub(crate) const ALL: [Self; 5] = [Self::Mp4, Self::Flv, Self::Ts, Self::WebSocket, Self::Rtmp];

    /// Whether it is a file over HTTP.
    fn is_file(self) -> bool {
        matches!(self, Self::Mp4 | Self::Flv | Self::Ts)
    }
}

/// Reads until the instant given.
pub(crate) async fn read(
    scene: &Scene,
    stream: usize,
    (way, secure): (Way, bool),
    until: Instant,
) -> Result<(), Fault> {
    let asked = Instant::now();
    let name = scene.name(stream);
    let (bytes, head) = match way {
        Way::WebSocket => (frames(scene.http, name, until).await?, String::new()),
        Way::Rtmp => {
            let mut socket = play(connect(scene.rtmp, None).await?, name).await?;
            drain(&mut socket, until).await?
        }
        Way::Mp4 | Way::Flv | Way::Ts if secure => over_http2(scene, &path(name, way), until).await?,
        Way::Mp4 | Way::Flv | Way::Ts => {
            let mut socket = connect(scene.http, None).await?;
            socket.write_all(request(name, way).as_bytes()).await?;
            drain(&mut socket, until).await?
        }
    };
    if head.split(' ').nth(1) == Some("406") {
        scene.book.count("readers of a format that has no place for the codec");
        return Ok(());
    }
    scene.book.add("bytes of endless readers", bytes);
    let now = Instant::now();
    if scene.book.calm.holds(stream, asked, now) {
        if now < until {
            scene.book.breach(
                "a reader was closed without a fault",
                format!("{way:?} of {name}, {bytes} bytes, {head:?}"),
            );
        } else if bytes < 10_000 && now - asked > FIRST {
            scene.book.breach("a reader got nothing", format!("{way:?} of {name}, {bytes} bytes"));
        }
    }
    Ok(())
}

/// Asks, and does not read.
pub(crate) async fn stall(
    scene: &Scene,
    stream: usize,
    (way, secure): (Way, bool),
    until: Instant,
) -> Result<(), Fault> {
    if secure && way.is_file() {
        let mut connection = Secure::open(&scene.secure, Some(SMALL)).await?;
        let response = connection.ask(&path(scene.name(stream), way)).await?;
        tokio::time::sleep_until(until.into()).await;
        drop(response);
        return Ok(());
    }
    let mut socket = connect(scene.address(way), Some(SMALL)).await?;
    let name = scene.name(stream);
    let socket = match way {
        Way::Rtmp => play(socket, name).await?,
        Way::WebSocket => {
            let url = format!("ws://{}/live/{name}.flv", scene.http);
            let (kept, _) = tokio_tungstenite::client_async(url, socket).await?;
            kept.into_inner()
        }
        Way::Mp4 | Way::Flv | Way::Ts => {
            socket.write_all(request(name, way).as_bytes()).await?;
            socket
        }
    };
    tokio::time::sleep_until(until.into()).await;
    drop(socket);
    Ok(())
}

impl Scene {
    fn address(&self, way: Way) -> SocketAddr {
        if way == Way::Rtmp { self.rtmp } else { self.http }
    }
}

async fn connect(at: SocketAddr, small: Option<u32>) -> Result<TcpStream, Fault> {
    let socket = TcpSocket::new_v4()?;
    if let Some(small) = small {
        socket.set_recv_buffer_size(small)?;
    }
    Ok(socket.connect(at).await?)
}

fn path(name: &str, way: Way) -> String {
    let extension = match way {
        Way::Mp4 => "mp4",
        Way::Ts => "ts",
        Way::Flv | Way::WebSocket | Way::Rtmp => "flv",
    };
    format!("/live/{name}.{extension}")
}

fn request(name: &str, way: Way) -> String {
    format!("GET {} HTTP/1.1\r\nHost: soak\r\n\r\n", path(name, way))
}

/// Bytes until the end, or the instant given; and how it begins.
async fn over_http2(scene: &Scene, path: &str, until: Instant) -> Result<(u64, String), Fault> {
    let response = Secure::open(&scene.secure, None).await?.ask(path).await?;
    let head = format!("HTTP/2 {}", response.status().as_u16());
    let (mut bytes, mut body) = (0, response.into_body());
    while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(until.into(), body.frame()).await {
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok((bytes, head))
}

/// Bytes until the end, or the instant given; and how it begins.
async fn drain(socket: &mut TcpStream, until: Instant) -> Result<(u64, String), Fault> {
    let (mut bytes, mut head, mut buffer) = (0, String::new(), vec![0; READ]);
    while let Ok(read) = tokio::time::timeout_at(until.into(), socket.read(&mut buffer)).await {
        match read {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                if bytes == 0 {
                    let begins = buffer.get(..count.min(16)).unwrap_or_default();
                    head = String::from_utf8_lossy(begins).into_owned();
                }
                bytes += count as u64;
            }
        }
    }
    Ok((bytes, head))
}

async fn frames(at: SocketAddr, name: &str, until: Instant) -> Result<u64, Fault> {
    let url = format!("ws://{at}/live/{name}.flv");
    let (mut socket, _) = tokio_tungstenite::client_async(url, connect(at, None).await?).await?;
    let mut bytes = 0;
    while let Ok(Some(Ok(message))) = tokio::time::timeout_at(until.into(), socket.next()).await {
        bytes += message.len() as u64;
    }
    Ok(bytes)
}

/// Says hello in RTMP and asks to play; what is answered is media to us.
async fn play(mut socket: TcpStream, name: &str) -> Result<TcpStream, Fault> {
    let mut hello = vec![0; 1_537];
    hello.splice(..1, [3]);
    socket.write_all(&hello).await?;
    let mut greeting = vec![0; 1 + 2 * 1_536];
    tokio::time::timeout(FIRST, socket.read_exact(&mut greeting)).await??;
    socket.write_all(greeting.get(1..1_537).unwrap_or_default()).await?;
    let codecs = CODECS.map(Value::String).to_vec();
    let properties = vec![
        ("app", Value::String("live")),
        ("tcUrl", Value::String("rtmp://h/live")),
        ("fourCcList", Value::StrictArray(codecs)),
    ];
    let mut out = message(0, &amf0::command("connect", 1.0, &[Value::Object(properties)]));
    out.extend(message(0, &amf0::command("createStream", 2.0, &[Value::Null])));
    let play = [Value::Null, Value::String(name), Value::Number(-2_000.0)];
    out.extend(message(1, &amf0::command("play", 3.0, &play)));
    socket.write_all(&out).await?;
    Ok(socket)
}

/// A command message in chunks of 128 bytes (RTMP 1.0 §5.3.1).
fn message(stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    let mut out = vec![3, 0, 0, 0];
    out.extend(length.iter().skip(1));
    out.push(20);
    out.extend(stream.to_le_bytes());
    for (n, chunk) in body.chunks(128).enumerate() {
        if n > 0 {
            out.push(0xc3);
        }
        out.extend(chunk);
    }
    out
}
