//! Config: an AVCDecoderConfigurationRecord.
//!
//! ```text
//! version:8 (1)  profile:8  compatibility:8  level:8   111111 length size-1:2   111 SPS count:5
//!   per SPS: length:16 SPS    PPS count:8    per PPS: length:16 PPS    [High profiles: chroma, depths, SPS extensions]
//! ```

use bytes::Bytes;

use crate::base::ByteReader;
use crate::codec::Error;
use crate::media::{CodecLimits, VideoCodec, VideoConfig};

use super::sps;

const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;

/// A checked H.264 configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    video: VideoConfig,
    length_size: u8,
}

impl Config {
    /// Checks `record` (ISO/IEC 14496-15 §5.3.3.1) and reads its first SPS, which describes the track. The record
    /// itself is kept as it came, since samples must go on matching the length size it declares; but a broken tail
    /// behind the parameter sets, which says nothing that they do not, is cut off.
    ///
    /// # Errors
    /// Names the field that is short, missing, out of range or beyond `limits`.
    pub fn parse(record: Bytes, limits: &CodecLimits) -> Result<Self, Error> {
        if record.len() > limits.config {
            return Err(Error::TooLong { field: "AVC record", len: record.len(), max: limits.config });
        }
        let mut reader = ByteReader::new(&record);
        let cut = Error::Truncated { field: "AVC record" };
        let version = reader.u8().ok_or(cut)?;
        if version != 1 {
            return Err(Error::Value { field: "AVC record version", value: i64::from(version) });
        }
        let _profile_and_level = reader.u24().ok_or(cut)?;
        let length_size = match reader.u8().ok_or(cut)? & 0b11 {
            // Three-byte lengths are forbidden (§5.3.3.1.2), and no encoder makes them.
            2 => return Err(Error::Value { field: "NAL length size", value: 3 }),
            less_one => less_one.saturating_add(1),
        };
        let sps_count = usize::from(reader.u8().ok_or(cut)? & 0b1_1111);
        let sps = sets(
            &mut reader,
            sps_count,
            &Sets { nal_type: NAL_SPS, field: "SPS", max: limits.sps_count },
            limits,
        )?;
        let pps_count = usize::from(reader.u8().ok_or(Error::Truncated { field: "PPS count" })?);
        sets(
            &mut reader,
            pps_count,
            &Sets { nal_type: NAL_PPS, field: "PPS", max: limits.pps_count },
            limits,
        )?;
        let sets_end = record.len().saturating_sub(reader.remaining());
        let end = if is_extension(reader) { record.len() } else { sets_end };
        let sps = sps::parse(sps, limits)?;
        let video = VideoConfig {
            codec: VideoCodec::Avc,
            codecs: sps.codecs,
            width: sps.width,
            height: sps.height,
            pixel_aspect: sps.pixel_aspect,
            frame_rate: sps.frame_rate,
            colour: sps.colour,
            record: record.slice(..end),
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

/// Whether what is left of a record is what High profiles add: chroma format, two bit depths and SPS extensions.
fn is_extension(mut tail: ByteReader<'_>) -> bool {
    let count = tail.take(4).and_then(|fields| fields.last().copied());
    let mut set = || tail.u16().and_then(|len| tail.take(len.into()));
    count.is_some_and(|count| (0..count).all(|_| set().is_some()))
}

/// One of the two lists of parameter sets.
struct Sets {
    nal_type: u8,
    field: &'static str,
    max: usize,
}

/// Walks a list of parameter sets and gives the first.
fn sets<'a>(
    reader: &mut ByteReader<'a>,
    count: usize,
    list: &Sets,
    limits: &CodecLimits,
) -> Result<&'a [u8], Error> {
    let field = list.field;
    if count > list.max {
        return Err(Error::TooMany { field, max: list.max });
    }
    let mut first = None;
    for _ in 0..count {
        let len = usize::from(reader.u16().ok_or(Error::Truncated { field })?);
        let is_sps = list.nal_type == NAL_SPS;
        if is_sps && len > limits.sps {
            return Err(Error::TooLong { field, len, max: limits.sps });
        }
        let set = reader.take(len).ok_or(Error::Truncated { field })?;
        let nal_type = set.first().ok_or(Error::Truncated { field })? & 0b1_1111;
        if nal_type != list.nal_type {
            let field = if is_sps { "NAL type of an SPS" } else { "NAL type of a PPS" };
            return Err(Error::Value { field, value: i64::from(nal_type) });
        }
        first.get_or_insert(set);
    }
    first.ok_or(Error::Missing { field })
}
