//! HTTP/2 with prior knowledge: many requests on one connection, and the bounds of one connection.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::rig::{Encoder, Server, get, metric, playable, settings};

async fn connect(server: &Server) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(server.at.http).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) async fn ask(sender: &SendRequest<Empty<Bytes>>, path: &str) -> hyper::Result<Response<Incoming>> {
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

/// A connection on which a stream may bring so many bytes before its window is opened again.
pub(crate) async fn with_window(server: &Server, bytes: u32) -> (SendRequest<Empty<Bytes>>, JoinHandle<()>) {
    let stream = TcpStream::connect(server.at.http).await.unwrap();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(bytes).initial_connection_window_size(1 << 20);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(async move { connection.await.unwrap() }))
}

/// Reads nothing of `body` until it must be over, and then how it ended.
async fn neglect(body: Incoming) -> hyper::Error {
    tokio::time::sleep(Duration::from_secs(2)).await;
    neglected(body).await
}

/// How a body ended that was not read for long.
pub(crate) async fn neglected(mut body: Incoming) -> hyper::Error {
    let error = async {
        loop {
            if let Err(error) = body.frame().await.expect("it is not over") {
                return error;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(12), error).await.expect("it is given up")
}

/// Hostile case 50: a stream whose window stays shut is reset after a bounded wait, and the others go on (CVE-2019-9517
/// and its kin; and viewers who share a proxy's connection).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_whose_window_stays_shut_is_reset_and_the_others_go_on() {
    let mut settings = settings();
    settings.limits.http.write_stall = Duration::from_millis(300);
    let server = Server::start(settings).await;
    let (sender, connection) = with_window(&server, 16_384).await;
    let body = ask(&sender, "/assets/hls-1.7.4.min.js").await.unwrap().into_body();
    let error = neglect(body).await;
    assert!(format!("{error:?}").contains("Reset("), "{error:?}");
    assert_eq!(metric(&server, "rillcast_limit_hits_total{limit=\"http.write_stall\"}").await, Some(1));
    let whole = ask(&sender, "/assets/hls-1.7.4.min.js").await.unwrap().into_body().collect().await.unwrap();
    assert!(whole.to_bytes().len() > 100_000 && !connection.is_finished());
}

/// Hostile case 65: an endless file that nobody takes is over by the patience of its own, alone, and is told of as that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_stream_that_is_not_read_is_reset_and_the_others_go_on() {
    let mut settings = settings();
    settings.limits.ring.blocked = Duration::from_secs(1);
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let (sender, connection) = with_window(&server, 16_384).await;
    let stalled = ask(&sender, "/live/cam.flv").await.unwrap().into_body();
    let mut good = ask(&sender, "/live/cam.flv").await.unwrap().into_body();
    let good = tokio::spawn(async move {
        let began = std::time::Instant::now();
        let mut taken = 0;
        while began.elapsed() < Duration::from_secs(5) {
            taken += good.frame().await.unwrap().unwrap().into_data().unwrap().len();
        }
        taken
    });
    let error = neglect(stalled).await;
    assert!(format!("{error:?}").contains("Reset("), "{error:?}");
    let closed = "rillcast_readers_closed_total{protocol=\"Flv\",reason=\"write_timeout\"}";
    assert_eq!(metric(&server, closed).await, Some(1));
    assert_eq!(metric(&server, "rillcast_limit_hits_total{limit=\"ring.blocked\"}").await, Some(1));
    assert!(good.await.unwrap() > 50_000 && !connection.is_finished());
    encoder.stop().await;
    server.stop().await;
}

/// Hostile case 63: one that reads a response in crumbs loses that response, not the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_read_in_crumbs_is_reset_and_the_others_go_on() {
    let mut settings = settings();
    settings.limits.http.body_time = Duration::from_secs(1);
    let server = Server::start(settings).await;
    let (sender, connection) = with_window(&server, 16_384).await;
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
