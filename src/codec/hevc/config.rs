//! Config: an HEVCDecoderConfigurationRecord.
//!
//! ```text
//! version:8 (1)  profile, compatibility, constraints, level:96   segmentation:16  parallelism:8  chroma:8  depths:16
//!   frame rate:16   …6 bits  length size-1:2   arrays:8
//!     per array: complete:1 0 NAL type:6   count:16   per NAL unit: length:16 NAL unit
//! ```

use bytes::Bytes;

use crate::base::ByteReader;
use crate::codec::Error;
use crate::media::{CodecLimits, VideoCodec, VideoConfig};

use super::sps;

/// NAL unit types of parameter sets (H.265 table 7-1).
const NAL_VPS: u8 = 32;
const NAL_SPS: u8 = 33;
const NAL_PPS: u8 = 34;
/// Arrays in a record: three kinds of parameter sets and two of SEI are all there may be.
const MAX_ARRAYS: u8 = 16;

/// A checked HEVC configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    video: VideoConfig,
    length_size: u8,
}

impl Config {
    /// Checks `record` (ISO/IEC 14496-15 §8.3.3.1) and reads its first SPS, which describes the track. The record
    /// itself is kept as it came.
    ///
    /// # Errors
    /// Names the field that is short, missing, out of range or beyond `limits`. A record without parameter sets
    /// (`hev1`) is refused: players want them up front.
    pub fn parse(record: Bytes, limits: &CodecLimits) -> Result<Self, Error> {
        if record.len() > limits.config {
            return Err(Error::TooLong { field: "HEVC record", len: record.len(), max: limits.config });
        }
        let mut reader = ByteReader::new(&record);
        let cut = Error::Truncated { field: "HEVC record" };
        let version = reader.u8().ok_or(cut)?;
        if version != 1 {
            return Err(Error::Value { field: "HEVC record version", value: i64::from(version) });
        }
        // Profile to frame rate are said again, and believed, in the SPS.
        reader.take(20).ok_or(cut)?;
        let length_size = match reader.u8().ok_or(cut)? & 0b11 {
            // Three-byte lengths are forbidden (§8.3.3.1.3), and no encoder makes them.
            2 => return Err(Error::Value { field: "NAL length size", value: 3 }),
            less_one => less_one.saturating_add(1),
        };
        let sets = sets(&mut reader, limits)?;
        let sps = sps::parse(sets, limits)?;
        let video = VideoConfig {
            codec: VideoCodec::Hevc,
            codecs: sps.codecs,
            width: sps.width,
            height: sps.height,
            pixel_aspect: sps.pixel_aspect,
            frame_rate: sps.frame_rate,
            colour: sps.colour,
            record,
        };
        Ok(Self { video, length_size })
    }

    /// Bytes in front of each NAL unit: 1, 2 or 4.
    pub fn length_size(&self) -> u8 {
        self.length_size
    }

    /// The track's configuration.
    pub fn video(&self) -> &VideoConfig {
        &self.video
    }

    /// The track's configuration, given up.
    pub fn into_video(self) -> VideoConfig {
        self.video
    }
}

/// Walks the arrays of NAL units and gives the first SPS; each kind of parameter set must be there.
fn sets<'a>(reader: &mut ByteReader<'a>, limits: &CodecLimits) -> Result<&'a [u8], Error> {
    let arrays = reader.u8().ok_or(Error::Truncated { field: "HEVC arrays" })?;
    if arrays > MAX_ARRAYS {
        return Err(Error::TooMany { field: "HEVC arrays", max: usize::from(MAX_ARRAYS) });
    }
    let (mut vps, mut sps, mut pps) = (None, None, None);
    for _ in 0..arrays {
        let kind = reader.u8().ok_or(Error::Truncated { field: "HEVC array" })? & 0b11_1111;
        let (field, first, max) = match kind {
            NAL_VPS => ("VPS", Some(&mut vps), limits.sps_count),
            NAL_SPS => ("SPS", Some(&mut sps), limits.sps_count),
            NAL_PPS => ("PPS", Some(&mut pps), limits.pps_count),
            _ => ("NAL units of an HEVC array", None, limits.pps_count),
        };
        let cut = Error::Truncated { field };
        let count = usize::from(reader.u16().ok_or(cut)?);
        if count > max {
            return Err(Error::TooMany { field, max });
        }
        let mut own = None;
        for _ in 0..count {
            let len = usize::from(reader.u16().ok_or(cut)?);
            if kind == NAL_SPS && len > limits.sps {
                return Err(Error::TooLong { field, len, max: limits.sps });
            }
            let set = reader.take(len).ok_or(cut)?;
            let said = set.first().ok_or(cut)? >> 1 & 0b11_1111;
            if said != kind {
                return Err(Error::Value { field: "NAL type in an HEVC array", value: i64::from(said) });
            }
            own.get_or_insert(set);
        }
        if let Some(first) = first {
            *first = first.or(own);
        }
    }
    vps.ok_or(Error::Missing { field: "VPS" })?;
    pps.ok_or(Error::Missing { field: "PPS" })?;
    sps.ok_or(Error::Missing { field: "SPS" })
}
