//! Schema: every key of the configuration, once: its path, what it takes, where it goes.
//!
//! Flags, environment variables and the file all end here, so they cannot disagree.

use std::path::PathBuf;
use std::time::Duration;

use crate::live::Takeover;
use crate::media::VideoCodec;
use crate::obs::Endpoint;

use super::settings::{Latency, Settings};
use super::value::Value;

/// One key.
pub(super) struct Key {
    /// Dotted path: `listen.rtmp` is `[listen] rtmp` in the file and `RILLCAST__LISTEN__RTMP` outside.
    pub(super) path: &'static str,
    /// What it takes, to complete "must be …".
    pub(super) expects: &'static str,
    /// Reads the value into the settings; `None` when it is not what is expected.
    pub(super) set: fn(&mut Settings, &Value) -> Option<()>,
}

const ADDRESS: &str = "an address such as \"127.0.0.1:1935\"";
const COUNT: &str = "a whole number above zero";
const SIZE: &str = "a size such as \"50MiB\"";
const FILE: &str = "a file";
const FLAG: &str = "true or false";

macro_rules! key {
    ($path:literal, $expects:expr, |$s:ident, $v:ident| $read:expr => $place:expr) => {
        Key {
            path: $path,
            expects: $expects,
            set: |$s, $v| {
                $place = $read?;
                Some(())
            },
        }
    };
}

/// All keys but the streams, which are a list.
pub(super) const KEYS: &[Key] = &[
    key!("listen.rtmp", ADDRESS, |s, v| v.address() => s.listen.rtmp),
    key!("listen.http", ADDRESS, |s, v| v.address() => s.listen.http),
    key!("listen.admin", ADDRESS, |s, v| v.address() => s.listen.admin),
    key!("listen.https", ADDRESS, |s, v| v.address().map(Some) => s.listen.https),
    key!("listen.rtmps", ADDRESS, |s, v| v.address().map(Some) => s.listen.rtmps),
    key!("tls.cert", FILE, |s, v| file(v).map(Some) => s.tls.cert),
    key!("tls.key", FILE, |s, v| file(v).map(Some) => s.tls.key),
    key!("tls.self_signed", FLAG, |s, v| v.flag() => s.tls.self_signed),
    key!("data", "a folder", |s, v| file(v) => s.data),
    key!("open_publish", FLAG, |s, v| v.flag() => s.open_publish),
    key!("demo", FLAG, |s, v| v.flag() => s.demo),
    key!("live.latency", "\"low\", \"balanced\" or \"standard\"",
        |s, v| v.text().and_then(Latency::parse) => s.latency),
    key!("live.part", "a time from \"100ms\" to \"2s\"", |s, v| span(v, 100, 2_000).map(Some) => s.part),
    key!("live.segment", "a time from \"1s\" to \"10s\"", |s, v| span(v, 1_000, 10_000) => s.segment),
    key!("live.window", "a time from \"4s\" to \"5m\"", |s, v| span(v, 4_000, 300_000) => s.window),
    key!("live.grace", GRACE, |s, v| grace(v) => s.grace),
    key!("live.takeover", TAKEOVER, |s, v| takeover(v) => s.takeover),
    key!("live.viewer_ids", FLAG, |s, v| v.flag() => s.viewer_ids),
    key!("obs.server", "a URL such as \"rtmp://live.example.org/live\"", |s, v| v.text().and_then(Endpoint::parse).map(Some) => s.obs.server),
    key!("obs.max_kbps", COUNT, |s, v| v.count() => s.obs.max_kbps),
    key!("obs.max_renditions", "a number from 1 to 7",
        |s, v| v.count().filter(|count| *count <= 7) => s.obs.max_renditions),
    key!("obs.codec", "\"h264\", \"hevc\" or \"av1\"", |s, v| codec(v) => s.obs.codec),
    key!("drain", "a time from \"0s\" to \"5m\"", |s, v| span(v, 0, 300_000) => s.drain),
    key!("limits.rtmp.connections", COUNT, |s, v| v.count() => s.limits.rtmp.connections),
    key!("limits.rtmp.connections_per_address", COUNT,
        |s, v| v.count() => s.limits.rtmp.connections_per_address),
    key!("limits.rtmp.media_message", "a size from \"64KiB\" to \"16MiB\"",
        |s, v| size(v, 64 << 10, 16 << 20) => s.limits.rtmp.media_message),
    key!("limits.rtmp.idle", "a time from \"2s\" to \"60s\"", |s, v| span(v, 2_000, 60_000) => s.limits.rtmp.idle),
    key!("limits.http.connections", COUNT, |s, v| v.count() => s.limits.http.connections),
    key!("limits.http.connections_per_address", COUNT,
        |s, v| v.count() => s.limits.http.connections_per_address),
    key!("limits.http.holds", COUNT, |s, v| v.count() => s.limits.http.holds),
    key!("limits.http.holds_per_address", COUNT, |s, v| v.count() => s.limits.http.holds_per_address),
    key!("limits.http.holds_per_connection", COUNT, |s, v| v.count() => s.limits.http.holds_per_connection),
    key!("limits.http.idle", "a time from \"1s\" to \"10m\"", |s, v| span(v, 1_000, 600_000) => s.limits.http.idle),
    key!("limits.http.head_time", "a time from \"100ms\" to \"60s\"",
        |s, v| span(v, 100, 60_000) => s.limits.http.head_time),
    key!("limits.http.write_stall", "a time from \"100ms\" to \"60s\"",
        |s, v| span(v, 100, 60_000) => s.limits.http.write_stall),
    key!("limits.http.body_time", "a time from \"5s\" to \"10m\"",
        |s, v| span(v, 5_000, 600_000) => s.limits.http.body_time),
    key!("limits.tls.handshake", "a time from \"500ms\" to \"60s\"",
        |s, v| span(v, 500, 60_000) => s.limits.tls.handshake),
    key!("limits.tls.in_flight_per_core", COUNT, |s, v| v.count() => s.limits.tls.in_flight_per_core),
    key!("limits.tls.in_flight_per_address", COUNT, |s, v| v.count() => s.limits.tls.in_flight_per_address),
    key!("limits.memory", "a size from \"64MiB\"", |s, v| size(v, 64 << 20, usize::MAX).map(Some) => s.limits.memory),
    key!("limits.viewers.per_stream", COUNT, |s, v| v.count() => s.limits.viewers.per_stream),
    key!("limits.viewers.total", COUNT, |s, v| v.count() => s.limits.viewers.total),
    key!("limits.viewers.per_address", COUNT, |s, v| v.count() => s.limits.viewers.per_address),
    key!("limits.ring.bytes", SIZE, |s, v| v.size() => s.limits.ring.bytes),
    key!("limits.ring.segment_bytes", SIZE, |s, v| v.size() => s.limits.ring.segment_bytes),
    key!("limits.ring.history", "a time from \"2s\" to \"60s\"", |s, v| span(v, 2_000, 60_000) => s.limits.ring.history),
    key!("limits.ring.blocked", "a time from \"1s\" to \"5m\"", |s, v| span(v, 1_000, 300_000) => s.limits.ring.blocked),
    key!("limits.ring.part_bytes", SIZE, |s, v| v.size() => s.limits.ring.part_bytes),
];

/// The keys of one `[[stream]]`.
pub(super) const STREAM_KEYS: &[&str] =
    &["name", "key", "key_hash", "key_file", "grace", "takeover", "audio"];

/// The keys of one `[groups.NAME]`.
pub(super) const GROUP_KEYS: &[&str] = &["members", "sound"];

/// What a grace is.
pub(super) const GRACE: &str = "a time from \"0s\" to \"30m\"";
/// What a takeover is.
pub(super) const TAKEOVER: &str = "\"stale\", \"reject\" or \"always\"";

/// What a stream's audio tracks are.
pub(super) const AUDIO: &str =
    "a list of languages, each with a name if need be, such as [\"de Deutsch\", \"en\"]";

/// Reads a grace.
pub(super) fn grace(value: &Value) -> Option<Duration> {
    span(value, 0, 1_800_000)
}

/// Reads a takeover policy.
pub(super) fn takeover(value: &Value) -> Option<Takeover> {
    match value.text()? {
        "stale" => Some(Takeover::Stale),
        "reject" => Some(Takeover::Reject),
        "always" => Some(Takeover::Always),
        _ => None,
    }
}

/// The key at `path`.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The key an operator may have meant by `path`.
pub(super) fn nearest(path: &str) -> Option<String> {
    if let Some(rest) = path.strip_prefix("group.") {
        return Some(format!("groups.{rest}"));
    }
    // A flag's short name, or the right word in the wrong section, is near whatever its distance.
    let last = |path: &str| path.rsplit('.').next().map(str::to_owned);
    if let Some(key) = KEYS.iter().find(|key| last(key.path) == last(path)) {
        return Some(key.path.to_owned());
    }
    let paths = KEYS.iter().map(|key| key.path.to_owned());
    let all = paths.chain(STREAM_KEYS.iter().map(|key| format!("stream.{key}")));
    let near = all.map(|known| (strsim::damerau_levenshtein(&known, path), known));
    near.min().filter(|(distance, known)| *distance <= known.len().div_ceil(3)).map(|(_, known)| known)
}

fn file(value: &Value) -> Option<PathBuf> {
    value.text().filter(|text| !text.is_empty()).map(PathBuf::from)
}

fn codec(value: &Value) -> Option<VideoCodec> {
    match value.text()? {
        "h264" => Some(VideoCodec::Avc),
        "hevc" => Some(VideoCodec::Hevc),
        "av1" => Some(VideoCodec::Av1),
        _ => None,
    }
}

fn span(value: &Value, least: u64, most: u64) -> Option<Duration> {
    let span = value.duration()?;
    (Duration::from_millis(least)..=Duration::from_millis(most)).contains(&span).then_some(span)
}

fn size(value: &Value, least: usize, most: usize) -> Option<usize> {
    value.size().filter(|bytes| (least..=most).contains(bytes))
}
