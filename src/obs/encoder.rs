//! Encoder: OBS's names for the encoders of a machine, and the settings each understands.

use serde_json::{Value, json};

use crate::media::VideoCodec;

/// A family of encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoder {
    /// On the processor: H.264 only.
    X264,
    /// NVIDIA's.
    Nvenc,
    /// AMD's, on Windows.
    Amf,
    /// Intel's, on Windows.
    QuickSync,
    /// AMD's and Intel's, on Linux.
    Vaapi,
    /// Apple's.
    VideoToolbox,
}

impl Encoder {
    /// Reads `x264`, `nvenc`, `amf`, `qsv`, `vaapi` or `videotoolbox`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "x264" => Self::X264,
            "nvenc" => Self::Nvenc,
            "amf" => Self::Amf,
            "qsv" => Self::QuickSync,
            "vaapi" => Self::Vaapi,
            "videotoolbox" => Self::VideoToolbox,
            _ => return None,
        })
    }

    /// The best for a graphics processor by this PCI `vendor` under this operating `system`. OBS will not start with
    /// one that is not there, so what is not known for certain is left to the processor.
    pub(super) fn of(vendor: Option<u64>, system: &str) -> Self {
        let windows = system.starts_with("Windows");
        match vendor {
            Some(0x10DE) => Self::Nvenc,
            Some(0x1002) if windows => Self::Amf,
            Some(0x8086) if windows => Self::QuickSync,
            Some(0x1002 | 0x8086) if system.contains("Linux") => Self::Vaapi,
            Some(0x106B) => Self::VideoToolbox,
            _ => Self::X264,
        }
    }

    /// OBS's name of the encoder of `codec`; `None` where there is none.
    pub(super) fn id(self, codec: VideoCodec) -> Option<&'static str> {
        use VideoCodec::{Av1, Avc, Hevc};
        Some(match (self, codec) {
            (Self::X264, Avc) => "obs_x264",
            (Self::Nvenc, Avc) => "obs_nvenc_h264_tex",
            (Self::Nvenc, Hevc) => "obs_nvenc_hevc_tex",
            (Self::Nvenc, Av1) => "obs_nvenc_av1_tex",
            (Self::Amf, Avc) => "h264_texture_amf",
            (Self::Amf, Hevc) => "h265_texture_amf",
            (Self::Amf, Av1) => "av1_texture_amf",
            (Self::QuickSync, Avc) => "obs_qsv11_v2",
            (Self::QuickSync, Hevc) => "obs_qsv11_hevc",
            (Self::QuickSync, Av1) => "obs_qsv11_av1",
            (Self::Vaapi, Avc) => "ffmpeg_vaapi_tex",
            (Self::Vaapi, Hevc) => "hevc_ffmpeg_vaapi_tex",
            (Self::Vaapi, Av1) => "av1_ffmpeg_vaapi_tex",
            (Self::VideoToolbox, Avc) => "com.apple.videotoolbox.videoencoder.ave.avc",
            (Self::VideoToolbox, Hevc) => "com.apple.videotoolbox.videoencoder.ave.hevc",
            _ => return None,
        })
    }

    /// Its settings for a constant bit rate and a keyframe every so many seconds. No pictures are reordered: each
    /// would be seen later for it.
    pub(super) fn settings(self, codec: VideoCodec, kilobits: u64, keyframe_seconds: u64) -> Value {
        let profile = if codec == VideoCodec::Avc { "high" } else { "main" };
        let own = match self {
            Self::X264 => json!({ "preset": "veryfast", "x264opts": "bframes=0" }),
            Self::Nvenc => {
                json!({ "preset": "p5", "tune": "ll", "multipass": "qres", "lookahead": false, "bf": 0 })
            }
            Self::Amf => json!({ "preset": "balanced", "bf": 0 }),
            Self::QuickSync => json!({ "target_usage": "TU4", "latency": "low", "bframes": 0 }),
            Self::Vaapi => json!({ "bf": 0 }),
            Self::VideoToolbox => json!({ "bframes": false }),
        };
        let mut settings = json!({
            "rate_control": "CBR", "bitrate": kilobits, "keyint_sec": keyframe_seconds, "profile": profile,
        });
        if let (Some(settings), Value::Object(own)) = (settings.as_object_mut(), own) {
            settings.extend(own);
        }
        settings
    }

    /// How many renditions a machine with so many logical `processors` can make at once.
    pub(super) fn renditions(self, processors: Option<u64>) -> usize {
        match (self, processors) {
            (Self::X264, Some(..6)) => 2,
            (Self::X264, None | Some(..12)) => 3,
            (Self::X264, Some(..20)) => 4,
            _ => 5,
        }
    }
}
