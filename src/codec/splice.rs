//! Splices: the splice information section of ANSI/SCTE 35, as far as it must be understood to hand it on.
//!
//! ```text
//!  FC │ flags, length(12) │ version │ encrypted, pts adjustment(40) │ cw │ tier, length(24) │ type │ command … │ CRC 32
//! ```

use std::time::Duration;

use bytes::Bytes;

use super::error::Error;
use crate::base::{BitReader, ByteReader};
use crate::media::{Splice, SpliceKind};

/// Longest section taken: a dozen descriptors fit, and in hexadecimal it is a line of a playlist, twice as long.
const MOST: usize = 1_024;
const TABLE: u8 = 0xFC;
/// `splice_insert` (§9.7.3).
const INSERT: u8 = 5;
/// Before the command: everything up to and with its type.
const HEAD: usize = 14;
const TRUNCATED: Error = Error::Truncated { field: "splice section" };

/// Reads `section`, which must be whole, end with its own length, and hold its checksum.
///
/// # Errors
/// Says which field is wrong.
pub fn parse(section: Bytes) -> Result<Splice, Error> {
    if section.len() > MOST {
        return Err(Error::TooLong { field: "splice section", len: section.len(), max: MOST });
    }
    let mut r = ByteReader::new(&section);
    let table = r.u8().ok_or(TRUNCATED)?;
    if table != TABLE {
        return Err(Error::Value { field: "splice table id", value: i64::from(table) });
    }
    let declared = r.u16().ok_or(TRUNCATED)? & 0xFFF;
    if usize::from(declared) != r.remaining() || section.len() < HEAD.saturating_add(4) {
        return Err(Error::Value { field: "splice section length", value: i64::from(declared) });
    }
    // The checksum of bytes with their checksum behind them is zero.
    let left = checksum(&section);
    if left != 0 {
        return Err(Error::Value { field: "splice checksum remainder", value: i64::from(left) });
    }
    let _version = r.u8();
    let encrypted = r.u8().ok_or(TRUNCATED)? & 0x80 != 0;
    let _adjustment = r.u32();
    let _cw = r.u8();
    let _lengths = r.u24();
    let command = r.u8().ok_or(TRUNCATED)?;
    let kind = if encrypted || command != INSERT { SpliceKind::Command } else { insert(r.rest())? };
    Ok(Splice { section, kind })
}

fn insert(command: &[u8]) -> Result<SpliceKind, Error> {
    read_insert(&mut BitReader::new(command)).ok_or(Error::Truncated { field: "splice_insert" })
}

fn read_insert(r: &mut BitReader<'_>) -> Option<SpliceKind> {
    let event = r.bits(32)?;
    let cancel = r.bit()?;
    r.skip(7)?;
    if cancel {
        return Some(SpliceKind::Command);
    }
    let (out, program, has_duration, immediate) = (r.bit()?, r.bit()?, r.bit()?, r.bit()?);
    r.skip(4)?;
    if program {
        if !immediate {
            skip_time(r)?;
        }
    } else {
        for _ in 0..r.bits(8)? {
            r.skip(8)?;
            if !immediate {
                skip_time(r)?;
            }
        }
    }
    let (mut lasts, mut returns) = (None, false);
    if has_duration {
        returns = r.bit()?;
        r.skip(6)?;
        let ticks = (u64::from(r.bit()?) << 32) | u64::from(r.bits(32)?);
        // Of 90 kHz.
        lasts = Some(Duration::from_micros(ticks.saturating_mul(100) / 9));
    }
    Some(if out { SpliceKind::Out { event, lasts, returns } } else { SpliceKind::In { event } })
}

/// `splice_time` (§9.8.1): by the clock of a transport stream that is not here.
fn skip_time(r: &mut BitReader<'_>) -> Option<()> {
    let specified = r.bit()?;
    r.skip(if specified { 39 } else { 7 })
}

/// CRC of MPEG-2 sections (ISO/IEC 13818-1 Annex A).
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |mut crc, byte| {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            crc = if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04C1_1DB7 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A splice_insert out of the programme for 45 s, as published in a manual of a live transcoder.
    const OUT: &[u8] = &[
        0xFC, 0x30, 0x25, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0, 0x14, 5, 0x43, 0x13, 0x56, 0xA0, 0x7F, 0xEF, 0xFF,
        0xC8, 0x1C, 0xAC, 0x03, 0xFE, 0, 0x3D, 0xCC, 0x50, 0, 0, 0, 0, 0, 0, 0x5E, 0x11, 0x2F, 0xBD,
    ];

    /// `bytes` with the length and the checksum that belong to them.
    fn section(mut bytes: Vec<u8>) -> Bytes {
        bytes[2] = u8::try_from(bytes.len()).unwrap().saturating_add(1);
        let crc = checksum(&bytes);
        bytes.extend(crc.to_be_bytes());
        bytes.into()
    }

    fn insert(flags: u8, rest: &[u8]) -> Bytes {
        let head = [0xFC, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0, 0x14, 5, 0, 0, 0, 7, 0x7F, flags];
        section([&head[..], rest].concat())
    }

    #[test]
    fn an_insert_says_which_way_and_for_how_long() {
        let time = [0xFE, 0, 0, 0, 1];
        let minute = [0xFE, 0, 0x52, 0x65, 0xC0];
        let out = |lasts: Option<u64>, returns| SpliceKind::Out {
            event: 7,
            lasts: lasts.map(Duration::from_secs),
            returns,
        };
        for (flags, rest, kind) in [
            (0xEF, [&time[..], &minute].concat(), out(Some(60), true)),
            (0xEF, [&time[..], &[0x7E, 0, 0x52, 0x65, 0xC0]].concat(), out(Some(60), false)),
            (0xFF, minute.to_vec(), out(Some(60), true)),
            (0xCF, vec![0x7F], out(None, false)),
            (0x4F, time.to_vec(), SpliceKind::In { event: 7 }),
            (0x9F, vec![2, 1, 2], out(None, false)),
        ] {
            assert_eq!(parse(insert(flags, &rest)).unwrap().kind, kind, "{flags:#x}");
        }
    }

    #[test]
    fn whatever_is_cut_damaged_or_too_long_is_refused() {
        let good = insert(0x4F, &[0x7F]);
        for at in 0..good.len() {
            assert!(parse(good.slice(..at)).is_err(), "cut at {at}");
            let mut damaged = good.to_vec();
            damaged[at] ^= 0x10;
            assert!(parse(damaged.into()).is_err(), "damaged at {at}");
        }
        assert!(matches!(parse(vec![0xFC; 2_000].into()), Err(Error::TooLong { .. })));
        assert!(parse(insert(0xEF, &[])).is_err(), "cut inside the command, with a good checksum");
    }

    #[test]
    fn a_published_section_is_read_and_other_commands_are_only_handed_on() {
        let null = section(vec![0xFC, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0, 0, 0]);
        assert_eq!(parse(null.clone()).unwrap(), Splice { section: null, kind: SpliceKind::Command });
        let out = SpliceKind::Out { event: 0x4313_56A0, lasts: Some(Duration::from_secs(45)), returns: true };
        assert_eq!(parse(Bytes::from_static(OUT)).unwrap().kind, out);
    }
}
