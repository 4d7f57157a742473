//! Routes: which path of the API goes where.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use axum::middleware::from_fn;
use axum::routing::{get, post};

use crate::media::StreamName;

use super::super::clock::Clock;
use super::super::context::Context;
use super::super::routes::{plain, wrong_method};
use super::{door, streams, viewers};

/// What comes before the name of a stream.
const STREAMS: &str = "/api/v1/streams/";

/// The API, behind its guard.
pub(in super::super) fn routes() -> Router<Arc<Context>> {
    Router::new()
        .route("/api/v1/streams", get(streams::all))
        .route("/api/v1/streams/{*rest}", get(one))
        .route("/api/v1/viewers", get(viewers::all))
        .route("/api/v1/viewers/{id}/kick", post(viewers::kick))
        .route("/api/v1/history", get(viewers::history))
        // Behind the guard: nobody else is told what there is.
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(door::guard))
}

/// `GET /api/v1/streams/NAME` and `GET /api/v1/streams/NAME/health`: names hold slashes. A slash that is encoded is of
/// the name, also where `health` is behind it.
async fn one(State(context): State<Arc<Context>>, uri: Uri) -> Response<Body> {
    let rest = uri.path().strip_prefix(STREAMS).unwrap_or_default();
    let (name, health) = match rest.strip_suffix("/health") {
        Some(name) => (name, true),
        None => (rest, false),
    };
    let Ok(name) = StreamName::parse(&name.replace("%2F", "/").replace("%2f", "/")) else {
        return plain(StatusCode::NOT_FOUND, "there is nothing here\n");
    };
    let now = Clock::now();
    if !health {
        let found = streams::one(&context, &name);
        return found.map_or_else(|| plain(StatusCode::NOT_FOUND, "there is no such stream\n"), door::json);
    }
    match context.health.document(&name, now) {
        Some(document) => door::text(document),
        None => plain(StatusCode::NOT_FOUND, "nobody publishes this stream\n"),
    }
}
