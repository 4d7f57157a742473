//! Playback: the routes of HLS: from a request to an answer of the `hls` room, and from that to a response.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE, RETRY_AFTER, USER_AGENT, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;
use http_body::Body as _;

use crate::base::Rope;
use crate::control::{Denied, Protocol, VIEWER_ID, ViewerRequest, cmcd_session, draw_viewer_id};
use crate::hls::{self, Answer, Cache, Directives, Form, Refusal, Reply, Route, Selection, Wait};
use crate::live::{Changes, Generation, Rendition};
use crate::media::StreamName;

use super::body::Payload;
use super::clock::Clock;
use super::context::Context;
use super::denial;
use super::hold;
use super::http::Peer;
use super::routes::field;

/// Whether to promise that every segment of a stream starts at a keyframe. An encoder may lengthen its
/// keyframe interval at any time, and segments are then cut without one: the promise cannot be kept.
const INDEPENDENT_SEGMENTS: bool = false;

/// Where a player may tell its session id (CTA-5004 §2.2).
const CMCD_SESSION: HeaderName = HeaderName::from_static("cmcd-session");
/// RFC 9218 §5.
const PRIORITY: HeaderName = HeaderName::from_static("priority");
const CORS: [(HeaderName, HeaderValue); 2] = [typed(hls::CORS[0]), typed(hls::CORS[1])];
const PREFLIGHT: [(HeaderName, HeaderValue); 3] =
    [typed(hls::PREFLIGHT[0]), typed(hls::PREFLIGHT[1]), typed(hls::PREFLIGHT[2])];

const fn typed((name, value): (&'static str, &'static str)) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// A request under `/live/`, as far as it could be taken at once.
pub(super) enum Turn {
    /// It is answered.
    Now(Response<Payload>),
    /// It is to be held.
    Later(Waiting),
}

/// A request to hold: what is needed of it and no more. Its head is given back before anything is waited for,
/// since a held request would keep the connection's read buffer from being used again.
pub(super) struct Waiting {
    target: Target,
    manner: Manner,
    wait: Wait,
}

/// What is asked for.
enum Target {
    Media(Arc<Rendition>, StreamName, hls::Request),
    /// And whether compressed, and the id of its viewer where URLs have one.
    Multivariant(Arc<Generation>, bool, Option<String>),
    Thumbnail(Arc<Generation>),
    Encoder(StreamName),
}

/// How it is to be told.
struct Manner {
    /// Without the body.
    head: bool,
    urgency: &'static str,
    conditions: Option<Box<Conditions>>,
}

/// What makes a request conditional, or one for a range.
#[derive(Debug)]
struct Conditions {
    none_match: Option<String>,
    if_range: Option<String>,
    range: Option<String>,
}

/// Takes a request; `None` when it is not for something under `/live/`.
pub(super) fn take(context: &Context, head: &Parts, address: IpAddr) -> Option<Turn> {
    head.uri.path().strip_prefix("/live/").filter(|rest| !rest.is_empty())?;
    Some(match head.method {
        Method::GET | Method::HEAD => ask(context, head, address),
        Method::OPTIONS => {
            let mut response = empty(StatusCode::NO_CONTENT);
            response.headers_mut().extend(PREFLIGHT.map(|(name, value)| (Some(name), value)));
            Turn::Now(signed(response, hls::URGENT))
        }
        _ => {
            let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(hls::ALLOWED_METHODS));
            Turn::Now(signed(response, hls::URGENT))
        }
    })
}

/// The id of a viewer that [`Form::Viewer`] put into the URL, or somebody who spells as it does.
fn viewer_id(query: &str) -> Option<&str> {
    let id = query.split('&').find_map(|pair| pair.strip_prefix(hls::VIEWER)?.strip_prefix('='))?;
    (id.len() == VIEWER_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// Holds a request until it can be answered.
pub(super) async fn hold(context: &Context, peer: &Peer, waiting: Waiting) -> Response<Payload> {
    let Waiting { target, manner, wait } = waiting;
    let look = || target.look(context);
    let answer = hold::answer(context, peer, wait, look, || target.signals(), || target.crowded()).await;
    manner.response(answer)
}

fn ask(context: &Context, head: &Parts, address: IpAddr) -> Turn {
    let found = find(context, head);
    let urgency = found.as_ref().map_or(hls::URGENT, |(_, urgency)| urgency);
    let manner = Manner { head: head.method == Method::HEAD, urgency, conditions: Conditions::read(head) };
    let Some((target, _)) = found else {
        return Turn::Now(manner.response(Answer::Refuse(Refusal::UNKNOWN)));
    };
    if let Err(denied) = admit(context, head, address, &target) {
        context.refused(&denied, address);
        return Turn::Now(signed(denial::response(&denied), urgency));
    }
    match target.look(context) {
        Answer::WaitFor(wait) => Turn::Later(Waiting { target, manner, wait }),
        decided => Turn::Now(manner.response(decided)),
    }
}

/// Counts the viewer in. Only what there is has viewers: a name that nobody publishes leaves nothing behind.
fn admit(context: &Context, head: &Parts, address: IpAddr, target: &Target) -> Result<(), Denied> {
    let by_url = context.settings.viewer_ids;
    let stream = match target {
        // What has no id in its URL is asked for by somebody who is counted by what has.
        Target::Media(_, _, request) if by_url && !request.file.is_playlist() => return Ok(()),
        Target::Multivariant(..) if by_url => return Ok(()),
        Target::Media(_, name, _) => name,
        Target::Multivariant(generation, ..) => generation.name(),
        // Pages show these of streams that nobody watches there.
        Target::Thumbnail(_) | Target::Encoder(_) => return Ok(()),
    };
    if head.method == Method::HEAD {
        return Ok(());
    }
    let read = |name: &HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let query = head.uri.query();
    let own = query.filter(|_| by_url).and_then(viewer_id).map(Cow::Borrowed);
    let session = own.or_else(|| cmcd_session(read(&CMCD_SESSION), query));
    let request = ViewerRequest {
        stream,
        protocol: Protocol::Hls,
        address,
        agent: read(&USER_AGENT),
        session: session.as_deref(),
    };
    context.viewers.seen(&request, Clock::now())
}

/// What a path names, and how urgent it is.
fn find(context: &Context, head: &Parts) -> Option<(Target, &'static str)> {
    let gzip = || hls::accepts_gzip(field(&head.headers, &ACCEPT_ENCODING).as_deref());
    match Route::parse(head.uri.path())? {
        Route::Multivariant(name) => {
            let generation = context.registry.find(&name)?;
            // Where there is no chance to draw one from, it is counted by what it tells of itself.
            let id = context.settings.viewer_ids.then(draw_viewer_id).and_then(Result::ok);
            Some((Target::Multivariant(generation, gzip(), id), hls::URGENT))
        }
        Route::Thumbnail(name) => Some((Target::Thumbnail(context.registry.find(&name)?), hls::LEISURELY)),
        Route::Encoder(name) => Some((Target::Encoder(name), hls::LEISURELY)),
        Route::Media { name, generation, track, file } => {
            let found = context.registry.find_generation(&name, &generation)?;
            let rendition = found.rendition(track)?;
            let urgency = hls::urgency(file, track.kind, lower(&found, &rendition));
            let request = hls::Request {
                file,
                directives: Directives::parse(head.uri.query()),
                gzip: gzip(),
                whole_segments: hls::knows_only_segments(field(&head.headers, &USER_AGENT).as_deref()),
            };
            Some((Target::Media(rendition, name, request), urgency))
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

impl Target {
    /// What is to be done now.
    fn look(&self, context: &Context) -> Answer {
        match self {
            Self::Media(rendition, _, request) => {
                let view = rendition.view();
                let answer = hls::answer(&view, request);
                if let Answer::Ready(_) = answer {
                    context.lint.sent(&context.metrics, rendition, &view, request.file);
                }
                answer
            }
            Self::Multivariant(generation, gzip, id) => {
                let named = |track| {
                    let voice = context.settings.voice(generation.name(), track);
                    (voice.map(|voice| voice.language.clone()), voice.and_then(|voice| voice.name.clone()))
                };
                let playlist = |form| hls::multivariant(generation, named, INDEPENDENT_SEGMENTS, form);
                let shared = if *gzip { Form::Gzip } else { Form::Plain };
                let answer = playlist(id.as_deref().map_or(shared, Form::Viewer));
                if let Answer::Ready(_) = answer {
                    context.lint.multivariant(&context.metrics, || playlist(Form::Plain));
                }
                unless_over(generation, answer)
            }
            Self::Thumbnail(generation) => {
                let views: Vec<_> = generation.renditions().iter().map(|one| one.view()).collect();
                unless_over(generation, hls::thumbnail(generation.id().as_str(), &views))
            }
            Self::Encoder(name) => {
                let told = context.health.encoder(name);
                told.map_or(Answer::Refuse(Refusal::UNKNOWN), |told| Answer::Ready(json(told)))
            }
        }
    }

    /// Everything whose change may change that.
    fn signals(&self) -> Vec<Changes> {
        match self {
            Self::Media(rendition, ..) => vec![rendition.changes()],
            Self::Multivariant(generation, ..) | Self::Thumbnail(generation) => {
                let renditions = generation.renditions();
                let changes = renditions.iter().map(|rendition| rendition.changes());
                std::iter::once(generation.changes()).chain(changes).collect()
            }
            // It is never waited for.
            Self::Encoder(_) => Vec::new(),
        }
    }

    /// What to say when nothing more can be held.
    fn crowded(&self) -> Answer {
        match self {
            Self::Media(rendition, _, request) => hls::at_once(&rendition.view(), request),
            Self::Multivariant(..) | Self::Thumbnail(_) | Self::Encoder(_) => Answer::Refuse(Refusal::Busy),
        }
    }
}

/// A short document that is out of date in a second.
fn json(text: String) -> Reply {
    Reply {
        body: Rope::from(Bytes::from(text)),
        content_type: "application/json",
        cache: Cache::Seconds(1),
        gzip: false,
        vary: false,
        etag: None,
        ranges: false,
    }
}

/// What ended before there was anything of it has nothing to wait for.
fn unless_over(generation: &Generation, answer: Answer) -> Answer {
    match answer {
        Answer::WaitFor(_) if generation.ended() => Answer::Refuse(Refusal::UNKNOWN),
        answer => answer,
    }
}

impl Conditions {
    /// `None` where there are none, as with nearly all requests.
    fn read(head: &Parts) -> Option<Box<Self>> {
        let text = |name| field(&head.headers, name).map(Cow::into_owned);
        let read = Self {
            none_match: text(&IF_NONE_MATCH),
            if_range: text(&IF_RANGE),
            // Range means something for GET only (RFC 9110 §14.2).
            range: text(&RANGE).filter(|_| head.method == Method::GET),
        };
        let any = read.none_match.is_some() || read.if_range.is_some() || read.range.is_some();
        any.then(|| Box::new(read))
    }
}

impl Manner {
    fn response(&self, answer: Answer) -> Response<Payload> {
        let response = match answer {
            Answer::Ready(reply) => ready(reply, self.conditions.as_deref()),
            Answer::Refuse(refusal) => refuse(refusal),
            // A wait is over before it gets here.
            Answer::WaitFor(wait) => refuse(wait.expired),
        };
        let response = signed(response, self.urgency);
        if self.head { without_body(response) } else { response }
    }
}

/// What every response says.
pub(super) fn signed(mut response: Response<Payload>, urgency: &'static str) -> Response<Payload> {
    let headers = response.headers_mut();
    headers.insert(PRIORITY, HeaderValue::from_static(urgency));
    for (name, value) in CORS {
        headers.insert(name, value);
    }
    response
}

/// What HEAD is told: the length of the body, and not the body. HTTP/2 would send it.
fn without_body(mut response: Response<Payload>) -> Response<Payload> {
    let length = response.body().size_hint().exact();
    if let Some(length) = length.filter(|_| response.status() != StatusCode::NOT_MODIFIED) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response.map(|_| Payload::empty())
}

/// A response without a body, with room for the fields that most have.
fn empty(status: StatusCode) -> Response<Payload> {
    let mut response = Response::new(Payload::empty());
    *response.status_mut() = status;
    response.headers_mut().reserve(12);
    response
}

fn ready(reply: Reply, conditions: Option<&Conditions>) -> Response<Payload> {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    text(headers, CACHE_CONTROL, reply.cache.control());
    if reply.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if reply.vary {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    let etag = reply.etag.as_deref();
    let unchanged = hls::none_match(conditions.and_then(|all| all.none_match.as_deref()), etag);
    let mut body = reply.body;
    if !unchanged && reply.ranges {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let range = conditions.and_then(|all| all.range.as_deref());
        let if_range = conditions.and_then(|all| all.if_range.as_deref());
        let selection = Selection::parse(range, if_range, etag, body.len());
        if let Some(content_range) = selection.content_range(body.len()) {
            text(headers, CONTENT_RANGE, content_range.into());
        }
        match selection {
            Selection::Whole => {}
            Selection::Bytes(range) => {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                body = body.slice(range);
            }
            Selection::Unsatisfiable => {
                *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                body = Rope::default();
            }
        }
    }
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        body = Rope::default();
    }
    if let Some(etag) = reply.etag {
        text(response.headers_mut(), ETAG, etag.into());
    }
    *response.body_mut() = body.into();
    response
}

fn refuse(refusal: Refusal) -> Response<Payload> {
    let mut response = Response::new(Payload::from(refusal.text()));
    *response.status_mut() = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::NOT_FOUND);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    text(headers, CACHE_CONTROL, refusal.cache().control());
    if let Some(seconds) = refusal.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A value made here, of characters that fields may hold.
fn text(headers: &mut HeaderMap, name: HeaderName, value: Cow<'static, str>) {
    let value = match value {
        Cow::Borrowed(text) => Ok(HeaderValue::from_static(text)),
        Cow::Owned(text) => HeaderValue::try_from(text),
    };
    if let Ok(value) = value {
        headers.insert(name, value);
    }
}
