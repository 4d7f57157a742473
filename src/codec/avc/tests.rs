//! Tests of AVC: real records, hostile ones, bounds at, below and above, and frames of every shape.

use bytes::Bytes;
use proptest::prelude::*;

use super::{AccessUnit, Config, scan};
use crate::codec::{Error, bpm};
use crate::media::{Captions, CodecLimits, Colour, EncoderReport, FrameRate, VideoConfig};

/// x264, High, 1280x720 at 25 fps.
const HIGH: &str = "0164001fffe1001a6764001facd9805005bb011000000300100000030320f18319a001000668e978b2c8b0\
                    fdf8f800";
/// x264, Main, 1280x720 at 25 fps.
const MAIN: &str = "014d401fffe10017674d401fda014016ec0440000003004000000c83c60ca801000468ef3c80";
const PPS: [u8; 4] = [0x68, 0xEF, 0x3C, 0x80];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn parse(record: &[u8]) -> Result<Config, Error> {
    Config::parse(Bytes::copy_from_slice(record), &CodecLimits::default())
}

/// A record with these parameter sets, and lengths of four bytes.
fn record(sps: &[&[u8]], pps: &[&[u8]]) -> Vec<u8> {
    let list = |sets: &[&[u8]]| {
        let one = |set: &&[u8]| [&(set.len() as u16).to_be_bytes(), *set].concat();
        sets.iter().flat_map(one).collect::<Vec<u8>>()
    };
    let head = [1, 0x42, 0xC0, 0x1F, 0xFF, 0xE0 | sps.len() as u8];
    [&head[..], &list(sps), &[pps.len() as u8], &list(pps)].concat()
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
        let mut nal = vec![0x67];
        for byte in bits.chunks(8).map(byte) {
            if nal.ends_with(&[0, 0]) && byte <= 3 {
                nal.push(3);
            }
            nal.push(byte);
        }
        nal
    }
}

/// A Baseline SPS of `width` x `height` macroblocks, up to and without frame_cropping_flag.
fn sps(width: u64, height: u64) -> Bits {
    let head = Bits::default().u(24, 0x42_C0_1F).ue(0).ue(0).ue(2).ue(1).u(1, 0);
    head.ue(width - 1).ue(height - 1).u(1, 1).u(1, 1)
}

fn described(sps: Bits) -> Result<VideoConfig, Error> {
    parse(&record(&[&sps.nal()], &[&PPS])).map(Config::into_video)
}

#[test]
fn real_records_are_described() {
    let high = parse(&hex(HIGH)).unwrap();
    assert_eq!(high.length_size(), 4);
    let video = high.video();
    assert_eq!((video.width, video.height, video.pixel_aspect), (1_280, 720, (1, 1)));
    assert_eq!((&*video.codecs, video.frame_rate), ("avc1.64001f", FrameRate::new(25, 1)));
    assert_eq!(video.record, hex(HIGH));

    let main = parse(&hex(MAIN)).unwrap().into_video();
    assert_eq!((main.width, main.height, &*main.codecs), (1_280, 720, "avc1.4d401f"));
    assert_eq!(main.frame_rate, FrameRate::new(25, 1));
}

#[test]
fn cropping_is_taken_off_and_must_leave_a_picture() {
    let crop =
        |right: u64, bottom: u64| described(sps(120, 68).u(1, 1).ue(0).ue(right).ue(0).ue(bottom).u(1, 0));
    let full = crop(0, 4).unwrap();
    assert_eq!((full.width, full.height), (1_920, 1_080));
    assert_eq!(crop(959, 0).unwrap().width, 2);
    assert_eq!(crop(960, 0), Err(Error::Crop));
    assert_eq!(crop(961, 0), Err(Error::Crop));
    assert_eq!(crop((1 << 32) - 2, 0), Err(Error::Crop));
}

#[test]
fn a_picture_is_held_to_the_macroblock_limit() {
    let size = |width, height| described(sps(width, height).u(2, 0)).map(|video| video.width);
    assert_eq!(size(512, 271), Ok(8_192));
    assert_eq!(size(512, 272), Ok(8_192));
    assert!(size(512, 273).is_err());
    assert!(size((1 << 32) - 1, (1 << 32) - 1).is_err());
    // Interlaced: the height counts fields.
    let fields = Bits::default().u(24, 0x42_C0_1F).ue(0).ue(0).ue(2).ue(1).u(1, 0);
    let fields = fields.ue(511).ue(136).u(3, 0b001).u(2, 0);
    assert_eq!(described(fields), Err(Error::Picture { macroblocks: 140_288, max: 139_264 }));
}

#[test]
fn an_understated_level_is_no_reason_to_refuse() {
    let nal = Bits::default().u(24, 0x42_C0_0A).ue(0).ue(0).ue(2).ue(1).u(1, 0).ue(119).ue(67);
    let video = described(nal.u(4, 0b1100)).unwrap();
    assert_eq!((video.width, &*video.codecs), (1_920, "avc1.42c00a"));
}

/// A 1280x720 SPS with a VUI of these aspect bits and this timing.
fn with_vui(aspect: Bits, signal: Bits, timing: Option<(u32, u32)>) -> VideoConfig {
    let mut bits = sps(80, 45).u(1, 0).u(1, 1);
    bits.0.extend(aspect.0);
    bits = bits.u(1, 0);
    bits.0.extend(signal.0);
    bits = bits.u(1, 0);
    bits = match timing {
        Some((units, scale)) => bits.u(1, 1).u(32, units.into()).u(32, scale.into()).u(1, 1),
        None => bits.u(1, 0),
    };
    described(bits.u(4, 0)).unwrap()
}

fn absent() -> Bits {
    Bits::default().u(1, 0)
}

#[test]
fn pixel_aspect_comes_from_the_table_or_from_its_own_fields() {
    let aspect = |bits| with_vui(bits, absent(), None).pixel_aspect;
    assert_eq!(aspect(absent()), (1, 1));
    assert_eq!(aspect(Bits::default().u(1, 1).u(8, 14)), (4, 3));
    assert_eq!(aspect(Bits::default().u(1, 1).u(8, 255).u(16, 64).u(16, 45)), (64, 45));
    assert_eq!(aspect(Bits::default().u(1, 1).u(8, 255).u(16, 0).u(16, 45)), (1, 1));
    assert_eq!(aspect(Bits::default().u(1, 1).u(8, 200)), (1, 1));
}

#[test]
fn colour_is_told_when_it_is_known() {
    let colour = |bits| with_vui(absent(), bits, None).colour;
    let bt709 = Bits::default().u(1, 1).u(3, 5).u(1, 0).u(1, 1).u(24, 0x01_01_01);
    let expected = Colour { primaries: 1, transfer: 1, matrix: 1, full_range: false };
    assert_eq!(colour(bt709), Some(expected));
    let full = Bits::default().u(1, 1).u(3, 5).u(1, 1).u(1, 0);
    assert_eq!(colour(full), Some(Colour { primaries: 2, transfer: 2, matrix: 2, full_range: true }));
    assert_eq!(colour(Bits::default().u(1, 1).u(3, 5).u(1, 0).u(1, 0)), None);
}

#[test]
fn the_frame_rate_is_believed_only_when_it_is_sane() {
    let rate = |units, scale| with_vui(absent(), absent(), Some((units, scale))).frame_rate;
    assert_eq!(rate(1, 50), FrameRate::new(25, 1));
    assert_eq!(rate(1_001, 60_000), FrameRate::new(30_000, 1_001));
    assert_eq!(rate(16_683, 1_000_000), FrameRate::new(30_000, 1_001));
    assert_eq!(rate(1_000, 25_000), FrameRate::new(25, 2));
    assert_eq!(rate(3, 110), FrameRate::new(55, 3));
    assert_eq!(rate(1, 600), FrameRate::new(300, 1));
    assert_eq!(rate(1, 602), None);
    assert_eq!(rate(1, 2), FrameRate::new(1, 1));
    assert_eq!(rate(2, 2), None);
    assert_eq!(rate(0, 50), None);
    assert_eq!(rate(1, 0), None);
    assert_eq!(rate(1 << 31, u32::MAX), None);
    assert_eq!(rate(u32::MAX, u32::MAX), None);
}

#[test]
fn a_broken_vui_costs_only_the_vui() {
    // Timing, then HRD parameters of 2^31 buckets.
    let hrd = sps(80, 45).u(1, 0).u(1, 1).u(4, 0).u(1, 1).u(32, 1).u(32, 50).u(1, 1).u(1, 1).ue(1 << 31);
    let video = described(hrd).unwrap();
    assert_eq!((video.width, video.frame_rate), (1_280, None));
    // A VUI that is announced and cut off.
    assert_eq!(described(sps(80, 45).u(1, 0).u(1, 1)).unwrap().width, 1_280);
    // Bitstream restrictions that contradict the rest, and bytes behind the end.
    let odd = sps(80, 45).u(1, 0).u(1, 1).u(4, 0).u(1, 1).u(32, 1).u(32, 50).u(1, 1).u(3, 0);
    let odd = odd.u(1, 1).u(1, 1).ue(0).ue(0).ue(16).ue(16).ue(9).ue(0).u(1, 1).u(16, 0xBEEF);
    assert_eq!(described(odd).unwrap().frame_rate, FrameRate::new(25, 1));
}

#[test]
fn hostile_parameter_sets_are_refused_by_name() {
    let head = || Bits::default().u(24, 0x64_00_1F).ue(0);
    // Scaling lists without end: 12 lists of zeros never move on.
    let bomb = head().ue(3).u(1, 0).ue(0).ue(0).u(1, 0).u(1, 1).u(1, 1).ue(300);
    assert_eq!(described(bomb), Err(Error::Value { field: "delta_scale", value: -150 }));
    let depth = head().ue(1).ue(7);
    assert_eq!(described(depth), Err(Error::Value { field: "bit_depth_minus8", value: 7 }));
    let cycle = Bits::default().u(24, 0x42_C0_1F).ue(0).ue(0).ue(1).u(1, 0).ue(0).ue(0).ue((1 << 32) - 2);
    let field = "num_ref_frames_in_pic_order_cnt_cycle";
    assert_eq!(described(cycle), Err(Error::Value { field, value: (1 << 32) - 2 }));
    assert_eq!(
        described(Bits::default().u(24, 0x42_C0_1F).ue(32)).map(|_| ()),
        Err(Error::Value { field: "seq_parameter_set_id", value: 32 })
    );
    let zeros = [&[0x67, 0x42, 0xC0, 0x1F][..], &[0, 0, 3].repeat(1_000), &[1]].concat();
    assert!(parse(&record(&[&zeros], &[&PPS])).is_err());
}

#[test]
fn a_record_is_cut_short_at_no_length() {
    let whole = hex(MAIN);
    for len in 0..whole.len() {
        let refused = matches!(parse(&whole[..len]), Err(Error::Truncated { .. }));
        assert!(refused, "{len} bytes");
    }
    // The chroma fields of High profiles may be left out.
    let high = hex(HIGH);
    assert!(parse(&high[..high.len() - 4]).is_ok());
}

#[test]
fn a_record_says_its_version_and_length_size() {
    let mut bytes = hex(MAIN);
    bytes[0] = 0;
    assert_eq!(parse(&bytes), Err(Error::Value { field: "AVC record version", value: 0 }));
    bytes[0] = 1;
    for (less_one, size) in [(0, Some(1)), (1, Some(2)), (2, None), (3, Some(4))] {
        bytes[4] = 0xFC | less_one;
        let refused = Error::Value { field: "NAL length size", value: 3 };
        assert_eq!(parse(&bytes).map(|config| config.length_size()), size.ok_or(refused));
    }
}

#[test]
fn a_broken_tail_is_cut_off_and_a_whole_one_kept() {
    // What High profiles add, with one SPS extension of two bytes.
    let (plain, whole) =
        (record(&[&sps(80, 45).u(2, 0).nal()], &[&PPS]), [0xFD, 0xF8, 0xF8, 1, 0, 2, 0x6D, 9]);
    let kept =
        |tail: &[u8]| parse(&[&plain[..], tail].concat()).unwrap().into_video().record.len() - plain.len();
    assert_eq!((kept(&whole), kept(&whole[..3]), kept(&whole[..7]), kept(b"junk")), (8, 0, 0, 0));
}

#[test]
fn parameter_sets_are_counted_and_measured() {
    let set = sps(80, 45).u(2, 0).nal();
    assert_eq!(parse(&record(&[], &[&PPS])), Err(Error::Missing { field: "SPS" }));
    assert_eq!(parse(&record(&[&set], &[])), Err(Error::Missing { field: "PPS" }));
    assert!(parse(&record(&vec![&set[..]; 31], &vec![&PPS[..]; 255])).is_ok());
    let wrong = Error::Value { field: "NAL type of an SPS", value: 8 };
    assert_eq!(parse(&record(&[&PPS], &[&PPS])), Err(wrong));
    let wrong = Error::Value { field: "NAL type of a PPS", value: 7 };
    assert_eq!(parse(&record(&[&set], &[&set])), Err(wrong));
    assert_eq!(parse(&record(&[&[]], &[&PPS])), Err(Error::Truncated { field: "SPS" }));

    let limits = CodecLimits { sps_count: 3, pps_count: 3, ..CodecLimits::default() };
    let counted = |sps: usize, pps: usize| {
        let bytes = record(&vec![&set[..]; sps], &vec![&PPS[..]; pps]);
        Config::parse(bytes.into(), &limits).map(|_| ())
    };
    assert_eq!([counted(2, 2), counted(3, 3)], [Ok(()), Ok(())]);
    assert_eq!(counted(4, 1), Err(Error::TooMany { field: "SPS", max: 3 }));
    assert_eq!(counted(1, 4), Err(Error::TooMany { field: "PPS", max: 3 }));
}

#[test]
fn lengths_are_bounded_at_below_and_above() {
    let padded = |len: usize| {
        let mut set = sps(80, 45).u(2, 0).nal();
        set.resize(len, 0xFF);
        parse(&record(&[&set], &[&PPS])).map(|_| ())
    };
    assert_eq!([padded(4_095), padded(4_096)], [Ok(()), Ok(())]);
    assert_eq!(padded(4_097), Err(Error::TooLong { field: "SPS", len: 4_097, max: 4_096 }));

    let long = |len: usize| {
        let mut bytes = hex(MAIN);
        bytes.resize(len, 0);
        parse(&bytes).map(|_| ())
    };
    assert_eq!([long(65_535), long(65_536)], [Ok(()), Ok(())]);
    assert_eq!(long(65_537), Err(Error::TooLong { field: "AVC record", len: 65_537, max: 65_536 }));
    // 31 SPS of 64 KiB each, as far as they fit.
    let huge = [&[1, 0x42, 0xC0, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0x67; 60_000]].concat();
    assert_eq!(parse(&huge).map(|_| ()), Err(Error::TooLong { field: "SPS", len: 65_535, max: 4_096 }));
}

/// An access unit of these NAL units, behind lengths of four bytes.
fn unit(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes(), *nal].concat()).collect()
}

fn scanned(nals: &[&[u8]]) -> Result<AccessUnit, Error> {
    scan(&unit(nals), 4, &CodecLimits::default())
}

/// first_mb 0 (`1`), then slice_type 7, I (`0001000`), 5, P (`00110`) or 9, SI (`0001010`).
const IDR: &[u8] = &[0x65, 0b1000_1000, 0x80];
const I: &[u8] = &[0x41, 0b1000_1000, 0x80];
const P: &[u8] = &[0x41, 0b1001_1010, 0x80];
const SI: &[u8] = &[0x41, 0b1000_1010, 0x80];

#[test]
fn idr_and_intra_pictures_are_told_apart() {
    let unit = scanned(&[&[0x67, 1], &[0x68, 1], IDR, IDR]).unwrap();
    let expected = AccessUnit {
        idr: true,
        intra: true,
        recovery_point: false,
        parameter_sets: true,
        captions: Captions::default(),
        report: EncoderReport::default(),
        nals: 4,
    };
    assert_eq!(unit, expected);
    let seen = |nals: &[&[u8]]| scanned(nals).map(|unit| (unit.idr, unit.intra)).unwrap();
    assert_eq!(seen(&[&[0x09, 0xF0], I]), (false, true));
    assert_eq!(seen(&[I, SI]), (false, true));
    assert_eq!(seen(&[I, P]), (false, false));
    assert_eq!(seen(&[P]), (false, false));
    assert_eq!(seen(&[IDR, P]), (false, false));
    assert_eq!(seen(&[&[0x41]]), (false, false));
}

#[test]
fn a_slice_header_is_read_behind_emulation_prevention() {
    // first_mb 2^22 - 1 = 22 zeros, 1, 22 zeros; slice_type 7.
    let bits = Bits::default().ue((1 << 22) - 1).ue(7).nal();
    assert!(bits.windows(3).any(|three| three == [0, 0, 3]));
    let nal = [&[0x41][..], &bits[1..]].concat();
    assert!(scanned(&[&nal]).unwrap().intra);
}

#[test]
fn a_recovery_point_is_found_among_other_messages() {
    // User data of 300 bytes, some of them emulation prevention, then a recovery point.
    let user = [&[0x06, 5, 0xFF, 45][..], &[0, 0, 3].repeat(150), &[6, 1, 0x84, 0x80]].concat();
    assert!(scanned(&[&user, I]).unwrap().recovery_point);
    assert!(!scanned(&[&[0x06, 5, 1, 6, 0x80], I]).unwrap().recovery_point);
    assert!(!scanned(&[&[0x06, 0xFF, 0xFF], I]).unwrap().recovery_point);
    assert!(!scanned(&[&[0x06, 5, 0xFF, 0xFF, 0xFF, 1], I]).unwrap().recovery_point);
}

#[test]
fn captions_are_found_in_every_frame_that_has_them() {
    // User data of GA94: two triplets, the first begins a channel and the second is not valid.
    let data = b"\xB5\0\x31GA94\x03\x42\xFF\xFC\x1C\x20\xF9\0\0\xFF";
    let user = [&[0x06, 5, 2, 1, 1, 4, data.len() as u8][..], data, &[0x80]].concat();
    let found = scanned(&[&user, P]).unwrap().captions;
    assert_eq!((found.channels().collect::<Vec<_>>(), found.services().count()), (vec![2], 0));
    for cut in 0..user.len() {
        // Wherever it is cut, the frame is still one.
        assert!(scanned(&[&user[..cut.max(1)], P]).is_ok());
    }
}

#[test]
fn a_report_of_the_encoder_is_read_behind_the_picture_and_without_its_emulation_bytes() {
    let sei = bpm::tests::unit(&[0x06]);
    assert!(sei.windows(3).any(|three| three == [0, 0, 3]));
    assert_eq!(scanned(&[IDR, &sei]).unwrap().report.session, Some(bpm::tests::TOLD));
    for cut in 1..sei.len() {
        assert!(scanned(&[IDR, &sei[..cut]]).is_ok());
    }
}

#[test]
fn lengths_must_fit_the_frame_exactly() {
    let limits = CodecLimits::default();
    let scanned = |bytes: &[u8], size| scan(bytes, size, &limits).map(|unit| unit.nals);
    assert_eq!(scanned(&unit(&[IDR]), 4), Ok(1));
    assert_eq!(scanned(&[&[0, 3], IDR].concat(), 2), Ok(1));
    assert_eq!(scanned(&[&[3], IDR].concat(), 1), Ok(1));
    let mut over = unit(&[IDR]);
    over[3] = 4;
    assert_eq!(scanned(&over, 4), Err(Error::Truncated { field: "NAL unit" }));
    over[0] = 0xFF;
    assert_eq!(scanned(&over, 4), Err(Error::Truncated { field: "NAL unit" }));
    let trailing = [&unit(&[IDR])[..], &[0, 0, 0]].concat();
    assert_eq!(scanned(&trailing, 4), Err(Error::Truncated { field: "NAL length" }));
    let empty = [&unit(&[IDR])[..], &[0, 0, 0, 0]].concat();
    assert_eq!(scanned(&empty, 4), Err(Error::Value { field: "NAL length", value: 0 }));
    assert_eq!(scanned(&unit(&[IDR]), 3), Err(Error::Value { field: "NAL length size", value: 3 }));
    let missing = Err(Error::Missing { field: "slice in the frame" });
    assert_eq!(scanned(&unit(&[&[0x09, 0xF0], &[0x67, 1]]), 4), missing);
    assert_eq!(scanned(&[], 4), missing);
}

#[test]
fn nal_units_are_counted() {
    let limits = CodecLimits::default();
    let count = |n: usize| scan(&unit(&vec![IDR; n]), 4, &limits).map(|unit| unit.nals);
    assert_eq!(count(limits.nals - 1), Ok(4_095));
    assert_eq!(count(limits.nals), Ok(4_096));
    assert_eq!(count(limits.nals + 1), Err(Error::TooMany { field: "NAL units", max: 4_096 }));
    assert_eq!(count(100_000), Err(Error::TooMany { field: "NAL units", max: 4_096 }));
}

proptest! {
    #[test]
    fn a_changed_record_is_read_or_refused(
        which in 0..2_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = hex([HIGH, MAIN][which]);
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
    fn any_sps_is_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..400), high: bool) {
        let profile = if high { 100 } else { 66 };
        let nal = [&[0x67, profile, 0, 0x1F][..], &tail].concat();
        let _ = parse(&record(&[&nal], &[&PPS]));
    }

    #[test]
    fn any_frame_is_scanned_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 0..6_u8) {
        let _ = scan(&bytes, size, &CodecLimits::default());
    }

    #[test]
    fn any_nal_units_are_scanned(nals in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..20)) {
        let mut nals: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
        nals.push(I);
        prop_assert_eq!(scanned(&nals).unwrap().nals, nals.len());
    }
}
