//! FourCc: which codec a packet carries, unknown ones included.

use std::fmt;

use crate::media::{AudioCodec, VideoCodec};

/// A four-character code. Reserved and unknown codes are kept as they came, so that they can be refused by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// H.264.
    pub const AVC: Self = Self(*b"avc1");
    /// HEVC.
    pub const HEVC: Self = Self(*b"hvc1");
    /// VVC.
    pub const VVC: Self = Self(*b"vvc1");
    /// AV1.
    pub const AV1: Self = Self(*b"av01");
    /// VP8.
    pub const VP8: Self = Self(*b"vp08");
    /// VP9.
    pub const VP9: Self = Self(*b"vp09");
    /// AAC.
    pub const AAC: Self = Self(*b"mp4a");
    /// Opus.
    pub const OPUS: Self = Self(*b"Opus");
    /// FLAC.
    pub const FLAC: Self = Self(*b"fLaC");
    /// AC-3.
    pub const AC3: Self = Self(*b"ac-3");
    /// E-AC-3.
    pub const EAC3: Self = Self(*b"ec-3");
    /// MP3.
    pub const MP3: Self = Self(*b".mp3");

    /// The video codec it stands for; `None` when it is of sound, or of nothing that is known.
    pub fn video(self) -> Option<VideoCodec> {
        match self {
            Self::AVC => Some(VideoCodec::Avc),
            Self::HEVC => Some(VideoCodec::Hevc),
            Self::AV1 => Some(VideoCodec::Av1),
            Self::VP9 => Some(VideoCodec::Vp9),
            _ => None,
        }
    }

    /// The audio codec it stands for; `None` when it is of video, or of nothing that is known.
    pub fn audio(self) -> Option<AudioCodec> {
        match self {
            Self::AAC => Some(AudioCodec::Aac),
            Self::OPUS => Some(AudioCodec::Opus),
            Self::FLAC => Some(AudioCodec::Flac),
            Self::AC3 => Some(AudioCodec::Ac3),
            Self::EAC3 => Some(AudioCodec::Eac3),
            Self::MP3 => Some(AudioCodec::Mp3),
            _ => None,
        }
    }

    /// Whether its coded frames begin with a composition time (Enhanced RTMP v2, `ExVideoTagBody`).
    pub(super) fn has_composition_time(self) -> bool {
        matches!(self, Self::AVC | Self::HEVC | Self::VVC)
    }
}

impl From<VideoCodec> for FourCc {
    fn from(codec: VideoCodec) -> Self {
        match codec {
            VideoCodec::Avc => Self::AVC,
            VideoCodec::Hevc => Self::HEVC,
            VideoCodec::Av1 => Self::AV1,
            VideoCodec::Vp9 => Self::VP9,
        }
    }
}

impl From<AudioCodec> for FourCc {
    fn from(codec: AudioCodec) -> Self {
        match codec {
            AudioCodec::Aac => Self::AAC,
            AudioCodec::Opus => Self::OPUS,
            AudioCodec::Flac => Self::FLAC,
            AudioCodec::Ac3 => Self::AC3,
            AudioCodec::Eac3 => Self::EAC3,
            AudioCodec::Mp3 => Self::MP3,
        }
    }
}

/// The four characters; what does not print is escaped.
impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FourCc({self})")
    }
}
