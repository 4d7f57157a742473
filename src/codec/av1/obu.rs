//! OBU: one open bitstream unit after the other (AV1 §5.3).
//!
//! ```text
//! 0:1  type:4  extension:1  has size:1  0:1   [temporal:3 spatial:2 0:3]   [size: leb128]   payload
//! ```

use crate::base::ByteReader;
use crate::codec::Error;

/// `obu_type` (§6.2.2).
pub(super) mod kind {
    pub(in crate::codec::av1) const SEQUENCE_HEADER: u8 = 1;
    pub(in crate::codec::av1) const TEMPORAL_DELIMITER: u8 = 2;
    pub(in crate::codec::av1) const FRAME_HEADER: u8 = 3;
    pub(in crate::codec::av1) const FRAME: u8 = 6;
}

/// One unit.
pub(super) struct Obu<'a> {
    pub(super) kind: u8,
    pub(super) payload: &'a [u8],
}

/// The next unit; one without a size reaches to the end, as the last one of a sample may.
pub(super) fn next<'a>(reader: &mut ByteReader<'a>) -> Result<Obu<'a>, Error> {
    let head = reader.u8().ok_or(Error::Truncated { field: "OBU header" })?;
    if head & 0x80 != 0 {
        return Err(Error::Value { field: "obu_forbidden_bit", value: 1 });
    }
    if head & 0b100 != 0 {
        reader.u8().ok_or(Error::Truncated { field: "OBU extension" })?;
    }
    let size = if head & 0b10 != 0 { leb128(reader)? } else { reader.remaining() };
    let payload = reader.take(size).ok_or(Error::Truncated { field: "OBU" })?;
    Ok(Obu { kind: head >> 3 & 0b1111, payload })
}

/// A number in groups of seven bits, the low ones first, in at most eight bytes and 32 bits (§4.10.5).
fn leb128(reader: &mut ByteReader<'_>) -> Result<usize, Error> {
    let mut value = 0_u64;
    for group in 0..8_u32 {
        let byte = reader.u8().ok_or(Error::Truncated { field: "OBU size" })?;
        value |= u64::from(byte & 0x7F) << group.saturating_mul(7);
        if byte & 0x80 == 0 {
            let fits = u32::try_from(value).ok().and_then(|value| usize::try_from(value).ok());
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            return fits.ok_or(Error::Value { field: "OBU size", value });
        }
    }
    Err(Error::TooLong { field: "OBU size", len: 9, max: 8 })
}

/// `payload` as a sequence header OBU with its size, as a record holds it.
pub(super) fn sequence_header(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![kind::SEQUENCE_HEADER << 3 | 0b10];
    let mut left = payload.len();
    while left > 0x7F {
        out.push((left & 0x7F) as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
    out.extend_from_slice(payload);
    out
}
