//! How long every kind of answer says it is, on connections that go on: a player must know where each one ends.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{Encoder, Server, get, hear, playable, settings};

const QUIET: Duration = Duration::from_millis(300);

/// One answer on a connection that is kept: head in lower case, and what follows it.
async fn answer(socket: &mut TcpStream, request: &str) -> (String, String) {
    socket.write_all(format!("{request}\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
    let (heard, closed) = hear(socket, QUIET).await;
    assert!(!closed, "{request}: closed after {heard}");
    let (head, body) = heard.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{request}: {heard}"));
    (head.to_ascii_lowercase(), body.to_owned())
}

fn length(head: &str) -> Option<usize> {
    let lengths: Vec<_> = head.lines().filter_map(|line| line.strip_prefix("content-length: ")).collect();
    assert!(lengths.len() <= 1, "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    Some(lengths.first()?.parse().unwrap())
}

#[tokio::test]
async fn every_answer_says_where_it_ends_and_the_connection_goes_on() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "s");
    let folder = playable(&server, "s").await;
    let media = format!("{folder}media.m3u8");
    let (_, playlist) = get(server.at.http, &media, "").await;
    let (_, init) = playlist.split_once("#EXT-X-MAP:URI=\"").unwrap();
    let init = format!("{folder}{}", init.split('"').next().unwrap());

    let mut socket = TcpStream::connect(server.at.http).await.unwrap();
    let (head, _) = answer(&mut socket, &format!("HEAD {init} HTTP/1.1")).await;
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let whole = length(&head).unwrap();
    assert!(head.starts_with("http/1.1 200") && whole > 100, "{head}");

    for (request, status, says) in [
        // What there is, and its length to HEAD.
        (format!("GET {init} HTTP/1.1\r\nRange: bytes=0-3"), 206, Some(4)),
        (format!("HEAD {init} HTTP/1.1"), 200, Some(whole)),
        (format!("GET {init} HTTP/1.1\r\nRange: bytes={whole}-"), 416, Some(0)),
        // A 304 has no body, and says no length but that of the 200 it stands for (RFC 9110 §8.6).
        (format!("GET {init} HTTP/1.1\r\nIf-None-Match: {etag}"), 304, None),
        (format!("HEAD {init} HTTP/1.1\r\nIf-None-Match: {etag}"), 304, None),
        // What there is not.
        ("GET /live/none/index.m3u8 HTTP/1.1".to_owned(), 404, Some(10)),
        ("HEAD /live/none/index.m3u8 HTTP/1.1".to_owned(), 404, Some(10)),
        (format!("GET {folder}part-99999.m4s HTTP/1.1"), 404, Some(14)),
        (format!("GET {media}?_HLS_msn=x HTTP/1.1"), 400, Some(29)),
        ("GET /nothing HTTP/1.1".to_owned(), 404, Some(22)),
        ("HEAD /nothing HTTP/1.1".to_owned(), 404, Some(22)),
        ("GET /livez HTTP/1.1".to_owned(), 200, Some(3)),
        ("HEAD /livez HTTP/1.1".to_owned(), 200, Some(3)),
        // What cannot be asked: 204 must not say a length at all (RFC 9110 §8.6), 405 that it has none.
        (format!("OPTIONS {media} HTTP/1.1"), 204, None),
        (format!("DELETE {media} HTTP/1.1"), 405, Some(0)),
        ("DELETE /livez HTTP/1.1".to_owned(), 405, Some(28)),
    ] {
        let (head, body) = answer(&mut socket, &request).await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{request}: {head}");
        assert_eq!(length(&head), says, "{request}: {head}");
        let sent = if request.starts_with("HEAD") { 0 } else { says.unwrap_or(0) };
        assert_eq!(body.len(), sent, "{request}: {head}\n\n{body}");
    }
    encoder.stop().await;
    server.stop().await;
}
