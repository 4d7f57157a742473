//! Routes: which path goes where, on the public and on the admin listener.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use axum::routing::{get, post};

use super::api;
use super::clock::Clock;
use super::context::{Context, Phase};
use super::obs;
use super::pages;

/// Content type of the metrics (OpenMetrics 1.0.0).
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What people see. What players ask for, under `/live/`, the door hands to `playback` itself.
pub(super) fn public(context: Arc<Context>) -> Router {
    Router::new()
        .route("/watch/{*name}", get(pages::watch))
        .route("/embed/{*name}", get(pages::embed))
        .route("/assets/{*path}", get(pages::asset))
        .route(obs::PATH, post(obs::configure))
        .merge(health())
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(context)
}

/// What the operator sees.
pub(super) fn admin(context: Arc<Context>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .merge(api::routes())
        .merge(health())
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(context)
}

/// Where a path is asked for in another way: in which ones, the field `Allow` says.
pub(super) async fn wrong_method() -> Response<Body> {
    plain(StatusCode::METHOD_NOT_ALLOWED, "this is not for that method\n")
}

async fn nothing() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "there is nothing here\n")
}

/// A short answer in words, not to be kept by caches.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A request's field as one text, several joined by commas (RFC 9110 §5.3); what is not ASCII is left out.
pub(super) fn field<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let mut texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let first = Cow::Borrowed(texts.next()?);
    Some(texts.fold(first, |all, more| Cow::Owned(format!("{all}, {more}"))))
}

fn health() -> Router<Arc<Context>> {
    Router::new().route("/livez", get(async || plain(StatusCode::OK, "ok\n"))).route("/readyz", get(ready))
}

/// Every listener is bound before the first request can come: what makes the server not ready is that it drains, or that
/// it has no room for whoever comes next.
async fn ready(State(context): State<Arc<Context>>) -> Response<Body> {
    match context.phase() {
        Phase::Serving if context.crowding.is_full(Clock::mono()) => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "full\n")
        }
        Phase::Serving => plain(StatusCode::OK, "ready\n"),
        Phase::Draining | Phase::Ended => plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

async fn metrics(State(context): State<Arc<Context>>) -> Response<Body> {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    context.metrics.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
    let mut response = Response::new(Body::from(context.metrics.encode()));
    response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
