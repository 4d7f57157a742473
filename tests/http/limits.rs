//! Every limit that needs a socket: below it nothing is counted, at it neither, above it once and by its name.

use std::time::Duration;

use rillcast::control::Settings;
use rillcast::media::Limit;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::places::{Place, place};
use crate::rig::{Encoder, Server, get, hear, metric, playable, settings};

const QUIET: Duration = Duration::from_millis(400);

/// Whether `limit` is hit this much above it (or below).
async fn hits(limit: Limit, offset: i64) -> bool {
    let mut settings = settings();
    set(&mut settings, limit);
    let server = Server::start(settings).await;
    drive(&server, limit, offset).await;
    let name = format!("rillcast_limit_hits_total{{limit=\"{}\"}}", limit.name());
    let count = metric(&server, &name).await.expect("it is there from the start");
    count > 0
}

/// Limits that are soon reached.
fn set(settings: &mut Settings, limit: Limit) {
    let limits = &mut settings.limits;
    match limit {
        Limit::RtmpConnections => limits.rtmp.connections = 4,
        Limit::HttpConnections => limits.http.connections = 4,
        Limit::HttpHolds => limits.http.holds = 3,
        Limit::HttpHoldsPerConnection => limits.http.holds_per_connection = 3,
        _ => {}
    }
}

async fn drive(server: &Server, limit: Limit, offset: i64) {
    let plus = |most: usize| most.saturating_add_signed(offset as isize);
    match limit {
        Limit::RtmpConnections => connections(server.at.rtmp, plus(4)).await,
        Limit::HttpConnections => connections(server.at.http, plus(4)).await,
        Limit::HttpTarget => {
            let target = format!("/{}", "a".repeat(plus(4_096) - 1));
            ask(server, &format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n")).await;
        }
        Limit::HttpHeaders => {
            // Host is one of them.
            let fields: String = (1..plus(64)).map(|n| format!("X-{n}: 1\r\n")).collect();
            ask(server, &format!("GET /livez HTTP/1.1\r\nHost: t\r\n{fields}\r\n")).await;
        }
        Limit::HttpHead => {
            // Names, values and four bytes of each field, and the target.
            let value =
                "a".repeat(plus(16 << 10) - ("host".len() + 1 + 4) - ("x".len() + 4) - "/livez".len());
            ask(server, &format!("GET /livez HTTP/1.1\r\nHost: t\r\nX: {value}\r\n\r\n")).await;
        }
        Limit::HttpHolds | Limit::HttpHoldsPerConnection => held(server, limit, offset).await,
        Limit::HttpH2Streams => h2(server, &requests(plus(64))).await,
        other => panic!("{} has no socket to be driven by", other.name()),
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// So many connections at once, each of which gets in before the next one comes.
async fn connections(at: std::net::SocketAddr, count: usize) {
    let mut inside = Vec::new();
    for _ in 0..count {
        inside.push(TcpStream::connect(at).await.unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn ask(server: &Server, head: &str) {
    let mut socket = TcpStream::connect(server.at.http).await.unwrap();
    let _ = socket.write_all(head.as_bytes()).await;
    hear(&mut socket, QUIET).await;
}

/// So many requests that wait for what is not there yet; on one connection with HTTP/2.
async fn held(server: &Server, limit: Limit, offset: i64) {
    let encoder = Encoder::start(server, "cam");
    let folder = playable(server, "cam").await;
    let (_, playlist) = get(server.at.http, &format!("{folder}media.m3u8"), "").await;
    let first: u64 = playlist
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"))
        .unwrap()
        .parse()
        .unwrap();
    let segments = playlist.lines().filter(|line| line.starts_with("#EXTINF")).count() as u64;
    let target = format!("{folder}media.m3u8?_HLS_msn={}", first + segments + 1);
    let count = 3_usize.saturating_add_signed(offset as isize);
    if limit == Limit::HttpHoldsPerConnection {
        assert!(target.len() < 127, "it is written with one byte of length");
        let path = [&[4, target.len() as u8], target.as_bytes()].concat();
        let block = [&[0x82, 0x86, 1, 1, b't'][..], &path].concat();
        let asks: Vec<u8> = (0..count as u32).flat_map(|n| frame(1, 5, 2 * n + 1, &block)).collect();
        h2(server, &asks).await;
    } else {
        let mut sockets = Vec::new();
        for _ in 0..count {
            let mut socket = TcpStream::connect(server.at.http).await.unwrap();
            socket.write_all(format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n").as_bytes()).await.unwrap();
            sockets.push(socket);
        }
        tokio::time::sleep(QUIET).await;
    }
    encoder.stop().await;
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// So many requests at once, whose answers the peer has no window for.
fn requests(count: usize) -> Vec<u8> {
    // SETTINGS_INITIAL_WINDOW_SIZE of nothing (RFC 9113 §6.5.2).
    let mut bytes = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let path = b"/assets/hls-1.7.4.min.js";
    let block = [&[0x82, 0x86, 1, 1, b't', 4, path.len() as u8][..], path].concat();
    bytes.extend((0..count as u32).flat_map(|n| frame(1, 5, 2 * n + 1, &block)));
    bytes
}

async fn h2(server: &Server, frames: &[u8]) {
    let socket = TcpStream::connect(server.at.http).await.unwrap();
    let (mut reader, mut writer) = socket.into_split();
    let heard = tokio::spawn(async move {
        let mut sink = [0; 4_096];
        while tokio::time::timeout(QUIET, reader.read(&mut sink))
            .await
            .is_ok_and(|read| read.is_ok_and(|n| n > 0))
        {}
    });
    let _ = writer.write_all(&[PREFACE, frames].concat()).await;
    heard.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_of_a_socket_is_counted_by_its_name_past_it_and_not_before() {
    let mut wrong = Vec::new();
    for limit in Limit::ALL.into_iter().filter(|limit| place(*limit) == Place::Sockets) {
        let (below, at, above) = tokio::join!(hits(limit, -1), hits(limit, 0), hits(limit, 1));
        if [below, at, above] != [false, false, true] {
            wrong.push(format!("{}: hit {:?}", limit.name(), [below, at, above]));
        }
    }
    assert!(wrong.is_empty(), "below, at and above: {wrong:#?}");
}
