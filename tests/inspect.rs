//! `rillcast inspect` against this server, against origins with faults, and against nothing at all.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::disallowed_methods, dead_code, reason = "tests measure real time, with a part of a rig")]

#[path = "http/rig.rs"]
mod rig;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rig::{Encoder, Server, metric, playable, settings};
use rillcast::server::inspect::{self, Error, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn report(url: String, seconds: u64, json: bool) -> (Result<(), Error>, String) {
    let mut out = Vec::new();
    let options = Options { url, span: Duration::from_secs(seconds), json, ca: None };
    let result = inspect::run(options, std::future::pending(), &mut out).await;
    (result, String::from_utf8(out).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_stream_breaks_no_rule() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let url = format!("http://{}/live/cam/index.m3u8?key=s3cret", server.at.http);
    let (result, text) = report(url, 8, true).await;
    assert!(result.is_ok(), "{result:?}\n{text}");
    assert!(!text.contains("s3cret"), "{text}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&report["errors"], &report["transitions"]["bad"]), (&0.into(), &0.into()), "{text}");
    let playlists = report["playlists"].as_array().unwrap();
    assert_eq!(playlists.len(), 2, "{text}");
    for playlist in playlists {
        assert!(playlist["parts"].as_u64().unwrap() >= 10, "{text}");
        assert!(playlist["peak_bits_per_second"].as_u64().unwrap() > 50_000, "{text}");
        assert!(playlist["latency_millis"]["p99"].as_i64().unwrap() < 1_000, "{text}");
    }
    assert!(report["transitions"]["listed"].as_array().unwrap().iter().all(|t| t["verdict"] == "good"));
    // The server has held what it sent to the same rules: every state of two playlists, once each.
    assert_eq!(metric(&server, "rillcast_hls_lint_violations_total").await, Some(0));
    let checks = metric(&server, "rillcast_hls_lint_checks_total").await.unwrap();
    assert!((20..200).contains(&checks), "{checks} checks");
    encoder.stop().await;
}

/// The end of a stream is no fault: what was hinted is refused, what was held is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_stream_breaks_no_rule_and_ends_the_inspection() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let url = format!("http://{}/live/cam/index.m3u8", server.at.http);
    let began = Instant::now();
    let (inspected, ()) = tokio::join!(report(url, 60, false), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        encoder.stop().await;
    });
    let (result, text) = inspected;
    assert!(result.is_ok(), "{result:?}\n{text}");
    assert!(began.elapsed() < Duration::from_secs(30), "{text}");
    assert!(text.contains(" 0 errors"), "{text}");
}

/// An encoder that drops and returns within the grace: gaps and a discontinuity, and nothing late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_drops_and_returns_breaks_no_rule() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let url = format!("http://{}/live/cam/index.m3u8", server.at.http);
    let ((result, text), encoder) = tokio::join!(report(url, 14, true), async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        encoder.crash().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        Encoder::start(&server, "cam")
    });
    assert!(result.is_ok(), "{result:?}\n{text}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["rules"], serde_json::json!([]), "{text}");
    assert_eq!(metric(&server, "rillcast_hls_lint_violations_total").await, Some(0));
    encoder.stop().await;
}

/// An origin that answers every request alike, at once, on kept-alive connections.
async fn origin(head: &'static str, body: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let reply = format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n{body}", body.len());
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                while socket.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                    if socket.write_all(reply.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    at
}

const PLAYLIST: &str = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n\
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.2\n#EXT-X-PART-INF:PART-TARGET=0.5\n\
    #EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2.0,\n1.m4s\n\
    #EXT-X-PART:DURATION=0.501,URI=\"2.0.m4s\"\n";

#[tokio::test]
async fn an_origin_with_faults_is_told_every_one() {
    let at = origin("200 OK\r\nContent-Type: text/plain\r\n", PLAYLIST.to_owned()).await;
    let (result, text) = report(format!("http://{at}/live/x.m3u8?token=s3cret"), 3, false).await;
    let Err(Error::Broken(errors)) = result else { panic!("{result:?}\n{text}") };
    assert!(errors >= 6, "{text}");
    for rule in [
        "part-over-target (§4.4.4.9)",
        "part-hold-back-short (Apple 14.3)",
        "no-preload-hint",
        "no-date-time",
        "content-type",
        "not-compressed",
        "reload-early",
        "part-alone-taken",
        "far-reload-held",
        "no-cors",
    ] {
        assert!(text.contains(rule), "{rule} in\n{text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    assert!(text.len() < 20_000, "{} bytes", text.len());
    let Err(error) = report(format!("http://{at}/live/x.m3u8"), 1, true).await.0 else { panic!("no error") };
    assert_eq!(error.exit_code(), 1);
}

#[tokio::test]
async fn what_cannot_be_inspected_is_said_without_secrets() {
    let nothing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let page = origin("200 OK\r\n", "<html>".to_owned()).await;
    let gone = origin("410 Gone\r\n", String::new()).await;
    let loops = origin("302 Found\r\nLocation: /again?token=s3cret\r\n", String::new()).await;
    for (url, code, says) in [
        (format!("http://{nothing}/x?token=s3cret"), 1, "cannot connect"),
        (format!("http://{page}/x?token=s3cret"), 1, "no playlist"),
        (format!("http://{gone}/x?token=s3cret"), 1, "410"),
        (format!("http://{loops}/x?token=s3cret"), 1, "redirects"),
        (format!("http://s3cret@{page}/x"), 2, "user name"),
        ("s3cret".to_owned(), 2, "http://"),
    ] {
        let error = report(url, 1, false).await.0.unwrap_err();
        assert_eq!(error.exit_code(), code, "{error}");
        assert!(error.to_string().contains(says) && !error.to_string().contains("s3cret"), "{error}");
    }
}

/// Over TLS, by HTTP/2, with the certificate that was made for this machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_over_tls_breaks_no_rule_and_a_stranger_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let mut secure = settings();
    secure.tls.self_signed = true;
    secure.data = folder.path().to_owned();
    secure.listen.https = Some(([127, 0, 0, 1], 0).into());
    let server = Server::start(secure).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let url = format!("https://localhost:{}/live/cam/index.m3u8", server.at.https.unwrap().port());
    let (result, _) = report(url.clone(), 1, false).await;
    assert!(result.unwrap_err().to_string().contains("not to be trusted"));
    let mut out = Vec::new();
    let ca = Some(folder.path().join("self-signed.crt"));
    let options = Options { url, span: Duration::from_secs(5), json: false, ca };
    let result = inspect::run(options, std::future::pending(), &mut out).await;
    let text = String::from_utf8(out).unwrap();
    assert!(result.is_ok(), "{result:?}\n{text}");
    assert!(text.contains("/v0/media.m3u8") && text.contains(" 0 errors"), "{text}");
    encoder.stop().await;
}
