//! NAL: units behind their lengths, as H.264 and HEVC samples hold them (ISO/IEC 14496-15 §4.3.3).

use crate::base::ByteReader;
use crate::codec::Error;

/// The next NAL unit, never empty, behind a length of `length_size` bytes (1, 2 or 4).
pub(super) fn next<'a>(reader: &mut ByteReader<'a>, length_size: u8) -> Result<&'a [u8], Error> {
    let len = match length_size {
        1 => reader.u8().map(u32::from),
        2 => reader.u16().map(u32::from),
        4 => reader.u32(),
        _ => return Err(Error::Value { field: "NAL length size", value: i64::from(length_size) }),
    };
    let len = len.ok_or(Error::Truncated { field: "NAL length" })?;
    if len == 0 {
        return Err(Error::Value { field: "NAL length", value: 0 });
    }
    let nal = usize::try_from(len).ok().and_then(|len| reader.take(len));
    nal.ok_or(Error::Truncated { field: "NAL unit" })
}
