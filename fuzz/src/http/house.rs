//! A server with a stream that is live, and one that is over.

use std::time::Duration;

use bytes::Bytes;
use rillcast::control::Settings;
use rillcast::live::{Expect, Publisher};
use rillcast::media::{Frame, StreamName, Ticks, TrackId};
use rillcast::server::{Clock, Indoors};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

use crate::steps::Cuts;
use crate::timeline::{sound, video};

/// What a network's buffers hold of one connection, each way.
const PIPE: usize = 64 * 1_024;
/// For how long something must have been said, or nothing more is: longer than a head may take, and than a hold.
const QUIET: Duration = Duration::from_secs(13);
/// Answers have no end where a file has none.
const MOST: usize = 4 << 20;
/// Words of an input that stand for what only the server knows.
const GENERATION: &[u8] = b"GEN";

thread_local! {
    // For ever: a runtime cannot end where threads do.
    static HOUSE: &'static House = Box::leak(Box::new(House::new()));
}

pub(super) struct House {
    runtime: Runtime,
    indoors: Indoors,
    generation: String,
    _live: Publisher,
}

impl House {
    /// The one of this thread; whatever one connection did to it the next one finds.
    pub(super) fn with(work: impl FnOnce(&Self)) {
        HOUSE.with(|house| work(house));
    }

    fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let (indoors, live) = runtime.block_on(async {
            let indoors = Indoors::new(Settings { open_publish: true, ..Settings::default() });
            publish(&indoors, "over").await.finish();
            let live = publish(&indoors, "cam").await;
            (indoors, live)
        });
        let generation = live.generation().id().as_str().to_owned();
        Self { runtime, indoors, generation, _live: live }
    }

    /// `said` with what stands for the name of the generation.
    pub(super) fn named(&self, mut said: &[u8]) -> Vec<u8> {
        let mut named = Vec::new();
        while let Some(at) = said.windows(GENERATION.len()).position(|word| word == GENERATION) {
            named.extend([&said[..at], self.generation.as_bytes()].concat());
            said = &said[at + GENERATION.len()..];
        }
        [&named, said].concat()
    }

    /// What comes of `said` on a connection of its own, and whether the server closed it.
    pub(super) fn converse(&self, said: &[u8], cuts: &mut Cuts) -> (Vec<u8>, bool) {
        self.runtime.block_on(async {
            let (mut ours, theirs) = tokio::io::duplex(PIPE);
            assert!(self.indoors.viewer(theirs, [198, 51, 100, 1].into()), "there is room for one");
            let (mut left, mut heard, mut buffer) = (said, Vec::new(), vec![0; PIPE]);
            while !left.is_empty() {
                let (now, rest) = left.split_at(cuts.next(left.len()));
                if ours.write_all(now).await.is_err() {
                    break;
                }
                left = rest;
                tokio::task::yield_now().await;
            }
            loop {
                match tokio::time::timeout(QUIET, ours.read(&mut buffer)).await {
                    Err(_) => return (heard, false),
                    Ok(Ok(0) | Err(_)) => return (heard, true),
                    Ok(Ok(count)) => heard.extend(&buffer[..count]),
                }
                assert!(heard.len() <= MOST, "an answer without an end");
            }
        })
    }

    /// The whole of what is at `target`.
    pub(super) fn get(&self, target: &str) -> Vec<u8> {
        let said = format!("GET {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        let (heard, closed) = self.converse(said.as_bytes(), &mut Cuts::new(0xFF));
        assert!(
            closed && heard.starts_with(b"HTTP/1.1 200"),
            "{target}: {}",
            String::from_utf8_lossy(&heard)
        );
        let end = heard.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        heard[end..].to_vec()
    }
}

/// Ten seconds of pictures and sound.
async fn publish(indoors: &Indoors, name: &str) -> Publisher {
    let name = StreamName::parse(name).expect("a name");
    let mut publisher = indoors.registry().publish(&name, Clock::now()).expect("nobody is there");
    publisher.expect(Expect { video: Some(true), audio: Some(true), ..Expect::default() });
    for track in [video(None), sound(48_000)] {
        publisher.configure(track, Clock::now());
    }
    for n in 0..250_i64 {
        tokio::time::advance(Duration::from_millis(40)).await;
        let now = Clock::now();
        publisher.tick(now);
        for track in [TrackId::VIDEO, TrackId::AUDIO, TrackId::AUDIO] {
            let key = track == TrackId::AUDIO || n % 50 == 0;
            let payload = Bytes::from(format!("{n} of {track} {:64}", ""));
            let (dts, arrival) = (Ticks::millis(n * 40), now.mono);
            let frame = Frame { track, dts, cts: 0, duration: None, key, payload, arrival };
            publisher.push(frame, now).expect("taken");
        }
    }
    publisher
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let media = "/live/cam/GEN/v0/";
    let mut said: Vec<String> = Vec::new();
    let targets = [
        "/livez",
        "/readyz",
        "/watch/cam",
        "/embed/cam?x=1",
        "/assets/player.css",
        "/live/cam/index.m3u8",
        "/live/cam.flv",
        "/live/cam.ts",
        "/live/cam.mp4",
        "/live/over/index.m3u8",
        "/live/cam/thumb.mp4",
        "/live/cam/encoder.json",
        "/nothing",
        "/live/",
        "*",
        "http://t/livez",
    ];
    let fields = [
        "",
        "Range: bytes=4-7\r\n",
        "Range: bytes=-5\r\nIf-Range: \"x\"\r\n",
        "Accept-Encoding: gzip, br;q=0\r\n",
        "If-None-Match: *\r\n",
        "Origin: http://a\r\nUser-Agent: AppleCoreMedia\r\n",
        "CMCD-Session: sid=\"a\"\r\n",
        "Connection: close\r\n",
        "Content-Length: 4\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Expect: 100-continue\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Authorization: Bearer a\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1\r\n",
    ];
    let head = |method: &str, target: &str, field: &str| {
        format!("{method} {target} HTTP/1.1\r\nHost: t\r\n{field}\r\n")
    };
    said.extend(targets.iter().map(|target| head("GET", target, "")));
    for file in [
        "media.m3u8",
        "media.m3u8?_HLS_msn=3&_HLS_part=1",
        "media.m3u8?_HLS_skip=v2",
        "init-0.mp4",
        "seg-2.m4s",
        "part-4.m4s",
    ] {
        said.push(head("GET", &format!("{media}{file}"), "Range: bytes=0-9\r\n"));
    }
    for (n, field) in fields.iter().enumerate() {
        said.push(head(["GET", "HEAD", "OPTIONS", "POST"][n % 4], &format!("{media}init-0.mp4"), field));
        said.push(head("GET", "/live/cam.flv", field));
    }
    said.push(
        [head("GET", "/livez", ""), head("HEAD", "/live/cam/index.m3u8", ""), head("GET", "/readyz", "")]
            .concat(),
    );
    said.push("GET /livez HTTP/1.1\nHost: t\r\n\r\nGET /livez HTTP/1.1\r\nHost: t\r\n\r\n".to_owned());
    said.push(
        head("POST", "/api/obs/multitrack", "Content-Length: 2\r\n") + "{}" + &head("GET", "/livez", ""),
    );
    said.push(
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x08\x06\0\0\0\0\0pingping".to_owned(),
    );
    said.push("GET /livez HTTP/1.0\r\n\r\n".to_owned());
    // A ping, a message of text and a close, masked by nothing; and one that is longer than it may be.
    let socket = head("GET", "/live/cam.flv", fields[11]);
    let frames: [&[u8]; 2] = [
        &[0x89, 0x81, 0, 0, 0, 0, 7, 0x81, 0x80, 0, 0, 0, 0, 0x88, 0x82, 0, 0, 0, 0, 3, 0xE8],
        &[0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0],
    ];
    let spoken = frames.map(|frames| [socket.as_bytes(), frames].concat());
    let said = said.into_iter().map(String::into_bytes).chain(spoken);
    said.zip(0_u8..).map(|(said, n)| [&[n.wrapping_mul(37)][..], &said].concat()).collect()
}
