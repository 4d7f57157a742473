//! Requests made to confuse, to wait, or to take more than their share.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{Server, get, hear, raw, settings};

/// A second request that must never be answered when it hides in the first.
const HIDDEN: &str = "GET /metrics-of-the-hidden HTTP/1.1\r\nHost: t\r\n\r\n";
const QUIET: Duration = Duration::from_millis(150);

/// What the server may answer to a bad request: these statuses, once, and then it closes.
async fn refused(server: &Server, what: &str, request: &str, statuses: &[&str]) {
    let (heard, closed) = raw(server.at.http, request.as_bytes(), Duration::from_secs(3)).await;
    let answers = heard.matches("HTTP/1.1 ").count();
    assert!(closed, "{what}: the connection stays open after {heard:?}");
    assert!(answers <= 1, "{what}: a second request was answered: {heard:?}");
    let status = heard.get(9..12).unwrap_or("none");
    assert!(statuses.contains(&status), "{what}: {heard:?}");
}

#[tokio::test]
async fn no_framing_trick_gets_a_second_request_through() {
    let server = Server::start(settings()).await;
    let bodies = [
        ("content length and chunked", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("chunked and content length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
        ("two content lengths", "Content-Length: 0\r\nContent-Length: 40\r\n\r\n"),
        ("two equal content lengths", "Content-Length: 40\r\nContent-Length: 40\r\n\r\n"),
        ("a list of content lengths", "Content-Length: 0, 40\r\n\r\n"),
        ("an empty content length", "Content-Length:\r\n\r\n"),
        ("a signed content length", "Content-Length: +5\r\n\r\n"),
        ("a negative content length", "Content-Length: -1\r\n\r\n"),
        ("a content length in hexadecimal", "Content-Length: 0x10\r\n\r\n"),
        ("a content length with a space in it", "Content-Length: 1 0\r\n\r\n"),
        ("a content length past 64 bits", "Content-Length: 18446744073709551616\r\n\r\n"),
        ("an unknown coding", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("chunked, then something else", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        (
            "two transfer encodings",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        ),
        ("a quoted coding", "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        ("a coding after a vertical tab", "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n"),
        ("an empty coding", "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
        ("plain chunked", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a chunk of 2^64", "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n"),
        ("a chunk with an extension", "Transfer-Encoding: chunked\r\n\r\n0;a=\"\r\n\r\n"),
        ("an honest body", "Content-Length: 3\r\n\r\nabc"),
        ("expect and no body", "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"),
    ];
    for (what, rest) in bodies {
        for method in ["GET", "POST"] {
            let request = format!("{method} /livez HTTP/1.1\r\nHost: t\r\n{rest}{HIDDEN}");
            refused(&server, what, &request, &["400", "501"]).await;
        }
    }
    let heads = [
        ("a space before the colon", "Host: t\r\nX-A : 1\r\n"),
        ("a space before the colon of the length", "Host: t\r\nContent-Length : 40\r\n"),
        ("an empty header name", "Host: t\r\n: value\r\n"),
        ("a folded header", "Host: t\r\nX-A: 1\r\n 2\r\n"),
        ("a line that starts with a space", " Host: t\r\n"),
        ("a NUL in a value", "Host: t\r\nX-A: a\0b\r\n"),
        ("a NUL in a name", "Host: t\r\nX\0A: b\r\n"),
        ("a bare CR in a value", "Host: t\r\nX-A: a\rContent-Length: 40\r\n"),
        ("a header without a colon", "Host: t\r\nContent-Length\r\n"),
        ("two hosts", "Host: a\r\nHost: b\r\n"),
        ("no host", "X-A: 1\r\n"),
    ];
    for (what, head) in heads {
        let request = format!("GET /livez HTTP/1.1\r\n{head}\r\n{HIDDEN}");
        refused(&server, what, &request, &["400"]).await;
    }
    // Lines that end in LF alone: a proxy in front may not take them for lines (hostile case 45).
    for (what, request) in [
        ("a bare LF after the request line", "GET /livez HTTP/1.1\nHost: t\r\n\r\n"),
        ("a bare LF after a field", "GET /livez HTTP/1.1\r\nHost: t\nX-A: 1\r\n\r\n"),
        ("a bare LF within what may be a value", "GET /livez HTTP/1.1\r\nHost: t\r\nX-A: b\nX-B: 1\r\n\r\n"),
        ("a bare LF that ends the head", "GET /livez HTTP/1.1\r\nHost: t\r\n\n"),
        ("bare LFs throughout", "GET /livez HTTP/1.1\nHost: t\n\n"),
        ("a bare LF before the request line", "\nGET /livez HTTP/1.1\r\nHost: t\r\n\r\n"),
    ] {
        refused(&server, what, &format!("{request}{HIDDEN}"), &["400"]).await;
    }
    for line in [
        "GET /livez HTTP/1.1 x",
        "GET  /livez  HTTP/1.1",
        "GET /li vez HTTP/1.1",
        "GET /livez HTTP/9.9",
        "GET /livez",
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03",
        "GET /li\0vez HTTP/1.1",
        "G\x01T /livez HTTP/1.1",
    ] {
        let request = format!("{line}\r\nHost: t\r\n\r\n{HIDDEN}");
        refused(&server, line, &request, &["400", "505", "none"]).await;
    }
    let (head, _) = get(server.at.http, "/livez", "").await;
    assert!(head.starts_with("http/1.1 200"), "and the server goes on: {head}");
}

#[tokio::test]
async fn an_upgrade_to_h2c_is_passed_over() {
    let server = Server::start(settings()).await;
    let upgrade =
        "Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let request = format!("GET /livez HTTP/1.1\r\nHost: t\r\n{upgrade}\r\n");
    let (heard, closed) = raw(server.at.http, request.as_bytes(), Duration::from_secs(3)).await;
    assert!(heard.starts_with("HTTP/1.1 200") && closed, "{heard}");
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_by_name() {
    let server = Server::start(settings()).await;
    let head = |headers: String| format!("GET /livez HTTP/1.1\r\nHost: t\r\n{headers}\r\n");
    let long = "a".repeat(5_000);
    refused(&server, "target of 5 KB", &format!("GET /{long} HTTP/1.1\r\nHost: t\r\n\r\n"), &["414"]).await;
    let long = "a".repeat(65_000);
    refused(&server, "target of 65 KB", &format!("GET /{long} HTTP/1.1\r\nHost: t\r\n\r\n"), &["414", "431"])
        .await;
    refused(&server, "20 KB head", &head(format!("X-A: {}\r\n", "a".repeat(20_000))), &["431"]).await;
    refused(&server, "1 MiB head", &head(format!("X-A: {}\r\n", "a".repeat(1 << 20))), &["431", "none"])
        .await;
    let many: String = (0..1_000).map(|n| format!("X-{n}: 1\r\n")).collect();
    refused(&server, "1,000 headers", &head(many), &["431"]).await;
    let few: String = (0..60).map(|n| format!("X-{n}: 1\r\n")).collect();
    let (heard, _) = raw(server.at.http, head(few).as_bytes(), QUIET).await;
    assert!(heard.starts_with("HTTP/1.1 200"), "60 headers are fine: {heard}");
}

#[tokio::test]
async fn a_head_that_drips_is_closed_at_the_deadline_and_an_idle_connection_later() {
    let mut settings = settings();
    settings.limits.http.head_time = Duration::from_millis(500);
    settings.limits.http.idle = Duration::from_millis(1_500);
    let server = Server::start(settings).await;

    for first in ["", "P", "PRI * HTTP/2.0\r\n"] {
        let began = Instant::now();
        let mut socket = TcpStream::connect(server.at.http).await.unwrap();
        socket.write_all(first.as_bytes()).await.unwrap();
        let (_, closed) = hear(&mut socket, Duration::from_secs(3)).await;
        let took = began.elapsed();
        assert!(closed && took < Duration::from_millis(1_200), "{first:?}: {took:?}");
        assert!(took >= Duration::from_millis(490), "{first:?}: {took:?}");
    }

    let mut socket = TcpStream::connect(server.at.http).await.unwrap();
    let began = Instant::now();
    for byte in b"GET /livez HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaa" {
        if socket.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() < Duration::from_millis(1_500), "dripping bought time: {:?}", began.elapsed());

    let mut socket = TcpStream::connect(server.at.http).await.unwrap();
    socket.write_all(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    let (heard, closed) = hear(&mut socket, Duration::from_millis(900)).await;
    assert!(heard.starts_with("HTTP/1.1 200") && !closed, "idling is allowed for longer: {heard}");
    let (_, closed) = hear(&mut socket, Duration::from_secs(2)).await;
    assert!(closed, "but not for ever");
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_given_up() {
    let mut settings = settings();
    settings.limits.http.write_stall = Duration::from_millis(500);
    let server = Server::start(settings).await;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&server.at.http.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut socket = TcpStream::from_std(socket.into()).unwrap();
    // Enough pipelined responses to fill both kernels' buffers.
    let began = Instant::now();
    let asks = "GET /assets/hls-1.7.4.min.js HTTP/1.1\r\nHost: t\r\n\r\n".repeat(60);
    socket.write_all(asks.as_bytes()).await.unwrap();
    loop {
        let (_, metrics) = get(server.at.admin, "/metrics", "").await;
        if metrics.contains("limit=\"http.write_stall\"} 1") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(8), "still served: {metrics}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn connections_past_the_cap_are_closed_and_the_operator_still_gets_in() {
    let mut settings = settings();
    settings.limits.http.connections = 8;
    let server = Server::start(settings).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut socket = TcpStream::connect(server.at.http).await.unwrap();
        socket.write_all(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
        assert!(hear(&mut socket, QUIET).await.0.starts_with("HTTP/1.1 200"));
        held.push(socket);
    }
    let (heard, closed) = raw(server.at.http, b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n", QUIET).await;
    assert!(closed && heard.is_empty(), "{heard}");
    let (_, metrics) = get(server.at.admin, "/metrics", "").await;
    assert!(metrics.contains("limit=\"http.connections\"} 1"), "{metrics}");
    drop(held);
    tokio::time::sleep(QUIET).await;
    let (head, _) = get(server.at.http, "/livez", "").await;
    assert!(head.starts_with("http/1.1 200"), "room again: {head}");
}
