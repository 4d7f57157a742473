//! What is where, and with which headers.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{Server, get, hear, request, settings};

#[tokio::test]
async fn health_is_on_both_listeners_and_metrics_on_one() {
    let server = Server::start(settings()).await;
    for at in [server.at.http, server.at.admin] {
        for path in ["/livez", "/readyz"] {
            let (head, _) = get(at, path, "").await;
            assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        }
    }
    let (head, body) = get(server.at.admin, "/metrics", "").await;
    assert!(head.contains("application/openmetrics-text"), "{head}");
    assert!(body.contains("rillcast_http_requests_total") && body.ends_with("# EOF\n"), "{body}");
    let (head, _) = get(server.at.http, "/metrics", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

#[tokio::test]
async fn pages_are_served_with_a_strict_policy() {
    let server = Server::start(settings()).await;
    for path in ["/watch/main", "/embed/a/b", "/assets/player.js"] {
        let (head, body) = get(server.at.http, path, "").await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains("content-security-policy: default-src 'none'"), "{path}: {head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{path}: {head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{path}: {head}");
        let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let etag = etag.replace("w/", "W/");
        let (head, body) = get(server.at.http, path, &format!("If-None-Match: {etag}\r\n")).await;
        assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{path}: {head}");
        let (head, _) = get(server.at.http, path, "Accept-Encoding: gzip\r\n").await;
        assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    }
    for path in ["/watch/.hidden", "/watch/%2e%2e/x", "/assets/../main.rs", "/assets/none.js", "/", "/watch/"]
    {
        let (head, _) = get(server.at.http, path, "").await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::start(settings()).await;
    let (got, body) = get(server.at.http, "/assets/player.js", "").await;
    let (head, none) = request(server.at.http, "HEAD", "/assets/player.js", "").await;
    let length = format!("content-length: {}", body.len());
    assert!(got.contains(&length) && head.contains(&length), "{head}");
    assert!(none.is_empty());
    let (head, _) = request(server.at.http, "POST", "/livez", "").await;
    assert!(head.starts_with("http/1.1 405"), "{head}");
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_in_a_line_that_no_cache_keeps() {
    let server = Server::start(settings()).await;
    let (public, office) = (server.at.http, server.at.admin);
    for (at, method, target, status) in [
        (public, "POST", "/livez", 405),
        (public, "POST", "/watch/cam", 405),
        (public, "DELETE", "/assets/player.css", 405),
        (public, "GET", "/api/obs/multitrack", 405),
        (public, "GET", "/nothing", 404),
        (office, "POST", "/metrics", 405),
        (office, "PUT", "/livez", 405),
        (office, "POST", "/api/v1/streams", 405),
        (office, "DELETE", "/api/v1/streams/cam", 405),
        (office, "GET", "/api/v1/viewers/1/kick", 405),
        (office, "POST", "/api/v1/viewers/%FF/kick", 404),
        (office, "GET", "/nothing", 404),
    ] {
        let (head, text) = request(at, method, target, "").await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{method} {target}: {head}");
        assert!(head.contains("cache-control: no-store") && head.contains("text/plain"), "{target}: {head}");
        assert_eq!(head.contains("\nallow: "), status == 405, "{method} {target}: {head}");
        assert!(text.len() > 1 && text.ends_with('\n') && text.lines().count() == 1, "{target}: {text:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_draining_server_is_not_ready_and_lets_connections_finish() {
    let server = Server::start(settings()).await;
    let at = server.at.http;
    let mut idle = TcpStream::connect(at).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    let (heard, closed) = hear(&mut idle, Duration::from_millis(200)).await;
    assert!(heard.starts_with("HTTP/1.1 200") && !closed);
    let took = server.stop().await;
    assert!(took < Duration::from_secs(1), "an idle connection held the server up for {took:?}");
    let (_, closed) = hear(&mut idle, Duration::from_secs(1)).await;
    assert!(closed);
    assert!(TcpStream::connect(at).await.is_err(), "nothing listens any more");
}
