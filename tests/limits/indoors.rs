//! Limits that only a connection can run into, in a whole server whose clock stands still between two events: exact to
//! the byte and to the millisecond.

use std::time::Duration;

use rillcast::control::Settings;
use rillcast::media::{Limit, Limits};
use rillcast::server::Indoors;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::kit::{Dialect, Writer, c0_c1, connect, create_stream, publish};
use crate::rtmp::plus;
use crate::{Row, most, until};

/// What a network's buffers hold of one connection, each way.
const PIPE: usize = 32 * 1_024;
/// HTTP/2 and no settings.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(crate) fn rows() -> Vec<Row> {
    vec![
        most(Limit::RtmpConnectionsPerAddress, |offset| {
            let few = |limits: &mut Limits| limits.rtmp.connections_per_address = 3;
            serving(few, async move |house| {
                let inside: Vec<_> = (0..plus(3, offset)).map(|_| encoder(house, 1)).collect();
                assert!(encoder(house, 2).is_some(), "others are not touched");
                drop(inside);
            })
        }),
        most(Limit::HttpConnectionsPerAddress, |offset| {
            let few = |limits: &mut Limits| limits.http.connections_per_address = 3;
            serving(few, async move |house| {
                let inside: Vec<_> = (0..plus(3, offset)).map(|_| viewer(house, 1)).collect();
                assert!(viewer(house, 2).is_some(), "others are not touched");
                drop(inside);
            })
        }),
        most(Limit::HttpHoldsPerAddress, |offset| {
            let few = |limits: &mut Limits| limits.http.holds_per_address = 3;
            serving(few, async move |house| {
                let _encoder = publishing(house).await;
                let mut inside = Vec::new();
                for _ in 0..plus(3, offset) {
                    inside.push(held(house, 1).await);
                }
                inside.push(held(house, 2).await);
            })
        }),
        until(Limit::HoldTime, |offset| {
            serving(
                |_| {},
                async move |house| {
                    let _encoder = publishing(house).await;
                    let _held = held(house, 1).await;
                    // Three target durations (RFC 8216bis §6.2.5.2).
                    waits(Duration::from_secs(6), offset).await;
                },
            )
        }),
        // The library refuses what is as large as it may be.
        until(Limit::HttpH2HeaderList, |offset| {
            serving(
                |_| {},
                async move |house| {
                    // Names, values and 32 bytes of each field (RFC 9113 §6.5.2).
                    let fields =
                        [":method", "GET", ":scheme", "http", ":authority", "t", ":path", "/livez", "x"];
                    let rest: usize = fields.map(str::len).iter().sum::<usize>() + 5 * 32;
                    let value = plus(Limits::default().http.h2_header_list as usize, offset) - rest;
                    let block = [&block()[..], &[0, 1, b'x'], &length(value), &vec![b'a'; value]].concat();
                    says_h2(house, &frame(1, 5, 1, &block)).await;
                },
            )
        }),
        most(Limit::HttpH2PendingResets, |offset| {
            serving(
                |_| {},
                async move |house| {
                    let count = plus(Limits::default().http.h2_pending_resets, offset) as u32;
                    let reset = |n: u32| [frame(1, 5, n, &block()), frame(3, 0, n, &[0, 0, 0, 8])].concat();
                    says_h2(house, &(0..count).flat_map(|n| reset(2 * n + 1)).collect::<Vec<_>>()).await;
                },
            )
        }),
        most(Limit::HttpH2Unasked, |offset| {
            serving(
                |_| {},
                async move |house| {
                    let mut socket = viewer(house, 1).unwrap();
                    socket.write_all(PREFACE).await.unwrap();
                    settle().await;
                    let mut heard = vec![0; PIPE];
                    let heard = socket.read(&mut heard).await.unwrap();
                    // Sixteen bytes of ours give one back.
                    let before = PREFACE.len() - heard / 16;
                    let mut left = plus(Limits::default().http.h2_unasked, offset) - before;
                    while left > 0 {
                        let next = if left > 10_009 { 10_000 } else { left };
                        left -= next;
                        // Of a type that nobody knows, and nobody answers.
                        socket.write_all(&frame(0x55, 0, 0, &vec![0; next - 9])).await.unwrap();
                        settle().await;
                    }
                },
            )
        }),
    ]
}

#[test]
fn an_operator_gets_in_where_viewers_have_taken_every_place() {
    let hit = serving(
        |limits| limits.http.connections = 2,
        async move |house| {
            let inside = [1, 2].map(|who| viewer(house, who));
            assert!(inside.iter().all(Option::is_some) && viewer(house, 3).is_none());
            let (mut socket, theirs) = tokio::io::duplex(PIPE);
            assert!(house.operator(theirs, [127, 0, 0, 1].into()));
            let asks = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            socket.write_all(asks).await.unwrap();
            let mut heard = String::new();
            socket.read_to_string(&mut heard).await.unwrap();
            assert!(heard.starts_with("HTTP/1.1 200") && heard.ends_with("# EOF\n"), "{heard}");
        },
    );
    assert_eq!(hit, Some(Limit::HttpConnections));
}

/// Which limit is hit in a server of these limits, as somebody does something.
pub(crate) fn serving(set: impl FnOnce(&mut Limits), drive: impl AsyncFnOnce(&Indoors)) -> Option<Limit> {
    let mut settings = Settings { open_publish: true, ..Settings::default() };
    set(&mut settings.limits);
    inside(|| Indoors::new(settings), drive)
}

/// Which limit is hit in such a house, as somebody does something.
pub(crate) fn inside(house: impl FnOnce() -> Indoors, drive: impl AsyncFnOnce(&Indoors)) -> Option<Limit> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let house = house();
        drive(&house).await;
        settle().await;
        Limit::ALL.into_iter().find(|limit| house.metrics().audience.bounds.count(*limit) > 0)
    })
}

/// Everybody does what there is to do at this moment.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// So long, and so many milliseconds more (or less).
pub(crate) async fn waits(span: Duration, offset: i64) {
    let millis = span.as_millis().saturating_add_signed(offset.into());
    tokio::time::sleep(Duration::from_millis(millis as u64)).await;
    settle().await;
}

/// A connection of an encoder, if there is room.
pub(crate) fn encoder(house: &Indoors, who: u8) -> Option<DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    house.encoder(theirs, ([192, 0, 2, who], 40_000).into()).then_some(ours)
}

pub(crate) fn viewer(house: &Indoors, who: u8) -> Option<DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    house.viewer(theirs, [198, 51, 100, who].into()).then_some(ours)
}

/// Everything that an encoder says to publish `path`.
pub(crate) fn words(path: &str) -> Vec<u8> {
    let mut writer = Writer::new(Dialect::PLAIN);
    let mut words = c0_c1();
    words.extend([7; 1_536]);
    for message in [connect("live"), create_stream(2.0), publish(1, path)] {
        words.extend(writer.write(&message));
    }
    words
}

/// An encoder that is let in and has sent nothing yet.
async fn publishing(house: &Indoors) -> DuplexStream {
    let mut socket = encoder(house, 9).unwrap();
    socket.write_all(&words("cam")).await.unwrap();
    settle().await;
    socket
}

/// A request that waits for the stream's first part.
async fn held(house: &Indoors, who: u8) -> DuplexStream {
    let mut socket = viewer(house, who).unwrap();
    socket.write_all(b"GET /live/cam/index.m3u8 HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    settle().await;
    socket
}

async fn says_h2(house: &Indoors, frames: &[u8]) {
    let mut socket = viewer(house, 1).unwrap();
    socket.write_all(&[PREFACE, frames].concat()).await.unwrap();
    settle().await;
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// GET of /livez.
fn block() -> Vec<u8> {
    [&[0x82, 0x86, 1, 1, b't', 4, 6][..], b"/livez"].concat()
}

/// The length of a string that is not in Huffman's code (RFC 7541 §5.1).
fn length(mut value: usize) -> Vec<u8> {
    let mut bytes = vec![0x7F];
    value -= 0x7F;
    while value >= 0x80 {
        bytes.push(0x80 | (value % 0x80) as u8);
        value /= 0x80;
    }
    bytes.push(value as u8);
    bytes
}
