//! Answer: the document OBS reads.

use serde_json::{Value, json};

use super::ladder::{Rung, SOUND};
use super::request::Request;

/// What OBS and its dialog know us by.
const SERVICE: &str = "rillcast";
/// The schema both of OBS's take: what one does not know of the other, it leaves out.
const SCHEMA: &str = "2025-01-25";

/// Where OBS may publish to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether over TLS.
    pub secure: bool,
    /// Its URL up to the application, such as `rtmp://host:1935/live`.
    pub url: String,
}

impl Endpoint {
    /// Reads `rtmp://HOST/APPLICATION` or `rtmps://HOST/APPLICATION`, without a query: OBS puts the key behind it.
    pub fn parse(url: &str) -> Option<Self> {
        let secure = url.starts_with("rtmps://");
        let rest = url.strip_prefix(if secure { "rtmps://" } else { "rtmp://" })?;
        let (host, app) = rest.trim_end_matches('/').split_once('/')?;
        let plain = rest.chars().all(|c| c.is_ascii_graphic() && !"?#{}\"\\@".contains(c));
        let url = url.trim_end_matches('/').to_owned();
        (plain && !host.is_empty() && !app.is_empty()).then_some(Self { secure, url })
    }
}

/// The configuration for `request`: encode `rungs`, publish to one of `endpoints`, and say `config_id` there. The
/// key is not repeated: OBS keeps the one it has.
pub fn accept(
    request: &Request,
    rungs: &[Rung],
    endpoints: &[Endpoint],
    config_id: &str,
    keyframe_seconds: u64,
) -> String {
    let status = if request.further {
        json!({
            "result": "warning",
            "html_en_us": "Only the main canvas is sent: this server takes one picture per stream.",
        })
    } else {
        json!({ "result": "success" })
    };
    let endpoints: Vec<Value> = endpoints.iter().map(endpoint).collect();
    let encoders: Vec<Value> = rungs.iter().map(|rung| encoder(rung, keyframe_seconds)).collect();
    json!({
        "meta": meta(config_id),
        "status": status,
        "ingest_endpoints": endpoints,
        "encoder_configurations": encoders,
        "audio_configurations": {
            "live": [{
                "codec": "aac",
                "track_id": 0,
                "channels": request.channels,
                "settings": { "bitrate": SOUND },
            }],
            "vod": [],
        },
    })
    .to_string()
}

/// The name of a configuration, made of six random bytes.
pub fn config_id(random: [u8; 6]) -> String {
    format!("c{:012x}", random.iter().fold(0_u64, |id, byte| id << 8 | u64::from(*byte)))
}

/// Whether `text` can be one, and so may be logged: whatever else stands in its place may be a secret.
pub fn is_config_id(text: &str) -> bool {
    let digits = text.strip_prefix('c').unwrap_or_default();
    digits.len() == 12 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A refusal whose `reason` OBS shows before it gives up. The dialog reads rich text; the reason is plain.
pub fn refuse(reason: &str) -> String {
    let reason = reason.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "meta": meta(""), "status": { "result": "error", "html_en_us": reason } }).to_string()
}

/// All three are there or OBS does not take it; an empty id is not sent back.
fn meta(config_id: &str) -> Value {
    json!({ "service": SERVICE, "schema_version": SCHEMA, "config_id": config_id })
}

fn endpoint(endpoint: &Endpoint) -> Value {
    json!({
        "protocol": if endpoint.secure { "RTMPS" } else { "RTMP" },
        "url_template": format!("{}/{{stream_key}}", endpoint.url),
    })
}

fn encoder(rung: &Rung, keyframe_seconds: u64) -> Value {
    json!({
        "type": rung.encoder.id(rung.codec),
        "width": rung.width,
        "height": rung.height,
        "framerate": { "numerator": rung.rate.num, "denominator": rung.rate.den },
        "gpu_scale_type": "OBS_SCALE_BICUBIC",
        "colorspace": "VIDEO_CS_709",
        "range": "VIDEO_RANGE_PARTIAL",
        "format": "VIDEO_FORMAT_NV12",
        "canvas_index": 0,
        "settings": rung.encoder.settings(rung.codec, rung.kilobits, keyframe_seconds),
    })
}
