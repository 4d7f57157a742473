//! Churn: viewers who come, stay a while, and go; every tenth of them does not read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::book::Book;
use super::readers::{Way, read, stall};
use super::relay::Chance;
use super::secure::Door;
use super::server::Server;
use super::viewer::watch;

/// How long a session lasts: on average, and at most.
const STAY: (f64, f64) = (10.0, 60.0);

/// What everybody on the viewers' side needs to know.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) rtmp: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) secure: Door,
    pub(crate) names: Vec<String>,
    pub(crate) book: Arc<Book>,
    part: AtomicU64,
}

impl Scene {
    pub(crate) fn new(server: &Server, names: Vec<String>, book: Arc<Book>) -> Self {
        let secure = server.secure.clone();
        Self { rtmp: server.rtmp, http: server.http, secure, names, book, part: AtomicU64::new(0) }
    }

    /// A stream's name.
    pub(crate) fn name(&self, stream: usize) -> &str {
        self.names.get(stream).map_or("", String::as_str)
    }

    /// Takes note of a PART-TARGET: the longest is what gaps are held to.
    pub(crate) fn part_target(&self, target: Duration) {
        self.part.fetch_max(u64::try_from(target.as_micros()).unwrap_or(0), Ordering::Relaxed);
    }

    /// The longest PART-TARGET seen.
    pub(crate) fn longest_part(&self) -> Duration {
        Duration::from_micros(self.part.load(Ordering::Relaxed))
    }
}

/// Lets sessions begin at `rate` a second until the instant given, and waits for the last of them.
pub(crate) async fn churn(scene: Arc<Scene>, mut chance: Chance, rate: f64, until: Instant) {
    let mut sessions = JoinSet::new();
    let mut next = Instant::now();
    while next < until {
        tokio::time::sleep_until(next.into()).await;
        // Arrivals that know nothing of each other: exponential times between them.
        next += Duration::from_secs_f64(-(1.0 - chance.unit()).ln() / rate);
        let chance = Chance::of(chance.next(), 1);
        sessions.spawn(session(scene.clone(), chance, until));
        while let Some(ended) = sessions.try_join_next() {
            judge(&scene, ended);
        }
    }
    while let Some(ended) = sessions.join_next().await {
        judge(&scene, ended);
    }
}

fn judge(scene: &Scene, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        scene.book.breach("a session went wrong by itself", error.to_string());
    }
}

/// One session: mostly HLS, of a stream that is one of the popular ones half the time.
pub(crate) async fn session(scene: Arc<Scene>, mut chance: Chance, until: Instant) {
    let streams = scene.names.len() as u64;
    let of = if chance.hits(0.5) { streams.div_ceil(4) } else { streams };
    let stream = usize::try_from(chance.below(of)).unwrap_or(0);
    let stay = (-(1.0 - chance.unit()).ln() * STAY.0).clamp(0.2, STAY.1);
    let until = until.min(Instant::now() + Duration::from_secs_f64(stay));
    let way = *chance.pick(&Way::ALL).unwrap_or(&Way::Flv);
    let secure = chance.hits(0.25);
    let (kind, ended) = if chance.hits(0.1) {
        // As long as it takes to be given up.
        let until = until + Duration::from_secs(5);
        ("that do not read", stall(&scene, stream, (way, secure), until).await)
    } else if chance.hits(0.7) {
        ("of HLS", watch(&scene, stream, chance, secure, until).await)
    } else {
        ("of endless files, WebSocket and RTMP", read(&scene, stream, (way, secure), until).await)
    };
    scene.book.count(format!("sessions {kind}"));
    if secure {
        scene.book.count("sessions over TLS and HTTP/2, where their protocol is HTTP");
    }
    if ended.is_err() {
        scene.book.count("sessions that ended early");
    }
}
