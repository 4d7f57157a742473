//! Tables: the PAT and the PMT of the one programme.
//!
//! ```text
//! PAT  00:8  1 0 11:2 length:12   stream:16   11 version:5 current:1   0:8 0:8   programme:16 111:3 PMT PID:13   CRC:32
//! PMT  02:8  1 0 11:2 length:12   programme:16 11 version:5 current:1  0:8 0:8   111:3 PCR PID:13  1111:4 0:12
//!        per stream: type:8  111:3 PID:13  1111:4 length:12 descriptors   CRC:32
//! ```
//! Spec: ISO/IEC 13818-1 §2.4.4.3, §2.4.4.8, annex A for the checksum.

use bytes::{BufMut, BytesMut};

/// The one programme's number, and that of the transport stream.
const NUMBER: u16 = 1;
const RESERVED_PID: u16 = 0xE000;
const RESERVED_LENGTH: u16 = 0xF000;

/// What the PMT says of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stream_type: u8,
    pub(super) pid: u16,
    pub(super) descriptors: Vec<u8>,
}

pub(super) fn pat(pmt: u16) -> BytesMut {
    section(0x00, 0, |body| {
        body.put_u16(NUMBER);
        body.put_u16(RESERVED_PID | pmt);
    })
}

pub(super) fn pmt(version: u8, clock: u16, entries: &[Entry]) -> BytesMut {
    section(0x02, version, |body| {
        body.put_u16(RESERVED_PID | clock);
        body.put_u16(RESERVED_LENGTH);
        for entry in entries {
            body.put_u8(entry.stream_type);
            body.put_u16(RESERVED_PID | entry.pid);
            body.put_u16(RESERVED_LENGTH | u16::try_from(entry.descriptors.len()).unwrap_or(0));
            body.put_slice(&entry.descriptors);
        }
    })
}

fn section(table: u8, version: u8, write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut body = BytesMut::with_capacity(64);
    write(&mut body);
    let mut out = BytesMut::with_capacity(body.len().saturating_add(12));
    out.put_u8(table);
    // Five bytes of header follow the length, and the checksum.
    out.put_u16(0xB000 | u16::try_from(body.len().saturating_add(9)).unwrap_or(0));
    out.put_u16(NUMBER);
    out.put_u8(0xC1 | (version & 0x1F) << 1);
    out.put_u16(0);
    out.put_slice(&body);
    let sum = crc(&out);
    out.put_u32(sum);
    out
}

/// CRC-32/MPEG-2: polynomial 04C11DB7, most significant bit first, from all ones, not inverted.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            if sum & 0x8000_0000 != 0 { sum << 1 ^ 0x04C1_1DB7 } else { sum << 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_catalogue_and_cancels_itself() {
        assert_eq!(crc(b"123456789"), 0x0376_E6E7);
        assert_eq!(crc(&pat(0x1000)), 0);
    }

    #[test]
    fn a_pmt_lists_what_there_is() {
        let entry = Entry { stream_type: 0x1B, pid: 0x100, descriptors: vec![5, 1, 9] };
        let section = pmt(3, 0x100, &[entry]);
        let head = [0x02, 0xB0, 21, 0, 1, 0xC7, 0, 0, 0xE1, 0x00, 0xF0, 0];
        assert_eq!(section[..12], head);
        assert_eq!(section[12..20], [0x1B, 0xE1, 0x00, 0xF0, 3, 5, 1, 9]);
        assert_eq!(usize::from(section[2]), section.len() - 3);
    }
}
