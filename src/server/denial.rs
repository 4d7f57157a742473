//! Denial: how somebody who is not let in is told so over HTTP.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;

use crate::base::Rope;
use crate::control::Denied;

use super::body::Payload;

/// The answer: it is true of one viewer at one moment, so no cache may keep it.
pub(super) fn response(denied: &Denied) -> Response<Payload> {
    let status = denied.status();
    let mut response = Response::new(Payload::from(Rope::from(Bytes::from(format!("{denied}\n")))));
    *response.status_mut() = StatusCode::from_u16(status.http).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = status.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status.http == 401 {
        // A 401 says how to do better (RFC 9110 §15.5.2).
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
