//! Health: the watches of all that is published, for the log and for the operator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, StatusCode};

use crate::health::{Change, Finding, Watch};
use crate::media::StreamName;

use super::clock::Clock;
use super::context::Context;
use super::routes;

/// Where the operator asks: what stands for the rest is a stream's name and [`LAST`].
pub(super) const PATH: &str = "/api/v1/streams/{*rest}";
const LAST: &str = "/health";

/// The watch of each stream that is published now.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<BTreeMap<StreamName, Arc<Mutex<Watch>>>>);

impl Board {
    /// What the encoder of `stream` tells of itself, as JSON; `None` when nobody publishes it.
    pub(super) fn encoder(&self, stream: &StreamName) -> Option<String> {
        let watch = held(&self.0).get(stream).cloned()?;
        let told = held(&watch).encoder();
        Some(told)
    }
}

/// One publish on the board, until it is dropped.
pub(super) struct Watched<'a> {
    context: &'a Context,
    stream: StreamName,
    watch: Arc<Mutex<Watch>>,
}

impl<'a> Watched<'a> {
    /// A publish to `stream` that begins now. It takes the place of one that is about to leave.
    pub(super) fn new(context: &'a Context, stream: &StreamName) -> Self {
        let watch = Arc::new(Mutex::new(Watch::new(Clock::now())));
        held(&context.health.0).insert(stream.clone(), Arc::clone(&watch));
        Self { context, stream: stream.clone(), watch }
    }

    /// The watch.
    pub(super) fn watch(&self) -> MutexGuard<'_, Watch> {
        held(&self.watch)
    }

    /// Logs what is new.
    pub(super) fn tell(&self, changes: Vec<Change>) {
        for change in changes {
            let (begins, Finding { track, verdict }) = match change {
                Change::Began(finding) => (true, finding),
                Change::Ended(finding) => (false, finding),
            };
            let track = track.map(|track| track.to_string()).unwrap_or_default();
            let (unit, measured) = verdict.measured();
            let name = verdict.name();
            if begins {
                tracing::warn!(
                    stream = %self.stream, track, verdict = name, measured, unit, words = %verdict,
                    obs = verdict.mend(), "health_began"
                );
            } else {
                tracing::info!(stream = %self.stream, track, verdict = name, "health_ended");
            }
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let mut board = held(&self.context.health.0);
        // Another publish may have come on.
        if board.get(&self.stream).is_some_and(|watch| Arc::ptr_eq(watch, &self.watch)) {
            board.remove(&self.stream);
            self.context.metrics.encoders.forget(&self.stream);
        }
    }
}

/// `GET /api/v1/streams/NAME/health`, on the admin listener alone: it tells of publishers, not of programmes.
pub(super) async fn health(State(context): State<Arc<Context>>, Path(rest): Path<String>) -> Response<Body> {
    let name = rest.strip_suffix(LAST).and_then(|name| StreamName::parse(name).ok());
    let Some(name) = name else { return routes::plain(StatusCode::NOT_FOUND, "there is nothing here\n") };
    let Some(watch) = held(&context.health.0).get(&name).cloned() else {
        return routes::plain(StatusCode::NOT_FOUND, "nobody publishes this stream\n");
    };
    let document = held(&watch).document(&name, Clock::now());
    let mut response = Response::new(Body::from(document));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What a thread that panicked left is as good as any: these are measures.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
