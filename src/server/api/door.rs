//! Door: who may come in, and the form of what they are given.
//!
//! The admin listener is on loopback and asks for no password, but a browser on the same machine may be made to ask
//! by any page it shows: under that page's own name, pointed at this machine (DNS rebinding), or across origins.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use axum::middleware::Next;
use serde_json::Value;

use super::super::routes::plain;

/// Lets in who calls this machine by a name that is nobody else's and, to change something, comes from no other page.
pub(super) async fn guard(request: Request, next: Next) -> Response<Body> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    if !is_welcome(method, uri, headers) {
        return plain(
            StatusCode::FORBIDDEN,
            "call this listener localhost or by its address, and not from another page\n",
        );
    }
    next.run(request).await
}

fn is_welcome(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let named = text(HOST.as_str()).and_then(|host| host.parse::<Authority>().ok());
    let Some(authority) = uri.authority().cloned().or(named) else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    // Only a name can be pointed elsewhere.
    if !host.eq_ignore_ascii_case("localhost") && host.parse::<IpAddr>().is_err() {
        return false;
    }
    if method.is_safe() {
        return true;
    }
    let own = |origin: &str| {
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(authority.as_str()))
    };
    let fetched = |site: &str| matches!(site, "same-origin" | "none");
    text(ORIGIN.as_str()).is_none_or(own) && text("sec-fetch-site").is_none_or(fetched)
}

/// A document that no cache keeps.
pub(super) fn json(document: Value) -> Response<Body> {
    text(format!("{document:#}\n"))
}

/// The same of its text.
pub(super) fn text(document: String) -> Response<Body> {
    let mut response = Response::new(Body::from(document));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(method: &Method, fields: &[(&'static str, &'static str)]) -> bool {
        let fields = fields.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        is_welcome(method, &Uri::from_static("/api/v1/viewers"), &fields.collect())
    }

    #[test]
    fn a_name_that_could_be_anybodys_is_not_let_in() {
        for host in ["localhost:9080", "LOCALHOST", "127.0.0.1:9080", "[::1]:9080", "127.0.0.1"] {
            assert!(welcome(&Method::GET, &[("host", host)]), "{host}");
        }
        for host in
            ["attacker.example:9080", "localhost.attacker.example", "127.0.0.1.attacker.example", "", "a b"]
        {
            assert!(!welcome(&Method::GET, &[("host", host)]), "{host}");
        }
        assert!(!welcome(&Method::GET, &[]));
    }

    #[test]
    fn another_page_changes_nothing() {
        let host = ("host", "localhost:9080");
        assert!(welcome(&Method::POST, &[host]), "a tool has no origin");
        assert!(welcome(&Method::POST, &[host, ("origin", "http://localhost:9080")]));
        for origin in
            ["http://attacker.example", "null", "http://localhost:8080", "http://localhost:9080.example", ""]
        {
            assert!(!welcome(&Method::POST, &[host, ("origin", origin)]), "{origin}");
        }
        assert!(!welcome(&Method::POST, &[host, ("sec-fetch-site", "cross-site")]));
        assert!(!welcome(&Method::POST, &[host, ("sec-fetch-site", "same-site")]));
        assert!(welcome(&Method::POST, &[host, ("sec-fetch-site", "same-origin")]));
    }
}
