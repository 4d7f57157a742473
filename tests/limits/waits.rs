//! How long HTTP waits for a peer, and how much it keeps for one that does not read: exact to the millisecond and to the
//! byte.

use std::time::Duration;

use rillcast::media::Limit;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use crate::indoors::{PREFACE, frame, serving, settle, viewer, waits};
use crate::rtmp::plus;
use crate::{Row, until};

const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything here takes.
const FAR: Duration = Duration::from_secs(3_600);
/// Something large to ask for, by its path and its length.
const LARGE: &str = "/assets/hls-1.7.4.min.js";
const LENGTH: usize = include_bytes!("../../src/server/web/static/vendor/hls-1.7.4.min.js").len();
/// What a frame of HTTP/2 may carry by default (RFC 9113 §4.2).
const FRAME: usize = 16 * 1_024;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        until(Limit::HttpHeadTime, |offset| stands(b"GET /livez", 5 * SECOND, offset)),
        until(Limit::HttpIdle, |offset| {
            stands(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n", 60 * SECOND, offset)
        }),
        // It is larger than what a network takes.
        until(Limit::HttpWriteStall, |offset| {
            let asks = format!("GET {LARGE} HTTP/1.1\r\nHost: t\r\n\r\n");
            stands(asks.as_bytes(), 10 * SECOND, offset)
        }),
        // A ping after 20 s, and 10 s for its answer.
        until(Limit::HttpH2Ping, |offset| stands(PREFACE, 30 * SECOND, offset)),
        until(Limit::HttpBodyTime, |offset| {
            serving(
                |limits| limits.http.h2_ping = (FAR, FAR),
                async move |house| {
                    let (reader, mut writer) = tokio::io::split(viewer(house, 1).unwrap());
                    let reading = reads(reader);
                    writer.write_all(&[PREFACE, &asks()].concat()).await.unwrap();
                    settle().await;
                    // A crumb every five seconds: some progress always, and not the whole in a minute.
                    for _ in 0..11 {
                        waits(5 * SECOND, 0).await;
                        writer.write_all(&opens(FRAME as u32)).await.unwrap();
                        settle().await;
                    }
                    waits(5 * SECOND, offset).await;
                    reading.abort();
                },
            )
        }),
        until(Limit::HttpH2SendBuffer, |offset| fits(-offset)),
    ]
}

/// A connection that says so much and stands there, for this long and so many milliseconds more.
fn stands(says: &[u8], span: Duration, offset: i64) -> Option<Limit> {
    serving(
        |_| {},
        async move |house| {
            let mut socket = viewer(house, 1).unwrap();
            socket.write_all(says).await.unwrap();
            settle().await;
            waits(span, offset).await;
        },
    )
}

/// Whether a response is taken whole although nothing of it is read, where there is room for so many bytes more than
/// wait before its last frame. Windows are wide open. One that was taken lets its connection idle; one that was not
/// keeps it busy.
fn fits(more: i64) -> Option<Limit> {
    // The first frame is in the network, and the second under way.
    let waiting = (LENGTH - 1) / FRAME * FRAME - 2 * FRAME;
    let hit = serving(
        |limits| {
            limits.http.h2_send_buffer = plus(waiting, more);
            limits.http.idle = SECOND;
            (limits.http.write_stall, limits.http.body_time) = (FAR, FAR);
            limits.http.h2_ping = (FAR, FAR);
        },
        async |house| {
            let mut socket = viewer(house, 1).unwrap();
            // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2).
            let wide = frame(4, 0, 0, &[0, 4, 0, 0x10, 0, 0]);
            let asked = [PREFACE, &wide, &frame(8, 0, 0, &(1_u32 << 20).to_be_bytes()), &asks()].concat();
            socket.write_all(&asked).await.unwrap();
            settle().await;
            waits(10 * SECOND, 0).await;
        },
    );
    match hit {
        Some(Limit::HttpIdle) => None,
        None => Some(Limit::HttpH2SendBuffer),
        other => other,
    }
}

/// A request for what is large.
fn asks() -> Vec<u8> {
    let path = LARGE.as_bytes();
    frame(1, 5, 1, &[&[0x82, 0x86, 1, 1, b't', 4, path.len() as u8][..], path].concat())
}

/// Lets the first stream, and the connection, bring so many bytes more.
fn opens(bytes: u32) -> Vec<u8> {
    [frame(8, 0, 0, &bytes.to_be_bytes()), frame(8, 0, 1, &bytes.to_be_bytes())].concat()
}

/// Reads whatever comes.
fn reads(mut reader: tokio::io::ReadHalf<DuplexStream>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut sink = [0; 4_096];
        while reader.read(&mut sink).await.is_ok_and(|count| count > 0) {}
    })
}
