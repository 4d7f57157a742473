//! Tests of AAC: records as encoders write them, every way to declare SBR and PS, and hostile ones.

use bytes::Bytes;
use proptest::prelude::*;

use super::Config;
use crate::codec::Error;
use crate::media::{AudioConfig, CodecLimits};

fn parse(record: &[u8]) -> Result<AudioConfig, Error> {
    Config::parse(Bytes::copy_from_slice(record), &CodecLimits::default()).map(Config::into_audio)
}

/// Codecs string, output rate, channels, samples a frame.
fn seen(record: &[u8]) -> Result<(String, u32, u8, u32), Error> {
    parse(record)
        .map(|audio| (audio.codecs, audio.sample_rate.per_second(), audio.channels, audio.frame_samples))
}

/// Fields of a record, in bits, padded to whole bytes.
fn bits(fields: &[(u32, u32)]) -> Vec<u8> {
    let bits: Vec<bool> =
        fields.iter().flat_map(|(n, value)| (0..*n).rev().map(move |at| value >> at & 1 == 1)).collect();
    let byte = |bits: &[bool]| bits.iter().enumerate().fold(0, |b, (n, bit)| b | u8::from(*bit) << (7 - n));
    bits.chunks(8).map(byte).collect()
}

const GA: [(u32, u32); 3] = [(1, 0), (1, 0), (1, 0)];

fn with(head: &[(u32, u32)], tail: &[(u32, u32)]) -> Vec<u8> {
    bits(&[head, &GA, tail].concat())
}

#[test]
fn records_of_encoders_are_described() {
    assert_eq!(seen(&[0x12, 0x10]), Ok(("mp4a.40.2".into(), 44_100, 2, 1_024)));
    assert_eq!(seen(&[0x11, 0x90]), Ok(("mp4a.40.2".into(), 48_000, 2, 1_024)));
    // ffmpeg appends an empty sync extension; these two are the demo clips, stereo and 5.1.
    assert_eq!(seen(&[0x11, 0x90, 0x56, 0xE5, 0x00]), Ok(("mp4a.40.2".into(), 48_000, 2, 1_024)));
    assert_eq!(seen(&[0x11, 0xB0]), Ok(("mp4a.40.2".into(), 48_000, 6, 1_024)));
    let record = [0x11, 0x90, 0x56, 0xE5, 0x00];
    assert_eq!(parse(&record).unwrap().record, record[..]);
}

#[test]
fn sbr_and_ps_are_heard_however_they_are_declared() {
    let he = |codecs: &str, channels| Ok((codecs.to_owned(), 48_000, channels, 2_048));
    // Explicit: type 5 or 29, core at 24 kHz, output at 48 kHz, then LC.
    assert_eq!(seen(&with(&[(5, 5), (4, 6), (4, 2), (4, 3), (5, 2)], &[])), he("mp4a.40.5", 2));
    assert_eq!(seen(&with(&[(5, 29), (4, 6), (4, 1), (4, 3), (5, 2)], &[])), he("mp4a.40.29", 2));
    // Backward compatible: behind an LC record.
    let lc = [(5, 2), (4, 6), (4, 1)];
    let sbr = [(11, 0x2B7), (5, 5), (1, 1), (4, 3)];
    assert_eq!(seen(&with(&lc, &sbr)), he("mp4a.40.5", 1));
    assert_eq!(seen(&with(&lc, &[&sbr[..], &[(11, 0x548), (1, 1)]].concat())), he("mp4a.40.29", 2));
    assert_eq!(seen(&with(&lc, &[&sbr[..], &[(11, 0x548), (1, 0)]].concat())), he("mp4a.40.5", 1));
    // Declared absent, or something else behind the record: the core alone.
    let core = Ok(("mp4a.40.2".to_owned(), 24_000, 1, 1_024));
    assert_eq!(seen(&with(&lc, &[(11, 0x2B7), (5, 5), (1, 0)])), core);
    assert_eq!(seen(&with(&lc, &[(16, 0xFFFF)])), core);
    // Downsampled SBR keeps the rate; any other ratio is not defined.
    let rate = |index| seen(&with(&[(5, 5), (4, 6), (4, 2), (4, index), (5, 2)], &[]));
    assert_eq!(rate(6), Ok(("mp4a.40.5".into(), 24_000, 2, 1_024)));
    assert_eq!(rate(0), Err(Error::Value { field: "extension sample rate", value: 96_000 }));
}

#[test]
fn frames_of_960_samples_are_counted_so() {
    let short = bits(&[(5, 2), (4, 3), (4, 2), (1, 1), (1, 0), (1, 0)]);
    assert_eq!(parse(&short).unwrap().frame_samples, 960);
    let delayed = bits(&[(5, 2), (4, 3), (4, 2), (1, 0), (1, 1), (14, 99), (1, 0)]);
    assert_eq!(parse(&delayed).unwrap().frame_samples, 1_024);
}

#[test]
fn rates_are_those_of_the_table_or_of_its_range() {
    let index = |n| seen(&with(&[(5, 2), (4, n), (4, 2)], &[])).map(|seen| seen.1);
    assert_eq!([index(0), index(4), index(12)], [Ok(96_000), Ok(44_100), Ok(7_350)]);
    for n in [13, 14] {
        assert_eq!(index(n), Err(Error::Value { field: "sample rate index", value: n.into() }));
    }
    let explicit = |rate| seen(&with(&[(5, 2), (4, 15), (24, rate), (4, 2)], &[])).map(|seen| seen.1);
    assert_eq!([explicit(7_350), explicit(44_056), explicit(96_000)], [Ok(7_350), Ok(44_056), Ok(96_000)]);
    for rate in [0, 1, 7_349, 96_001, 0xFF_FFFF] {
        assert_eq!(explicit(rate), Err(Error::Value { field: "sample rate", value: rate.into() }));
    }
}

#[test]
fn channels_are_those_of_the_configuration() {
    let channels = |n| seen(&with(&[(5, 2), (4, 3), (4, n)], &[])).map(|seen| seen.2);
    for (n, count) in [(1, 1), (2, 2), (6, 6), (7, 8), (11, 7), (12, 8), (14, 8)] {
        assert_eq!(channels(n), Ok(count), "configuration {n}");
    }
    for n in [8, 9, 10, 13, 15] {
        assert_eq!(channels(n), Err(Error::Value { field: "channel configuration", value: n.into() }));
    }
}

/// A program config of `pairs` channel pairs in front and `low` low-frequency channels.
fn program(pairs: u32, low: u32) -> Vec<(u32, u32)> {
    let mut fields = vec![(5, 2), (4, 3), (4, 0)];
    fields.extend(GA);
    fields.extend([(4, 0), (2, 1), (4, 3), (4, pairs), (4, 0), (4, 0), (2, low), (3, 0), (4, 0)]);
    fields.extend([(1, 0), (1, 1), (4, 9), (1, 1), (3, 0)]);
    fields.extend((0..pairs).map(|tag| (5, 0x10 | tag)));
    fields.extend((0..low).map(|tag| (4, tag)));
    let used: u32 = fields.iter().map(|(n, _)| n).sum();
    fields.extend([(used.next_multiple_of(8) - used, 0), (8, 2), (16, 0x6869)]);
    fields
}

#[test]
fn a_program_config_counts_its_channels() {
    let count = |pairs, low| seen(&bits(&program(pairs, low))).map(|seen| seen.2);
    assert_eq!([count(1, 0), count(2, 1), count(4, 0)], [Ok(2), Ok(5), Ok(8)]);
    assert_eq!(count(0, 0), Err(Error::Value { field: "channel count", value: 0 }));
    assert_eq!(count(4, 1), Err(Error::Value { field: "channel count", value: 9 }));
    assert_eq!(count(15, 3), Err(Error::Value { field: "channel count", value: 33 }));
    // SBR behind it is still found.
    let behind = [&program(1, 0)[..], &[(11, 0x2B7), (5, 5), (1, 1), (4, 0)]].concat();
    assert_eq!(seen(&bits(&behind)), Ok(("mp4a.40.5".into(), 96_000, 2, 2_048)));
}

#[test]
fn other_object_types_are_refused_by_number() {
    for object in [0, 5, 6, 17, 23, 29] {
        // Behind SBR, so that 5 and 29 nest.
        let nested = with(&[(5, 5), (4, 6), (4, 2), (4, 3), (5, object)], &[(16, 0)]);
        let refused = Error::Value { field: "audio object type", value: object.into() };
        assert_eq!(seen(&nested), Err(refused));
    }
    let escaped = with(&[(5, 31), (6, 10), (4, 3), (4, 2)], &[]);
    assert_eq!(seen(&escaped), Err(Error::Value { field: "audio object type", value: 42 }));
}

#[test]
fn a_record_is_cut_short_at_no_length_and_bounded() {
    let whole = bits(&program(2, 1));
    for len in 0..whole.len() {
        assert!(matches!(seen(&whole[..len]), Err(Error::Truncated { .. })), "{len} bytes");
    }
    let long = |len: usize| {
        let mut record = vec![0x11, 0x90];
        record.resize(len, 0);
        seen(&record).map(|_| ())
    };
    assert_eq!([long(65_535), long(65_536)], [Ok(()), Ok(())]);
    let field = "AudioSpecificConfig";
    assert_eq!(long(65_537), Err(Error::TooLong { field, len: 65_537, max: 65_536 }));
}

proptest! {
    #[test]
    fn any_record_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(audio) = parse(&bytes) {
            prop_assert!((1..=8).contains(&audio.channels));
            prop_assert!((7_350..=96_000).contains(&audio.sample_rate.per_second()));
            prop_assert!([960, 1_024, 1_920, 2_048].contains(&audio.frame_samples));
        }
    }

    #[test]
    fn a_changed_program_is_read_or_refused(at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = bits(&program(2, 1));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = parse(&bytes);
    }
}
