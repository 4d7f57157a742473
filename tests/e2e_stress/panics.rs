//! Tasks of a server that panic. What makes them is the log: what takes it in here panics at the lines that it was told.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::rig::{Encoder, Server, get, metric, playable, raw, request, settings};

const SECOND: Duration = Duration::from_secs(1);

/// The line to panic at, once, and a word that it must hold.
static FUSE: Mutex<Option<(&str, &str)>> = Mutex::new(None);

fn panic_at(message: &'static str, word: &'static str) {
    *FUSE.lock().unwrap() = Some((message, word));
}

fn is_set() -> bool {
    FUSE.lock().unwrap().is_some()
}

struct Bomb;

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

impl Subscriber for Bomb {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        if line.0.contains(" message=panicked") {
            eprintln!("{}", line.0);
        }
        let holds = |(message, word): &mut (&str, &str)| {
            line.0.contains(&format!(" message={message}")) && line.0.contains(*word)
        };
        let lit = FUSE.lock().unwrap().take_if(holds);
        assert!(lit.is_none(), "by intention");
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Hostile case 94: in an encoder's connection as it comes and as it goes, and in a request's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_the_connection_it_is_in_and_nothing_else() {
    tracing::subscriber::set_global_default(Bomb).unwrap();
    let server = Server::start(settings()).await;
    let other = Encoder::start(&server, "other");
    let media = playable(&server, "other").await;
    let before = metric(&server, "rillcast_panics_total").await.unwrap();

    // As its tracks become known: it is cut off, and that is all.
    panic_at("track_configured", "stream=cam");
    let told = Encoder::start(&server, "cam").refused().await;
    assert!(!is_set(), "{told}");

    // As its end is noted: its stream waits for it as after any crash, and goes on.
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    panic_at("publish_lost", "stream=cam");
    encoder.crash().await;
    let back = loop {
        if !is_set() {
            break Encoder::start(&server, "cam");
        }
        tokio::time::sleep(SECOND / 50).await;
    };
    assert_eq!(playable(&server, "cam").await, folder, "the same generation");
    let waited = std::time::Instant::now();
    while !get(server.at.http, &format!("{folder}media.m3u8"), "").await.1.contains("#EXT-X-DISCONTINUITY\n")
    {
        assert!(waited.elapsed() < 10 * SECOND, "it does not go on");
        tokio::time::sleep(SECOND / 20).await;
    }

    // In the answer to a request.
    let (_, listing) = get(server.at.admin, "/api/v1/viewers", "").await;
    let id = listing.split("\"id\": \"").nth(1).unwrap().split('"').next().unwrap();
    panic_at("viewer_kicked", "viewer=");
    let ask = format!("POST /api/v1/viewers/{id}/kick HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (heard, closed) = raw(server.at.admin, ask.as_bytes(), 5 * SECOND).await;
    assert!(closed && heard.is_empty() && !is_set(), "{heard}");
    let (head, _) = request(server.at.admin, "POST", "/api/v1/viewers/0123456789abcdef/kick", "").await;
    assert!(head.starts_with("http/1.1 404"), "the same lock is there for others: {head}");

    assert_eq!(metric(&server, "rillcast_panics_total").await, Some(before + 3));
    assert_eq!(metric(&server, "rillcast_publishers").await, Some(2));
    assert_eq!(metric(&server, "rillcast_rtmp_connections").await, Some(2), "none is counted that is gone");
    let waited = std::time::Instant::now();
    // But the one that asks.
    while metric(&server, "rillcast_http_connections").await != Some(1) {
        assert!(waited.elapsed() < 5 * SECOND, "connections are counted that are gone");
        tokio::time::sleep(SECOND / 50).await;
    }
    assert_eq!(playable(&server, "other").await, media);
    other.stop().await;
    back.stop().await;
    server.stop().await;
}
