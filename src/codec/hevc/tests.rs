//! Tests of HEVC: real records, hostile ones, and frames of every shape.

use bytes::Bytes;
use proptest::prelude::*;

use super::{AccessUnit, Config, scan};
use crate::codec::{Error, bpm};
use crate::media::{CodecLimits, Colour, FrameRate, VideoConfig};

/// x265, Main, 320x180 coded as 320x184, 25 fps, BT.709.
const MAIN: &str = "0101600000009000000000003cf000fcfdf8f800000f03200001001840010c01ffff016000000300900000030000\
                    03003c959409210001002e42010101600000030090000003000003003ca00a080b9f796565924caf016a020202080\
                    00003000800000300c84022000100074401c172b46240";
/// x265, Main 10, the same with pixels of 4:3, HLG.
const MAIN10: &str = "0102200000009000000000003cf000fcfdfafa00000f03200001001840010c01ffff0220000003009000000300\
                      0003003c959409210001002d42010102200000030090000003000003003ca00a080b9f6d96565924caf0e6a1224\
                      12080000003008000000c8422000100074401c172b46240";
const VPS: [u8; 3] = [0x40, 1, 0x0C];
const PPS: [u8; 3] = [0x44, 1, 0xC1];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn parse(record: &[u8]) -> Result<Config, Error> {
    Config::parse(Bytes::copy_from_slice(record), &CodecLimits::default())
}

/// A record with these arrays, and lengths of four bytes.
fn record(arrays: &[(u8, &[&[u8]])]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend([0; 20]);
    out.extend([0x03, arrays.len() as u8]);
    for (kind, sets) in arrays {
        out.push(0x80 | kind);
        out.extend((sets.len() as u16).to_be_bytes());
        for set in *sets {
            out.extend((set.len() as u16).to_be_bytes());
            out.extend_from_slice(set);
        }
    }
    out
}

/// Bits of an SPS in the making.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn u(mut self, n: u32, value: u64) -> Self {
        (0..n).rev().for_each(|bit| self.0.push(value >> bit & 1 == 1));
        self
    }

    fn ue(self, value: u64) -> Self {
        let len = (value + 1).ilog2();
        self.u(len, 0).u(len + 1, value + 1)
    }

    /// As a NAL unit: stop bit, emulation prevention, header in front.
    fn nal(self) -> Vec<u8> {
        let bits = self.u(1, 1).0;
        let byte =
            |bits: &[bool]| bits.iter().enumerate().fold(0, |b, (n, bit)| b | u8::from(*bit) << (7 - n));
        let mut nal = vec![0x42, 1];
        for byte in bits.chunks(8).map(byte) {
            if nal.ends_with(&[0, 0]) && byte <= 3 {
                nal.push(3);
            }
            nal.push(byte);
        }
        nal
    }
}

/// From the first field to bit_depth_chroma: 4:2:0, 8 bits, no window; profile 1, level 3.1.
fn head(width: u64, height: u64) -> Bits {
    let bits = Bits::default().u(8, 0b0000_0001).u(8, 1).u(32, 0x6000_0000).u(48, 0x9000_0000_0000).u(8, 93);
    bits.ue(0).ue(1).ue(width).ue(height).u(1, 0).ue(0).ue(0)
}

/// From log2_max_pic_order_cnt to strong_intra_smoothing, with nothing out of the ordinary.
fn coding(bits: Bits) -> Bits {
    let bits = bits.ue(4).u(1, 0).ue(4).ue(2).ue(0).ue(0).ue(3).ue(0).ue(3).ue(0).ue(0);
    bits.u(1, 0).u(2, 0).u(1, 0).ue(0).u(1, 0).u(2, 0)
}

fn described(sps: Bits) -> Result<VideoConfig, Error> {
    parse(&record(&[(32, &[&VPS]), (33, &[&sps.nal()]), (34, &[&PPS])])).map(Config::into_video)
}

#[test]
fn real_records_are_described() {
    let main = parse(&hex(MAIN)).unwrap();
    assert_eq!(main.length_size(), 4);
    let video = main.video();
    assert_eq!((&*video.codecs, video.width, video.height), ("hvc1.1.6.L60.90", 320, 180));
    assert_eq!((video.pixel_aspect, video.frame_rate), ((1, 1), FrameRate::new(25, 1)));
    let colour = |transfer, other| Colour { primaries: other, transfer, matrix: other, full_range: false };
    assert_eq!(video.colour, Some(colour(1, 1)));
    assert_eq!(video.record, hex(MAIN));
    let video = parse(&hex(MAIN10)).unwrap().into_video();
    assert_eq!((&*video.codecs, video.pixel_aspect), ("hvc1.2.4.L60.90", (4, 3)));
    assert_eq!(video.colour, Some(colour(18, 9)));
}

#[test]
fn the_codec_string_has_space_tier_and_no_trailing_zeros() {
    let general = |space: u64, tier, profile, compatibility, constraints| {
        let bits = Bits::default().u(8, 1).u(2, space).u(1, tier).u(5, profile).u(32, compatibility);
        let bits = bits.u(48, constraints).u(8, 120);
        let bits = bits.ue(0).ue(1).ue(1_920).ue(1_080).u(1, 0).ue(0).ue(0);
        described(coding(bits).u(1, 0)).unwrap().codecs
    };
    assert_eq!(general(0, 0, 1, 0x6000_0000, 0), "hvc1.1.6.L120");
    assert_eq!(general(1, 1, 4, 0x0800_0000, 0xB0_00_10_00_00_00), "hvc1.A4.10.H120.B0.0.10");
    assert_eq!(general(3, 0, 2, 0x2000_0001, 0x01), "hvc1.C2.80000004.L120.0.0.0.0.0.1");
}

#[test]
fn the_conformance_window_is_taken_off_and_must_leave_a_picture() {
    let crop = |right: u64, bottom: u64| {
        let bits = Bits::default().u(8, 1).u(8, 1).u(32, 0).u(48, 0).u(8, 93).ue(0).ue(1).ue(1_920).ue(1_088);
        described(coding(bits.u(1, 1).ue(0).ue(right).ue(0).ue(bottom).ue(0).ue(0)).u(1, 0))
    };
    assert_eq!(crop(0, 4).map(|video| (video.width, video.height)), Ok((1_920, 1_080)));
    assert_eq!(crop(959, 0).unwrap().width, 2);
    assert_eq!(crop(960, 0), Err(Error::Crop));
    assert_eq!(crop((1 << 32) - 2, 0), Err(Error::Crop));
}

#[test]
fn a_picture_is_held_to_the_limit() {
    let size = |w, h| described(coding(head(w, h)).u(1, 0)).map(|video| video.width);
    assert_eq!(size(8_192, 4_352), Ok(8_192));
    assert_eq!(size(8_192, 4_353), Err(Error::Picture { macroblocks: 139_776, max: 139_264 }));
    assert!(matches!(size((1 << 32) - 2, (1 << 32) - 2), Err(Error::Picture { .. })));
    assert_eq!(size(0, 64), Err(Error::Crop));
}

#[test]
fn a_broken_vui_costs_only_what_comes_after_the_break() {
    let vui = |bits: fn(Bits) -> Bits| described(bits(coding(head(1_280, 720)).u(1, 1))).unwrap();
    // Pixel shape, colour, then an end.
    let video = vui(|bits| bits.u(1, 1).u(8, 14).u(1, 0).u(1, 1).u(4, 1).u(1, 1).u(24, 0x09_10_09));
    assert_eq!((video.width, video.pixel_aspect, video.frame_rate), (1_280, (4, 3), None));
    assert_eq!(video.colour.map(|colour| (colour.transfer, colour.full_range)), Some((16, true)));
    let timed = vui(|bits| bits.u(4, 0).u(3, 0).u(1, 0).u(1, 1).u(32, 1_001).u(32, 60_000));
    assert_eq!(timed.frame_rate, FrameRate::new(60_000, 1_001));
    let wild = vui(|bits| bits.u(4, 0).u(3, 0).u(1, 0).u(1, 1).u(32, 0).u(32, 1 << 31));
    assert_eq!(wild.frame_rate, None);
    assert_eq!(vui(|bits| bits.u(1, 1).u(8, 255).u(16, 0).u(16, 9)).pixel_aspect, (1, 1));
    assert_eq!(vui(|bits| bits).width, 1_280);
}

#[test]
fn sub_layers_and_predicted_reference_sets_are_walked() {
    // Three sub-layers, with profile and level, with a level, with nothing.
    let bits = Bits::default().u(4, 0).u(3, 3).u(1, 1).u(8, 1).u(32, 0x6000_0000).u(48, 0).u(8, 93);
    let bits = bits.u(6, 0b11_01_00).u(10, 0).u(32, 0).u(32, 0).u(24, 0).u(8, 90).u(8, 60);
    let bits = bits.ue(0).ue(1).ue(640).ue(360).u(1, 0).ue(0).ue(0);
    let bits = bits.ue(4).u(1, 1);
    let bits = (0..4).fold(bits, |bits, _| bits.ue(4).ue(2).ue(0));
    let bits = bits.ue(0).ue(3).ue(0).ue(3).ue(0).ue(0).u(1, 0).u(2, 0).u(1, 0);
    // Two negative and one positive; then four flags, one of which leaves its picture out.
    let bits = bits.ue(2).ue(2).ue(1).ue(0).u(1, 1).ue(1).u(1, 1).ue(0).u(1, 1);
    let bits = bits.u(1, 1).u(1, 0).ue(0).u(1, 1).u(2, 0b01).u(2, 0b00).u(1, 1);
    let bits = bits.u(1, 1).ue(2).u(9, 0).u(9, 0).u(2, 0);
    let bits = bits.u(1, 1).u(4, 0).u(3, 0).u(1, 0).u(1, 1).u(32, 1).u(32, 50);
    let video = described(bits).unwrap();
    assert_eq!((video.width, video.frame_rate), (640, FrameRate::new(50, 1)));
}

#[test]
fn hostile_parameter_sets_are_refused_by_name() {
    let refused = |bits: Bits| described(bits).unwrap_err();
    let value = |field, value| Error::Value { field, value };
    assert_eq!(refused(Bits::default().u(4, 0).u(3, 7).u(60, 0)), value("sps_max_sub_layers_minus1", 7));
    assert_eq!(refused(head(64, 64).ue(13)), value("log2_max_pic_order_cnt_lsb_minus4", 13));
    let sets = || head(64, 64).ue(4).u(1, 0).ue(4).ue(2).ue(0).ue(0).ue(3).ue(0).ue(3).ue(0).ue(0).u(4, 0);
    assert_eq!(refused(sets().ue(65)), value("num_short_term_ref_pic_sets", 65));
    assert_eq!(refused(sets().ue(1).ue(17)), value("num_negative_pics", 17));
    let most = Error::TooMany { field: "pictures in a reference set", max: 16 };
    assert_eq!(refused((0..17).fold(sets().ue(1).ue(16).ue(1), |bits, _| bits.ue(0).u(1, 1))), most);
    let zeros = [&[0x42, 1, 1][..], &[0, 0, 3].repeat(1_000), &[1]].concat();
    assert!(parse(&record(&[(32, &[&VPS]), (33, &[&zeros]), (34, &[&PPS])])).is_err());
}

#[test]
fn a_record_is_cut_short_at_no_length() {
    let whole = hex(MAIN10);
    for len in 0..whole.len() {
        let refused = parse(&whole[..len]);
        assert!(matches!(refused, Err(Error::Truncated { .. })), "{len} bytes: {refused:?}");
    }
}

#[test]
fn arrays_and_sets_are_counted_and_measured() {
    let sps = coding(head(64, 64)).u(1, 0).nal();
    let (vps, sps, pps): (&[u8], &[u8], &[u8]) = (&VPS, &sps, &PPS);
    let missing = |field| Err(Error::Missing { field });
    assert_eq!(parse(&record(&[])), missing("VPS"));
    assert_eq!(parse(&record(&[(32, &[vps]), (34, &[pps])])), missing("SPS"));
    assert_eq!(parse(&record(&[(32, &[vps]), (33, &[sps])])), missing("PPS"));
    assert_eq!(parse(&record(&[(32, &[vps]), (33, &[]), (34, &[pps])])), missing("SPS"));
    let wrong = Error::Value { field: "NAL type in an HEVC array", value: 34 };
    assert_eq!(parse(&record(&[(33, &[pps])])), Err(wrong));
    assert_eq!(parse(&record(&[(33, &[sps; 33])])), Err(Error::TooMany { field: "SPS", max: 32 }));
    let empty: &[&[u8]] = &[];
    assert_eq!(parse(&record(&[(39, empty); 17])), Err(Error::TooMany { field: "HEVC arrays", max: 16 }));
    let long = vec![0x42; 4_097];
    assert_eq!(
        parse(&record(&[(33, &[&long])])),
        Err(Error::TooLong { field: "SPS", len: 4_097, max: 4_096 })
    );
    let mut bytes = hex(MAIN);
    bytes[0] = 2;
    assert_eq!(parse(&bytes), Err(Error::Value { field: "HEVC record version", value: 2 }));
    (bytes[0], bytes[21]) = (1, 2);
    assert_eq!(parse(&bytes), Err(Error::Value { field: "NAL length size", value: 3 }));
    bytes.resize(65_537, 0);
    assert_eq!(parse(&bytes), Err(Error::TooLong { field: "HEVC record", len: 65_537, max: 65_536 }));
}

/// A slice of NAL unit type `kind` on `layer`; `first` says that it begins its picture.
fn slice(kind: u8, layer: u8, first: bool) -> Vec<u8> {
    vec![kind << 1 | layer >> 5, layer << 3 | 1, if first { 0x80 } else { 0x40 }, 0x55]
}

fn scanned(nals: &[Vec<u8>]) -> Result<AccessUnit, Error> {
    let unit = |nal: &Vec<u8>| [&(nal.len() as u32).to_be_bytes(), &nal[..]].concat();
    scan(&nals.iter().flat_map(unit).collect::<Vec<u8>>(), 4, &CodecLimits::default())
}

#[test]
fn decoding_starts_at_whole_idr_bla_and_cra_pictures_and_nowhere_else() {
    for kind in 0..32 {
        let unit = scanned(&[vec![0x40, 1, 9], slice(kind, 0, true), slice(kind, 0, false)]).unwrap();
        assert_eq!(unit.random_access, (16..=21).contains(&kind), "type {kind}");
        assert_eq!(unit.idr, kind == 19 || kind == 20, "type {kind}");
        assert_eq!(unit.skipped, kind == 8 || kind == 9, "type {kind}");
        assert!(unit.parameter_sets && unit.nals == 3);
    }
    let starts = |nals: &[Vec<u8>]| scanned(nals).unwrap().random_access;
    assert!(!starts(&[slice(20, 0, false)]), "its beginning is lost");
    assert!(!starts(&[slice(20, 0, true), slice(1, 0, false)]), "slices of two kinds");
    assert!(starts(&[slice(19, 0, true), slice(1, 1, true)]), "another layer refers as it likes");
    assert_eq!(scanned(&[slice(19, 1, true)]), Err(Error::Missing { field: "slice in the frame" }));
    assert_eq!(scanned(&[vec![0x26]]), Err(Error::Truncated { field: "NAL unit" }));
}

#[test]
fn captions_are_found_in_prefix_messages_of_the_base_layer() {
    let data = b"\xB5\0\x31GA94\x03\x41\xFF\xFC\x94\x20\xFF";
    let sei = |kind: u8, layer: u8| [&[kind << 1, layer << 3 | 1, 4, 14][..], data, &[0x80]].concat();
    let found = |nals: &[Vec<u8>]| scanned(nals).unwrap().captions.channels().collect::<Vec<_>>();
    assert_eq!(found(&[sei(39, 0), slice(1, 0, true)]), [1]);
    assert!(found(&[sei(39, 1), slice(1, 0, true)]).is_empty(), "another layer");
    assert!(found(&[slice(1, 0, true), sei(40, 0)]).is_empty(), "behind the picture they are no captions");
}

#[test]
fn a_report_of_the_encoder_is_read_before_and_behind_the_picture() {
    let sei = |kind: u8| bpm::tests::unit(&[kind << 1, 1]);
    for nals in [[sei(39), slice(19, 0, true)], [slice(19, 0, true), sei(40)]] {
        assert_eq!(scanned(&nals).unwrap().report.session, Some(bpm::tests::TOLD));
    }
}

#[test]
fn nal_units_are_counted_and_their_lengths_fit() {
    let limits = CodecLimits::default();
    let many = vec![slice(1, 0, true); limits.nals + 1];
    assert_eq!(scanned(&many[1..]).map(|unit| unit.nals), Ok(4_096));
    assert_eq!(scanned(&many), Err(Error::TooMany { field: "NAL units", max: 4_096 }));
    assert_eq!(scan(&[0, 0, 0, 9, 2], 4, &limits), Err(Error::Truncated { field: "NAL unit" }));
    assert_eq!(scan(&[0, 0, 0, 0], 4, &limits), Err(Error::Value { field: "NAL length", value: 0 }));
}

proptest! {
    #[test]
    fn a_changed_record_is_read_or_refused(
        which in 0..2_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = hex([MAIN, MAIN10][which]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(config) = parse(&bytes) {
            let video = config.video();
            prop_assert!(video.width > 0 && video.height > 0);
            prop_assert!(u64::from(video.width) * u64::from(video.height) <= 139_264 * 256);
            prop_assert!(video.pixel_aspect.0 > 0 && video.pixel_aspect.1 > 0);
        }
    }

    #[test]
    fn any_sps_is_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let nal = [&[0x42, 1, 1, 1, 0x60, 0, 0, 3, 0][..], &tail].concat();
        let _ = parse(&record(&[(32, &[&VPS]), (33, &[&nal]), (34, &[&PPS])]));
    }

    #[test]
    fn any_frame_is_scanned_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 0..6_u8) {
        let _ = scan(&bytes, size, &CodecLimits::default());
    }
}
