//! FLV over WebSocket: the same file in binary messages, and a peer that says more than it should.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use hyper::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, handshake::client::generate_key};

use crate::film::{begins_anew_after_holes, pictures};
use crate::rig::{Encoder, Server, metric, playable, settings};
use crate::transports::{Player, Transport};

pub(crate) type Socket = WebSocketStream<TcpStream>;

async fn open(server: &Server, path: &str) -> Socket {
    open_on(TcpStream::connect(server.at.http).await.unwrap(), server, path).await
}

/// The same on a connection that there is.
pub(crate) async fn open_on(stream: TcpStream, server: &Server, path: &str) -> Socket {
    let url = format!("ws://{}{path}", server.at.http);
    let (socket, response) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(response.status(), 101);
    socket
}

/// Messages until one that is none, or for `time`.
async fn messages(socket: &mut Socket, time: Duration) -> (Bytes, Option<CloseCode>) {
    let (mut bytes, deadline) = (BytesMut::new(), tokio::time::Instant::now() + time);
    loop {
        match tokio::time::timeout_at(deadline, socket.next()).await {
            Ok(Some(Ok(Message::Binary(message)))) => bytes.extend_from_slice(&message),
            Ok(Some(Ok(Message::Pong(_)))) => {}
            Ok(Some(Ok(Message::Close(frame)))) => return (bytes.freeze(), frame.map(|frame| frame.code)),
            Ok(Some(Ok(other))) => panic!("{other:?}"),
            Ok(Some(Err(_)) | None) | Err(_) => return (bytes.freeze(), None),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_file_comes_in_binary_messages_until_the_stream_ends() {
    let mut settings = settings();
    settings.grace = Duration::ZERO;
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut socket = open(&server, "/live/cam.flv").await;
    let (bytes, _) = messages(&mut socket, Duration::from_secs(2)).await;
    let first = pictures("flv", &bytes, true);
    assert!(first.len() > 30 && begins_anew_after_holes(&first, 450) == 0, "{} pictures", first.len());
    assert_eq!(metric(&server, "rillcast_viewers{protocol=\"WebSocket\"}").await, Some(1));
    let connections = metric(&server, "rillcast_http_connections").await;
    assert_eq!(connections, Some(2), "it counts as one, beside the one that asks");

    // A ping is answered, and nothing that is said does harm.
    socket.send(Message::text("hello")).await.unwrap();
    socket.send(Message::binary(vec![1; 4_000])).await.unwrap();
    socket.send(Message::Ping(Bytes::from_static(b"there?"))).await.unwrap();
    let pong = async {
        while let Some(message) = socket.next().await {
            match message.unwrap() {
                Message::Pong(payload) => return payload,
                message => assert!(message.is_binary(), "{message:?}"),
            }
        }
        panic!("no pong");
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), pong).await.unwrap(), "there?");

    let reader = tokio::spawn(async move { messages(&mut socket, Duration::from_secs(10)).await });
    encoder.stop().await;
    let (_, code) = reader.await.unwrap();
    assert_eq!(code, Some(CloseCode::Normal));
    let closed = "rillcast_readers_closed_total{protocol=\"WebSocket\",reason=\"stream_ended\"}";
    assert_eq!(metric(&server, closed).await, Some(1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_says_too_much_is_closed_and_one_that_asks_wrongly_refused() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    for flood in [vec![Message::binary(vec![0; 100_000])], vec![Message::Ping(Bytes::new()); 1_000]] {
        let mut socket = open(&server, "/live/cam.flv").await;
        for message in flood {
            if socket.send(message).await.is_err() {
                break;
            }
        }
        let left = async { while socket.next().await.is_some_and(|message| message.is_ok()) {} };
        tokio::time::timeout(Duration::from_secs(10), left).await.expect("it is closed");
    }
    let key = generate_key();
    let ask = |path: &str, lines: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n{lines}\r\n"
        )
    };
    let version = "Sec-WebSocket-Version: 13\r\n";
    for (path, lines, status) in [
        ("/live/cam.flv", format!("{version}Sec-WebSocket-Key: short\r\n"), "400"),
        ("/live/cam.flv", format!("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: {key}\r\n"), "426"),
        ("/live/nobody.flv", format!("{version}Sec-WebSocket-Key: {key}\r\n"), "404"),
        ("/live/cam.ts", format!("{version}Sec-WebSocket-Key: {key}\r\n"), "200"),
        ("/live/cam.m3u8", format!("{version}Sec-WebSocket-Key: {key}\r\n"), "200"),
    ] {
        let mut stream = TcpStream::connect(server.at.http).await.unwrap();
        stream.write_all(ask(path, &lines).as_bytes()).await.unwrap();
        let mut heard = [0; 12];
        tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut heard)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), format!("HTTP/1.1 {status}"), "{path}");
    }
    // HTTP/2 has no such upgrade (RFC 9113 §8.2.2): it is the plain file.
    let player = Player::plain(Transport::H2c, &server);
    let (response, _open) = player.open(Method::GET, "/live/cam.flv", &[]).await;
    assert_eq!(response.status(), 200);
    let mut socket = open(&server, "/live/cam.flv").await;
    let reader = tokio::spawn(async move { messages(&mut socket, Duration::from_secs(10)).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let took = server.stop().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(reader.await.unwrap().1, Some(CloseCode::Away), "the server stops");
    drop(encoder);
}
