//! A small HTTP client: kept-alive connections, one request each at a time, everything bounded and timed.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::Read;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, RANGE, USER_AGENT};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::address::Address;
use super::line::{Dialer, FetchError, Line};
use crate::media::Now;
use crate::server::clock::Clock;

/// The largest body that is taken: a segment of many seconds.
const MAX_BODY: usize = 64 << 20;
/// The largest playlist, unpacked.
const MAX_TEXT: u64 = 8 << 20;
/// The longest that a body may take once it has begun.
const BODY: Duration = Duration::from_secs(30);

/// Kept-alive connections: whether over TLS, and to whom.
type Idle = HashMap<(bool, String), Vec<Line>>;

/// Connections by host, and how fast the best of them was.
#[derive(Debug)]
pub(super) struct Client {
    dialer: Dialer,
    idle: Mutex<Idle>,
    /// Time for a kilobyte of the fastest body so far.
    pace: Mutex<Option<Duration>>,
}

/// What to ask for.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    pub(super) address: &'a Address,
    /// Whether a compressed body is welcome.
    pub(super) gzip: bool,
    /// First byte and length.
    pub(super) range: Option<(u64, u64)>,
    /// How long to wait for the head of the response.
    pub(super) patience: Duration,
}

/// A response.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) fields: Vec<(String, String)>,
    /// Unpacked.
    pub(super) body: Bytes,
    /// Bytes as they were sent.
    pub(super) sent: usize,
    /// From the request to the head.
    pub(super) waited: Duration,
    /// From the first byte of the body to the last.
    pub(super) body_time: Duration,
    /// When the last byte came.
    pub(super) at: Now,
    /// Whether it came over HTTP/2; `None` where only HTTP/1.1 is asked for.
    pub(super) h2: Option<bool>,
}

impl Client {
    /// A client that trusts the system's authorities, or those in `ca` alone.
    pub(super) fn new(ca: Option<PathBuf>) -> Self {
        Self { dialer: Dialer::new(ca), idle: Mutex::default(), pace: Mutex::default() }
    }

    /// The time a kilobyte took at best; `None` before there was a body to measure.
    pub(super) fn pace(&self) -> Option<Duration> {
        *lock(&self.pace)
    }

    /// One GET. A kept-alive connection that turns out to be dead is tried once more, on a new one.
    pub(super) async fn get(&self, ask: &Ask<'_>) -> Result<Fetched, FetchError> {
        let key = (ask.address.secure, ask.address.authority());
        let kept = lock(&self.idle).get_mut(&key).and_then(Line::take);
        let fresh = kept.is_none();
        let line = match kept {
            Some(line) => line,
            None => self.dialer.dial(ask.address).await?,
        };
        let done = match self.exchange(line, ask).await {
            Err(FetchError::Closed) if !fresh => {
                self.exchange(self.dialer.dial(ask.address).await?, ask).await
            }
            done => done,
        };
        let (fetched, line) = done?;
        line.give(lock(&self.idle).entry(key).or_default());
        Ok(fetched)
    }

    async fn exchange(&self, mut line: Line, ask: &Ask<'_>) -> Result<(Fetched, Line), FetchError> {
        let mut request = line
            .request(ask.address)
            .header(USER_AGENT, concat!("rillcast-inspect/", env!("CARGO_PKG_VERSION")));
        if ask.gzip {
            request = request.header(ACCEPT_ENCODING, "gzip");
        }
        if let Some((start, length)) = ask.range {
            let last = start.saturating_add(length).saturating_sub(1);
            request = request.header(RANGE, format!("bytes={start}-{last}"));
        }
        let request = request.body(Body::empty()).map_err(|_| FetchError::Closed)?;
        let began = Clock::mono();
        let response = timeout(ask.patience, line.send(request)).await;
        let response = response.map_err(|_| FetchError::Late)?.map_err(|_| FetchError::Closed)?;
        let waited = Clock::mono().saturating_duration_since(began);
        let (head, body) = response.into_parts();
        let (body, body_time) = timeout(BODY, collect(body)).await.map_err(|_| FetchError::Late)??;
        let at = Clock::now();
        let sent = body.len();
        self.measure(sent, body_time);
        let fields = fields(&head.headers);
        let packed = fields.iter().any(|(name, value)| name == "content-encoding" && value.contains("gzip"));
        let body = if packed { unpacked(&body)? } else { body };
        let status = head.status.as_u16();
        let h2 = ask.address.secure.then(|| line.is_h2());
        Ok((Fetched { status, fields, body, sent, waited, body_time, at, h2 }, line))
    }

    /// A body that fits in a few packets comes at once, however slow the network: larger ones tell.
    fn measure(&self, bytes: usize, took: Duration) {
        let kilobytes = u32::try_from(bytes / 1_024).unwrap_or(u32::MAX);
        if kilobytes >= 8 {
            // Never quite nothing, so that there is something to compare with.
            let each = (took / kilobytes).max(Duration::from_micros(10));
            let mut pace = lock(&self.pace);
            *pace = Some(pace.map_or(each, |best| best.min(each)));
        }
    }
}

impl Fetched {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

async fn collect(mut body: Incoming) -> Result<(Bytes, Duration), FetchError> {
    let mut bytes = Vec::new();
    let mut first = None;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| FetchError::Closed)?;
        let Ok(data) = frame.into_data() else { continue };
        first.get_or_insert_with(Clock::mono);
        if bytes.len().saturating_add(data.len()) > MAX_BODY {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    let took = first.map_or(Duration::ZERO, |first| Clock::mono().saturating_duration_since(first));
    Ok((bytes.into(), took))
}

fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn unpacked(bytes: &[u8]) -> Result<Bytes, FetchError> {
    let mut out = Vec::new();
    MultiGzDecoder::new(bytes).take(MAX_TEXT).read_to_end(&mut out).map_err(|_| FetchError::Encoding)?;
    Ok(out.into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
