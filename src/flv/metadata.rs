//! Metadata: what an encoder declares of its stream in `onMetaData`, as plain data.

use crate::media::{FrameRate, RtmpLimits};

use super::amf0::{Reader, Value};
use super::error::Error;

/// What an encoder declares of its stream. All of it is hearsay: the bitstream decides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// Whether there is video; `None` when nothing is said of it.
    pub video: Option<bool>,
    /// Whether there is audio; `None` when nothing is said of it.
    pub audio: Option<bool>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Frames a second.
    pub frame_rate: Option<FrameRate>,
    /// Video bits a second.
    pub video_bitrate: Option<u32>,
    /// Audio bits a second.
    pub audio_bitrate: Option<u32>,
    /// What made the stream, free of control characters, at most 128 characters.
    pub encoder: Option<String>,
}

impl Metadata {
    const MAX_SIDE: f64 = 65_535.0;
    const MAX_KILOBITS: f64 = 4_000_000.0;
    const MAX_ENCODER: usize = 128;

    /// Reads a script tag or RTMP data message: `onMetaData`, with or without `@setDataFrame` in front, then an
    /// object or an array. `None` when it is something else (a cue point, a caption).
    ///
    /// # Errors
    /// When the values in it are not AMF0 within the bounds of `limits`.
    pub fn parse(script: &[u8], limits: &RtmpLimits) -> Result<Option<Self>, Error> {
        let mut reader = Reader::new(script, limits);
        let mut name = reader.read()?;
        if name.as_ref().and_then(Value::as_str) == Some("@setDataFrame") {
            name = reader.read()?;
        }
        if name.as_ref().and_then(Value::as_str) != Some("onMetaData") {
            return Ok(None);
        }
        Ok(reader.read()?.filter(|value| value.fields().is_some()).map(|value| Self::of(&value)))
    }

    fn of(object: &Value<'_>) -> Self {
        let number = |names: &[&str]| names.iter().find_map(|name| object.get(name)?.as_number());
        let side =
            |name| number(&[name]).filter(|n| (1.0..=Self::MAX_SIDE).contains(n)).map(|n| n.round() as u32);
        // Declared in thousands of bits; zero is how encoders say "variable".
        let bits = |name| {
            number(&[name])
                .filter(|n| *n > 0.0 && *n <= Self::MAX_KILOBITS)
                .map(|n| (n * 1_000.0).round() as u32)
        };
        let fps = number(&["framerate", "fps", "videoframerate"]).filter(|n| (1.0..=300.0).contains(n));
        let encoder = object.get("encoder").and_then(Value::as_str);
        let plain = |text: &str| {
            let kept = text.chars().filter(|c| !c.is_control());
            kept.take(Self::MAX_ENCODER).collect::<String>()
        };
        let (video, audio) = Self::presence(object);
        Self {
            video,
            audio,
            width: side("width"),
            height: side("height"),
            frame_rate: fps.and_then(FrameRate::nearest),
            video_bitrate: bits("videodatarate"),
            audio_bitrate: bits("audiodatarate"),
            encoder: encoder.map(plain).filter(|text| !text.is_empty()),
        }
    }

    /// Video and audio. `hasVideo`/`hasAudio` say it; without them, encoders that declare codec ids declare one
    /// for each track they send, so that the id they leave out tells of a track that will not come.
    fn presence(object: &Value<'_>) -> (Option<bool>, Option<bool>) {
        let codec = |name| match object.get(name) {
            Some(Value::Number(_) | Value::String(_)) => Some(true),
            _ => None,
        };
        let (video_id, audio_id) = (codec("videocodecid"), codec("audiocodecid"));
        let said = |name| object.get(name).and_then(Value::as_bool);
        let video = said("hasVideo").or(video_id).or_else(|| audio_id.map(|_| false));
        let audio = said("hasAudio").or(audio_id).or_else(|| video_id.map(|_| false));
        (video, audio)
    }
}
