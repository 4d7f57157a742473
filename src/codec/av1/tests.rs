//! Tests of AV1: real records and sequence headers, hostile ones, and temporal units of every shape.

use bytes::Bytes;
use proptest::prelude::*;

use super::sequence::Sequence;
use super::{Config, TemporalUnit, scan};
use crate::codec::{Error, Video, bpm};
use crate::media::{CodecLimits, Colour, VideoCodec};

/// SVT-AV1, Main, 320x180, 10 bits, PQ: the record, and the sequence header of its key frames, which differs.
const RECORD: &str = "81004c000a0e0200000521e7f66017c284880482";
const IN_BAND: &str = "0a0e0200000521e7f66357ce84880482";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn parse(record: &[u8]) -> Result<Config, Error> {
    Config::parse(Bytes::copy_from_slice(record), &CodecLimits::default())
}

/// Bits in the making.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn u(mut self, n: u32, value: u64) -> Self {
        (0..n).rev().for_each(|bit| self.0.push(value >> bit & 1 == 1));
        self
    }

    fn bytes(self) -> Vec<u8> {
        let byte =
            |bits: &[bool]| bits.iter().enumerate().fold(0, |b, (n, bit)| b | u8::from(*bit) << (7 - n));
        self.0.chunks(8).map(byte).collect()
    }
}

/// A sequence of `profile` from its first bit to its operating point of `level`; the tier follows above level 7.
fn begun(profile: u64, level: u64) -> Bits {
    Bits::default().u(3, profile).u(2, 0).u(2, 0).u(5, 0).u(12, 0).u(5, level)
}

/// From the frame size to before the colour.
fn sized(bits: Bits, width: u64, height: u64) -> Bits {
    let bits = bits.u(4, 15).u(4, 15).u(16, width - 1).u(16, height - 1).u(1, 0).u(3, 0);
    bits.u(4, 0).u(1, 1).u(2, 0).u(1, 1).u(1, 1).u(3, 7).u(3, 0)
}

fn sequence(bits: Bits) -> Result<Sequence, Error> {
    Sequence::parse(&bits.u(16, 0).bytes(), &CodecLimits::default())
}

fn obu(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind << 3 | 2, payload.len() as u8], payload].concat()
}

#[test]
fn a_real_record_is_described() {
    let config = parse(&hex(RECORD)).unwrap();
    let video = config.video().unwrap();
    assert_eq!((&*video.codecs, video.width, video.height), ("av01.0.00M.10.0.110.09.16.09.0", 320, 180));
    assert_eq!(video.colour, Some(Colour { primaries: 9, transfer: 16, matrix: 9, full_range: false }));
    assert_eq!((video.frame_rate, video.pixel_aspect), (None, (1, 1)));
    assert_eq!(video.record, hex(RECORD));
}

#[test]
fn a_sequence_header_in_a_key_frame_changes_the_track_only_if_the_pictures_change() {
    let limits = CodecLimits::default();
    let mut config = parse(&hex(RECORD)).unwrap();
    assert_eq!(config.update(&hex(IN_BAND)[2..], &limits), Ok(false));
    assert_eq!(config.video().unwrap().record, hex(RECORD));
    let other = sized(begun(0, 4), 1_280, 720).u(16, 0).bytes();
    assert_eq!(config.update(&other, &limits), Ok(true));
    let video = config.video().unwrap().clone();
    assert_eq!((&*video.codecs, video.width), ("av01.0.04M.08", 1_280));
    assert_eq!(parse(&video.record).unwrap().video(), Some(&video), "the record made of it says the same");
    assert_eq!(config.update(&other, &limits), Ok(false));
    assert!(config.update(&other[..3], &limits).is_err());
    assert_eq!(config.video(), Some(&video));
}

#[test]
fn a_record_without_a_sequence_header_waits_for_a_key_frame() {
    let limits = CodecLimits::default();
    let mut video = Video::parse(VideoCodec::Av1, hex("81004c00").into(), &limits).unwrap();
    assert_eq!(video.config(), None);
    let inter = Bytes::from(obu(6, &[0b0011_0000]));
    let taken = video.take(inter, true, &limits).unwrap();
    assert!(!taken.key && !taken.reconfigured && video.config().is_none());
    let key = [vec![0x12, 0], hex(IN_BAND), obu(6, &[0b0001_0000, 9])].concat();
    let taken = video.take(key.clone().into(), false, &limits).unwrap();
    assert!(taken.key && taken.reconfigured);
    assert_eq!(taken.payload, key[2..], "the temporal delimiter is no part of a sample");
    let config = video.config().unwrap();
    assert_eq!(config.record, [hex("81004c00"), hex(IN_BAND)].concat());
    assert_eq!(config.width, 320);
}

#[test]
fn codec_strings_have_all_further_fields_or_none() {
    let of = |bits: Bits| sequence(bits).unwrap().codecs();
    let main = |level| sized(begun(0, level), 1_920, 1_080);
    assert_eq!(of(main(5).u(3, 0).u(1, 0).u(2, 0)), "av01.0.05M.08");
    assert_eq!(of(sized(begun(0, 13).u(1, 1), 1_920, 1_080).u(1, 1).u(2, 0).u(3, 0)), "av01.0.13H.10");
    let bt709 = 0x01_01_01;
    assert_eq!(of(main(5).u(2, 0).u(1, 1).u(24, bt709).u(1, 0).u(2, 0)), "av01.0.05M.08");
    assert_eq!(of(main(5).u(2, 0).u(1, 1).u(24, bt709).u(1, 1).u(2, 0)), "av01.0.05M.08.0.110.01.01.01.1");
    assert_eq!(of(main(5).u(3, 0).u(1, 0).u(2, 1)), "av01.0.05M.08.0.111.01.01.01.0");
    assert_eq!(of(main(5).u(2, 1).u(1, 0).u(1, 0)), "av01.0.05M.08.1.110.01.01.01.0");
    let high = sized(begun(1, 5), 640, 360).u(1, 0).u(1, 1).u(24, 0x01_0D_00);
    assert_eq!(of(high), "av01.1.05M.08.0.000.01.13.00.1");
    let professional = sized(begun(2, 5), 640, 360).u(2, 0b11).u(2, 0).u(1, 0).u(2, 0b10);
    assert_eq!(of(professional), "av01.2.05M.12.0.100.01.01.01.0");
}

#[test]
fn timing_decoder_models_and_reduced_headers_are_walked() {
    let bits = Bits::default().u(5, 0).u(1, 1).u(32, 1_001).u(32, 60_000).u(1, 1).u(1, 1).u(1, 1);
    // A decoder model with delays of 10 bits, display delays, two operating points.
    let bits = bits.u(5, 9).u(32, 1).u(10, 0).u(1, 1).u(5, 1);
    let bits = bits.u(12, 0).u(5, 8).u(1, 1).u(1, 1).u(21, 0).u(1, 1).u(4, 3);
    let bits = bits.u(12, 0).u(5, 0).u(1, 0).u(1, 0);
    let timed = sequence(sized(bits, 854, 480)).unwrap();
    assert_eq!((timed.width, timed.level, timed.high_tier), (854, 8, true));
    assert_eq!(timed.frame_rate.map(|rate| (rate.num, rate.den)), Some((60_000, 1_001)));
    let still = Bits::default().u(3, 0).u(2, 0b11).u(5, 4).u(4, 7).u(4, 7).u(8, 199).u(8, 99).u(6, 0);
    let still = sequence(still).unwrap();
    assert_eq!((still.reduced, still.width, still.height), (true, 200, 100));
}

#[test]
fn hostile_records_are_refused_by_name() {
    let whole = hex(RECORD);
    for len in 0..whole.len() {
        // Four bytes alone are a record that leaves its sequence header out.
        let refused = matches!(parse(&whole[..len]), Err(Error::Truncated { .. }));
        assert_eq!(refused, len != 4, "{len} bytes");
    }
    let value = |field, value| Err(Error::Value { field, value });
    assert_eq!(parse(&[0x01, 0, 0, 0]), value("AV1 record marker and version", 1));
    assert_eq!(parse(&[0x81, 0, 0, 0x20]), value("AV1 record reserved bits", 0x20));
    assert_eq!(parse(&[0x81, 0, 0, 3]), value("AV1 record reserved bits", 3));
    assert!(parse(&[0x81, 0, 0, 0x13]).is_ok());
    assert_eq!(parse(&[0x81, 0, 0, 0, 0x80]), value("obu_forbidden_bit", 1));
    assert_eq!(parse(&[0x81, 0, 0, 0, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]), value("OBU size", 0x7_FFFF_FFFF));
    let endless = [&[0x81, 0, 0, 0, 0x0A][..], &[0xFF; 20]].concat();
    assert_eq!(parse(&endless), Err(Error::TooLong { field: "OBU size", len: 9, max: 8 }));
    let many = [&[0x81, 0, 0, 0][..], &[0x7A, 0].repeat(65)].concat();
    assert_eq!(parse(&many), Err(Error::TooMany { field: "OBUs of an AV1 record", max: 64 }));
    assert_eq!(
        sequence(sized(begun(3, 5), 640, 360)),
        value("seq_profile", 3).map(|_: Config| unreachable!())
    );
    let huge = sequence(sized(begun(0, 5), 65_536, 65_536));
    assert_eq!(huge, Err(Error::Picture { macroblocks: 16_777_216, max: 139_264 }));
    let long = [&[0x81, 0, 0, 0][..], &[0; 65_533]].concat();
    assert_eq!(parse(&long), Err(Error::TooLong { field: "AV1 record", len: 65_537, max: 65_536 }));
}

fn scanned(bytes: &[u8]) -> Result<TemporalUnit<'_>, Error> {
    scan(bytes, false, &CodecLimits::default())
}

#[test]
fn decoding_starts_at_a_shown_key_frame_that_comes_first() {
    let (key, hidden, inter, existing) = ([0b0001_0000], [0b0000_0000], [0b0011_0000], [0b1000_0000]);
    let is_key = |frames: &[Vec<u8>]| scanned(&frames.concat()).map(|unit| unit.key);
    for kind in [3, 6] {
        assert_eq!(is_key(&[obu(kind, &key)]), Ok(true));
        assert_eq!(is_key(&[obu(kind, &hidden)]), Ok(false), "a key frame to be shown later");
        assert_eq!(is_key(&[obu(kind, &inter)]), Ok(false));
        assert_eq!(is_key(&[obu(kind, &existing)]), Ok(false));
        assert_eq!(is_key(&[obu(kind, &inter), obu(kind, &key)]), Ok(false));
        assert_eq!(is_key(&[obu(kind, &key), obu(kind, &inter)]), Ok(true), "a further layer");
        assert_eq!(is_key(&[obu(kind, &[])]), Ok(false));
    }
    assert!(scan(&obu(6, &inter), true, &CodecLimits::default()).unwrap().key);
    // With an extension, and without a size.
    assert_eq!(is_key(&[vec![0b0011_0110, 0, 1, 0b0001_0000]]), Ok(true));
    assert_eq!(is_key(&[vec![0b0011_0000, 0b0001_0000, 9, 9]]), Ok(true));
}

#[test]
fn captions_are_found_in_metadata() {
    let frame = obu(6, &[0b0001_0000]);
    let found = |metadata: &[u8]| {
        let bytes = [obu(5, metadata), frame.clone()].concat();
        scanned(&bytes).unwrap().captions.channels().collect::<Vec<_>>()
    };
    assert_eq!(found(b"\x04\xB5\0\x31GA94\x03\x41\xFF\xFC\x1C\x20\xFF\x80"), [2]);
    assert!(found(b"\x01\xB5\0\x31GA94\x03\x41\xFF\xFC\x1C\x20\xFF\x80").is_empty(), "of light levels");
    assert!(found(b"").is_empty());
}

#[test]
fn a_report_of_the_encoder_is_read_in_private_metadata() {
    let frame = obu(6, &[0b0001_0000]);
    let found = |kind: u8| {
        let metadata = [&[kind][..], &bpm::tests::session(), &[0x80]].concat();
        scanned(&[frame.clone(), obu(5, &metadata)].concat()).unwrap().report.session
    };
    assert_eq!((found(6), found(7)), (Some(bpm::tests::TOLD), None));
}

#[test]
fn a_temporal_unit_is_one_and_has_a_frame() {
    let frame = obu(6, &[0b0001_0000]);
    let unit = [vec![0x12, 0], hex(IN_BAND), frame.clone()].concat();
    let scanned_unit = scanned(&unit).unwrap();
    assert_eq!((scanned_unit.delimiter, scanned_unit.obus), (2, 3));
    assert_eq!(scanned_unit.sequence, Some(&hex(IN_BAND)[2..]));
    let twice = [frame.clone(), vec![0x12, 0], frame.clone()].concat();
    let place = Error::Value { field: "place of a temporal delimiter", value: 1 };
    assert_eq!(scanned(&twice), Err(place));
    assert_eq!(scanned(&[]), Err(Error::Missing { field: "frame in the temporal unit" }));
    assert_eq!(scanned(&[0x12, 0]), Err(Error::Missing { field: "frame in the temporal unit" }));
    assert_eq!(scanned(&[0x32, 9, 0]), Err(Error::Truncated { field: "OBU" }));
    assert_eq!(scanned(&[0x36]), Err(Error::Truncated { field: "OBU extension" }));
    let count = |n| scanned(&frame.repeat(n)).map(|unit| unit.obus);
    assert_eq!(count(4_096), Ok(4_096));
    assert_eq!(count(4_097), Err(Error::TooMany { field: "OBUs", max: 4_096 }));
}

proptest! {
    #[test]
    fn a_changed_record_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = hex(RECORD);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(video) = parse(&bytes).ok().and_then(|config| config.video().cloned()) {
            prop_assert!(video.width > 0 && video.height > 0);
            prop_assert!(u64::from(video.width) * u64::from(video.height) <= 139_264 * 256);
        }
    }

    #[test]
    fn any_sequence_is_read_or_refused_and_its_record_says_the_same(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut config = parse(&[0x81, 0, 0, 0]).unwrap();
        if config.update(&bytes, &CodecLimits::default()).is_ok() {
            let video = config.video().unwrap();
            let again = parse(&video.record).unwrap();
            prop_assert_eq!(again.video(), Some(video));
        }
    }

    #[test]
    fn any_frame_is_scanned_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), reduced: bool) {
        let _ = scan(&bytes, reduced, &CodecLimits::default());
    }
}
