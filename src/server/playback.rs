//! Playback: the routes of HLS: from a request to an answer of the `hls` room, and from that to a response.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE, RETRY_AFTER, USER_AGENT, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Body as _;

use crate::hls::{self, Answer, Directives, Entry, Presentation, Refusal, Reply, Route, Selection};
use crate::live::{Changes, Generation, Rendition};
use crate::media::{StreamName, TrackKind};

use super::body::RopeBody;
use super::context::Context;
use super::hold;
use super::http::Peer;
use super::routes::field;

/// Whether to promise that every segment of a stream starts at a keyframe. An encoder may lengthen its
/// keyframe interval at any time, and segments are then cut without one: the promise cannot be kept.
const INDEPENDENT_SEGMENTS: bool = false;

/// RFC 9218 §5.
const PRIORITY: HeaderName = HeaderName::from_static("priority");
const CORS: [(HeaderName, HeaderValue); 2] = [typed(hls::CORS[0]), typed(hls::CORS[1])];
const PREFLIGHT: [(HeaderName, HeaderValue); 3] =
    [typed(hls::PREFLIGHT[0]), typed(hls::PREFLIGHT[1]), typed(hls::PREFLIGHT[2])];

const fn typed((name, value): (&'static str, &'static str)) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// A request under `/live/`: what is needed of it and no more. Its head is given back before anything is
/// waited for, since a held request would keep the connection's read buffer from being used again.
#[derive(Debug)]
pub(super) struct Ask {
    method: Method,
    route: Option<Route>,
    directives: Directives,
    player: Player,
    conditions: Conditions,
}

/// What a player takes, by its request's headers.
#[derive(Debug, Clone, Copy)]
struct Player {
    gzip: bool,
    whole_segments: bool,
}

/// What makes a request conditional, or one for a range.
#[derive(Debug)]
struct Conditions {
    none_match: Option<String>,
    if_range: Option<String>,
    range: Option<String>,
}

impl Ask {
    /// Reads a request head; `None` when it is not for something under `/live/`.
    pub(super) fn read(head: &Parts) -> Option<Self> {
        head.uri.path().strip_prefix("/live/").filter(|rest| !rest.is_empty())?;
        let text = |name| field(&head.headers, name);
        Some(Self {
            method: head.method.clone(),
            route: Route::parse(head.uri.path()),
            directives: Directives::parse(head.uri.query()),
            player: Player {
                gzip: hls::accepts_gzip(text(&ACCEPT_ENCODING).as_deref()),
                whole_segments: hls::knows_only_segments(text(&USER_AGENT).as_deref()),
            },
            conditions: Conditions {
                none_match: text(&IF_NONE_MATCH),
                if_range: text(&IF_RANGE),
                // Range means something for GET only (RFC 9110 §14.2).
                range: text(&RANGE).filter(|_| head.method == Method::GET),
            },
        })
    }
}

/// Everything under `/live/`.
pub(super) async fn serve(context: &Context, peer: &Peer, ask: Ask) -> Response<Body> {
    let mut urgent = hls::URGENT;
    let mut response = match ask.method {
        Method::GET | Method::HEAD => {
            let (answer, urgency) = answer(context, peer, ask.route, ask.directives, ask.player).await;
            urgent = urgency;
            match answer {
                Answer::Ready(reply) => ready(reply, &ask.conditions),
                Answer::Refuse(refusal) => refuse(refusal),
                // A wait is over before it gets here.
                Answer::WaitFor(wait) => refuse(wait.expired),
            }
        }
        Method::OPTIONS => {
            let mut response = empty(StatusCode::NO_CONTENT);
            response.headers_mut().extend(PREFLIGHT.map(|(name, value)| (Some(name), value)));
            response
        }
        _ => {
            let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(hls::ALLOWED_METHODS));
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(PRIORITY, HeaderValue::from_static(urgent));
    for (name, value) in CORS {
        headers.insert(name, value);
    }
    if ask.method == Method::HEAD { without_body(response) } else { response }
}

/// What HEAD is told: the length of the body, and not the body. HTTP/2 would send it.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    let length = response.body().size_hint().exact();
    if let Some(length) = length.filter(|_| response.status() != StatusCode::NOT_MODIFIED) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response.map(|_| Body::empty())
}

/// The answer, and how urgent it is.
async fn answer(
    context: &Context,
    peer: &Peer,
    route: Option<Route>,
    directives: Directives,
    player: Player,
) -> (Answer, &'static str) {
    let Player { gzip, whole_segments } = player;
    let unknown = (Answer::Refuse(Refusal::UNKNOWN), hls::URGENT);
    match route {
        None => unknown,
        Some(Route::Multivariant(name)) => match context.registry.find(&name) {
            Some(generation) => (multivariant(context, peer, &generation, gzip).await, hls::URGENT),
            None => unknown,
        },
        Some(Route::Thumbnail(name)) => match context.registry.find(&name) {
            Some(generation) => (thumbnail(context, peer, &generation).await, hls::LEISURELY),
            None => unknown,
        },
        Some(Route::Media { name, generation, track, file }) => {
            let found = context.registry.find(&name).filter(|found| found.id().as_str() == generation);
            let rendition = |generation: Arc<Generation>| {
                let rendition = generation.rendition(track)?;
                Some((hls::urgency(file, track.kind, lower(&generation, &rendition)), rendition))
            };
            match found.and_then(rendition) {
                Some((urgency, rendition)) => {
                    let request = hls::Request { file, directives, gzip, whole_segments };
                    (media(context, peer, &rendition, &request).await, urgency)
                }
                None => unknown,
            }
        }
    }
}

/// How many renditions of the same kind have a lower bit rate.
fn lower(generation: &Generation, rendition: &Rendition) -> usize {
    let renditions = generation.renditions();
    let own = rendition.id();
    let rate = |rendition: &Rendition| (rendition.view().bandwidth.peak, rendition.id());
    let others = renditions.iter().filter(|one| one.id().kind == own.kind && one.id() != own);
    others.filter(|one| rate(one) < rate(rendition)).count()
}

async fn multivariant(context: &Context, peer: &Peer, generation: &Arc<Generation>, gzip: bool) -> Answer {
    let look = || {
        let renditions = generation.renditions();
        let entries: Vec<Entry> =
            renditions.iter().map(|one| entry(context, generation.name(), one)).collect();
        let presentation = Presentation {
            name: generation.name(),
            generation: generation.id().as_str(),
            renditions: &entries,
            independent_segments: INDEPENDENT_SEGMENTS,
        };
        match presentation.answer(gzip) {
            // It ended before its tracks were known.
            Answer::WaitFor(_) if generation.ended() => Answer::Refuse(Refusal::UNKNOWN),
            Answer::Ready(reply) => {
                context.lint.multivariant(&context.metrics, || presentation.answer(false));
                Answer::Ready(reply)
            }
            answer => answer,
        }
    };
    hold::answer(context, peer, look, || signals(generation), || Answer::Refuse(Refusal::Busy)).await
}

async fn thumbnail(context: &Context, peer: &Peer, generation: &Arc<Generation>) -> Answer {
    let look = || {
        let renditions = generation.renditions();
        let views: Vec<_> = renditions.iter().map(|rendition| rendition.view()).collect();
        match hls::thumbnail(generation.id().as_str(), &views) {
            Answer::WaitFor(_) if generation.ended() => Answer::Refuse(Refusal::UNKNOWN),
            answer => answer,
        }
    };
    hold::answer(context, peer, look, || signals(generation), || Answer::Refuse(Refusal::Busy)).await
}

/// Everything that can change about a generation as a whole.
fn signals(generation: &Generation) -> Vec<Changes> {
    let renditions = generation.renditions();
    let changes = renditions.iter().map(|rendition| rendition.changes());
    std::iter::once(generation.changes()).chain(changes).collect()
}

async fn media(context: &Context, peer: &Peer, rendition: &Arc<Rendition>, request: &hls::Request) -> Answer {
    let look = || {
        let view = rendition.view();
        let answer = hls::answer(&view, request);
        if let Answer::Ready(_) = answer {
            context.lint.sent(&context.metrics, rendition, &view, request.file);
        }
        answer
    };
    let crowded = || hls::at_once(&rendition.view(), request);
    hold::answer(context, peer, look, || vec![rendition.changes()], crowded).await
}

fn entry(context: &Context, stream: &StreamName, rendition: &Rendition) -> Entry {
    let id = rendition.id();
    let voice = context.settings.voice(stream, id.index).filter(|_| id.kind == TrackKind::Audio);
    Entry {
        view: rendition.view(),
        frame_rate: rendition.frame_rate(),
        language: voice.map(|voice| voice.language.clone()),
        label: voice.and_then(|voice| voice.name.clone()),
    }
}

/// A response without a body, with room for the fields that most have.
fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().reserve(12);
    response
}

fn ready(reply: Reply, conditions: &Conditions) -> Response<Body> {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    text(headers, CACHE_CONTROL, &reply.cache.to_string());
    if reply.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if reply.vary {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(etag) = &reply.etag {
        text(headers, ETAG, etag);
    }
    if hls::none_match(conditions.none_match.as_deref(), reply.etag.as_deref()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let mut body = reply.body;
    if reply.ranges {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let (range, if_range) = (conditions.range.as_deref(), conditions.if_range.as_deref());
        let selection = Selection::parse(range, if_range, reply.etag.as_deref(), body.len());
        if let Some(content_range) = selection.content_range(body.len()) {
            text(headers, CONTENT_RANGE, &content_range);
        }
        match selection {
            Selection::Whole => {}
            Selection::Bytes(range) => {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                body = body.slice(range);
            }
            Selection::Unsatisfiable => {
                *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                return response;
            }
        }
    }
    *response.body_mut() = Body::new(RopeBody::new(body));
    response
}

fn refuse(refusal: Refusal) -> Response<Body> {
    let mut response = Response::new(Body::from(refusal.text()));
    *response.status_mut() = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::NOT_FOUND);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    text(headers, CACHE_CONTROL, &refusal.cache().to_string());
    if let Some(seconds) = refusal.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A value made here, of characters that fields may hold.
fn text(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
