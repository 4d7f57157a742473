//! Track: one elementary stream and how to decode it, as plain data that `codec` fills.

use super::audio::AudioConfig;
use super::frame::TrackId;
use super::time::Timescale;
use super::video::VideoConfig;

/// One elementary stream of an ingest.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Which one it is.
    pub id: TrackId,
    /// How to decode it.
    pub config: CodecConfig,
}

impl Track {
    /// The timescale it is packaged in: 90 kHz for video, the sample rate for audio.
    pub fn timescale(&self) -> Timescale {
        match &self.config {
            CodecConfig::Video(_) => Timescale::VIDEO,
            CodecConfig::Audio(audio) => audio.sample_rate,
        }
    }
}

/// What a decoder must know before the first frame of a track.
#[derive(Debug, Clone, PartialEq)]
pub enum CodecConfig {
    /// Of a video track.
    Video(VideoConfig),
    /// Of an audio track.
    Audio(AudioConfig),
}

impl CodecConfig {
    /// The codec's RFC 6381 string, as it stands in CODECS: `avc1.64001f`, `mp4a.40.2`.
    pub fn codecs(&self) -> &str {
        match self {
            Self::Video(video) => &video.codecs,
            Self::Audio(audio) => &audio.codecs,
        }
    }
}
