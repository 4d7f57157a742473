//! HTTP/2 with prior knowledge: many requests on one connection, and the bounds of one connection.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::rig::{Encoder, Server, get, metric, playable, settings};

async fn connect(server: &Server) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(server.at.http).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &SendRequest<Empty<Bytes>>, path: &str) -> hyper::Result<Response<Incoming>> {
    let request = Request::get(format!("http://test{path}")).body(Empty::new()).unwrap();
    sender.clone().send_request(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_holds_sixteen_requests_and_answers_the_others_at_once() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let open = loop {
        let (_, playlist) = get(server.at.http, &format!("{folder}media.m3u8"), "").await;
        if playlist.contains("seg-1.m4s") {
            break 1 + playlist.matches("#EXTINF").count();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let sender = connect(&server).await;
    let mut asked = Vec::new();
    for n in 0..40 {
        let (sender, path) = (sender.clone(), format!("{folder}media.m3u8?_HLS_msn={}&n={n}", open + 1));
        asked.push(tokio::spawn(async move { ask(&sender, &path).await.unwrap() }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(metric(&server, "rillcast_held_requests").await, Some(16));
    assert_eq!(asked.iter().filter(|task| task.is_finished()).count(), 24);
    for task in asked {
        let response = task.await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    // A reset stream frees its hold at once.
    let path = format!("{folder}media.m3u8?_HLS_msn={}", open + 3);
    let held = tokio::spawn({
        let (sender, path) = (sender.clone(), path.clone());
        async move { ask(&sender, &path).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    held.abort();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(metric(&server, "rillcast_held_requests").await, Some(0));
    encoder.stop().await;
}

#[tokio::test]
async fn oversized_heads_are_refused_and_the_connection_goes_on() {
    let server = Server::start(settings()).await;
    let sender = connect(&server).await;
    let many = |count: usize, size: usize| {
        let mut request = Request::get("http://test/livez");
        for n in 0..count {
            request = request.header(format!("x-{n}"), "a".repeat(size));
        }
        request.body(Empty::<Bytes>::new()).unwrap()
    };
    for (count, size) in [(100, 1), (10, 1_600), (1, 17_000)] {
        let response = sender.clone().send_request(many(count, size)).await;
        let status = response.map(|response| response.status().as_u16());
        assert!(!matches!(status, Ok(200)), "{count} fields of {size}: {status:?}");
    }
    assert_eq!(ask(&sender, &format!("/{}", "a".repeat(5_000))).await.unwrap().status(), 414);
    assert_eq!(ask(&sender, "/livez").await.unwrap().status(), 200);
}

/// A peer that opens its window for nothing gets no more than a bounded wait (CVE-2019-9517 and its kin).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_whose_window_stays_shut_is_given_up() {
    let mut settings = settings();
    settings.limits.http.write_stall = Duration::from_millis(300);
    let server = Server::start(settings).await;
    let stream = TcpStream::connect(server.at.http).await.unwrap();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(100).initial_connection_window_size(65_535);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    let closed = tokio::spawn(connection);
    // Keep the body, unread: the window never opens again.
    let response = ask(&sender, "/assets/hls-1.7.4.min.js").await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(12), closed).await;
    assert!(ended.is_ok(), "still open");
    assert_eq!(metric(&server, "rillcast_limit_hits_total{limit=\"http.write_stall\"}").await, Some(1));
    drop(response);
}

/// Hostile case 63: one that reads a response in crumbs loses that response, not the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_read_in_crumbs_is_reset_and_the_others_go_on() {
    let mut settings = settings();
    settings.limits.http.body_time = Duration::from_secs(1);
    let server = Server::start(settings).await;
    let stream = TcpStream::connect(server.at.http).await.unwrap();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(16_384).initial_connection_window_size(1 << 20);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut slow = ask(&sender, "/assets/hls-1.7.4.min.js").await.unwrap().into_body();
    let began = std::time::Instant::now();
    let error = loop {
        match slow.frame().await.expect("it is not over") {
            Ok(_) => tokio::time::sleep(Duration::from_millis(150)).await,
            Err(error) => break error,
        }
    };
    assert!(began.elapsed() > Duration::from_millis(900) && began.elapsed() < Duration::from_secs(6));
    assert!(format!("{error:?}").contains("Reset("), "{error:?}");
    assert_eq!(metric(&server, "rillcast_limit_hits_total{limit=\"http.body_time\"}").await, Some(1));
    // The same connection still serves, and as much as before.
    let whole = ask(&sender, "/assets/hls-1.7.4.min.js").await.unwrap().into_body().collect().await.unwrap();
    assert!(whole.to_bytes().len() > 100_000 && !connection.is_finished());
}
