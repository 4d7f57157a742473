//! Streams as endless files: what every format and transport gets, and what is refused.

use std::time::{Duration, Instant};

use hyper::Method;

use crate::film::{begins_anew_after_holes, pictures, read_for};
use crate::rig::{Encoder, Server, get, metric, playable, raw, request, settings};
use crate::tls_rig::secure;
use crate::transports::{ALL, Player, Transport};

const FORMATS: [(&str, &str); 3] = [("mp4", "video/mp4"), ("flv", "video/x-flv"), ("ts", "video/mp2t")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_format_begins_at_a_keyframe_on_every_transport() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    for transport in ALL {
        let player = Player::new(transport, &server, folder.path());
        let reads = FORMATS.map(async |(ending, content_type)| {
            let began = Instant::now();
            let (response, _open) = player.open(Method::GET, &format!("/live/cam.{ending}"), &[]).await;
            assert_eq!(response.status(), 200, "{transport:?} {ending}");
            let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header("content-type").as_deref(), Some(content_type));
            assert_eq!(header("cache-control").as_deref(), Some("no-store"));
            assert_eq!(header("access-control-allow-origin").as_deref(), Some("*"));
            assert_eq!(header("content-length"), None, "{transport:?} {ending}");
            assert!(began.elapsed() < Duration::from_secs(2), "the head comes at once");
            let mut body = response.into_body();
            let (bytes, ended) = read_for(&mut body, Duration::from_millis(2_500)).await;
            assert_eq!(ended, None, "{transport:?} {ending}");
            let pictures = pictures(ending, &bytes, false);
            let least = if ending == "mp4" { 8 } else { 40 };
            assert!(pictures.len() >= least, "{transport:?} {ending}: {} pictures", pictures.len());
            assert_eq!(begins_anew_after_holes(&pictures, 450), 0, "{transport:?} {ending}");
        });
        futures(reads).await;
    }
    encoder.stop().await;
    server.stop().await;
}

/// All at once.
async fn futures<F: Future<Output = ()>, const N: usize>(all: [F; N]) {
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        all.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_stream_is_a_clean_end_of_whole_units() {
    let mut settings = settings();
    settings.grace = Duration::ZERO;
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut readers = Vec::new();
    for (ending, _) in FORMATS {
        for transport in [Transport::Http1, Transport::H2c] {
            let player = Player::plain(transport, &server);
            let path = format!("/live/cam.{ending}");
            let (response, open) = player.open(Method::GET, &path, &[]).await;
            readers.push(tokio::spawn(async move {
                let mut body = response.into_body();
                let read = read_for(&mut body, Duration::from_secs(20)).await;
                drop(open);
                (ending, transport, read)
            }));
        }
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(metric(&server, "rillcast_readers{protocol=\"Flv\"}").await, Some(2));
    assert_eq!(metric(&server, "rillcast_viewers{protocol=\"Ts\"}").await, Some(2));
    encoder.stop().await;
    for reader in readers {
        let (ending, transport, (bytes, ended)) = reader.await.unwrap();
        assert_eq!(ended, Some(true), "{ending} {transport:?}");
        assert_eq!(begins_anew_after_holes(&pictures(ending, &bytes, true), 450), 0);
    }
    for protocol in ["Mp4", "Flv", "Ts"] {
        let name =
            format!("rillcast_readers_closed_total{{protocol=\"{protocol}\",reason=\"stream_ended\"}}");
        assert_eq!(metric(&server, &name).await, Some(2), "{protocol}");
    }
    let (head, _) = get(server.at.http, "/live/cam.flv", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_had_is_refused_in_words() {
    let mut settings = settings();
    settings.limits.viewers.per_stream = 3;
    let server = Server::start(settings).await;
    for method in ["GET", "HEAD"] {
        let (head, _) = request(server.at.http, method, "/live/nobody.ts", "").await;
        assert!(head.starts_with("http/1.1 404"), "{head}");
        assert!(head.contains("access-control-allow-origin: *") && head.contains("no-store"), "{head}");
    }
    let encoder = Encoder::start(&server, "cam");
    let modern = Encoder::start_file(server.at.rtmp, "modern", "vp9_altref_aac.flv");
    playable(&server, "cam").await;
    playable(&server, "modern").await;

    let (head, body) = get(server.at.http, "/live/modern.ts", "").await;
    assert!(head.starts_with("http/1.1 406") && !head.contains("retry-after"), "{head}");
    assert!(body.contains("MPEG-TS cannot carry track v0 (vp09."), "{body}");
    let (head, body) = request(server.at.http, "HEAD", "/live/modern.ts", "").await;
    assert!(head.starts_with("http/1.1 406") && body.is_empty(), "{head}");

    let (head, body) = request(server.at.http, "HEAD", "/live/cam.mp4", "").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: video/mp4"), "{head}");
    assert!(body.is_empty() && !head.contains("\ncontent-length:"), "it has no length: {head}");
    let (head, _) = request(server.at.http, "POST", "/live/cam.mp4", "").await;
    assert!(head.starts_with("http/1.1 405"), "{head}");
    let (head, _) = request(server.at.http, "OPTIONS", "/live/cam.flv", "").await;
    assert!(head.starts_with("http/1.1 204"), "{head}");

    // The rig itself is one viewer of HLS.
    let player = Player::plain(Transport::Http1, &server);
    let two = [
        player.open(Method::GET, "/live/cam.flv", &[]).await,
        player.open(Method::GET, "/live/cam.flv", &[]).await,
    ];
    assert!(two.iter().all(|(response, _)| response.status() == 200));
    let (head, body) = get(server.at.http, "/live/cam.flv", "").await;
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after: "), "{head}");
    assert!(body.contains("as many viewers"), "{body}");
    drop(two);
    let began = Instant::now();
    while metric(&server, "rillcast_readers{protocol=\"Flv\"}").await != Some(0) {
        assert!(began.elapsed() < Duration::from_secs(5), "readers who have left are counted out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    encoder.stop().await;
    modern.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_of_http_1_0_gets_bytes_until_the_connection_closes() {
    let mut settings = settings();
    settings.grace = Duration::ZERO;
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let at = server.at.http;
    let reader = tokio::spawn(async move {
        let text = b"GET /live/cam.ts HTTP/1.0\r\n\r\n";
        raw(at, text, Duration::from_secs(5)).await
    });
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    encoder.stop().await;
    let (heard, closed) = reader.await.unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200") && !head.to_ascii_lowercase().contains("chunked"), "{head}");
    assert!(closed && body.starts_with('G'), "packets begin at once");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_looks_like_a_file_is_reached_by_one_more_ending() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "a.mp4");
    let other = Encoder::start(&server, "x/thumb");
    playable(&server, "a.mp4").await;
    playable(&server, "x/thumb").await;
    let player = Player::plain(Transport::Http1, &server);
    for (path, status) in [
        ("/live/a.mp4", 404),
        ("/live/a.mp4.mp4", 200),
        ("/live/a.mp4.flv", 200),
        ("/live/a.mp4.m3u8", 200),
        // The picture of a stream named x, which there is not.
        ("/live/x/thumb.mp4", 404),
        ("/live/x/thumb.ts", 200),
    ] {
        let (response, _open) = player.open(Method::GET, path, &[]).await;
        assert_eq!(response.status(), status, "{path}");
    }
    encoder.stop().await;
    other.stop().await;
    server.stop().await;
}
