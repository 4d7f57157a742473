//! NAL units behind lengths: the walk over them, what it is told of, and the way to a byte stream and back. And splice
//! sections, which come the same way into the same room.

use bytes::Bytes;
use rillcast::codec::avc::{self, AccessUnit};
use rillcast::codec::{AnnexB, Error, hevc, splice};
use rillcast::media::{CodecLimits, SpliceKind, VideoCodec, VideoConfig};

use crate::steps::Steps;

const START: &[u8] = &[0, 0, 0, 1];
/// Records without a parameter set: AVC (ISO/IEC 14496-15 §5.3.3.1) and HEVC (§8.3.3.1) up to the length size.
const AVC_RECORD: [u8; 7] = [1, 100, 0, 31, 0xFC, 0xE0, 0];
const HEVC_RECORD: [u8; 23] =
    [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0C, 0];

/// A frame behind a byte that says of which codec it is and how long its lengths are, or a splice section.
pub fn nal(data: &[u8]) {
    let Some((&how, data)) = data.split_first() else { return };
    let size = [1, 2, 4][usize::from(how >> 1) % 3];
    match how & 0x18 {
        0x18 => section(data),
        // As it stands, so that lengths are as wrong as they can be.
        0x10 => _ = frame(data, size, how & 1 == 1),
        _ => {
            let units = units_of(data);
            let limits = [u64::from(u8::MAX), u64::from(u16::MAX), u64::MAX];
            // The same units behind lengths of any size are the same frame.
            let mut told = Vec::new();
            for (size, limit) in [1, 2, 4].into_iter().zip(limits) {
                if units.iter().all(|unit| unit.len() as u64 <= limit) {
                    told.push(frame(&behind_lengths(&units, size), size, how & 1 == 1));
                }
            }
            assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
        }
    }
}

/// Bodies behind 16 bits.
fn units_of(data: &[u8]) -> Vec<&[u8]> {
    let (mut steps, mut units) = (Steps(data), Vec::new());
    while !steps.is_empty() {
        units.push(steps.body());
    }
    units.retain(|unit| !unit.is_empty());
    units
}

fn behind_lengths(units: &[&[u8]], size: u8) -> Vec<u8> {
    let length = |unit: &[u8]| (unit.len() as u32).to_be_bytes()[4 - usize::from(size)..].to_vec();
    units.iter().flat_map(|unit| [&length(unit)[..], unit].concat()).collect()
}

/// Walks a frame in every way there is; what the walk of its codec says.
fn frame(payload: &[u8], size: u8, hevc: bool) -> String {
    let limits = CodecLimits::default();
    let plain = plain_walk(payload, usize::from(size));
    let (count, told) = if hevc {
        let told = hevc::scan(payload, size, &limits);
        (told.as_ref().map(|unit| unit.nals).map_err(|error| *error), format!("{told:?}"))
    } else {
        let told = avc::scan(payload, size, &limits);
        if let (Ok(told), Some(units)) = (&told, &plain) {
            pictures(told, units);
        }
        (told.as_ref().map(|unit| unit.nals).map_err(|error| *error), format!("{told:?}"))
    };
    match (&count, &plain) {
        (Ok(count), Some(units)) => assert_eq!(*count, units.len()),
        (Ok(_), None) => panic!("lengths that do not fit were taken"),
        (Err(Error::Missing { .. }), Some(_)) | (Err(_), None) => {}
        (Err(Error::TooMany { .. }), Some(units)) => assert!(units.len() > limits.nals),
        // A unit of HEVC has two bytes at least.
        (Err(Error::Truncated { .. }), Some(units)) => {
            assert!(hevc && units.iter().any(|unit| unit.len() < 2))
        }
        (Err(error), Some(_)) => panic!("refused: {error}"),
    }
    for key in [false, true] {
        byte_stream(payload, plain.as_deref(), size, hevc, key);
    }
    told
}

/// What an AVC frame must be told to hold, by the types of its units.
fn pictures(told: &AccessUnit, units: &[&[u8]]) {
    let types: Vec<_> = units.iter().map(|unit| unit[0] & 31).collect();
    let slices: Vec<_> = types.iter().filter(|kind| matches!(kind, 1 | 2 | 5)).collect();
    assert_eq!(told.idr, slices.iter().all(|kind| **kind == 5));
    assert_eq!(told.parameter_sets, types.iter().any(|kind| matches!(kind, 7 | 8)));
    assert!(!told.recovery_point || types.contains(&6));
    assert!(told.captions.is_empty() || types.contains(&6));
}

/// Units behind lengths, read the plainest way; `None` when that does not come out even.
fn plain_walk(mut payload: &[u8], size: usize) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    while !payload.is_empty() {
        let (length, rest) = payload.split_at_checked(size)?;
        let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        payload = rest;
        units.push(unit);
    }
    units.iter().all(|unit| !unit.is_empty()).then_some(units)
}

/// To Annex B, and back where that is defined: where no unit holds what looks like a start code, or ends in zero.
fn byte_stream(payload: &[u8], plain: Option<&[&[u8]]>, size: u8, hevc: bool, key: bool) {
    let (codec, mut record) =
        if hevc { (VideoCodec::Hevc, HEVC_RECORD.to_vec()) } else { (VideoCodec::Avc, AVC_RECORD.to_vec()) };
    record[if hevc { 21 } else { 4 }] |= size - 1;
    let record = Bytes::from(record);
    let (codecs, frame_rate, colour) = (String::new(), None, None);
    let config = VideoConfig {
        codec,
        record,
        codecs,
        width: 16,
        height: 16,
        pixel_aspect: (1, 1),
        frame_rate,
        colour,
    };
    let format = AnnexB::of(&config).expect("a whole record");
    let mut pieces = Vec::new();
    let done = format.pieces(payload, key, &mut pieces);
    assert_eq!(done.is_ok(), plain.is_some());
    let Some(units) = plain else { return };
    let delimiter = |unit: &[u8]| if hevc { unit[0] >> 1 & 63 == 35 } else { unit[0] & 31 == 9 };
    let expected: Vec<_> = units.iter().copied().filter(|unit| !delimiter(unit)).collect();
    let stream = pieces.concat();
    let clean = |unit: &&[u8]| {
        !unit.ends_with(&[0]) && !unit.windows(3).any(|three| three[..2] == [0, 0] && three[2] < 3)
    };
    if expected.iter().all(clean) {
        let (delimiters, back): (Vec<_>, Vec<_>) =
            split(&stream).into_iter().partition(|unit| delimiter(unit));
        assert_eq!(delimiters.len(), 1, "one delimiter");
        assert!(delimiter(&stream[4..]), "which comes first");
        assert_eq!(behind_lengths(&back, 4), behind_lengths(&expected, 4));
    } else {
        let ends = [START, &expected.join(START)].concat();
        assert!(expected.is_empty() || stream.ends_with(&ends));
    }
}

/// Units between start codes of four bytes.
fn split(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<_> = (0..stream.len()).filter(|at| stream[*at..].starts_with(START)).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().zip(ends).map(|(start, end)| &stream[start + 4..end]).collect()
}

/// A splice section, made whole by the length and the checksum that belong to it: it is read, or refused for what it
/// says; and never taken once any bit of it is another.
fn section(data: &[u8]) {
    let mut bytes = [&[0xFC][..], data].concat();
    bytes.truncate(1_020);
    if bytes.len() >= 3 {
        let length = bytes.len() + 1;
        bytes[1] = bytes[1] & 0xF0 | (length >> 8) as u8;
        bytes[2] = length as u8;
    }
    bytes.extend(checksum(&bytes).to_be_bytes());
    let whole = Bytes::from(bytes);
    let Ok(told) = splice::parse(whole.clone()) else { return };
    assert_eq!(told.section, whole, "handed on as it came");
    assert_eq!(told.kind, plain_splice(&whole).expect("what is taken is whole"));
    let at = usize::from(whole[whole.len() / 2]) % whole.len();
    let mut damaged = whole.to_vec();
    damaged[at] ^= 1 << (whole[3] & 7);
    assert!(splice::parse(damaged.into()).is_err(), "a bit of byte {at} is another");
    assert!(splice::parse(whole.slice(..whole.len() - 1)).is_err(), "a byte short");
}

/// The command of a section (ANSI/SCTE 35 §9.7.3), read bit by bit.
fn plain_splice(section: &[u8]) -> Option<SpliceKind> {
    let bits: Vec<bool> =
        section.iter().flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1 == 1)).collect();
    let number = |at: usize, count: usize| {
        Some(bits.get(at..at + count)?.iter().fold(0_u64, |number, bit| number << 1 | u64::from(*bit)))
    };
    let flag = |at: usize| number(at, 1).map(|bit| bit == 1);
    let encrypted = flag(4 * 8)?;
    if encrypted || section.get(13) != Some(&5) {
        return Some(SpliceKind::Command);
    }
    let (event, mut at) = (number(14 * 8, 32)? as u32, 18 * 8);
    if flag(at)? {
        return Some(SpliceKind::Command);
    }
    let (out, program, lasts, immediate) = (flag(at + 8)?, flag(at + 9)?, flag(at + 10)?, flag(at + 11)?);
    at += 16;
    let time = |at: usize| Some(if flag(at)? { 40 } else { 8 });
    let components = if program { 0 } else { number(at, 8)? };
    at += if program { 0 } else { 8 };
    if program && !immediate {
        at += time(at)?;
    }
    for _ in 0..components {
        at += 8;
        if !immediate {
            at += time(at)?;
        }
    }
    let (mut duration, mut returns) = (None, false);
    if lasts {
        returns = flag(at)?;
        duration = Some(std::time::Duration::from_micros(number(at + 7, 33)? * 100 / 9));
    }
    Some(if out { SpliceKind::Out { event, lasts: duration, returns } } else { SpliceKind::In { event } })
}

fn checksum(bytes: &[u8]) -> u32 {
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |n| u32::from(byte >> n & 1)));
    bits.fold(u32::MAX, |sum, bit| if (sum >> 31) ^ bit == 1 { (sum << 1) ^ 0x04C1_1DB7 } else { sum << 1 })
}

/// A frame of H.264 or HEVC out of a file, in the form of units behind 16 bits.
pub(crate) fn seed(frame: &[u8], hevc: bool) -> Option<Vec<u8>> {
    let units = plain_walk(frame, 4)?;
    let units = units.iter().map(|unit| &unit[..unit.len().min(300)]);
    let body: Vec<u8> =
        units.flat_map(|unit| [&(unit.len() as u16).to_be_bytes()[..], unit].concat()).collect();
    Some([&[u8::from(hevc)][..], &body].concat())
}

/// An insert out of the programme, into it, and a section that is only handed on.
pub(crate) fn sections() -> Vec<Vec<u8>> {
    let head = [0x18_u8, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0, 0x14];
    let out = [5, 0, 0, 0, 7, 0x7F, 0xEF, 0xFE, 0, 0, 0, 1, 0xFE, 0, 0x52, 0x65, 0xC0];
    let parts = [5, 0, 0, 0, 7, 0x7F, 0x8F, 2, 1, 0x7F, 2, 0xFE, 0, 0, 0, 1];
    [&out[..], &parts, &[5, 0, 0, 0, 7, 0x7F, 0x4F, 0x7F], &[6, 0]]
        .map(|body| [&head[..], body].concat())
        .to_vec()
}
