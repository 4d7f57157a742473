//! Audio configuration, as plain data that `codec` fills.

use bytes::Bytes;

use super::time::Timescale;

/// Which audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC; the record is an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
    Aac,
    /// Opus; the record is the payload of a `dOps` box (Opus in ISO-BMFF §4.3.2).
    Opus,
    /// FLAC; the record is the payload of a `dfLa` box with STREAMINFO alone (FLAC in ISO-BMFF §3.3.2).
    Flac,
    /// AC-3; the record is the payload of a `dac3` box (ETSI TS 102 366 §F.4).
    Ac3,
    /// E-AC-3; the record is the payload of a `dec3` box (ETSI TS 102 366 §F.6).
    Eac3,
    /// MP3, MPEG-1 or MPEG-2 layer III; the record is empty.
    Mp3,
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
    /// Samples in one frame (AAC-LC: 1024); where frames differ, in the first one or the longest.
    pub frame_samples: u32,
}
