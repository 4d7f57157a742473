//! Pages: the player pages and what they load, from the embedded files.

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;

use crate::hls;
use crate::media::StreamName;

use super::routes;
use super::web::{self, Asset, Kind};

/// `GET /watch/NAME`.
pub(super) async fn watch(path: Path<String>, headers: HeaderMap) -> Response<Body> {
    page(Kind::Watch, &path, &headers).await
}

/// `GET /embed/NAME`.
pub(super) async fn embed(path: Path<String>, headers: HeaderMap) -> Response<Body> {
    page(Kind::Embed, &path, &headers).await
}

/// `GET /assets/PATH`.
pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response<Body> {
    match web::asset(&path) {
        Some(asset) => file(asset, &web::ASSET_HEADERS, &headers).await,
        None => routes::plain(StatusCode::NOT_FOUND, "there is no such file\n"),
    }
}

/// The page is the same for every name, and says itself when nobody is live there.
async fn page(kind: Kind, name: &str, headers: &HeaderMap) -> Response<Body> {
    match StreamName::parse(name) {
        Ok(_) => file(web::page(kind), web::page_headers(kind), headers).await,
        Err(_) => routes::plain(StatusCode::NOT_FOUND, "there is no such stream\n"),
    }
}

async fn file(
    asset: &'static Asset,
    extra: &'static [(&'static str, &'static str)],
    request: &HeaderMap,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(asset.cache().control()));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(asset.etag()) {
        headers.insert(ETAG, etag);
    }
    for (name, value) in extra {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // The tag is weak; what is compared is what stands behind `W/` (RFC 9110 §8.8.3.2).
    let opaque = asset.etag().strip_prefix("W/");
    if hls::none_match(routes::field(request, &IF_NONE_MATCH).as_deref(), opaque) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let mut bytes = asset.bytes();
    if hls::accepts_gzip(routes::field(request, &ACCEPT_ENCODING).as_deref()) {
        // The first one compresses, which takes long enough not to be done on a thread that serves media.
        let gzip = tokio::task::spawn_blocking(|| asset.gzip()).await.unwrap_or_default();
        if !gzip.is_empty() {
            bytes = gzip;
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    *response.body_mut() = Body::from(Bytes::from_static(bytes));
    response
}
