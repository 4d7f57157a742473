//! RTMP: every payload comes back bit-exact from the reader of the way in, and is the frame's own bytes.

use rillcast::flv::{Metadata, PacketKind, Tag, TagKind};
use rillcast::media::{RtmpLimits, Timescale};
use rillcast::progressive::{Format, Mux, Onward};
use rillcast::rtmp::chunk::{Message, PLAY_CHUNK, Reader};

use crate::source;

fn messages(bytes: &[u8]) -> Vec<Message> {
    let limits = RtmpLimits::default();
    let mut reader = Reader::new(&limits);
    reader.trust(&limits);
    reader.set_chunk_size(PLAY_CHUNK).unwrap();
    let (mut messages, mut input) = (Vec::new(), bytes);
    while let Some(message) = reader.next(&mut input).unwrap() {
        messages.push(message);
    }
    assert!(input.is_empty() && reader.reserved() == 0, "whole messages only");
    messages
}

fn packet(message: &Message) -> PacketKind {
    match Tag::parse(TagKind::from_id(message.kind).unwrap(), message.payload.clone()).unwrap() {
        Tag::Audio(packets) | Tag::Video(packets) => packets.into_iter().next().unwrap().kind,
        Tag::Script(_) => panic!("script data"),
    }
}

#[test]
fn every_fixture_comes_back_bit_exact_and_shares_its_payloads() {
    for name in source::FIXTURES {
        let source = source::fixture(name);
        let mut mux = Mux::new(Format::Rtmp, &source.tracks).unwrap();
        let head = messages(&mux.head());
        let told = Metadata::parse(&head[0].payload, &RtmpLimits::default()).unwrap().unwrap();
        assert_eq!((head[0].kind, told.video), (18, Some(true)), "{name}");
        assert!(head[1..].iter().all(|message| matches!(packet(message), PacketKind::SequenceStart(_))));
        for frame in &source.frames {
            mux.push(frame);
            let chunk = mux.pull().unwrap();
            assert_eq!(chunk.start, frame.key && frame.track.kind == rillcast::media::TrackKind::Video);
            let shared = chunk.body.runs().iter().any(|run| run.as_ptr() == frame.payload.as_ptr());
            assert!(shared, "{name}: a payload was copied");
            let own = messages(&chunk.body.runs().concat());
            let time = frame.dts.to(Timescale::MILLIS).value;
            assert_eq!((own.len(), own[0].stream, i64::from(own[0].timestamp)), (1, 1, time));
            let PacketKind::Frames { key, payload, .. } = packet(&own[0]) else { panic!("no frame") };
            assert_eq!((key, payload), (frame.key, frame.payload.clone()), "{name}");
        }
    }
}

#[test]
fn only_codecs_without_an_old_form_have_to_be_announced_and_a_new_epoch_says_anew() {
    let codes = |name: &str| {
        let source = source::fixture(name);
        let mut mux = Mux::new(Format::Rtmp, &source.tracks).unwrap();
        mux.push(&source.frames[0]);
        mux.pull().unwrap().head.fourccs.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(codes("bbb_720p25_avc_aac.mp4"), [] as [&str; 0]);
    assert_eq!(codes("synthetic_legacy_mp3.flv"), [] as [&str; 0]);
    assert_eq!(codes("hevc_main_bframes_aac.flv"), ["hvc1"]);
    assert_eq!(codes("synthetic_enhanced_opus.flv"), ["Opus"]);

    let (old, new) =
        (source::fixture("bbb_720p25_avc_aac.mp4"), source::fixture("hevc_main_bframes_aac.flv"));
    let mut mux = Mux::new(Format::Rtmp, &old.tracks).unwrap();
    mux.push(&old.frames[0]);
    let first = mux.pull().unwrap();
    assert!(matches!(mux.begin(&new.tracks), Onward::GoesOn));
    mux.push(&new.frames[0]);
    let next = mux.pull().unwrap();
    assert_eq!(next.head.fourccs.len(), 1);
    let again = messages(&next.preface(Some(&first.head), false));
    assert_eq!(again.iter().map(|message| message.kind).collect::<Vec<_>>(), [18, 9, 8]);
    assert!(
        again.iter().all(|message| message.timestamp == messages(&first.body.runs().concat())[0].timestamp)
    );
}
