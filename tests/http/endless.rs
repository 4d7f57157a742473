//! Readers of endless files that stall, are sent away, or are there when the server stops: what they get is whole, and
//! why they ended is told.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::film::{begins_anew_after_holes, pictures, read_for};
use crate::rig::{Encoder, Server, get, metric, narrow, playable, request, settings, until_counted};
use crate::transports::{Player, Transport};

/// A reader with little room in its socket, which has asked for `path` and read nothing.
pub(crate) async fn stalled(server: &Server, path: &str) -> TcpStream {
    let mut stream = narrow(server.at.http).await;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

/// What came in `time`, without the head of the response and the frames of the transfer; and whether it came whole.
async fn unchunked(stream: &mut TcpStream, time: Duration) -> (Bytes, Option<bool>) {
    let (mut heard, deadline) = (Vec::new(), tokio::time::Instant::now() + time);
    let closed = loop {
        let mut buffer = [0; 16 * 1024];
        match tokio::time::timeout_at(deadline, stream.read(&mut buffer)).await {
            Err(_) => break false,
            Ok(Ok(0) | Err(_)) => break true,
            Ok(Ok(count)) => heard.extend_from_slice(&buffer[..count]),
        }
    };
    let head = heard.windows(4).position(|at| at == b"\r\n\r\n").unwrap() + 4;
    let (mut rest, mut body) = (&heard[head..], BytesMut::new());
    while let Some(line) = rest.windows(2).position(|at| at == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        let chunk = &rest[line + 2..];
        if size == 0 {
            return (body.freeze(), Some(true));
        }
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        rest = chunk.get(size + 2..).unwrap_or_default();
    }
    (body.freeze(), closed.then_some(false))
}

/// Hostile case 64: one that stops reading for longer than the past that is kept, and then reads on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_slept_goes_on_at_a_keyframe_and_never_with_a_mixture() {
    let mut settings = settings();
    settings.limits.ring.history = Duration::from_secs(2);
    settings.limits.ring.blocked = Duration::from_secs(60);
    settings.limits.http.write_stall = Duration::from_secs(60);
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut readers = Vec::new();
    for ending in ["flv", "ts", "mp4"] {
        readers.push((ending, stalled(&server, &format!("/live/cam.{ending}")).await));
    }
    // The system itself gives up one that takes nothing for ten seconds.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let reads = readers.into_iter().map(|(ending, mut stream)| {
        tokio::spawn(async move { (ending, unchunked(&mut stream, Duration::from_secs(4)).await) })
    });
    for read in reads.collect::<Vec<_>>() {
        let (ending, (bytes, ended)) = read.await.unwrap();
        assert_eq!(ended, None, "{ending}: it is still there");
        let pictures = pictures(ending, &bytes, false);
        let holes = begins_anew_after_holes(&pictures, 450);
        assert!(holes >= 1, "{ending}: {} pictures and no hole", pictures.len());
        let span = pictures.last().unwrap().time - pictures[0].time;
        assert!(span > 7_000, "{ending}: it is back where the stream is, {span} ms on");
    }
    for protocol in ["Flv", "Ts", "Mp4"] {
        until_counted(&server, &format!("rillcast_readers{{protocol=\"{protocol}\"}}"), 0).await;
        let lost = format!("rillcast_reader_frames_lost_total{{protocol=\"{protocol}\"}}");
        assert!(metric(&server, &lost).await.unwrap() > 0, "{protocol}: what it lost is counted");
    }
    encoder.stop().await;
    server.stop().await;
}

/// Hostile case 63.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_nothing_is_closed_for_that_and_no_other_minds() {
    let mut settings = settings();
    settings.limits.ring.blocked = Duration::from_secs(1);
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(stalled(&server, "/live/cam.flv").await);
    }
    let player = Player::plain(Transport::Http1, &server);
    let (response, open) = player.open(Method::GET, "/live/cam.flv", &[]).await;
    let mut body = response.into_body();
    let (bytes, ended) = read_for(&mut body, Duration::from_secs(8)).await;
    assert_eq!(ended, None);
    let good = pictures("flv", &bytes, false);
    assert_eq!(begins_anew_after_holes(&good, 450), 0);
    assert!(good.len() >= 190, "{} pictures", good.len());
    let closed = "rillcast_readers_closed_total{protocol=\"Flv\",reason=\"write_timeout\"}";
    until_counted(&server, closed, 20).await;
    let (_, ended) = unchunked(&mut streams[0], Duration::from_secs(3)).await;
    assert_eq!(ended, Some(false), "it can tell that this was not the end of the stream");
    drop((body, open));
    encoder.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_sent_away_or_outlives_the_server_gets_a_whole_end() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let player = Player::plain(Transport::Http1, &server);
    let (bad, bad_open) =
        player.open(Method::GET, "/live/cam.ts?token=secret", &[("user-agent", "Bad/1.0")]).await;
    let mut bad = bad.into_body();
    let (mut bytes, mut ended) = (Vec::new(), None);
    while bytes.is_empty() && ended.is_none() {
        let (read, over) = read_for(&mut bad, Duration::from_millis(200)).await;
        bytes.extend_from_slice(&read);
        ended = over;
    }
    let (good, good_open) = player.open(Method::GET, "/live/cam.mp4", &[]).await;
    let (_, listing) = get(server.at.admin, "/api/v1/viewers?stream=cam", "").await;
    assert!(!listing.contains("secret"), "{listing}");
    let listing: Value = serde_json::from_str(&listing).unwrap();
    let viewers = listing["viewers"].as_array().unwrap();
    let one = viewers.iter().find(|viewer| viewer["agent"] == "Bad/1.0").unwrap();
    assert_eq!((&one["protocol"], &one["counted_by"]), (&"ts".into(), &"connection".into()));
    let kick = format!("/api/v1/viewers/{}/kick", one["id"].as_str().unwrap());
    let (head, _) = request(server.at.admin, "POST", &kick, "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let (rest, ended) = read_for(&mut bad, Duration::from_secs(5)).await;
    assert_eq!(ended, Some(true));
    bytes.extend_from_slice(&rest);
    begins_anew_after_holes(&pictures("ts", &bytes.into(), true), 450);
    let closed = "rillcast_readers_closed_total{protocol=\"Ts\",reason=\"kicked\"}";
    until_counted(&server, closed, 1).await;
    let (again, _open) = player.open(Method::GET, "/live/cam.ts", &[("user-agent", "Bad/1.0")]).await;
    assert_eq!(again.status(), 403, "it cannot come straight back");

    let reader = tokio::spawn(async move {
        let read = read_for(&mut good.into_body(), Duration::from_secs(10)).await;
        drop(good_open);
        read
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let took = server.stop().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    let (bytes, ended) = reader.await.unwrap();
    assert_eq!(ended, Some(true));
    assert_eq!(begins_anew_after_holes(&pictures("mp4", &bytes, true), 450), 0);
    drop((bad_open, encoder));
}
