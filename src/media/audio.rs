//! Audio configuration, as plain data that `codec` fills.

use bytes::Bytes;

use super::time::Timescale;

/// Which audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC; the record is an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
    Aac,
}

/// Configuration of an audio track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConfig {
    /// The codec.
    pub codec: AudioCodec,
    /// Its configuration record.
    pub record: Bytes,
    /// RFC 6381 string.
    pub codecs: String,
    /// Output samples per second.
    pub sample_rate: Timescale,
    /// Channel count.
    pub channels: u8,
    /// Samples in one frame (AAC-LC: 1024).
    pub frame_samples: u32,
}
