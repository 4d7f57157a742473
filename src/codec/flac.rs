//! FLAC: STREAMINFO, and how long a frame lasts.
//!
//! ```text
//! stream      ["fLaC"]  [last:1  type:7 (0)  size:24 (34)]  STREAMINFO  …     (dfLa: version and flags, 0:32, in front)
//! STREAMINFO  blocks ≥:16 ≤:16   frames ≥:24 ≤:24   rate:20  channels-1:3  bits-1:5  samples:36  MD5:128
//! frame       sync:14 (3FFE)  0  variable:1  block:4  rate:4  channels:4  bits:3  0  number:8 × 1…7  [block-1:8|16]
//! ```
//! Spec: RFC 9639 §8.2, §9.1; FLAC in ISO-BMFF §3.3.2.

use bytes::{BufMut, Bytes, BytesMut};

use super::Error;
use crate::base::{BitReader, ByteReader};
use crate::media::{AudioCodec, AudioConfig, Timescale};

const MAGIC: &[u8] = b"fLaC";
/// A last metadata block: STREAMINFO of its only length.
const LAST_STREAM_INFO: [u8; 4] = [0x80, 0, 0, STREAM_INFO as u8];
const STREAM_INFO: usize = 34;
/// Version and flags of a `dfLa` box.
const FULL_BOX: usize = 4;
const MIN_BLOCK: u32 = 16;

/// The track whose stream begins with `header`: STREAMINFO bare, as a metadata block, or behind the stream's
/// marker. Publishers send all three.
pub(super) fn config(header: &[u8]) -> Result<AudioConfig, Error> {
    let field = "FLAC STREAMINFO";
    let mut reader = ByteReader::new(header.strip_prefix(MAGIC).unwrap_or(header));
    if header.len() != STREAM_INFO {
        let kind = reader.u8().ok_or(Error::Truncated { field })? & 0x7F;
        let size = reader.u24().ok_or(Error::Truncated { field })?;
        if kind != 0 {
            return Err(Error::Missing { field });
        }
        if size as usize != STREAM_INFO {
            return Err(Error::Value { field: "FLAC STREAMINFO size", value: size.into() });
        }
    }
    let info = reader.take(STREAM_INFO).ok_or(Error::Truncated { field })?;
    let mut bits = BitReader::new(info);
    let mut read = |n, field| bits.bits(n).ok_or(Error::Truncated { field });
    let (_, block) = (read(16, field)?, read(16, field)?);
    // Sizes of frames, which may be unknown.
    let _ = (read(24, field)?, read(24, field)?);
    let (rate, channels, depth) = (read(20, field)?, read(3, field)?, read(5, field)?);
    if block < MIN_BLOCK {
        return Err(Error::Value { field: "FLAC block size", value: block.into() });
    }
    if depth < 3 {
        return Err(Error::Value {
            field: "FLAC bits per sample",
            value: i64::from(depth).saturating_add(1),
        });
    }
    let mut record = BytesMut::with_capacity(FULL_BOX.saturating_add(38));
    record.put_u32(0);
    record.put_slice(&LAST_STREAM_INFO);
    record.put_slice(info);
    Ok(AudioConfig {
        codec: AudioCodec::Flac,
        codecs: "fLaC".to_owned(),
        sample_rate: Timescale::new(rate).ok_or(Error::Value { field: "FLAC sample rate", value: 0 })?,
        channels: u8::try_from(channels).unwrap_or(u8::MAX).saturating_add(1),
        frame_samples: block,
        record: record.freeze(),
    })
}

/// How a FLAC stream begins whose `dfLa` payload is `record`: the marker and STREAMINFO.
///
/// # Errors
/// When `record` is shorter than any.
pub fn head(record: &[u8]) -> Result<Bytes, Error> {
    let blocks = record.get(FULL_BOX..).ok_or(Error::Truncated { field: "FLAC STREAMINFO" })?;
    Ok([MAGIC, blocks].concat().into())
}

/// Bits of a sample by the `dfLa` payload `record`.
pub fn depth(record: &[u8]) -> Option<u8> {
    let mut bits = BitReader::new(record.get(FULL_BOX.saturating_add(4)..)?);
    bits.skip(103)?;
    u8::try_from(bits.bits(5)?).ok()?.checked_add(1)
}

/// Samples in a frame.
pub(super) fn samples(frame: &[u8]) -> Result<u32, Error> {
    let field = "FLAC frame header";
    let mut bits = BitReader::new(frame);
    let mut read = |n| bits.bits(n).ok_or(Error::Truncated { field });
    let sync = read(15)?;
    if sync != 0x7FFC {
        return Err(Error::Value { field: "FLAC frame sync", value: sync.into() });
    }
    read(1)?;
    let block = read(4)?;
    read(12)?;
    // The frame's number is coded as UTF-8 codes characters, up to seven bytes.
    let more = match u8::try_from(read(8)?).unwrap_or(u8::MAX).leading_ones() {
        0 => 0,
        ones @ 2..=7 => ones.saturating_sub(1),
        _ => return Err(Error::Value { field: "FLAC frame number", value: 0xFF }),
    };
    for _ in 0..more {
        read(8)?;
    }
    Ok(match block {
        0 => return Err(Error::Value { field: "FLAC block size code", value: 0 }),
        1 => 192,
        2..=5 => 144 << block,
        6 => read(8)?.saturating_add(1),
        7 => read(16)?.saturating_add(1),
        _ => 1 << block,
    })
}
