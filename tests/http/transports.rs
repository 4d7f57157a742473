//! The rows of playback over every transport: HTTP/1.1 and HTTP/2, plain and over TLS, with and without gzip.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper::{HeaderMap, Method, Request, StatusCode, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rillcast::control::Settings;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::rig::{Encoder, Server, playable};
use crate::tls_rig::{BOTH, client, secure, shake};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Http1,
    Http1Tls,
    H2c,
    H2Tls,
}

pub(crate) const ALL: [Transport; 4] =
    [Transport::Http1, Transport::Http1Tls, Transport::H2c, Transport::H2Tls];

/// A player's requests over one transport, one connection each.
#[derive(Clone)]
pub(crate) struct Player {
    pub(crate) transport: Transport,
    at: std::net::SocketAddr,
    tls: Option<tokio_rustls::TlsConnector>,
}

/// A response, and what keeps its connection open.
pub(crate) type Opened = (hyper::Response<Incoming>, Box<dyn std::any::Any + Send>);

pub(crate) struct Heard {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Player {
    pub(crate) fn new(transport: Transport, server: &Server, folder: &std::path::Path) -> Self {
        let protocol = if transport == Transport::H2Tls { "h2" } else { "http/1.1" };
        let tls = client(&folder.join("self-signed.crt"), &[protocol], BOTH);
        let at = match transport {
            Transport::Http1 | Transport::H2c => server.at.http,
            Transport::Http1Tls | Transport::H2Tls => server.at.https.unwrap(),
        };
        Self { transport, at, tls: Some(tls) }
    }

    /// One of a server without TLS.
    pub(crate) fn plain(transport: Transport, server: &Server) -> Self {
        Self { transport, at: server.at.http, tls: None }
    }

    /// One that connects elsewhere, without TLS.
    pub(crate) fn through(transport: Transport, at: std::net::SocketAddr) -> Self {
        Self { transport, at, tls: None }
    }

    pub(crate) async fn get(&self, path: &str) -> Heard {
        self.ask(Method::GET, path, &[]).await
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Heard {
        // The sender keeps the connection open until the body is read.
        let (response, _sender) = self.open(method, path, headers).await;
        heard(response).await
    }

    /// The response with its body unread, and what keeps its connection open.
    pub(crate) async fn open(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Opened {
        let socket = TcpStream::connect(self.at).await.unwrap();
        match self.transport {
            Transport::Http1 | Transport::H2c => self.speak(socket, method, path, headers).await,
            Transport::Http1Tls | Transport::H2Tls => {
                let stream = shake(self.tls.as_ref().unwrap(), socket).await.unwrap();
                self.speak(stream, method, path, headers).await
            }
        }
    }

    async fn speak<S>(&self, stream: S, method: Method, path: &str, headers: &[(&str, &str)]) -> Opened
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        match self.transport {
            Transport::Http1 | Transport::Http1Tls => {
                let (mut sender, connection) = http1::handshake(io).await.unwrap();
                tokio::spawn(connection);
                let request = build(method, path, headers).header("host", "localhost");
                let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await;
                (response.unwrap(), Box::new(sender))
            }
            Transport::H2c | Transport::H2Tls => {
                let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
                tokio::spawn(connection);
                let request = build(method, &format!("https://localhost{path}"), headers);
                let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await;
                (response.unwrap(), Box::new(sender))
            }
        }
    }
}

fn build(method: Method, uri: &str, headers: &[(&str, &str)]) -> hyper::http::request::Builder {
    let request = Request::builder().method(method).uri(uri);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

async fn heard(response: hyper::Response<Incoming>) -> Heard {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Heard { status: head.status, headers: head.headers, body }
}

/// The number behind `name` in a playlist.
fn number(playlist: &str, name: &str) -> u64 {
    let rest = playlist.split(name).nth(1).unwrap_or_else(|| panic!("{name} in {playlist}"));
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// Media sequence number of the segment that is open or opens next.
pub(crate) fn open_msn(playlist: &str) -> u64 {
    number(playlist, "#EXT-X-MEDIA-SEQUENCE:") + playlist.matches("#EXTINF").count() as u64
}

pub(crate) fn hint(playlist: &str) -> &str {
    playlist.split("TYPE=PART,URI=\"").nth(1).unwrap().split('"').next().unwrap()
}

pub(crate) fn inflate(body: &[u8]) -> String {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(body), &mut text).unwrap();
    text
}

/// Every transport says the same thing: what is held, what is whole, what is refused, and for how long it is kept.
async fn rows(player: &Player, folder: &str) {
    let on = player.transport;
    let playlist_at = format!("{folder}media.m3u8");
    let playlist = loop {
        let reply = player.get(&playlist_at).await;
        assert_eq!(reply.status, 200, "{on:?}");
        if reply.text().contains("\nseg-") {
            break reply;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(playlist.header("priority"), "u=1", "{on:?}");
    assert_eq!(playlist.header("access-control-allow-origin"), "*", "{on:?}");
    assert_eq!(playlist.header("age"), "", "{on:?}");

    // Held until the part is there, and both forms of the same state are the same.
    let open = open_msn(playlist.text());
    let ask = format!("{playlist_at}?_HLS_msn={}&_HLS_part=1", open + 1);
    let began = Instant::now();
    let gzip = [("accept-encoding", "gzip")];
    let (plain, packed) = tokio::join!(player.get(&ask), player.ask(Method::GET, &ask, &gzip));
    assert!(began.elapsed() > Duration::from_millis(100), "{on:?}: it was held");
    assert_eq!((plain.status, packed.status), (StatusCode::OK, StatusCode::OK), "{on:?}");
    assert_eq!(packed.header("content-encoding"), "gzip", "{on:?}");
    assert_eq!(packed.header("vary"), "accept-encoding", "{on:?}");
    assert!(open_msn(plain.text()) > open && plain.header("content-encoding").is_empty(), "{on:?}");
    assert_eq!(inflate(&packed.body), plain.text(), "{on:?}");

    // The hinted part comes whole, and is then there for good, whole and in ranges.
    let part_at = format!("{folder}{}", hint(plain.text()));
    let part = player.get(&part_at).await;
    assert_eq!((part.status, part.header("priority")), (StatusCode::OK, "u=3"), "{on:?}");
    assert!(part.header("cache-control").ends_with("immutable"), "{on:?}");
    assert_eq!(part.header("content-length"), part.body.len().to_string(), "{on:?}");
    assert_eq!(player.get(&part_at).await.body, part.body, "{on:?}");
    let range = player.ask(Method::GET, &part_at, &[("range", "bytes=4-7")]).await;
    assert_eq!(range.status, 206, "{on:?}");
    assert_eq!((&range.body[..], range.header("priority")), (&part.body[4..8], "u=3"), "{on:?}");
    let head = player.ask(Method::HEAD, &part_at, &[]).await;
    assert_eq!(head.header("content-length"), part.body.len().to_string(), "{on:?}");
    assert!(head.body.is_empty(), "{on:?}");
    let etag = part.header("etag");
    let same = player.ask(Method::GET, &part_at, &[("if-none-match", etag)]).await;
    assert_eq!((same.status, same.header("priority")), (StatusCode::NOT_MODIFIED, "u=3"), "{on:?}");

    // A segment is its parts, one after the other.
    let state = player.get(&playlist_at).await;
    let mut parts = Vec::new();
    for line in state.text().lines().skip_while(|line| !line.starts_with("#EXT-X-PART:")) {
        if let Some(uri) = line.split("URI=\"").nth(1).filter(|_| line.starts_with("#EXT-X-PART:")) {
            parts.extend(player.get(&format!("{folder}{}", uri.split('"').next().unwrap())).await.body);
        } else if line.starts_with("seg-") {
            let segment = player.get(&format!("{folder}{line}")).await;
            assert!(segment.body.ends_with(&parts) && !parts.is_empty(), "{on:?}: {line}");
            assert_eq!(segment.header("priority"), "u=3", "{on:?}");
            break;
        }
    }
    refusals(player, folder, &playlist_at, open).await;
}

async fn refusals(player: &Player, folder: &str, playlist_at: &str, open: u64) {
    let on = player.transport;
    for (path, status, kept, urgency) in [
        (format!("{playlist_at}?_HLS_part=1"), 400, "public, max-age=1", "u=1"),
        (format!("{playlist_at}?_HLS_msn={}", open + 100), 400, "no-store", "u=1"),
        (format!("{playlist_at}?_HLS_msn=-1"), 400, "public, max-age=1", "u=1"),
        (format!("{folder}part-1000000.m4s"), 404, "no-store", "u=3"),
        ("/live/nobody/index.m3u8".to_owned(), 404, "public, max-age=1", "u=1"),
    ] {
        let began = Instant::now();
        let reply = player.get(&path).await;
        assert_eq!(reply.status.as_u16(), status, "{on:?} {path}");
        assert_eq!(reply.header("cache-control"), kept, "{on:?} {path}");
        assert_eq!(reply.header("priority"), urgency, "{on:?} {path}");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{on:?} {path}");
        assert!(began.elapsed() < Duration::from_millis(700), "{on:?} {path}");
    }
    let preflight = player.ask(Method::OPTIONS, playlist_at, &[("origin", "https://a.example")]).await;
    assert_eq!((preflight.status.as_u16(), preflight.header("priority")), (204, "u=1"), "{on:?}");
    let init = player.get(&format!("{}init-0.mp4", folder.replace("/v0/", "/a0/"))).await;
    assert_eq!((init.status.as_u16(), init.header("priority")), (200, "u=2"), "{on:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transport_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let without_grace = Settings { grace: Duration::ZERO, ..secure(folder.path()) };
    let server = Server::start(without_grace).await;
    let encoder = Encoder::start(&server, "cam");
    let media = playable(&server, "cam").await;
    for transport in ALL {
        rows(&Player::new(transport, &server, folder.path()), &media).await;
    }
    // What waits when the encoder leaves hears the end, whatever it waits on.
    let players = ALL.map(|transport| Player::new(transport, &server, folder.path()));
    let state = players[0].get(&format!("{media}media.m3u8")).await;
    let ask = format!("{media}media.m3u8?_HLS_msn={}", open_msn(state.text()) + 1);
    let waiting = players.map(|player| {
        let ask = ask.clone();
        tokio::spawn(async move { (player.transport, player.get(&ask).await) })
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    encoder.stop().await;
    for waiter in waiting {
        let (on, reply) = waiter.await.unwrap();
        assert_eq!(reply.status, 200, "{on:?}");
        assert!(reply.text().contains("#EXT-X-ENDLIST"), "{on:?}: {}", reply.text());
    }
}
