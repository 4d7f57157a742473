//! Transport streams.

use rillcast::live::Entry as _;
use rillcast::media::{AudioCodec, AudioConfig, CodecConfig, Track, VideoCodec};
use rillcast::progressive::{Chunk, Format};

use super::demux::{Ts, Unit};
use super::source::{Epoch, Given};
use super::{Made, made, scaled, sent};
use crate::timeline::AVCC;

const WRAP: i64 = 1 << 33;
const START: &[u8] = &[0, 0, 0, 1];
/// Between two clock references, in 90 kHz, and how far they may be ahead of what is decoded.
const CLOCK_EVERY: i64 = 3_600;
const DELAY: i64 = 45_000;

fn fits(track: &Track) -> bool {
    !matches!(&track.config, CodecConfig::Video(video) if video.codec == VideoCodec::Vp9)
}

/// Whether a frame can be carried: units are what their lengths say, and the size of sound has a field to stand in.
fn carried(track: &Track, given: &Given) -> bool {
    let len = given.frame.payload.len();
    match &track.config {
        CodecConfig::Video(_) => given.units.is_some(),
        CodecConfig::Audio(audio) => match audio.codec {
            AudioCodec::Aac => len + 7 < 1 << 13,
            AudioCodec::Opus => len + 2 + len / 255 + 1 + 8 < 1 << 16,
            _ => len + 8 < 1 << 16,
        },
    }
}

pub(super) fn judge(epochs: &[Epoch], gaps: u16) {
    let Some(Made { chunks, begins, unfit }) = made(Format::Ts, epochs, fits) else { return };
    let of = |epoch: &'static str| epoch;
    let mut all = Vec::new();
    for epoch in &epochs[..begins.len()] {
        for given in &epoch.frames {
            let track = epoch.tracks.iter().find(|track| track.id == given.frame.track);
            all.push((track.expect(of("its track")), given));
        }
    }
    let there: Vec<_> = all.iter().filter(|(track, given)| carried(track, given)).collect();
    assert_eq!((chunks.len(), unfit), (there.len(), (all.len() - there.len()) as u64), "one chunk a frame");
    clocked(&chunks, &there);
    let whole = Ts::read(&sent(&[&chunks]));
    in_order(&whole, &there);
    for pair in whole.clocks.windows(2) {
        let step = pair[1].0 - pair[0].0;
        assert!(step >= 0 && (step <= CLOCK_EVERY * 300 || pair[1].1), "{step} between clock references");
    }
    // Whoever joins where one can, and whoever misses something on the way, reads as well.
    let starts: Vec<_> = (0..chunks.len()).filter(|n| chunks[*n].start()).collect();
    let Some(first) = starts.get(usize::from(gaps) % starts.len().max(1)) else { return };
    let joined = Ts::read(&sent(&[&chunks[*first..]]));
    in_order(&joined, &there[*first..]);
    let after: Vec<_> = starts.iter().filter(|start| *start > first).collect();
    let Some(again) = after.get(usize::from(gaps >> 8) % after.len().max(1)) else { return };
    let gone = first + 1 + usize::from(gaps >> 4) % (**again - first);
    let skipped = Ts::read(&sent(&[&chunks[*first..gone], &chunks[**again..]]));
    in_order(&skipped, &[&there[*first..gone], &there[**again..]].concat());
}

/// Every clock reference comes in time: before what is decoded by it, and not long before.
fn clocked(chunks: &[Chunk], there: &[&(&Track, &Given)]) {
    let mut clock = None;
    for (chunk, (_, given)) in chunks.iter().zip(there) {
        for packet in chunk.body.runs().concat().chunks(188) {
            if packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x10 != 0 {
                let base = u32::from_be_bytes([packet[6], packet[7], packet[8], packet[9]]);
                clock = Some(i64::from(base) << 1 | i64::from(packet[10] >> 7));
            }
        }
        let frame = &given.frame;
        let dts = scaled(frame.dts.value, frame.dts.scale.per_second(), 90_000);
        if let Some(clock) = clock {
            let ahead = (dts - clock).rem_euclid(WRAP);
            assert!((1..=DELAY + CLOCK_EVERY).contains(&ahead), "{ahead} from the clock to its decoding");
        }
        assert_eq!(chunk.micros, scaled(frame.dts.value, frame.dts.scale.per_second(), 1_000_000));
        let tables = chunk.body.runs().concat()[1..3] == [0x40, 0];
        assert!(!chunk.start() || tables && frame.key, "one joins at a table");
    }
}

/// Each PID has the frames of its kind once, in order, with their times.
fn in_order(ts: &Ts, there: &[&(&Track, &Given)]) {
    for (pid, is_picture) in [(0x100, true), (0x101, false)] {
        let of_kind =
            |(track, _): &&&(&Track, &Given)| matches!(track.config, CodecConfig::Video(_)) == is_picture;
        let expected: Vec<_> = there.iter().filter(of_kind).collect();
        let units = ts.streams.get(&pid).map_or(&[][..], |stream| &stream.units);
        assert_eq!(units.len(), expected.len(), "units of {pid:#x}");
        for (unit, (track, given)) in units.iter().zip(expected) {
            let frame = &given.frame;
            let at = |ticks: i64| scaled(ticks, frame.dts.scale.per_second(), 90_000).rem_euclid(WRAP);
            assert_eq!(unit.dts.rem_euclid(WRAP), at(frame.dts.value));
            assert_eq!(unit.pts.rem_euclid(WRAP), at(frame.dts.value + frame.cts));
            match (&track.config, &given.units) {
                (CodecConfig::Video(video), Some(units)) => {
                    assert_eq!(unit.random_access, frame.key);
                    same_picture(unit, units, frame.key, video.codec == VideoCodec::Hevc);
                }
                (CodecConfig::Audio(audio), _) => same_sound(unit, &frame.payload, audio),
                _ => panic!("a picture that is none"),
            }
        }
    }
}

fn same_picture(unit: &Unit, units: &[Vec<u8>], key: bool, hevc: bool) {
    let delimiter: &[u8] = if hevc { &[0, 0, 0, 1, 0x46, 1, 0x50] } else { &[0, 0, 0, 1, 9, 0xF0] };
    let mut expected = delimiter.to_vec();
    if key && !hevc {
        // The one set of each kind that the record has.
        let (sps, pps) = AVCC[8..].split_at(0x1A);
        expected.extend([START, sps, START, &pps[3..]].concat());
    }
    let kind = |unit: &[u8]| if hevc { unit[0] >> 1 & 63 == 35 } else { unit[0] & 31 == 9 };
    for unit in units.iter().filter(|unit| !kind(unit)) {
        expected.extend([START, unit].concat());
    }
    assert!(unit.bytes == expected, "a picture of {} bytes, and not {}", unit.bytes.len(), expected.len());
}

fn same_sound(unit: &Unit, payload: &[u8], audio: &AudioConfig) {
    let head = match audio.codec {
        AudioCodec::Aac => {
            // Bit by bit (ISO/IEC 14496-3 §1.A.2.2): of MPEG-4, no layer, no checksum; LC.
            let index = if audio.sample_rate.per_second() == 48_000 { 3 } else { 4 };
            let len = unit.bytes.len() as u64;
            let fields =
                [(0xFFF, 12), (0, 1), (0, 2), (1, 1), (1, 2), (index, 4), (0, 1), (2, 3), (0, 4), (len, 13)];
            let fields = fields.into_iter().chain([(0x7FF, 11), (0, 2)]);
            let bits = fields.fold(0, |bits: u64, (value, width)| bits << width | value);
            bits.to_be_bytes()[1..].to_vec()
        }
        AudioCodec::Opus => {
            let full = payload.len() / 255;
            [&[0x7F, 0xE0][..], &vec![255; full], &[(payload.len() % 255) as u8]].concat()
        }
        _ => Vec::new(),
    };
    assert!(unit.bytes == [&head, payload].concat(), "sound behind {head:?}");
}
