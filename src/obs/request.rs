//! Request: what OBS says of itself, its machine and its picture.

use serde_json::Value;

use super::encoder::Encoder;
use crate::base::Secret;
use crate::media::FrameRate;

/// The widest and highest picture that is believed.
const MOST_PIXELS: u64 = 16_384;

/// A request for a configuration, of either schema.
#[derive(Debug)]
pub struct Request {
    /// The stream key: `authentication`.
    pub key: Secret,
    /// The picture to make renditions of: the first one's.
    pub canvas: Canvas,
    /// Whether there are further pictures, such as a vertical one.
    pub further: bool,
    /// The encoders of the machine that are the best for it.
    pub encoder: Encoder,
    /// Whether OBS has any encoder of HEVC.
    pub hevc: bool,
    /// Whether OBS has any encoder of AV1.
    pub av1: bool,
    /// Logical processors, when they are told.
    pub processors: Option<u64>,
    /// The user's bound on the bit rate of all renditions together, in kilobits per second.
    pub most_kilobits: Option<u64>,
    /// The user's bound on their number.
    pub most_renditions: Option<u64>,
    /// Channels of sound.
    pub channels: u64,
    /// What OBS calls its version, at most 32 printable characters.
    pub version: String,
}

/// A picture as OBS sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pictures a second.
    pub rate: FrameRate,
}

/// Why a body is no request. The words hold nothing of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not JSON (RFC 8259).
    #[error("the request is not JSON")]
    Json,
    /// A field that must be there is not, or is something else.
    #[error("{field} must be {expected}")]
    Field {
        /// Its path in the document.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl Request {
    /// What an OBS would ask with these encoders and this picture.
    pub fn of_machine(encoder: Encoder, canvas: Canvas) -> Self {
        Self {
            key: Secret::new(""),
            canvas,
            further: false,
            encoder,
            hevc: false,
            av1: false,
            processors: None,
            most_kilobits: None,
            most_renditions: None,
            channels: 2,
            version: String::new(),
        }
    }

    /// Reads the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, Fault> {
        let document: Value = serde_json::from_slice(body).map_err(|_| Fault::Json)?;
        let at = |path: &str| document.pointer(path).filter(|value| !value.is_null());
        let number = |path: &str| at(path).and_then(Value::as_u64);
        let key = at("/authentication").and_then(Value::as_str);
        let key = key.ok_or(Fault::Field { field: "authentication", expected: "the stream key" })?;
        let canvases = at("/preferences/canvases").and_then(Value::as_array);
        let codecs = at("/client/supported_codecs").and_then(Value::as_array);
        let has = |codec: &str| codecs.is_some_and(|codecs| codecs.iter().any(|known| known == codec));
        let gpus = at("/capabilities/gpu").and_then(Value::as_array);
        let chosen =
            number("/preferences/composition_gpu_index").and_then(|index| usize::try_from(index).ok());
        let gpu = gpus.and_then(|gpus| chosen.and_then(|index| gpus.get(index)).or_else(|| gpus.first()));
        let vendor = gpu.and_then(|gpu| gpu.get("vendor_id")?.as_u64());
        let system = at("/capabilities/system/name").and_then(Value::as_str).unwrap_or_default();
        let version = at("/client/version").and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            key: Secret::new(key),
            // The older schema has the one picture among the preferences themselves.
            canvas: Canvas::read(canvases.and_then(|all| all.first()).or_else(|| at("/preferences")))?,
            further: canvases.is_some_and(|all| all.len() > 1),
            encoder: Encoder::of(vendor, system),
            hevc: has("h265"),
            av1: has("av1"),
            processors: number("/capabilities/cpu/logical_cores"),
            most_kilobits: number("/preferences/maximum_aggregate_bitrate"),
            most_renditions: number("/preferences/maximum_video_tracks"),
            channels: number("/preferences/audio_channels").unwrap_or(2).clamp(1, 8),
            version: version.chars().filter(|c| (' '..='~').contains(c)).take(32).collect(),
        })
    }
}

impl Canvas {
    /// Reads `WIDTHxHEIGHT@RATE`, such as `1920x1080@60` or `1280x720@30000/1001`.
    pub fn parse(text: &str) -> Option<Self> {
        let (size, rate) = text.split_once('@')?;
        let (width, height) = size.split_once('x')?;
        let pixels = |text: &str| text.parse().ok().filter(|pixels| (1..=MOST_PIXELS).contains(pixels));
        let size = |text| pixels(text).and_then(|pixels| u32::try_from(pixels).ok());
        let (num, den) = rate.split_once('/').unwrap_or((rate, "1"));
        let rate = FrameRate::new(num.parse().ok()?, den.parse().ok()?)?;
        (1.0..=480.0).contains(&rate.fps()).then_some(Self {
            width: size(width)?,
            height: size(height)?,
            rate,
        })
    }

    fn read(object: Option<&Value>) -> Result<Self, Fault> {
        let number = |path: &str, field| {
            let value = object.and_then(|object| object.pointer(path)?.as_u64());
            let value = value.filter(|value| (1..=MOST_PIXELS).contains(value));
            value
                .and_then(|value| u32::try_from(value).ok())
                .ok_or(Fault::Field { field, expected: "a number of pixels from 1 to 16384" })
        };
        let (width, height) = (
            number("/width", "preferences.canvases[0].width")?,
            number("/height", "preferences.canvases[0].height")?,
        );
        let part = |path: &str| u32::try_from(object?.pointer(path)?.as_u64()?).ok();
        let rate = part("/framerate/numerator").zip(part("/framerate/denominator"));
        let rate = rate.and_then(|(num, den)| FrameRate::new(num, den));
        let rate = rate.filter(|rate| (1.0..=480.0).contains(&rate.fps()));
        let expected = "a fraction from 1 to 480 a second";
        let rate = rate.ok_or(Fault::Field { field: "preferences.canvases[0].framerate", expected })?;
        Ok(Self { width, height, rate })
    }
}
