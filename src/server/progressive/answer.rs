//! Answer: what a request for an endless file gets.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use axum::body::Body as Page;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Response};
use bytes::Bytes;
use http_body::{Body, Frame};

use crate::control::{Denied, Protocol, ViewerRequest};
use crate::hls;
use crate::media::StreamName;
use crate::progressive::Format;

use super::super::body::Payload;
use super::super::clock::Clock;
use super::super::context::Context;
use super::super::denial;
use super::super::http::Peer;
use super::super::playback::signed;
use super::body::LiveBody;
use super::feed::{Feeds, Unavailable};
use super::reader::Reader;
use super::socket;

/// Tells nginx, as a proxy, to hand on what comes as it comes.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Answers a request that is for an endless file; `None` when it is for something else. Where a path is one of HLS
/// too, HLS is meant.
pub(in crate::server) fn take(
    context: &Arc<Context>,
    head: &mut Parts,
    peer: &Peer,
) -> Option<Response<Payload>> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return None;
    }
    let path = head.uri.path();
    let (format, name) = Format::parse(path)?;
    if hls::Route::parse(path).is_some() {
        return None;
    }
    let upgraded = if format == Format::Flv { socket::take(context, head, peer, &name) } else { None };
    let answer = match upgraded {
        Some(upgraded) => upgraded,
        None => plain(context, head, peer, format, name),
    };
    let response = answer.unwrap_or_else(|denied| {
        context.refused(&denied, peer.address);
        let response = denial::response(&denied);
        if head.method == Method::HEAD { response.map(|_| nothing()) } else { response }
    });
    Some(signed(response, hls::URGENT))
}

/// The file as the body of a response.
fn plain(
    context: &Arc<Context>,
    head: &Parts,
    peer: &Peer,
    format: Format,
    name: StreamName,
) -> Result<Response<Payload>, Denied> {
    let body = match head.method {
        Method::HEAD => check(context, format, &name).map(|()| nothing())?,
        _ => Payload::Live(Box::new(open(context, head, peer, format, name)?)),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend([UNBUFFERED]);
    Ok(response)
}

fn nothing() -> Payload {
    Payload::Page(Page::new(Nothing))
}

fn check(context: &Context, format: Format, name: &StreamName) -> Result<(), Denied> {
    let generation = context.registry.find(name).ok_or(Denied::NotFound)?;
    if generation.ended() {
        return Err(Denied::NotLive);
    }
    Feeds::check(&generation, format, Clock::mono()).map_err(denied)
}

fn open(
    context: &Arc<Context>,
    head: &Parts,
    peer: &Peer,
    format: Format,
    name: StreamName,
) -> Result<LiveBody, Denied> {
    let protocol = match format {
        Format::Mp4 => Protocol::Mp4,
        Format::Flv => Protocol::Flv,
        Format::Ts => Protocol::Ts,
        Format::Rtmp => Protocol::Rtmp,
    };
    let reader = reader(context, head, peer, (format, protocol), name)?;
    Ok(LiveBody::new(reader))
}

/// A reader of stream `name`, admitted and counted.
pub(super) fn reader(
    context: &Arc<Context>,
    head: &Parts,
    peer: &Peer,
    (format, protocol): (Format, Protocol),
    name: StreamName,
) -> Result<Reader, Denied> {
    let generation = context.registry.find(&name).ok_or(Denied::NotFound)?;
    if generation.ended() {
        return Err(Denied::NotLive);
    }
    let agent = head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let request = ViewerRequest { stream: &name, protocol, address: peer.address, agent, session: None };
    let now = Clock::now();
    let viewer = context.viewers.admit(&request, now)?;
    let chunks = Feeds::join(context, &generation, format, now.mono).map_err(denied)?;
    Ok(Reader::new(Arc::clone(context), chunks, viewer, name, protocol))
}

fn denied(why: Unavailable) -> Denied {
    match why {
        Unavailable::Starting => Denied::Busy { retry_after: 1 },
        Unavailable::Incompatible(why) => Denied::Incompatible(why.to_string()),
    }
}

/// What HEAD gets of a body whose length nobody knows.
struct Nothing;

impl Body for Nothing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }
}
