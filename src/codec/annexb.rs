//! Annex B: access units of H.264 and HEVC as a byte stream holds them, able to be read from any start.
//!
//! ```text
//! length-prefixed                           Annex B
//! len NAL · len NAL · …       ─▶   00000001 delimiter · [00000001 set]… · 00000001 NAL · …
//! ```
//! Spec: ITU-T H.264 Annex B and §7.4.1.2.3, ITU-T H.265 Annex B and §7.4.2.4.4; ISO/IEC 13818-1 §2.14, §2.17, which
//! want a delimiter in front of every access unit.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Error, nal};
use crate::base::ByteReader;
use crate::media::{VideoCodec, VideoConfig};

const START: &[u8] = &[0, 0, 0, 1];
/// Delimiters that allow every type of slice.
const AVC_DELIMITER: &[u8] = &[0, 0, 0, 1, 0x09, 0xF0];
const HEVC_DELIMITER: &[u8] = &[0, 0, 0, 1, 0x46, 0x01, 0x50];
/// NAL unit types of delimiters (H.264 table 7-1, H.265 table 7-1).
const AVC_AUD: u8 = 9;
const HEVC_AUD: u8 = 35;
/// What a record may hold that goes in front of a picture: parameter sets, and SEI of the whole stream.
const HEVC_SETS: [u8; 4] = [32, 33, 34, 39];

/// How a track's samples become access units of a byte stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnexB {
    hevc: bool,
    length_size: u8,
    /// The record's parameter sets, start codes and all.
    sets: Bytes,
}

impl AnnexB {
    /// Reads the record of `video`, which is H.264 or HEVC.
    ///
    /// # Errors
    /// When it is of another codec, or the record is cut short.
    pub fn of(video: &VideoConfig) -> Result<Self, Error> {
        let mut reader = ByteReader::new(&video.record);
        match video.codec {
            VideoCodec::Avc => avc(&mut reader).ok_or(Error::Truncated { field: "AVC record" }),
            VideoCodec::Hevc => hevc(&mut reader).ok_or(Error::Truncated { field: "HEVC record" }),
            VideoCodec::Av1 | VideoCodec::Vp9 => Err(Error::Missing { field: "byte stream format" }),
        }
    }

    /// Appends the pieces of the access unit `payload` to `into`, in order; nothing is copied. A delimiter comes
    /// first, whatever the encoder sent, then the record's parameter sets when decoding can start here (`key`).
    ///
    /// # Errors
    /// When a length is zero or does not fit; `into` then holds the pieces before it.
    pub fn pieces<'a>(&'a self, payload: &'a [u8], key: bool, into: &mut Vec<&'a [u8]>) -> Result<(), Error> {
        into.push(if self.hevc { HEVC_DELIMITER } else { AVC_DELIMITER });
        if key {
            into.push(&self.sets);
        }
        let mut reader = ByteReader::new(payload);
        while !reader.is_empty() {
            let unit = nal::next(&mut reader, self.length_size)?;
            if !self.is_delimiter(unit) {
                into.extend([START, unit]);
            }
        }
        Ok(())
    }

    fn is_delimiter(&self, unit: &[u8]) -> bool {
        let head = unit.first().copied().unwrap_or(0);
        if self.hevc { head >> 1 & 0b11_1111 == HEVC_AUD } else { head & 0b1_1111 == AVC_AUD }
    }
}

fn avc(reader: &mut ByteReader<'_>) -> Option<AnnexB> {
    reader.take(4)?;
    let length_size = (reader.u8()? & 0b11).saturating_add(1);
    let mut sets = BytesMut::new();
    let sps = reader.u8()? & 0b1_1111;
    for _ in 0..sps {
        put(&mut sets, reader)?;
    }
    let pps = reader.u8()?;
    for _ in 0..pps {
        put(&mut sets, reader)?;
    }
    Some(AnnexB { hevc: false, length_size, sets: sets.freeze() })
}

fn hevc(reader: &mut ByteReader<'_>) -> Option<AnnexB> {
    reader.take(21)?;
    let length_size = (reader.u8()? & 0b11).saturating_add(1);
    // Arrays come in any order; a decoder wants a set before what refers to it.
    let mut by_kind = HEVC_SETS.map(|kind| (kind, BytesMut::new()));
    let arrays = reader.u8()?;
    for _ in 0..arrays {
        let kind = reader.u8()? & 0b11_1111;
        let count = reader.u16()?;
        let mut ignored = BytesMut::new();
        let known = by_kind.iter_mut().find(|(known, _)| *known == kind).map(|(_, sets)| sets);
        let sets = known.unwrap_or(&mut ignored);
        for _ in 0..count {
            put(sets, reader)?;
        }
    }
    let sets = by_kind.iter().fold(BytesMut::new(), |mut all, (_, sets)| {
        all.put_slice(sets);
        all
    });
    Some(AnnexB { hevc: true, length_size, sets: sets.freeze() })
}

/// Appends the next set of a list, behind its 16-bit length.
fn put(sets: &mut BytesMut, reader: &mut ByteReader<'_>) -> Option<()> {
    let len = reader.u16()?;
    let set = reader.take(len.into())?;
    sets.put_slice(START);
    sets.put_slice(set);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(codec: VideoCodec, record: &[u8]) -> VideoConfig {
        VideoConfig {
            codec,
            record: Bytes::copy_from_slice(record),
            codecs: String::new(),
            width: 16,
            height: 16,
            pixel_aspect: (1, 1),
            frame_rate: None,
            colour: None,
        }
    }

    fn unit(annexb: &AnnexB, payload: &[u8], key: bool) -> Result<Vec<u8>, Error> {
        let mut pieces = Vec::new();
        annexb.pieces(payload, key, &mut pieces)?;
        Ok(pieces.concat())
    }

    const AVC: &[u8] = &[1, 100, 0, 31, 0xFF, 0xE1, 0, 2, 0x67, 100, 1, 0, 2, 0x68, 7];

    #[test]
    fn a_key_frame_has_a_delimiter_and_the_sets_in_front() {
        let annexb = AnnexB::of(&config(VideoCodec::Avc, AVC)).unwrap();
        let payload = [0, 0, 0, 2, 0x65, 5, 0, 0, 0, 1, 0x06];
        let key = unit(&annexb, &payload, true).unwrap();
        let start = [0, 0, 0, 1];
        let sets = [&start[..], &[0x67, 100], &start, &[0x68, 7]].concat();
        let units = [&start[..], &[0x65, 5], &start, &[0x06]].concat();
        assert_eq!(key, [AVC_DELIMITER, &sets, &units].concat());
        assert_eq!(unit(&annexb, &payload, false).unwrap(), [AVC_DELIMITER, &units].concat());
    }

    #[test]
    fn a_delimiter_that_the_encoder_sent_is_not_sent_twice() {
        let annexb = AnnexB::of(&config(VideoCodec::Avc, AVC)).unwrap();
        let sent = unit(&annexb, &[0, 0, 0, 2, 0x09, 0x10, 0, 0, 0, 1, 0x41], false).unwrap();
        assert_eq!(sent, [AVC_DELIMITER, &[0, 0, 0, 1, 0x41]].concat());
    }

    #[test]
    fn the_sets_of_a_record_in_any_order_come_in_the_order_a_decoder_wants() {
        let mut record = vec![1; 22];
        record[21] = 0x0F;
        record.extend([4, 40, 0, 1, 0, 1, 9, 34, 0, 1, 0, 1, 3, 33, 0, 1, 0, 1, 2, 32, 0, 1, 0, 1, 1]);
        let annexb = AnnexB::of(&config(VideoCodec::Hevc, &record)).unwrap();
        assert_eq!(annexb.sets[..], [0, 0, 0, 1, 1, 0, 0, 0, 1, 2, 0, 0, 0, 1, 3]);
        assert_eq!(unit(&annexb, &[0, 0, 0, 1, 0x46], false).unwrap(), HEVC_DELIMITER);
    }

    #[test]
    fn lengths_that_do_not_fit_and_other_codecs_are_refused() {
        let annexb = AnnexB::of(&config(VideoCodec::Avc, AVC)).unwrap();
        assert!(unit(&annexb, &[0, 0, 0, 9, 0x65], true).is_err());
        assert!((0..AVC.len()).all(|len| AnnexB::of(&config(VideoCodec::Avc, &AVC[..len])).is_err()));
        assert!(AnnexB::of(&config(VideoCodec::Av1, AVC)).is_err());
    }
}
