//! Viewers: who watches, who did, and sending one away.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use serde_json::json;

use crate::media::StreamName;

use super::super::clock::Clock;
use super::super::context::Context;
use super::super::routes::plain;
use super::door;

/// `GET /api/v1/viewers`, with `?stream=NAME` of that stream alone.
pub(super) async fn all(State(context): State<Arc<Context>>, uri: Uri) -> Response<Body> {
    let fields = uri.query().unwrap_or_default().split('&');
    let wanted = fields.filter_map(|field| field.strip_prefix("stream=")).next_back();
    // Nothing else of a name is ever encoded.
    let wanted = wanted.map(|name| StreamName::parse(&name.replace("%2F", "/").replace("%2f", "/")));
    match wanted.transpose() {
        Ok(stream) => {
            let listing = context.viewers.list(stream.as_ref(), Clock::now());
            door::json(serde_json::to_value(listing).unwrap_or_default())
        }
        Err(_) => plain(StatusCode::BAD_REQUEST, "that is not a stream name\n"),
    }
}

/// `POST /api/v1/viewers/ID/kick`.
pub(super) async fn kick(State(context): State<Arc<Context>>, uri: Uri) -> Response<Body> {
    // As it stands: nothing of an id is ever encoded.
    let id = uri.path().split('/').nth(4).unwrap_or_default();
    if !context.viewers.kick(id, Clock::now()) {
        return plain(StatusCode::NOT_FOUND, "there is no such viewer\n");
    }
    tracing::info!(viewer = id, "viewer_kicked");
    door::json(json!({ "id": id, "kicked": true }))
}

/// `GET /api/v1/history`.
pub(super) async fn history(State(context): State<Arc<Context>>) -> Response<Body> {
    door::text(context.viewers.history.document() + "\n")
}
