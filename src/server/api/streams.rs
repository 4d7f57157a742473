//! Streams: what there is to watch, how it is made up, and how it does.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde_json::{Map, Value, json};

use crate::control::{Crowd, Protocol};
use crate::live::{Generation, Notice, Rendition, View};
use crate::media::{CodecConfig, FrameRate, StreamName};

use super::super::context::Context;
use super::door;

/// Streams listed at once.
const LISTED: usize = 1_000;

/// `GET /api/v1/streams`: those that were declared, and those that are or were live.
pub(super) async fn all(State(context): State<Arc<Context>>) -> Response<Body> {
    let live = context.registry.generations();
    let names: BTreeSet<_> = live.iter().map(|one| one.name()).chain(context.access.names()).collect();
    let truncated = names.len().saturating_sub(LISTED);
    let streams: Vec<_> =
        names.into_iter().take(LISTED).map(|name| Value::Object(brief(&context, name).0)).collect();
    door::json(json!({ "streams": streams, "truncated": truncated }))
}

/// `GET /api/v1/streams/NAME`; `None` when there is no such stream.
pub(super) fn one(context: &Context, name: &StreamName) -> Option<Value> {
    let (mut document, generation) = brief(context, name);
    let Some(generation) = generation else {
        let declared = context.access.names().any(|one| one == name);
        return declared.then_some(Value::Object(document));
    };
    let renditions = generation.renditions();
    let tracks: Vec<_> = renditions.iter().map(|one| track(one, &one.view())).collect();
    let (publishers, epochs) = context.viewers.history.of(&generation).unwrap_or_default();
    let newest = publishers.pointer("/newest_first/0").filter(|newest| newest["until"].is_null());
    let mut publisher = newest.cloned().unwrap_or_default();
    if let Some(fields) = publisher.as_object_mut() {
        fields.insert("received_bytes".into(), context.health.received(name).into());
    }
    document.insert("publisher".into(), publisher);
    document.insert("publishers".into(), publishers);
    document.insert("epochs".into(), epochs);
    document.insert("tracks".into(), tracks.into());
    document.insert("left_out".into(), left_out(context, &generation).into());
    document.insert("ring_limit_bytes".into(), context.limits.ring.bytes.into());
    Some(Value::Object(document))
}

/// What is told of every stream, and its newest generation.
fn brief(context: &Context, name: &StreamName) -> (Map<String, Value>, Option<Arc<Generation>>) {
    let generation = context.registry.find(name);
    let going = generation.as_ref().filter(|one| !one.ended());
    let (state, reasons) = state(context, name, going);
    let mut document = Map::new();
    document.insert("stream".into(), name.as_str().into());
    document.insert("state".into(), state.into());
    document.insert("reasons".into(), reasons.into());
    document.insert("generation".into(), going.map(|one| one.id().as_str()).into());
    document.insert("since".into(), going.map(|one| one.started().to_string()).into());
    document.insert("viewers".into(), viewers(&context.viewers.crowd(name)));
    (document, generation)
}

/// One word for it, and why it is not `live` where it is `degraded`.
fn state(
    context: &Context,
    name: &StreamName,
    going: Option<&Arc<Generation>>,
) -> (&'static str, Vec<String>) {
    let Some(generation) = going else { return ("stopped", Vec::new()) };
    let Some(mut reasons) = context.health.reasons(name) else { return ("recovering", Vec::new()) };
    if !generation.playable() {
        return ("waiting", reasons);
    }
    let sentences = left_out(context, generation);
    reasons.extend(sentences.iter().filter_map(|one| one["reason"].as_str().map(str::to_owned)));
    (if reasons.is_empty() { "live" } else { "degraded" }, reasons)
}

/// Tracks that players are not offered, and why.
fn left_out(context: &Context, generation: &Generation) -> Vec<Value> {
    let renditions = generation.renditions();
    let strayed = renditions.iter().filter(|one| !one.view().aligned).map(|one| Notice::Misaligned(one.id()));
    let notices = context.viewers.history.notices(generation);
    let late = notices.into_iter().filter(|notice| matches!(notice, Notice::LateTrack(_)));
    let told = |notice: Notice| match notice {
        Notice::Misaligned(track) | Notice::LateTrack(track) => {
            Some(json!({ "track": track.to_string(), "reason": notice.to_string() }))
        }
        _ => None,
    };
    strayed.chain(late).filter_map(told).collect()
}

fn track(rendition: &Rendition, view: &View) -> Value {
    let config = &rendition.constants().track.config;
    let (kind, width, height, sample_rate, channels) = match config {
        CodecConfig::Video(video) => ("video", Some(video.width), Some(video.height), None, None),
        CodecConfig::Audio(audio) => {
            ("audio", None, None, Some(audio.sample_rate.per_second()), Some(audio.channels))
        }
    };
    let open = view.open.iter().flat_map(|open| &open.parts);
    let closed = view.segments.iter().flat_map(|segment| &segment.parts);
    let (parts, bytes) = closed.chain(open.clone()).fold((0_u64, 0_u64), |(parts, bytes), part| {
        (parts.saturating_add(1), bytes.saturating_add(part.body.len()))
    });
    let ticks = view.segments.iter().map(|one| one.duration).chain(open.map(|part| part.duration));
    let seconds = ticks.sum::<i64>() as f64 / f64::from(rendition.constants().timescale().per_second());
    json!({
        "track": rendition.id().to_string(),
        "kind": kind,
        "codecs": config.codecs(),
        "width": width,
        "height": height,
        "frames_per_second": rendition.frame_rate().map(FrameRate::fps),
        "sample_rate": sample_rate,
        "channels": channels,
        "offered": view.aligned,
        "bits_per_second": { "peak": view.bandwidth.peak, "average": view.bandwidth.average },
        "ring": {
            "segments": view.segments.len(),
            "segments_listed": view.listed().len(),
            "parts": parts,
            "bytes": bytes,
            "seconds": seconds,
        },
    })
}

fn viewers(crowd: &Crowd) -> Value {
    let by: Map<_, _> =
        Protocol::ALL.into_iter().map(|one| (one.name().to_owned(), crowd.by(one).into())).collect();
    let hls = crowd.by(Protocol::Hls);
    let sessions = crowd.sessions();
    json!({
        "total": crowd.total(),
        "by_protocol": by,
        "hls_by_session": sessions,
        "hls_by_address": hls.saturating_sub(sessions),
    })
}
