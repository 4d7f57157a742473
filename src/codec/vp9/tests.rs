//! Tests of VP9: records, frames and superframes, real and hostile.

use bytes::Bytes;
use proptest::prelude::*;

use super::level::level;
use super::{Config, Frame, scan};
use crate::codec::{Error, Video};
use crate::media::{CodecLimits, Colour, FrameRate, VideoCodec};

/// Profile 0, level 1.1, 8 bits, 4:2:0, BT.709.
const RECORD: [u8; 8] = [0, 11, 0x82, 1, 1, 1, 0, 0];
/// libvpx: the head of a key frame of 320x180.
const KEY: [u8; 12] = [0x82, 0x49, 0x83, 0x42, 0x40, 0x13, 0xF0, 0x0B, 0x36, 0x04, 0x38, 0x24];
const INTER: [u8; 2] = [0x86, 0x00];

fn parse(record: &[u8]) -> Result<Config, Error> {
    Config::parse(Bytes::copy_from_slice(record), &CodecLimits::default())
}

fn codecs(record: [u8; 8]) -> String {
    let mut config = parse(&record).unwrap();
    config.update(1_920, 1_080, &CodecLimits::default()).unwrap();
    config.video().unwrap().codecs.clone()
}

#[test]
fn a_track_is_described_once_a_key_frame_tells_its_size() {
    let limits = CodecLimits::default();
    for record in [RECORD.to_vec(), [&[1, 0, 0, 0][..], &RECORD].concat()] {
        let mut video = Video::parse(VideoCodec::Vp9, record.into(), &limits).unwrap();
        let early = video.take(Bytes::from_static(&INTER), true, &limits).unwrap();
        assert!(!early.key && video.config().is_none());
        let first = video.take(Bytes::from_static(&KEY), false, &limits).unwrap();
        assert!(first.key && first.reconfigured);
        let config = video.config().unwrap().clone();
        assert_eq!((&*config.codecs, config.width, config.height), ("vp09.00.11.08", 320, 180));
        assert_eq!(config.record, &RECORD[..]);
        assert_eq!(config.colour, Some(Colour { primaries: 1, transfer: 1, matrix: 1, full_range: false }));
        assert!(!video.take(Bytes::from_static(&KEY), false, &limits).unwrap().reconfigured);
        // Twice as wide from here on.
        let mut wider = KEY;
        (wider[5], wider[6]) = (0x27, 0xF0);
        assert!(video.take(Bytes::copy_from_slice(&wider), false, &limits).unwrap().reconfigured);
        assert_eq!(video.config().unwrap().width, 640);
    }
}

#[test]
fn codec_strings_have_all_further_fields_or_none_and_a_level() {
    assert_eq!(codecs([0, 40, 0x80, 1, 1, 1, 0, 0]), "vp09.00.40.08");
    assert_eq!(codecs([0, 40, 0x82, 2, 2, 2, 0, 0]), "vp09.00.40.08");
    assert_eq!(codecs([0, 0, 0x82, 2, 2, 2, 0, 0]), "vp09.00.41.08");
    assert_eq!(codecs([2, 41, 0xA2, 9, 16, 9, 0, 0]), "vp09.02.41.10.01.09.16.09.00");
    assert_eq!(codecs([0, 40, 0x83, 1, 1, 1, 0, 0]), "vp09.00.40.08.01.01.01.01.01");
    assert_eq!(codecs([1, 40, 0x86, 1, 1, 1, 0, 0]), "vp09.01.40.08.03.01.01.01.00");
}

#[test]
fn the_level_is_the_lowest_that_holds_size_and_rate() {
    let at = |fps| FrameRate::new(fps, 1);
    assert_eq!(level(256, 144, at(15)), 10);
    assert_eq!(level(1_280, 720, at(30)), 31);
    assert_eq!(level(1_280, 720, None), 40);
    assert_eq!(level(1_920, 1_080, at(30)), 40);
    assert_eq!(level(3_840, 2_160, at(60)), 51);
    assert_eq!(level(65_536, 65_536, at(300)), 62);
}

#[test]
fn hostile_records_are_refused_by_name() {
    for len in 0..RECORD.len() {
        assert_eq!(parse(&RECORD[..len]), Err(Error::Truncated { field: "VP9 record" }), "{len} bytes");
    }
    let with = |at: usize, byte: u8| {
        let mut record = RECORD;
        record[at] = byte;
        parse(&record).map(|_| ())
    };
    let value = |field, value| Err(Error::Value { field, value });
    assert_eq!(with(0, 4), value("VP9 profile", 4));
    assert_eq!(with(0, 2), value("VP9 bit depth", 8));
    assert_eq!(with(2, 0xA2), value("VP9 bit depth", 10));
    assert_eq!(with(2, 0x88), value("VP9 chroma subsampling", 4));
    assert_eq!(with(5, 0), value("VP9 matrix coefficients", 0));
    assert_eq!(with(7, 1), value("VP9 initialisation data", 1));
    assert_eq!(parse(&[&RECORD[..], &[0]].concat()).map(|_| ()), value("VP9 initialisation data", 0));
    let long = vec![0; 65_537];
    assert_eq!(parse(&long), Err(Error::TooLong { field: "VP9 record", len: 65_537, max: 65_536 }));
    let mut config = parse(&RECORD).unwrap();
    let huge = Error::Picture { macroblocks: 16_777_216, max: 139_264 };
    assert_eq!(config.update(65_536, 65_536, &CodecLimits::default()), Err(huge));
    assert!(config.video().is_none());
}

#[test]
fn frames_are_told_apart_by_their_first_bits() {
    let key = |bytes: &[u8]| scan(bytes).map(|frame| frame.key);
    assert_eq!(scan(&KEY), Ok(Frame { key: Some((320, 180)), profile: 0 }));
    assert_eq!(key(&INTER), Ok(None));
    assert_eq!(key(&[0x88]), Ok(None), "a frame shown again");
    // Profile 2 has a bit for its depth: everything after it moves by one.
    let ten: Vec<u8> = {
        let bits: Vec<bool> =
            KEY[4..].iter().flat_map(|b| (0..8).rev().map(move |n| b >> n & 1 == 1)).collect();
        let moved: Vec<bool> = std::iter::once(false).chain(bits).collect();
        let byte =
            |bits: &[bool]| bits.iter().enumerate().fold(0, |b, (n, bit)| b | u8::from(*bit) << (7 - n));
        [&[0x92, 0x49, 0x83, 0x42][..], &moved.chunks(8).map(byte).collect::<Vec<u8>>()].concat()
    };
    assert_eq!(scan(&ten), Ok(Frame { key: Some((320, 180)), profile: 2 }));
    assert_eq!(key(&[]), Err(Error::Truncated { field: "VP9 frame" }));
    assert_eq!(key(&[0x42]), Err(Error::Value { field: "VP9 frame_marker", value: 1 }));
    assert_eq!(key(&[0xB8]), Err(Error::Value { field: "VP9 profile", value: 4 }));
    assert_eq!(key(&[0x82, 1, 2, 3]), Err(Error::Value { field: "VP9 frame_sync_code", value: 0x01_0203 }));
    for len in 1..9 {
        assert_eq!(key(&KEY[..len]), Err(Error::Truncated { field: "VP9 frame header" }), "{len} bytes");
    }
}

#[test]
fn a_superframe_is_its_first_frame_and_its_sizes_must_fit() {
    let superframe = |second: u8| [&KEY[..], &INTER, &[0xC1, 12, second, 0xC1]].concat();
    assert_eq!(scan(&superframe(2)).map(|frame| frame.key), Ok(Some((320, 180))));
    assert_eq!(scan(&superframe(3)), Err(Error::Truncated { field: "VP9 superframe" }));
    let ends_alike = [&KEY[..], &[9, 9, 9, 0xC1]].concat();
    assert!(scan(&ends_alike).is_ok(), "one marker alone is none");
}

proptest! {
    #[test]
    fn any_record_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..16)) {
        if let Ok(mut config) = parse(&bytes) {
            let taken = config.update(640, 360, &CodecLimits::default());
            prop_assert!(taken == Ok(true) && config.video().is_some());
        }
    }

    #[test]
    fn any_frame_is_scanned_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = scan(&bytes);
    }

    #[test]
    fn a_changed_key_frame_is_scanned_or_refused(at in 0..KEY.len(), byte: u8) {
        let mut bytes = KEY;
        bytes[at] = byte;
        let _ = scan(&bytes);
    }
}
