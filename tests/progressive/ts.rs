//! MPEG-TS: every access unit comes back bit-exact, at its time, and the stream keeps the rules on the way.

use rillcast::live::Entry as _;
use rillcast::media::{AudioCodec, CodecConfig, Frame, Timescale, Track};
use rillcast::progressive::{Chunk, Format, Mux, Onward};

use crate::demux::{Ts, Unit};
use crate::source::{self, Random, Source};
use crate::{frames, sent, sent_with_gaps, watch};

/// 100 ms and what a player has at least to get a frame in, in 27 MHz.
const CLOCK_LIMIT: i64 = 2_700_000;

/// NAL units of a byte stream.
fn annexb(bytes: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<usize> =
        (0..bytes.len().saturating_sub(3)).filter(|at| bytes[*at..*at + 4] == [0, 0, 0, 1]).collect();
    assert_eq!(starts.first(), Some(&0));
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    starts.iter().zip(ends).map(|(start, end)| bytes[start + 4..end].to_vec()).collect()
}

/// NAL units behind lengths of four bytes, without delimiters.
fn prefixed(mut payload: &[u8], delimiter: impl Fn(u8) -> bool) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    while !payload.is_empty() {
        let len = u32::from_be_bytes(payload[..4].try_into().unwrap()) as usize;
        units.push(payload[4..4 + len].to_vec());
        payload = &payload[4 + len..];
    }
    units.retain(|unit| !delimiter(unit[0]));
    units
}

fn same_picture(unit: &Unit, frame: &Frame, hevc: bool) {
    let mut units = annexb(&unit.bytes);
    let delimiter = |head: u8| if hevc { head >> 1 & 0x3F == 35 } else { head & 0x1F == 9 };
    assert!(delimiter(units[0][0]), "a delimiter comes first");
    units.remove(0);
    let expected = prefixed(&frame.payload, delimiter);
    let sets = units.len() - expected.len();
    let is_set =
        |head: u8| if hevc { matches!(head >> 1, 32..=34 | 39) } else { matches!(head & 0x1F, 7 | 8) };
    assert!(units[..sets].iter().all(|set| is_set(set[0])));
    assert_eq!(sets >= 2, frame.key, "parameter sets come before keyframes");
    assert_eq!(units[sets..], expected[..], "every unit as it was");
}

fn same_sound(unit: &Unit, frame: &Frame, codec: AudioCodec) {
    let head = match codec {
        AudioCodec::Aac => {
            let head = &unit.bytes[..7];
            assert_eq!(head[..2], [0xFF, 0xF1]);
            let len = u32::from_be_bytes([0, head[3], head[4], head[5]]) >> 5 & 0x1FFF;
            assert_eq!(len as usize, unit.bytes.len());
            7
        }
        AudioCodec::Opus => {
            assert_eq!(unit.bytes[..2], [0x7F, 0xE0]);
            let full = unit.bytes[2..].iter().take_while(|byte| **byte == 255).count();
            assert_eq!(full * 255 + usize::from(unit.bytes[2 + full]), unit.bytes.len() - full - 3);
            full + 3
        }
        _ => 0,
    };
    assert_eq!(unit.bytes[head..], frame.payload);
}

/// Every frame of `source` is in `ts`, and the clock keeps its rules.
fn check(ts: &Ts, source: &Source) {
    for (place, track) in source.tracks.iter().enumerate() {
        let pid = if matches!(track.config, CodecConfig::Video(_)) { 0x100 } else { 0x101 };
        let units = &ts.streams[&pid].units;
        let expected = frames(source, place);
        assert_eq!(units.len(), expected.len());
        for (unit, frame) in units.iter().zip(expected) {
            let placed = frame.clone().to(Timescale::VIDEO);
            let wrapped = |time: i64| time.rem_euclid(1 << 33);
            assert_eq!(unit.dts.rem_euclid(1 << 33), wrapped(placed.dts.value));
            assert_eq!(unit.pts.rem_euclid(1 << 33), wrapped(placed.dts.value + placed.cts));
            match &track.config {
                CodecConfig::Video(video) => {
                    assert_eq!(unit.random_access, frame.key);
                    same_picture(unit, frame, video.codec == rillcast::media::VideoCodec::Hevc);
                }
                CodecConfig::Audio(audio) => same_sound(unit, frame, audio.codec),
            }
        }
    }
    for pair in ts.clocks.windows(2) {
        let step = pair[1].0 - pair[0].0;
        assert!((0..=CLOCK_LIMIT).contains(&step), "{step} between clock references");
    }
}

/// Clock references are before the decode time of what they come with.
fn check_delay(chunks: &[Chunk]) {
    let ts = Ts::read(&sent(chunks));
    let first = ts.clocks[0].0 / 300;
    let units = ts.streams.values().flat_map(|stream| &stream.units);
    assert!(units.clone().all(|unit| unit.dts > first && unit.pts >= unit.dts - 3_600));
}

#[test]
fn every_fixture_comes_back_bit_exact() {
    for name in source::FIXTURES.iter().filter(|name| source::fits_ts(name)) {
        eprintln!("{name}");
        let source = source::fixture(name);
        let watched = watch(Format::Ts, &source);
        let ts = Ts::read(&watched.bytes);
        check(&ts, &source);
        check_delay(&watched.chunks);
        assert_eq!(ts.versions, [0]);
        assert!(ts.broken.is_empty());
        let last = source.frames.last().unwrap().dts.micros() - 1_000_000;
        assert!(ts.tables as i64 >= last / 240_000, "tables are repeated");
    }
}

#[test]
fn a_stream_names_its_codecs() {
    let named = |name: &str| {
        let ts = Ts::read(&watch(Format::Ts, &source::fixture(name)).bytes);
        let stream = ts.streams[&0x101].clone();
        (ts.streams[&0x100].stream_type, stream.stream_type, stream.descriptors)
    };
    assert_eq!(named("bbb_720p25_avc_aac.mp4"), (0x1B, 0x0F, vec![]));
    assert_eq!(named("hevc_main_bframes_aac.flv"), (0x24, 0x0F, vec![]));
    assert_eq!(named("synthetic_legacy_mp3.flv").1, 0x03);
    assert_eq!(named("synthetic_legacy_mp3_22k.flv").1, 0x04);
    assert_eq!(named("synthetic_enhanced_ac3.flv"), (0x1B, 0x81, b"\x05\x04AC-3".to_vec()));
    assert_eq!(named("synthetic_enhanced_eac3_51.flv"), (0x1B, 0x87, b"\x05\x04EAC3".to_vec()));
    let opus = b"\x05\x04Opus\x7F\x02\x80\x02".to_vec();
    assert_eq!(named("synthetic_enhanced_opus.flv"), (0x1B, 0x06, opus));
}

#[test]
fn one_can_join_wherever_a_chunk_says_so() {
    for name in ["bbb_720p25_avc_aac.mp4", "hevc_main_bframes_aac.flv", "synthetic_enhanced_opus.flv"] {
        let source = source::fixture(name);
        for audio_alone in [false, true] {
            let mut tracks = source.tracks.clone();
            tracks.retain(|track| !audio_alone || matches!(track.config, CodecConfig::Audio(_)));
            let frames =
                source.frames.iter().filter(|frame| tracks.iter().any(|track| track.id == frame.track));
            let source = Source { frames: frames.cloned().collect(), tracks };
            let chunks = watch(Format::Ts, &source).chunks;
            let starts: Vec<_> = (0..chunks.len()).filter(|n| chunks[*n].start()).collect();
            assert!(starts.len() > 1);
            for start in starts {
                let ts = Ts::read(&sent(&chunks[start..]));
                let lead = if audio_alone { 0x101 } else { 0x100 };
                assert!(ts.streams[&lead].units[0].random_access);
            }
        }
    }
}

#[test]
fn one_that_missed_something_is_told_and_reads_on_as_one_stream() {
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    for kinds in [vec![0_u16, 1], vec![0], vec![1]] {
        let tracks: Vec<Track> =
            kinds.iter().map(|place| source.tracks[usize::from(*place)].clone()).collect();
        let frames = source.frames.iter().filter(|frame| tracks.iter().any(|track| track.id == frame.track));
        let source = Source { frames: frames.cloned().collect(), tracks };
        let chunks = watch(Format::Ts, &source).chunks;
        let starts: Vec<_> = (20..chunks.len()).filter(|n| chunks[*n].start()).collect();
        assert!(starts.len() > 1);
        for (start, missed) in starts.into_iter().flat_map(|start| (1..20).map(move |missed| (start, missed)))
        {
            let ts = Ts::read(&sent_with_gaps(&[&chunks[..start - missed], &chunks[start..]]));
            let pids: Vec<_> = kinds.iter().map(|place| 0x100 + place).collect();
            assert_eq!(ts.broken, [&[0, 0x1000], &pids[..]].concat(), "each says it once, tables first");
            let units: usize = ts.streams.values().map(|stream| stream.units.len()).sum();
            assert_eq!(units, chunks.len() - missed, "every unit that was sent is whole");
            assert_eq!(ts.versions, [0]);
            for pair in ts.clocks.windows(2) {
                let step = pair[1].0 - pair[0].0;
                assert!(step >= 0 && (pair[1].1 || step <= CLOCK_LIMIT), "{step} between clock references");
            }
        }
        let whole = Ts::read(&sent(&chunks));
        assert!(whole.broken.is_empty() && whole.jumps == 0, "others are told nothing");
    }
}

#[test]
fn one_that_missed_the_beginning_of_an_epoch_gets_its_tables_first() {
    let one = source::fixture("bbb_720p25_avc_aac.mp4");
    let two = source::fixture("hevc_main_bframes_aac.flv");
    let mut mux = Mux::new(Format::Ts, &one.tracks).unwrap();
    one.frames.iter().for_each(|frame| mux.push(frame));
    let before: Vec<_> = std::iter::from_fn(|| mux.pull()).collect();
    assert!(matches!(mux.begin(&two.tracks), Onward::GoesOn));
    two.frames.iter().for_each(|frame| mux.push(frame));
    let after: Vec<_> = std::iter::from_fn(|| mux.pull()).collect();
    for start in (0..after.len()).filter(|n| after[*n].start()) {
        let ts = Ts::read(&sent_with_gaps(&[&before[..100], &after[start..]]));
        assert_eq!((ts.versions, ts.streams[&0x100].stream_type), (vec![0, 1], 0x24));
    }
}

#[test]
fn a_new_epoch_says_that_it_does_not_follow_and_brings_new_tables() {
    let one = source::fixture("bbb_720p25_avc_aac.mp4");
    let mut two = source::fixture("hevc_main_bframes_aac.flv");
    let end = one.frames.last().unwrap().dts.micros() + 40_000;
    for frame in &mut two.frames {
        frame.dts.value += end * i64::from(frame.dts.scale.per_second()) / 1_000_000;
    }
    let mut mux = Mux::new(Format::Ts, &one.tracks).unwrap();
    one.frames.iter().for_each(|frame| mux.push(frame));
    assert!(matches!(mux.begin(&two.tracks), Onward::GoesOn));
    let before: Vec<_> = std::iter::from_fn(|| mux.pull()).collect();
    two.frames.iter().for_each(|frame| mux.push(frame));
    let after: Vec<_> = std::iter::from_fn(|| mux.pull()).collect();
    let ts = Ts::read(&sent(&[before, after.clone()].concat()));
    assert_eq!(ts.versions, [0, 1]);
    let mut broken = ts.broken.clone();
    broken.sort_unstable();
    assert_eq!(broken, [0x100, 0x101], "each once");
    let second = Ts::read(&sent(&after));
    check(&second, &two);
    assert_eq!(second.streams[&0x100].stream_type, 0x24);
    // The same again: no new version, but again it does not follow.
    assert!(matches!(mux.begin(&two.tracks), Onward::GoesOn));
    mux.push(&two.frames[0]);
    let again = Ts::read(&sent(&[mux.pull().unwrap()]));
    assert_eq!((again.versions, again.broken), (vec![1], vec![0x100]));
}

#[test]
fn awkward_streams_come_back_bit_exact() {
    let mut random = Random::new();
    let likes = ["bbb_720p25_avc_aac.mp4", "synthetic_enhanced_opus.flv", "synthetic_enhanced_ac3.flv"];
    let likes = likes.map(source::fixture);
    for round in 0..60 {
        let source = source::awkward(&mut random, &likes[round % likes.len()]);
        let watched = watch(Format::Ts, &source);
        check(&Ts::read(&watched.bytes), &source);
    }
}

#[test]
fn every_length_around_the_edges_of_a_packet_comes_back() {
    let source = source::fixture("synthetic_enhanced_ac3.flv");
    let track: Vec<Track> = source.tracks[1..].to_vec();
    let like = frames(&source, 1)[0].clone();
    let mut all = Vec::new();
    for len in 0..600_usize {
        let mut frame = like.clone();
        frame.dts.value += 1_536 * len as i64;
        frame.payload = vec![0xA5; len].into();
        all.push(frame);
    }
    let source = Source { tracks: track, frames: all };
    check(&Ts::read(&watch(Format::Ts, &source).bytes), &source);
}

#[test]
fn frames_that_do_not_fit_are_counted_and_left_out() {
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    let mut mux = Mux::new(Format::Ts, &source.tracks).unwrap();
    let mut sound = frames(&source, 1)[0].clone();
    sound.payload = vec![0; 8_185].into();
    mux.push(&sound);
    let mut picture = frames(&source, 0)[0].clone();
    picture.payload = vec![0xFF; 9].into();
    mux.push(&picture);
    assert_eq!(mux.unfit(), 2);
    assert!(mux.pull().is_none());
}
