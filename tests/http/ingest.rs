//! The RTMP listener from outside: who gets in, who is told why not, who is closed.

use std::time::{Duration, Instant};

use rillcast::control::{DeclaredStream, KeyHash, Settings};
use rillcast::media::StreamName;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{Encoder, Server, get, hear, metric, playable, settings};

fn with_key() -> Settings {
    let name = StreamName::parse("cam").unwrap();
    let keys = vec![KeyHash::new("the-secret-of-cam").unwrap()];
    Settings { open_publish: false, streams: vec![DeclaredStream { name, keys }], ..settings() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_url_forms_publish_and_a_second_encoder_is_told_that_one_is_live() {
    let server = Server::start(with_key()).await;
    let first = Encoder::start(&server, "the-secret-of-cam");
    playable(&server, "cam").await;
    let told = Encoder::start(&server, "cam?key=the-secret-of-cam").refused().await;
    assert!(told.contains("already has a publisher"), "{told}");
    first.stop().await;
    let second = Encoder::start(&server, "cam?key=the-secret-of-cam");
    tokio::time::sleep(Duration::from_millis(300)).await;
    playable(&server, "cam").await;
    second.stop().await;
    assert_eq!(metric(&server, "rillcast_publishers").await, Some(0));
    assert_eq!(metric(&server, "rillcast_publishes_total").await, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_refused_in_words_after_a_delay() {
    let server = Server::start(with_key()).await;
    for path in ["wrong-secret", "cam", "cam?key=wrong-secret", "nobody?key=the-secret-of-cam"] {
        let began = Instant::now();
        let told = Encoder::start(&server, path).refused().await;
        assert!(told.contains("the stream key is wrong, or there is no such stream"), "{path}: {told}");
        assert!(began.elapsed() >= Duration::from_millis(200), "{path}: {:?}", began.elapsed());
    }
    assert_eq!(metric(&server, "rillcast_refused_auth_total").await, Some(4));
    let (head, _) = get(server.at.http, "/live/cam/index.m3u8", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

/// Hostile case 1, with a shorter deadline: a thousand connections that say nothing, or nearly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_silent_connections_are_closed_and_live_media_goes_on() {
    let settings = settings();
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;

    let began = Instant::now();
    let mut silent = Vec::new();
    for n in 0..1_000 {
        let mut socket = TcpStream::connect(server.at.rtmp).await.unwrap();
        if n % 2 == 0 {
            socket.write_all(&[3]).await.unwrap();
        }
        silent.push(socket);
    }
    let opened = began.elapsed();
    for (n, socket) in silent.iter_mut().enumerate() {
        let (_, closed) = hear(socket, Duration::from_secs(9)).await;
        assert!(closed, "connection {n} is still open");
    }
    let took = began.elapsed();
    assert!(took < Duration::from_millis(6_500) + opened, "{took:?} after {opened:?} of opening");
    drop(silent);
    playable(&server, "cam").await;
    encoder.stop().await;
}

#[tokio::test]
async fn encoders_past_the_cap_are_closed() {
    let mut settings = settings();
    settings.limits.rtmp.connections = 3;
    let server = Server::start(settings).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(server.at.rtmp).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut fourth = TcpStream::connect(server.at.rtmp).await.unwrap();
    let (_, closed) = hear(&mut fourth, Duration::from_secs(1)).await;
    assert!(closed);
    assert_eq!(metric(&server, "rillcast_rtmp_connections").await, Some(3));
}

#[tokio::test]
async fn what_is_not_rtmp_is_closed_at_once() {
    let server = Server::start(settings()).await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01\x02\x00", &[0xFF; 8_000]] {
        let mut socket = TcpStream::connect(server.at.rtmp).await.unwrap();
        let _ = socket.write_all(bytes).await;
        let (heard, closed) = hear(&mut socket, Duration::from_secs(1)).await;
        assert!(closed && heard.is_empty(), "{heard:?}");
    }
    assert_eq!(metric(&server, "rillcast_rtmp_protocol_errors_total").await, Some(3));
}
