//! FLV: every payload comes back bit-exact from the parser of the way in, and is the frame's own bytes.

use bytes::Bytes;
use rillcast::flv::{File, FileTag, Metadata, PacketKind, Tag, TagKind};
use rillcast::live::Entry as _;
use rillcast::media::{CodecConfig, RtmpLimits, Timescale, TrackKind};
use rillcast::progressive::{Chunk, Format, Mux, Onward};

use crate::source::{self, Random, Source};
use crate::{sent, watch};

fn tags(bytes: Vec<u8>) -> Vec<FileTag> {
    File::open(Bytes::from(bytes)).unwrap().map(Result::unwrap).collect()
}

fn packet(tag: &FileTag) -> PacketKind {
    match Tag::parse(tag.kind, tag.body.clone()).unwrap() {
        Tag::Audio(packets) | Tag::Video(packets) => packets.into_iter().next().unwrap().kind,
        Tag::Script(_) => panic!("script data"),
    }
}

/// How many tags come first: what describes the stream, and a sequence header a track, but of MP3.
fn heads(source: &Source) -> usize {
    let has = |track: &&rillcast::media::Track| !matches!(&track.config, CodecConfig::Audio(a) if a.codec == rillcast::media::AudioCodec::Mp3);
    1 + source.tracks.iter().filter(has).count()
}

fn check(bytes: Vec<u8>, source: &Source) {
    let has = |kind| source.tracks.iter().any(|track| track.id.kind == kind);
    let flags = u8::from(has(TrackKind::Audio)) << 2 | u8::from(has(TrackKind::Video));
    assert_eq!(bytes[..9], [b'F', b'L', b'V', 1, flags, 0, 0, 0, 9]);
    let tags = tags(bytes);
    let (heads, tags) = tags.split_at(heads(source));
    let told = Metadata::parse(&heads[0].body, &RtmpLimits::default()).unwrap().unwrap();
    assert_eq!((told.video, told.audio), (Some(has(TrackKind::Video)), Some(has(TrackKind::Audio))));
    assert!(heads[1..].iter().all(|tag| matches!(packet(tag), PacketKind::SequenceStart(_))));
    assert_eq!(tags.len(), source.frames.len());
    for (tag, frame) in tags.iter().zip(&source.frames) {
        let placed = frame.clone().to(Timescale::MILLIS);
        assert_eq!(i64::from(tag.time), placed.dts.value.rem_euclid(1 << 32));
        let PacketKind::Frames { cts, nanos: 0, key, payload } = packet(tag) else { panic!("no frame") };
        assert_eq!((key, payload), (frame.key, frame.payload.clone()));
        let timed = i64::from(cts) == placed.cts;
        assert!(timed || cts == 0, "{cts} of {}", placed.cts);
    }
}

#[test]
fn every_fixture_comes_back_bit_exact() {
    for name in source::FIXTURES {
        eprintln!("{name}");
        let source = source::fixture(name);
        check(watch(Format::Flv, &source).bytes, &source);
    }
}

#[test]
fn composition_offsets_are_kept_where_there_is_a_place_for_them() {
    for name in ["bbb_720p25_avc_aac.mp4", "hevc_main_bframes_aac.flv"] {
        let source = source::fixture(name);
        let tags = tags(watch(Format::Flv, &source).bytes);
        let mut moved = 0;
        for (tag, frame) in tags[heads(&source)..].iter().zip(&source.frames) {
            let PacketKind::Frames { cts, .. } = packet(tag) else { panic!("no frame") };
            let placed = frame.clone().to(Timescale::MILLIS);
            assert_eq!(i64::from(cts), placed.cts);
            moved += usize::from(cts != 0);
        }
        assert!(moved > 10, "B-frames");
    }
}

#[test]
fn awkward_streams_come_back_bit_exact() {
    let mut random = Random::new();
    let likes = ["bbb_720p25_avc_aac.mp4", "synthetic_enhanced_opus.flv", "synthetic_legacy_mp3.flv"];
    let likes = likes.map(source::fixture);
    for round in 0..60 {
        let source = source::awkward(&mut random, &likes[round % likes.len()]);
        check(watch(Format::Flv, &source).bytes, &source);
    }
}

#[test]
fn payloads_are_shared_and_not_copied() {
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    let chunks = watch(Format::Flv, &source).chunks;
    assert_eq!(chunks.len(), source.frames.len());
    for (chunk, frame) in chunks.iter().zip(&source.frames) {
        let [_, _, payload, _] = chunk.body.runs() else { panic!("{} runs", chunk.body.runs().len()) };
        assert_eq!((payload.as_ptr(), payload.len()), (frame.payload.as_ptr(), frame.payload.len()));
    }
}

#[test]
fn one_can_join_at_every_keyframe() {
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    let chunks = watch(Format::Flv, &source).chunks;
    for start in (0..chunks.len()).filter(|n| chunks[*n].start()) {
        let (frame, tags) = (&source.frames[start], tags(sent(&chunks[start..])));
        let PacketKind::Frames { payload, key: true, .. } = packet(&tags[3]) else { panic!("no keyframe") };
        assert_eq!((tags[3].kind, payload), (TagKind::Video, frame.payload.clone()));
    }
}

#[test]
fn a_new_epoch_sends_new_sequence_headers_to_all_who_had_others() {
    let one = source::fixture("bbb_720p25_avc_aac.mp4");
    let two = source::fixture("hevc_main_bframes_aac.flv");
    let mut mux = Mux::new(Format::Flv, &one.tracks).unwrap();
    one.frames[..10].iter().for_each(|frame| mux.push(frame));
    assert!(matches!(mux.begin(&two.tracks), Onward::GoesOn));
    two.frames[..10].iter().for_each(|frame| mux.push(frame));
    let chunks: Vec<Chunk> = std::iter::from_fn(|| mux.pull()).collect();
    let kinds = |bytes| {
        let tags = tags(bytes).into_iter().map(|tag| match (tag.kind, &tag.body[..5]) {
            (TagKind::Script, _) => 's',
            (TagKind::Video, [0x17, 0, ..]) => 'A',
            (TagKind::Video, [0x90, b'h', ..]) => 'H',
            (TagKind::Audio, [_, 0, ..]) => 'a',
            _ => '.',
        });
        tags.collect::<String>()
    };
    assert_eq!(kinds(sent(&chunks)), "sAa..........sHa..........");
    assert_eq!(kinds(sent(&chunks[10..])), "sHa..........");
    // One who has skipped the first frames of the new epoch gets its headers too.
    let skipped = [&chunks[..3], &chunks[15..]].concat();
    assert_eq!(kinds(sent(&skipped)), "sAa...sHa.....");
    // The file's header has promised that there is no sound.
    let mut silent = Mux::new(Format::Flv, &one.tracks[..1]).unwrap();
    assert!(matches!(silent.begin(&one.tracks), Onward::MustEnd(_)));
}
