//! Socket: FLV over WebSocket (RFC 6455), as players in browsers ask for it: binary messages, the file's head in the
//! first one. What the player says is answered where the protocol wants it, and else passed over.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode, Version};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use crate::control::{Denied, Protocol};
use crate::live::Reason;
use crate::media::StreamName;
use crate::progressive::Format;

use super::super::body::Payload;
use super::super::clock::Clock;
use super::super::context::Context;
use super::super::http::Peer;
use super::super::routes::field;
use super::answer::reader;
use super::reader::Reader;

/// Bytes of one message from a player: it has nothing to say.
const HEARD: usize = 4 * 1024;
/// Messages that a player may send in [`SPAN`]: pings, and whatever it likes.
const SAYS: u32 = 200;
const SPAN: Duration = Duration::from_secs(10);
/// Bytes from which on nothing more is put into a message.
const FULL: usize = 64 * 1024;
/// For how long the end is told.
const FAREWELL: Duration = Duration::from_secs(2);

/// Answers a request to speak WebSocket; `None` when it is none.
///
/// # Errors
/// When the viewer is not let in.
pub(super) fn take(
    context: &Arc<Context>,
    head: &mut Parts,
    peer: &Peer,
    name: &StreamName,
) -> Option<Result<Response<Payload>, Denied>> {
    let has = |name: HeaderName, token: &str| {
        let tokens = field(&head.headers, &name);
        tokens.is_some_and(|all| all.split(',').any(|one| one.trim().eq_ignore_ascii_case(token)))
    };
    let asked = head.method == Method::GET && has(UPGRADE, "websocket") && has(CONNECTION, "upgrade");
    // HTTP/1.0 has no upgrades, and those of HTTP/2 are of another kind.
    if !asked || head.version != Version::HTTP_11 {
        return None;
    }
    let key = head.headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let speaks = head.headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let (Some(key), true) = (key, speaks) else { return Some(Ok(mistaken(speaks))) };
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()?;
    let upgrade = head.extensions.remove::<OnUpgrade>()?;
    let reader = match reader(context, head, peer, (Format::Flv, Protocol::WebSocket), name.clone()) {
        Ok(reader) => reader,
        Err(denied) => return Some(Err(denied)),
    };
    peer.goes_on(drive(upgrade, reader));
    let mut response = Response::new(Payload::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Some(Ok(response))
}

/// RFC 6455 §4.2.2: another version is told ours.
fn mistaken(speaks: bool) -> Response<Payload> {
    let mut response = Response::new(Payload::from("WebSocket of version 13 is spoken here\n"));
    let status = if speaks { StatusCode::BAD_REQUEST } else { StatusCode::UPGRADE_REQUIRED };
    *response.status_mut() = status;
    response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

async fn drive(upgrade: OnUpgrade, mut reader: Reader) {
    let Ok(upgraded) = upgrade.await else { return };
    let config = WebSocketConfig::default()
        .read_buffer_size(HEARD)
        .write_buffer_size(0)
        .max_message_size(Some(HEARD))
        .max_frame_size(Some(HEARD));
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let reason = play(&mut socket, &mut reader).await;
    if reason == Reason::WriteTimeout {
        reader.stalled();
    }
    reader.close(reason);
    if let Some(code) = farewell(reason) {
        let frame = CloseFrame { code, reason: reason.as_str().into() };
        // Who does not take it is gone all the same.
        let _ = tokio::time::timeout(FAREWELL, socket.close(Some(frame))).await;
    }
}

/// Sends until there is nothing more, or nobody who takes it.
async fn play(socket: &mut WebSocketStream<TokioIo<Upgraded>>, reader: &mut Reader) -> Reason {
    let patience = reader.patience();
    let mut said = Said { count: 0, since: Clock::mono() };
    loop {
        let message = tokio::select! {
            heard = socket.next() => match heard {
                // Answers to pings wait in the socket.
                Some(Ok(Message::Ping(_))) => None,
                Some(Ok(Message::Pong(_) | Message::Text(_) | Message::Binary(_) | Message::Frame(_))) => None,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Reason::ClientClosed,
            },
            next = poll_fn(|cx| reader.poll_next(cx)) => match next {
                Ok(first) => Some(gather(reader, first).await),
                Err(reason) => return reason,
            },
        };
        let sent = async {
            match message {
                Some(message) => socket.send(Message::Binary(message)).await,
                None if said.too_much(Clock::mono()) => {
                    Err(tokio_tungstenite::tungstenite::Error::ConnectionClosed)
                }
                None => socket.flush().await,
            }
        };
        tokio::select! {
            biased;
            sent = tokio::time::timeout(patience, sent) => match sent {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Reason::ClientClosed,
                Err(_) => return Reason::WriteTimeout,
            },
            // What it has been given stands in the socket, whole, before the farewell.
            reason = poll_fn(|cx| reader.dismissal().poll(cx)) => return reason,
        }
    }
}

/// Whatever is there now as one message.
async fn gather(reader: &mut Reader, first: (Bytes, crate::base::Rope)) -> Bytes {
    let mut message = BytesMut::new();
    let mut next = Some(first);
    while let Some((preface, chunk)) = next.take() {
        message.extend_from_slice(&preface);
        chunk.runs().iter().for_each(|run| message.extend_from_slice(run));
        if message.len() < FULL {
            next = poll_fn(|cx| match reader.poll_next(cx) {
                Poll::Ready(Ok(next)) => Poll::Ready(Some(next)),
                // An end is told again.
                Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
            })
            .await;
        }
    }
    message.freeze()
}

/// What a player has said lately.
struct Said {
    count: u32,
    since: Instant,
}

impl Said {
    fn too_much(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) > SPAN {
            *self = Self { count: 0, since: now };
        }
        self.count = self.count.saturating_add(1);
        self.count > SAYS
    }
}

/// What an end is called (RFC 6455 §7.4.1).
fn farewell(reason: Reason) -> Option<CloseCode> {
    match reason {
        Reason::StreamEnded => Some(CloseCode::Normal),
        Reason::Shutdown => Some(CloseCode::Away),
        Reason::Kicked => Some(CloseCode::Policy),
        Reason::SlowClientLagged => Some(CloseCode::Again),
        Reason::ClientClosed => Some(CloseCode::Normal),
        Reason::WriteTimeout => None,
    }
}
