//! Playback: the routes of HLS: from a request to an answer of the `hls` room, and from that to a response.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, IF_NONE_MATCH, IF_RANGE, RANGE, RETRY_AFTER, USER_AGENT, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};

use crate::hls::{self, Answer, Directives, Entry, Presentation, Refusal, Reply, Route, Selection};
use crate::live::{Changes, Generation, Rendition};

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

/// Everything under `/live/`.
pub(super) async fn serve(
    State(context): State<Arc<Context>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response<Body> {
    // The body is never read, and must not be carried across a wait.
    let (head, _) = request.into_parts();
    let mut urgent = hls::URGENT;
    let mut response = match head.method {
        Method::GET | Method::HEAD => {
            let player = Player {
                gzip: hls::accepts_gzip(field(&head.headers, &ACCEPT_ENCODING).as_deref()),
                whole_segments: hls::knows_only_segments(field(&head.headers, &USER_AGENT).as_deref()),
            };
            let (answer, urgency) = answer(&context, &peer, &head.uri, player).await;
            urgent = urgency;
            match answer {
                Answer::Ready(reply) => ready(reply, &head.method, &head.headers),
                Answer::Refuse(refusal) => refuse(refusal),
                // A wait is over before it gets here.
                Answer::WaitFor(wait) => refuse(wait.expired),
            }
        }
        Method::OPTIONS => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            put(response.headers_mut(), &hls::PREFLIGHT);
            response
        }
        _ => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(hls::ALLOWED_METHODS));
            response
        }
    };
    response.headers_mut().insert(PRIORITY, HeaderValue::from_static(urgent));
    put(response.headers_mut(), &hls::CORS);
    response
}

/// What a player takes, by its request's headers.
#[derive(Debug, Clone, Copy)]
struct Player {
    gzip: bool,
    whole_segments: bool,
}

/// The answer, and how urgent it is.
async fn answer(context: &Context, peer: &Peer, uri: &Uri, player: Player) -> (Answer, &'static str) {
    let Player { gzip, whole_segments } = player;
    let unknown = (Answer::Refuse(Refusal::UNKNOWN), hls::URGENT);
    match Route::parse(uri.path()) {
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
            let directives = Directives::parse(uri.query());
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
    let rate = |rendition: &Rendition| (rendition.view().bandwidth.peak, rendition.id());
    let own = rate(rendition);
    let of_kind = renditions.iter().filter(|one| one.id().kind == own.1.kind);
    of_kind.filter(|one| rate(one) < own).count()
}

async fn multivariant(context: &Context, peer: &Peer, generation: &Arc<Generation>, gzip: bool) -> Answer {
    let look = || {
        let renditions = generation.renditions();
        let entries: Vec<Entry> = renditions.iter().map(|rendition| entry(rendition)).collect();
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

fn entry(rendition: &Rendition) -> Entry {
    Entry { view: rendition.view(), frame_rate: rendition.frame_rate(), language: None }
}

fn ready(reply: Reply, method: &Method, request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
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
    if hls::none_match(field(request, &IF_NONE_MATCH).as_deref(), reply.etag.as_deref()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let mut body = reply.body;
    if reply.ranges {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        // Range means something for GET only (RFC 9110 §14.2).
        let range = field(request, &RANGE).filter(|_| method == Method::GET);
        let if_range = field(request, &IF_RANGE);
        let etag = reply.etag.as_deref();
        let selection = Selection::parse(range.as_deref(), if_range.as_deref(), etag, body.len());
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

fn put(headers: &mut HeaderMap, fields: &'static [(&'static str, &'static str)]) {
    for (name, value) in fields {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// A value made here, of characters that fields may hold.
fn text(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
