//! Config: an AV1CodecConfigurationRecord.
//!
//! ```text
//! marker:1 (1) version:7 (1)   profile:3 level:5   tier:1 depth:2 monochrome:1 subsampling:2 position:2
//!   000 delay present:1 delay:4   OBUs: a sequence header, perhaps metadata
//! ```

use bytes::Bytes;

use crate::base::ByteReader;
use crate::codec::Error;
use crate::media::{CodecLimits, VideoCodec, VideoConfig};

use super::obu::{self, kind};
use super::sequence::Sequence;

/// OBUs in a record: one sequence header and a few of metadata.
const MAX_OBUS: usize = 64;

/// A checked AV1 configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    record: Bytes,
    known: Option<Known>,
}

/// What is known once there is a sequence header.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    /// Its OBU's payload.
    payload: Bytes,
    reduced: bool,
    video: VideoConfig,
}

impl Config {
    /// Checks `record` (AV1-ISOBMFF §2.3.3) and reads its sequence header, which describes the track. A record may
    /// leave it out: then the first key frame brings it.
    ///
    /// # Errors
    /// Names the field that is short, out of range or beyond `limits`.
    pub fn parse(record: Bytes, limits: &CodecLimits) -> Result<Self, Error> {
        if record.len() > limits.config {
            return Err(Error::TooLong { field: "AV1 record", len: record.len(), max: limits.config });
        }
        let mut reader = ByteReader::new(&record);
        let [version, _, _, delay] = reader.array().ok_or(Error::Truncated { field: "AV1 record" })?;
        if version != 0x81 {
            return Err(Error::Value { field: "AV1 record marker and version", value: i64::from(version) });
        }
        // Three bits, and four more where no delay is said to be there.
        let reserved = if delay & 0b1_0000 == 0 { delay } else { delay & 0b1110_0000 };
        if reserved != 0 {
            return Err(Error::Value { field: "AV1 record reserved bits", value: i64::from(reserved) });
        }
        let mut header = None;
        for _ in 0..MAX_OBUS {
            if reader.is_empty() {
                break;
            }
            let obu = obu::next(&mut reader)?;
            if obu.kind == kind::SEQUENCE_HEADER {
                header.get_or_insert(obu.payload);
            }
        }
        if !reader.is_empty() {
            return Err(Error::TooMany { field: "OBUs of an AV1 record", max: MAX_OBUS });
        }
        let known = match header {
            Some(payload) => Some(Known::new(record.slice_ref(payload), record.clone(), limits)?),
            None => None,
        };
        Ok(Self { record, known })
    }

    /// The track's configuration, once there is a sequence header.
    pub fn video(&self) -> Option<&VideoConfig> {
        self.known.as_ref().map(|known| &known.video)
    }

    /// Whether frames have no headers of the usual form; see [`scan`](super::scan).
    pub fn reduced(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.reduced)
    }

    /// Takes the sequence header that a key frame brought; whether it changes the configuration.
    ///
    /// # Errors
    /// When it cannot be read; the configuration stays.
    pub fn update(&mut self, payload: &[u8], limits: &CodecLimits) -> Result<bool, Error> {
        if self.known.as_ref().is_some_and(|known| known.payload == payload) {
            return Ok(false);
        }
        if payload.len() > limits.sps {
            return Err(Error::TooLong { field: "AV1 sequence header", len: payload.len(), max: limits.sps });
        }
        let head = Sequence::parse(payload, limits)?.record_head();
        let record = Bytes::from([&head[..], &obu::sequence_header(payload)].concat());
        let known = Known::new(Bytes::copy_from_slice(payload), record.clone(), limits)?;
        // The same pictures said in other words (a metadata OBU more) are no new configuration.
        let same = self.known.as_ref().is_some_and(|old| {
            VideoConfig { record: old.video.record.clone(), ..known.video.clone() } == old.video
        });
        if same {
            return Ok(false);
        }
        self.record = record;
        self.known = Some(known);
        Ok(true)
    }
}

impl Known {
    fn new(payload: Bytes, record: Bytes, limits: &CodecLimits) -> Result<Self, Error> {
        let sequence = Sequence::parse(&payload, limits)?;
        let video = VideoConfig {
            codec: VideoCodec::Av1,
            codecs: sequence.codecs(),
            width: sequence.width,
            height: sequence.height,
            // Pixels are square unless a frame's render size says otherwise, which no decoder heeds.
            pixel_aspect: (1, 1),
            frame_rate: sequence.frame_rate,
            colour: sequence.format.colour,
            record,
        };
        Ok(Self { payload, reduced: sequence.reduced, video })
    }
}
