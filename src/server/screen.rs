//! Screening: what every request must be before any route sees it.
//!
//! One route takes a request body, of a declared length. Any other request that brings one, in whatever framing, is
//! refused and its connection closed, so no disagreement about where a body ends can hide a second request
//! (RFC 9112 §11.2).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Version, request};

use crate::control::RequestClass;
use crate::media::{HttpLimits, Limit};

/// Why a request is refused before routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A longer target than any of ours.
    #[error("the request target is too long\n")]
    Target,
    /// Too large header fields.
    #[error("the request head is too large\n")]
    Head,
    /// Too many of them.
    #[error("the request head has too many fields\n")]
    Fields,
    /// A body, or the announcement of one.
    #[error("requests here have no body\n")]
    Body,
    /// A line of HTTP/1 that does not end in CR LF.
    #[error("the lines of a request end in CR LF\n")]
    Line,
    /// HTTP/1.1 needs exactly one Host (RFC 9112 §3.2).
    #[error("a request needs exactly one Host\n")]
    Host,
}

impl Refusal {
    /// Which limit was run into, if it was one.
    pub(super) fn limit(self) -> Option<Limit> {
        match self {
            Self::Target => Some(Limit::HttpTarget),
            Self::Head => Some(Limit::HttpHead),
            Self::Fields => Some(Limit::HttpHeaders),
            Self::Body | Self::Line | Self::Host => None,
        }
    }

    /// The answer, after which the connection closes.
    pub(super) fn response(self, version: Version) -> Response<Body> {
        let mut response = Response::new(Body::from(self.to_string()));
        *response.status_mut() = match self {
            Self::Target => StatusCode::URI_TOO_LONG,
            Self::Head | Self::Fields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Body | Self::Line | Self::Host => StatusCode::BAD_REQUEST,
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if version < Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Checks one request head, whose body may have `most` bytes.
pub(super) fn screen(head: &request::Parts, limits: &HttpLimits, most: usize) -> Result<(), Refusal> {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits.target {
        return Err(Refusal::Target);
    }
    if head.headers.len() > limits.headers {
        return Err(Refusal::Fields);
    }
    if size(&head.headers).saturating_add(target) > limits.head {
        return Err(Refusal::Head);
    }
    if !body_fits(&head.headers, most) {
        return Err(Refusal::Body);
    }
    let hosts = head.headers.get_all(HOST).iter().count();
    if head.version == Version::HTTP_11 && hosts != 1 {
        return Err(Refusal::Host);
    }
    Ok(())
}

/// What kind of thing `path` asks for, for the metrics.
pub(super) fn class(path: &str) -> RequestClass {
    let first = path.split('/').nth(1).unwrap_or_default();
    match first {
        "live" if path.ends_with(".m3u8") => RequestClass::Playlist,
        "live" => RequestClass::Media,
        "watch" | "embed" | "assets" => RequestClass::Page,
        _ => RequestClass::Other,
    }
}

/// Whether what is declared is no more than `most`. Chunks declare nothing.
fn body_fits(headers: &HeaderMap, most: usize) -> bool {
    let fits = |length: &HeaderValue| {
        let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|text| text.parse::<usize>().ok()).is_some_and(|length| length <= most)
    };
    !headers.contains_key(TRANSFER_ENCODING) && headers.get_all(CONTENT_LENGTH).iter().all(fits)
}

fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len().saturating_add(value.len()).saturating_add(4))
        .sum()
}
