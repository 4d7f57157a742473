//! PES: the header in front of an access unit.
//!
//! ```text
//! 000001:24  stream:8  length:16   10 0000 aligned:1 00   stamps:2 0:6   header length:8
//! PTS   prefix:4 [32..30] 1  [29..15] 1  [14..0] 1   [DTS alike]
//! ```
//! Spec: ISO/IEC 13818-1 §2.4.3.6, §2.4.3.7.

use bytes::{BufMut, BytesMut};

use super::packet::CLOCK;

/// Streams of pictures are `110x` in the upper half byte; only theirs may be of unsaid length.
const VIDEO: u8 = 0xE0;

/// The header of an access unit of `len` bytes at `pts` and `dts`, in 90 kHz; the latter only where it differs. `None`
/// when the unit is sound and too long for 16 bits.
pub(super) fn header(stream: u8, len: usize, pts: i64, dts: i64) -> Option<BytesMut> {
    let both = pts.rem_euclid(CLOCK) != dts.rem_euclid(CLOCK);
    let stamps: u8 = if both { 10 } else { 5 };
    let whole = len.saturating_add(3).saturating_add(stamps.into());
    let length = match u16::try_from(whole) {
        Ok(length) => length,
        Err(_) if stream == VIDEO => 0,
        Err(_) => return None,
    };
    let mut out = BytesMut::with_capacity(19);
    out.put_slice(&[0, 0, 1, stream]);
    out.put_u16(length);
    out.put_slice(&[0x84, if both { 0xC0 } else { 0x80 }, stamps]);
    put_stamp(&mut out, if both { 3 } else { 2 }, pts);
    if both {
        put_stamp(&mut out, 1, dts);
    }
    Some(out)
}

fn put_stamp(out: &mut BytesMut, prefix: u64, time: i64) {
    let time = u64::try_from(time.rem_euclid(CLOCK)).unwrap_or(0);
    let (high, middle, low) = (time >> 30, time >> 15 & 0x7FFF, time & 0x7FFF);
    out.put_uint(prefix << 36 | high << 33 | 1 << 32 | middle << 17 | 1 << 16 | low << 1 | 1, 5);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_33_bits_between_markers() {
        let header = header(VIDEO, 10, CLOCK + 0x1_2345_6789 - CLOCK, -1).unwrap();
        assert_eq!(header[..9], [0, 0, 1, 0xE0, 0, 23, 0x84, 0xC0, 10]);
        assert_eq!(header[9..], [0x39, 0x8D, 0x15, 0xCF, 0x13, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF]);
    }

    #[test]
    fn only_pictures_may_be_longer_than_16_bits() {
        assert_eq!(header(VIDEO, 65_527, 0, 0).unwrap()[4..6], [0xFF, 0xFF]);
        assert_eq!(header(VIDEO, 65_528, 0, 0).unwrap()[4..6], [0, 0]);
        assert!(header(0xC0, 65_527, 0, 0).is_some());
        assert!(header(0xC0, 65_528, 0, 0).is_none());
    }
}
