//! Floods: what strangers do to a server, which nobody else may notice.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rillcast::push::Clip;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::churn::{Scene, session};
use super::encoder::publish;
use super::relay::Chance;
use crate::Fault;

/// How many come at once.
const CROWD: usize = 200;
/// Where those come from who guess keys: what they are refused for is no matter of anybody else's address.
const STRANGER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), 0);

/// Requests that nobody should make.
const BAD: &[&str] = &[
    "GET / HTTP/1.1\r\n\r\n",
    "GET /live/../../etc/passwd HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /live/soak-0/index.m3u8?_HLS_msn=99999999 HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /live/soak-0/index.m3u8?_HLS_part=1 HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /live/nobody/index.m3u8 HTTP/1.1\r\nHost: t\r\n\r\n",
    "GET /live/%00%ff/index.m3u8 HTTP/1.1\r\nHost: t\r\n\r\n",
    "POST /live/soak-0/index.m3u8 HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "GET /live/soak-0/index.m3u8 HTTP/1.1\nHost: t\n\n",
    "BREW / HTCPCP/1.0\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all, but long enough to be taken for one",
    "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03",
    "GET /live/soak-1.mp4 HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
];

/// Bad requests, hundreds at once, each on a connection of its own: refused, and none with a 5xx.
pub(crate) async fn bad_requests(scene: Arc<Scene>, mut chance: Chance) {
    let mut all = JoinSet::new();
    for _ in 0..2 * CROWD {
        let text = *chance.pick(BAD).unwrap_or(&"");
        let scene = scene.clone();
        all.spawn(async move {
            let Ok(answer) = ask(scene.http, text).await else { return };
            let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..1));
            if status == Some("5") {
                scene.book.breach("a 5xx that no fault explains", format!("{answer:.40} of {text:.60?}"));
            }
            scene.book.count("bad requests answered");
        });
    }
    while all.join_next().await.is_some() {}
}

async fn ask(at: SocketAddr, text: &str) -> Result<String, Fault> {
    let mut socket = TcpStream::connect(at).await?;
    socket.write_all(text.as_bytes()).await?;
    let mut buffer = [0; 512];
    let count = tokio::time::timeout(Duration::from_secs(6), socket.read(&mut buffer)).await??;
    Ok(String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()).into_owned())
}

/// Heads that do not end: a byte a second.
pub(crate) async fn slow_heads(scene: &Scene) {
    let mut open = Vec::new();
    for _ in 0..CROWD {
        if let Ok(mut socket) = TcpStream::connect(scene.http).await {
            let _ = socket.write_all(b"GET /watch/soak-0 HTTP/1.1\r\nHost: t\r\nX-Slow: ").await;
            open.push(socket);
        }
    }
    let mut left = 0;
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        left = 0;
        for socket in &mut open {
            left += usize::from(socket.write_all(b"x").await.is_ok());
        }
    }
    scene.book.add("slow heads", CROWD as u64);
    if left > 0 {
        scene.book.breach("heads may drip on", format!("{left} of {CROWD} after eight seconds"));
    }
}

/// Encoders that connect and say nothing, or one byte.
pub(crate) async fn silent_crowd(scene: &Scene) {
    let mut open = Vec::new();
    for n in 0..CROWD {
        if let Ok(mut socket) = TcpStream::connect(scene.rtmp).await {
            if n % 2 == 0 {
                let _ = socket.write_all(&[3]).await;
            }
            open.push(socket);
        }
    }
    tokio::time::sleep(Duration::from_secs(7)).await;
    let mut left = 0;
    for socket in &mut open {
        let mut byte = [0; 64];
        let heard = tokio::time::timeout(Duration::from_millis(1), socket.read(&mut byte)).await;
        left += usize::from(heard.is_err());
    }
    scene.book.add("silent encoders", CROWD as u64);
    if left > 0 {
        scene.book.breach("silent encoders may stay", format!("{left} of {CROWD} after seven seconds"));
    }
}

/// Wrong keys, a hundred at once from one address: all refused.
pub(crate) async fn wrong_keys(scene: Arc<Scene>, clip: Arc<Clip>) {
    let mut all = JoinSet::new();
    for n in 0..CROWD / 2 {
        let (scene, clip) = (scene.clone(), clip.clone());
        all.spawn(async move {
            let url = format!("rtmp://{}/live/{}?key=guess-{n}", scene.rtmp, scene.name(n % 20));
            let leave = tokio::time::sleep(Duration::from_secs(8));
            if publish(&url, Some(STRANGER), clip, leave).await.is_ok() {
                scene.book.breach("a wrong key was let in", url);
            }
            scene.book.count("wrong keys refused");
        });
    }
    while all.join_next().await.is_some() {}
}

/// A second encoder with the right key, while the first is well: refused.
pub(crate) async fn second_encoder(scene: &Scene, stream: usize, clip: Arc<Clip>) {
    let name = scene.name(stream);
    let url = format!("rtmp://{}/live/{name}?key={}", scene.rtmp, super::server::key(name));
    let began = Instant::now();
    let leave = tokio::time::sleep(Duration::from_secs(5));
    let let_in = publish(&url, None, clip, leave).await.is_ok();
    if let_in && scene.book.calm.holds(stream, began, Instant::now()) {
        scene.book.breach("a second encoder was let in", name);
    }
}

/// Viewers all at once, for three seconds.
pub(crate) async fn rush(scene: Arc<Scene>, mut chance: Chance) {
    let until = Instant::now() + Duration::from_secs(3);
    let mut all = JoinSet::new();
    for _ in 0..CROWD {
        all.spawn(session(scene.clone(), Chance::of(chance.next(), 1), until));
    }
    while all.join_next().await.is_some() {}
}

/// Viewers who ask, are held, and go away at once.
pub(crate) async fn leavers(scene: &Scene) {
    for n in 0..CROWD {
        let name = scene.name(n % scene.names.len().max(1));
        let way = if n % 3 == 0 { ".flv" } else { "/index.m3u8" };
        let text = format!("GET /live/{name}{way} HTTP/1.1\r\nHost: t\r\n\r\n");
        if let Ok(mut socket) = TcpStream::connect(scene.http).await {
            let _ = socket.write_all(text.as_bytes()).await;
        }
    }
    scene.book.add("viewers who left at once", CROWD as u64);
}
