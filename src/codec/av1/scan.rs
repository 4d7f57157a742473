//! Scan: one walk over the OBUs of a temporal unit, which decides whether it is sound and where decoding can start.

use crate::base::{BitReader, ByteReader};
use crate::codec::{Error, bpm, captions};
use crate::media::{Captions, CodecLimits, EncoderReport};

use super::obu::{self, kind};

/// `metadata_type` of registered user data (§6.7.1).
const METADATA_T35: u8 = 4;
/// `metadata_type` of private user data, the first of its range: where OBS tells of itself.
const METADATA_PRIVATE: u8 = 6;

/// What a temporal unit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemporalUnit<'a> {
    /// Its first frame is a key frame that is shown: decoding can start here (AV1-ISOBMFF §2.4).
    pub key: bool,
    /// Payload of the first sequence header in it.
    pub sequence: Option<&'a [u8]>,
    /// Bytes of the temporal delimiter in front, which samples leave out (AV1-ISOBMFF §2.4).
    pub delimiter: usize,
    /// Captions that its metadata carries.
    pub captions: Captions,
    /// What its metadata tells of the encoder.
    pub report: EncoderReport,
    /// OBUs in all.
    pub obus: usize,
}

/// Walks `payload`. `reduced` says that the sequence has no frame headers of the usual form
/// (`reduced_still_picture_header`).
///
/// Allocates nothing; of frames only the first bits are read.
///
/// # Errors
/// When an OBU does not fit, when there are more than `limits.nals`, when a second temporal unit begins, and when no
/// frame is among them.
pub fn scan<'a>(payload: &'a [u8], reduced: bool, limits: &CodecLimits) -> Result<TemporalUnit<'a>, Error> {
    let mut reader = ByteReader::new(payload);
    let mut unit = TemporalUnit {
        key: false,
        sequence: None,
        delimiter: 0,
        captions: Captions::default(),
        report: EncoderReport::default(),
        obus: 0,
    };
    let mut frames = false;
    while !reader.is_empty() {
        if unit.obus >= limits.nals {
            return Err(Error::TooMany { field: "OBUs", max: limits.nals });
        }
        let obu = obu::next(&mut reader)?;
        match obu.kind {
            kind::TEMPORAL_DELIMITER if unit.obus == 0 => {
                unit.delimiter = payload.len().saturating_sub(reader.remaining());
            }
            kind::TEMPORAL_DELIMITER => {
                let value = i64::try_from(unit.obus).unwrap_or(i64::MAX);
                return Err(Error::Value { field: "place of a temporal delimiter", value });
            }
            kind::SEQUENCE_HEADER => {
                unit.sequence.get_or_insert(obu.payload);
            }
            kind::METADATA => match obu.payload {
                [METADATA_T35, t35 @ ..] => unit.captions = unit.captions.with(captions::carried(t35)),
                [METADATA_PRIVATE, data @ ..] => unit.report = unit.report.with(bpm::told(data)),
                _ => {}
            },
            kind::FRAME | kind::FRAME_HEADER if !frames => {
                frames = true;
                unit.key = reduced || is_shown_key(obu.payload);
            }
            _ => {}
        }
        unit.obus = unit.obus.saturating_add(1);
    }
    if frames { Ok(unit) } else { Err(Error::Missing { field: "frame in the temporal unit" }) }
}

/// Whether a frame header begins with `show_existing_frame` 0, `frame_type` KEY_FRAME, `show_frame` 1 (§5.9.2).
fn is_shown_key(header: &[u8]) -> bool {
    BitReader::new(header).bits(4) == Some(0b0001)
}
