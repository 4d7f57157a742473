//! Tests of FLV: tags as encoders send them, hostile ones, and round trips.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::enhanced::{MAX_MODIFIERS, MAX_TRACKS};
use super::mux::{self, Form};
use super::*;
use crate::media::{AudioCodec, FrameRate, RtmpLimits, VideoCodec};

fn video(body: &[u8]) -> Result<Packets, Error> {
    match Tag::parse(TagKind::Video, Bytes::copy_from_slice(body))? {
        Tag::Video(packets) => Ok(packets),
        other => panic!("{other:?}"),
    }
}

fn audio(body: &[u8]) -> Result<Packets, Error> {
    match Tag::parse(TagKind::Audio, Bytes::copy_from_slice(body))? {
        Tag::Audio(packets) => Ok(packets),
        other => panic!("{other:?}"),
    }
}

fn one(packets: Packets) -> Packet {
    assert_eq!(packets.len(), 1);
    packets.into_iter().next().unwrap()
}

fn frames(cts: i32, nanos: u32, key: bool, payload: &'static [u8]) -> PacketKind {
    PacketKind::Frames { cts, nanos, key, payload: Bytes::from_static(payload) }
}

fn start(record: &'static [u8]) -> PacketKind {
    PacketKind::SequenceStart(Bytes::from_static(record))
}

#[test]
fn legacy_tags_are_read_as_obs_sends_them() {
    let avc = |body: &[u8]| {
        let packet = one(video(body).unwrap());
        assert_eq!((packet.track, packet.codec), (0, FourCc::AVC));
        packet.kind
    };
    assert_eq!(avc(&[0x17, 0, 0, 0, 0, 1, 2]), start(&[1, 2]));
    assert_eq!(avc(&[0x17, 1, 0, 0, 80, 9]), frames(80, 0, true, &[9]));
    assert_eq!(avc(&[0x27, 1, 0xFF, 0xFF, 0xD8, 9]), frames(-40, 0, false, &[9]));
    assert_eq!(avc(&[0x17, 2, 0, 0, 0]), PacketKind::SequenceEnd);
    assert_eq!(avc(&[0x17, 2]), PacketKind::SequenceEnd);

    let aac = one(audio(&[0xAF, 0, 0x11, 0x90]).unwrap());
    assert_eq!((aac.codec, aac.kind), (FourCc::AAC, start(&[0x11, 0x90])));
    assert_eq!(one(audio(&[0xAF, 1, 7]).unwrap()).kind, frames(0, 0, true, &[7]));
    for format in [0x2F, 0xEE] {
        let mp3 = one(audio(&[format, 0xFF, 0xFB]).unwrap());
        assert_eq!((mp3.codec, mp3.kind), (FourCc::MP3, frames(0, 0, true, &[0xFF, 0xFB])));
    }
}

#[test]
fn a_payload_is_a_slice_of_the_message() {
    let body = Bytes::from(vec![0x17, 1, 0, 0, 0, 1, 2, 3]);
    let Tag::Video(packets) = Tag::parse(TagKind::Video, body.clone()).unwrap() else { panic!() };
    let PacketKind::Frames { payload, .. } = one(packets).kind else { panic!() };
    assert_eq!(payload.as_ptr(), body[5..].as_ptr());
}

#[test]
fn tags_with_nothing_to_say_hold_no_packet() {
    assert!(video(&[]).unwrap().is_empty());
    assert!(audio(&[]).unwrap().is_empty());
    assert!(video(&[0x57, 0]).unwrap().is_empty());
    assert!(video(&[0xD1, 0]).unwrap().is_empty());
}

#[test]
fn short_tags_name_the_missing_field() {
    let cut = |field| Err(Error::Truncated { field });
    assert_eq!(video(&[0x17]), cut("AVC packet type"));
    assert_eq!(video(&[0x17, 1, 0, 0]), cut("composition time"));
    assert_eq!(video(&[0x17, 1, 0, 0, 0]), cut("video frame"));
    assert_eq!(audio(&[0xAF]), cut("AAC packet type"));
    assert_eq!(audio(&[0xAF, 1]), cut("audio frame"));
    assert_eq!(audio(&[0x2F]), cut("audio frame"));
    assert_eq!(video(b"\x91avc"), cut("FourCC"));
    assert_eq!(video(b"\x91avc1\0\0"), cut("composition time"));
    assert_eq!(video(b"\x93avc1"), cut("coded frames"));
    assert_eq!(video(b"\x96"), cut("multitrack type"));
    assert_eq!(video(b"\x96\x03avc1"), cut("track id"));
    assert_eq!(video(b"\x96\x13avc1\0\0\0"), cut("track size"));
    assert_eq!(video(b"\x96\x13avc1\0\0\0\x09xx"), cut("track body"));
    assert_eq!(video(&[0x97]), cut("modifier size"));
    assert_eq!(video(&[0x97, 2, 0, 0]), cut("modifier"));
    assert_eq!(video(&[0x97, 1, 0, 0, 0x01]), cut("timestamp offset"));
}

#[test]
fn codecs_that_are_not_supported_are_named() {
    assert_eq!(video(&[0x12, 0]), Err(Error::VideoCodec { id: 2 }));
    assert_eq!(audio(&[0x6F, 0]), Err(Error::SoundFormat { id: 6 }));
    let text = Error::VideoCodec { id: 12 }.to_string();
    assert_eq!(text, "FLV video codec 12 (HEVC without a FourCC) is not supported");
    let packet = one(video(b"\x90zz\xFF\0record").unwrap());
    assert_eq!(packet.codec.to_string(), "zz\\xff\\x00");
    assert_eq!(packet.kind, start(b"record"));
}

#[test]
fn reserved_packet_types_are_refused() {
    assert_eq!(video(&[0x17, 3, 0, 0, 0]), Err(Error::PacketType { media: "video", kind: 3 }));
    assert_eq!(audio(&[0xAF, 2]), Err(Error::PacketType { media: "audio", kind: 2 }));
    assert_eq!(video(b"\x98avc1"), Err(Error::PacketType { media: "video", kind: 8 }));
    assert_eq!(audio(b"\x93mp4a"), Err(Error::PacketType { media: "audio", kind: 3 }));
    assert_eq!(video(b"\x96\x06avc1\0"), Err(Error::PacketType { media: "video", kind: 6 }));
    assert_eq!(video(b"\x96\x07avc1\0"), Err(Error::PacketType { media: "video", kind: 7 }));
    assert_eq!(video(b"\x96\x31avc1\0"), Err(Error::MultitrackType { kind: 3 }));
}

#[test]
fn enhanced_tags_are_read_as_obs_sends_them() {
    let packet = |body: &[u8]| one(video(body).unwrap());
    assert_eq!(packet(b"\x90hvc1rec").kind, start(b"rec"));
    assert_eq!(packet(b"\xA1hvc1\xFF\xFF\xFFau").kind, frames(-1, 0, false, b"au"));
    assert_eq!(packet(b"\xA3hvc1au").kind, frames(0, 0, false, b"au"));
    assert_eq!(packet(b"\x91av01au").kind, frames(0, 0, true, b"au"));
    assert_eq!(packet(b"\xA2avc1").kind, PacketKind::SequenceEnd);
    assert_eq!(packet(b"\xD4hvc1amf").kind, PacketKind::Metadata(Bytes::from_static(b"amf")));
    assert_eq!(packet(b"\x95av01ts").kind, PacketKind::Mpeg2TsStart(Bytes::from_static(b"ts")));

    let second = packet(b"\xA6\x01avc1\x02\0\0\x28au");
    assert_eq!((second.track, second.codec, second.kind), (2, FourCc::AVC, frames(40, 0, false, b"au")));

    let opus = one(audio(b"\x91Opusau").unwrap());
    assert_eq!((opus.codec, opus.kind), (FourCc::OPUS, frames(0, 0, true, b"au")));
    let layout = one(audio(b"\x94mp4amap").unwrap()).kind;
    assert_eq!(layout, PacketKind::MultichannelConfig(Bytes::from_static(b"map")));
    assert_eq!(one(audio(b"\x95\x00mp4a\x01\x11\x90").unwrap()).track, 1);
}

#[test]
fn one_tag_carries_many_tracks() {
    let same = video(b"\xA6\x13avc1\x00\0\0\x02aa\x01\0\0\x01b").unwrap();
    let seen: Vec<_> = same.into_iter().map(|p| (p.track, p.codec, p.kind)).collect();
    assert_eq!(
        seen,
        [(0, FourCc::AVC, frames(0, 0, false, b"aa")), (1, FourCc::AVC, frames(0, 0, false, b"b"))]
    );
    let mixed = video(b"\x96\x21avc1\x00\0\0\x04\0\0\x01aav01\x07\0\0\x01b").unwrap();
    let seen: Vec<_> = mixed.iter().map(|p| (p.track, p.codec, p.kind.clone())).collect();
    assert_eq!(
        seen,
        [(0, FourCc::AVC, frames(1, 0, true, b"a")), (7, FourCc::AV1, frames(0, 0, true, b"b"))]
    );
}

#[test]
fn tracks_in_one_tag_are_counted() {
    let tag = |tracks: usize| {
        let mut body = b"\x96\x13avc1".to_vec();
        (0..tracks).for_each(|n| body.extend([n as u8, 0, 0, 1, 0xAA]));
        video(&body).map(|packets| packets.len())
    };
    assert_eq!(tag(MAX_TRACKS - 1), Ok(MAX_TRACKS - 1));
    assert_eq!(tag(MAX_TRACKS), Ok(MAX_TRACKS));
    assert_eq!(tag(MAX_TRACKS + 1), Err(Error::Tracks { max: MAX_TRACKS }));
    assert_eq!(tag(255), Err(Error::Tracks { max: MAX_TRACKS }));
}

#[test]
fn modifiers_are_read_and_counted() {
    // One nanosecond offset of 500,000, then coded frames without composition time.
    let body = [&[0xA7, 2, 0x07, 0xA1, 0x20, 0x03][..], b"avc1au"].concat();
    assert_eq!(one(video(&body).unwrap()).kind, frames(0, 500_000, false, b"au"));
    // An unknown modifier of 256 bytes, its size written long, is passed over.
    let long = [&[0x97, 0xFF, 0, 255][..], &[0; 256], &[0x13], b"avc1au"].concat();
    assert_eq!(one(video(&long).unwrap()).kind, frames(0, 0, true, b"au"));
    let too_far = [0x97, 2, 0x0F, 0x42, 0x40, 0x03];
    assert_eq!(video(&too_far), Err(Error::NanoOffset { nanos: 1_000_000 }));

    let nest = |count: usize| {
        let mut body = vec![0x97];
        (1..count).for_each(|_| body.extend([0, 0, 0x17]));
        body.extend([0, 0, 0x13]);
        body.extend(b"avc1au");
        video(&body).map(|packets| packets.len())
    };
    assert_eq!(nest(MAX_MODIFIERS - 1), Ok(1));
    assert_eq!(nest(MAX_MODIFIERS), Ok(1));
    assert_eq!(nest(MAX_MODIFIERS + 1), Err(Error::Modifiers { max: MAX_MODIFIERS }));
    assert_eq!(nest(100_000), Err(Error::Modifiers { max: MAX_MODIFIERS }));
}

#[test]
fn extreme_composition_times_survive() {
    for cts in [-0x80_0000, -1, 0, 1, 0x7F_FFFF] {
        for form in [Form::Legacy, Form::Enhanced, Form::Track(3)] {
            let body = mux::video_frame(form, VideoCodec::Avc, cts, true, b"au");
            assert_eq!(one(video(&body).unwrap()).kind, frames(cts, 0, true, b"au"), "{form:?}");
        }
    }
    let clamped = mux::video_frame(Form::Legacy, VideoCodec::Avc, i32::MIN, true, b"au");
    assert_eq!(one(video(&clamped).unwrap()).kind, frames(-0x80_0000, 0, true, b"au"));
}

fn described() -> Metadata {
    Metadata {
        video: Some(true),
        audio: Some(true),
        width: Some(1_280),
        height: Some(720),
        frame_rate: FrameRate::new(30_000, 1_001),
        video_bitrate: Some(2_500_000),
        audio_bitrate: Some(160_000),
        encoder: Some("obs-output module".into()),
    }
}

#[test]
fn metadata_is_read_back_with_and_without_its_prefix() {
    let limits = RtmpLimits::default();
    for prefix in [true, false] {
        let script = mux::metadata(&described(), prefix);
        assert_eq!(Metadata::parse(&script, &limits), Ok(Some(described())));
    }
    let silent = Metadata { video: Some(true), audio: Some(false), ..Metadata::default() };
    assert_eq!(Metadata::parse(&mux::metadata(&silent, false), &limits), Ok(Some(silent)));
}

#[test]
fn metadata_takes_objects_and_doubts_what_they_say() {
    let script = |fields: Vec<(&str, amf0::Value<'_>)>| {
        let mut out = BytesMut::new();
        amf0::write(&mut out, &amf0::Value::String("onMetaData"));
        amf0::write(&mut out, &amf0::Value::Object(fields));
        Metadata::parse(&out, &RtmpLimits::default()).unwrap().unwrap()
    };
    let number = amf0::Value::Number;
    assert_eq!(script(vec![]), Metadata::default());
    let odd = script(vec![
        ("width", number(f64::NAN)),
        ("height", number(-720.0)),
        ("framerate", number(f64::INFINITY)),
        ("videodatarate", number(1e300)),
        ("audiodatarate", number(0.0)),
        ("encoder", amf0::Value::String("\r\n")),
    ]);
    assert_eq!(odd, Metadata::default());
    let sound = script(vec![("audiocodecid", amf0::Value::String("mp4a"))]);
    assert_eq!((sound.video, sound.audio), (Some(false), Some(true)));
    let size = script(vec![("width", number(640.0))]);
    assert_eq!((size.video, size.audio, size.width), (None, None, Some(640)));
}

#[test]
fn script_data_of_other_kinds_is_no_metadata() {
    let limits = RtmpLimits::default();
    let mut cue = BytesMut::new();
    amf0::write(&mut cue, &amf0::Value::String("onCuePoint"));
    assert_eq!(Metadata::parse(&cue, &limits), Ok(None));
    assert_eq!(Metadata::parse(&[], &limits), Ok(None));
    // `@setDataFrame` alone, which has ended servers.
    let mut alone = BytesMut::new();
    amf0::write(&mut alone, &amf0::Value::String("@setDataFrame"));
    assert_eq!(Metadata::parse(&alone, &limits), Ok(None));
}

#[test]
fn a_file_gives_its_tags_and_tolerates_a_cut_tail() {
    let tags = [
        (TagKind::Script, 0, mux::metadata(&described(), false)),
        (TagKind::Video, 0x0123_4567, mux::video_start(Form::Legacy, VideoCodec::Avc, b"record")),
        (TagKind::Audio, u32::MAX, mux::audio_frame(Form::Legacy, AudioCodec::Aac, b"frame")),
    ];
    let mut bytes = BytesMut::from(&mux::file_header(true, true)[..]);
    for (kind, time, body) in &tags {
        bytes.put(mux::file_tag(*kind, *time, body).unwrap());
    }
    let bytes = bytes.freeze();
    let read = |bytes: Bytes| File::open(bytes).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let expected = tags.map(|(kind, time, body)| FileTag { kind, time, body });
    assert_eq!(read(bytes.clone()), expected);
    // The last size may be missing; any more, and the last tag is lost, and nothing else.
    assert_eq!(read(bytes.slice(..bytes.len() - 4)), expected);
    assert_eq!(read(bytes.slice(..bytes.len() - 5)), expected[..2]);
}

#[test]
fn what_is_no_flv_file_is_refused() {
    let open = |bytes: &'static [u8]| File::open(Bytes::from_static(bytes)).unwrap_err();
    assert_eq!(open(b"\0\0\0\x18ftypmp42"), Error::Signature);
    assert_eq!(open(b"FLV\x02\x05\0\0\0\x09\0\0\0\0"), Error::Signature);
    assert_eq!(open(b"FLV\x01\x05"), Error::Truncated { field: "header" });
    assert_eq!(open(b"FLV\x01\x05\xFF\xFF\xFF\xFF\0\0\0\0"), Error::Truncated { field: "first tag" });
    let locked = [&mux::file_header(true, true)[..], &[0x28], &[0; 14]].concat();
    let mut file = File::open(Bytes::from(locked)).unwrap();
    assert_eq!(file.next(), Some(Err(Error::Encrypted)));
}

#[test]
fn several_tracks_of_sound_share_a_tag() {
    let frame = |id, codec| mux::audio_frame(Form::Track(id), codec, b"au");
    let read = |body: &Bytes| {
        let packets = audio(body).unwrap();
        packets.into_iter().map(|p| (p.track, p.codec, p.kind)).collect::<Vec<_>>()
    };
    let au = || frames(0, 0, true, b"au");
    let same = mux::gather(&[frame(0, AudioCodec::Aac), frame(1, AudioCodec::Aac)]).unwrap();
    assert_eq!(&same[..6], b"\x95\x11mp4a");
    assert_eq!(read(&same), [(0, FourCc::AAC, au()), (1, FourCc::AAC, au())]);
    let mixed = mux::gather(&[frame(0, AudioCodec::Aac), frame(1, AudioCodec::Opus)]).unwrap();
    assert_eq!(&mixed[..6], b"\x95\x21mp4a");
    assert_eq!(read(&mixed), [(0, FourCc::AAC, au()), (1, FourCc::OPUS, au())]);
    let late = mux::offset(TagKind::Audio, 2_000_000, &frame(3, AudioCodec::Aac)).unwrap();
    assert_eq!(read(&late), [(3, FourCc::AAC, frames(0, 999_999, true, b"au"))]);
}

#[test]
fn only_tags_that_are_alike_are_gathered_and_only_enhanced_ones_offset() {
    let frame = |form, key| mux::video_frame(form, VideoCodec::Avc, 0, key, b"au");
    let start = mux::video_start(Form::Track(1), VideoCodec::Avc, b"record");
    assert_eq!(mux::gather(&[]), None);
    assert_eq!(mux::gather(&[frame(Form::Track(0), true), frame(Form::Track(1), false)]), None);
    assert_eq!(mux::gather(&[frame(Form::Track(0), true), start]), None);
    for form in [Form::Legacy, Form::Enhanced] {
        assert_eq!(mux::gather(&[frame(form, true)]), None);
    }
    let gathered = mux::gather(&[frame(Form::Track(0), true)]).unwrap();
    assert_eq!(mux::gather(&[gathered]), None, "once is enough");
    assert_eq!(mux::offset(TagKind::Video, 1, &frame(Form::Legacy, true)), None);
    let legacy = mux::audio_frame(Form::Legacy, AudioCodec::Aac, b"au");
    assert_eq!(mux::offset(TagKind::Audio, 1, &legacy), None);
    assert_eq!(mux::offset(TagKind::Script, 1, b"\x91"), None);
    assert_eq!(mux::offset(TagKind::Video, 1, b""), None);
}

fn forms() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::Legacy), Just(Form::Enhanced), any::<u8>().prop_map(Form::Track)]
}

proptest! {
    #[test]
    fn what_is_muxed_is_parsed_back(
        form in forms(),
        cts in -0x80_0000..=0x7F_FFFF_i32,
        key: bool,
        payload in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let id = if let Form::Track(id) = form { id } else { 0 };
        let payload = Bytes::from(payload);
        let check = |packets: Packets, codec, kind| {
            prop_assert_eq!(one(packets), Packet { track: id, codec, kind });
            Ok(())
        };
        let sound = PacketKind::Frames { cts: 0, nanos: 0, key: true, payload: payload.clone() };
        let start = PacketKind::SequenceStart(payload.clone());
        for codec in [VideoCodec::Avc, VideoCodec::Hevc, VideoCodec::Av1, VideoCodec::Vp9] {
            // There is no time to write for the last two.
            let cts = if matches!(codec, VideoCodec::Avc | VideoCodec::Hevc) { cts } else { 0 };
            let picture = PacketKind::Frames { cts, nanos: 0, key, payload: payload.clone() };
            let parsed = |body: Bytes| video(&body).unwrap();
            check(parsed(mux::video_frame(form, codec, cts, key, &payload)), codec.into(), picture)?;
            check(parsed(mux::video_start(form, codec, &payload)), codec.into(), start.clone())?;
            check(parsed(mux::video_end(form, codec)), codec.into(), PacketKind::SequenceEnd)?;
        }
        check(audio(&mux::audio_frame(form, AudioCodec::Aac, &payload)).unwrap(), FourCc::AAC, sound)?;
        check(audio(&mux::audio_start(form, AudioCodec::Aac, &payload).unwrap()).unwrap(), FourCc::AAC, start)?;
    }

    #[test]
    fn tracks_that_are_gathered_are_parsed_back(
        pictures in prop::collection::vec((any::<u8>(), any::<bool>(), prop::collection::vec(any::<u8>(), 1..60)), 1..8),
        key: bool,
        nanos in 0..1_000_000_u32,
    ) {
        let codec = |hevc: bool| if hevc { VideoCodec::Hevc } else { VideoCodec::Avc };
        let tag = |(id, hevc, payload): &(u8, bool, Vec<u8>)| {
            mux::video_frame(Form::Track(*id), codec(*hevc), 7, key, payload)
        };
        let tags: Vec<Bytes> = pictures.iter().map(tag).collect();
        let whole = mux::gather(&tags).unwrap();
        let mixed = pictures.iter().any(|(_, hevc, _)| *hevc != pictures[0].1);
        prop_assert_eq!(whole[1] >> 4, if mixed { 2 } else { 1 });
        let whole = mux::offset(TagKind::Video, nanos, &whole).unwrap();
        let expected = pictures.iter().map(|(id, hevc, payload)| {
            let payload = Bytes::copy_from_slice(payload);
            let kind = PacketKind::Frames { cts: 7, nanos, key, payload };
            Packet { track: *id, codec: codec(*hevc).into(), kind }
        });
        prop_assert_eq!(video(&whole).unwrap().into_iter().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn any_body_is_parsed_or_refused(head: u8, tail in prop::collection::vec(any::<u8>(), 0..120)) {
        let body = [&[head][..], &tail].concat();
        let _ = video(&body);
        let _ = audio(&body);
        let _ = Metadata::parse(&body, &RtmpLimits::default());
    }

    #[test]
    fn any_file_ends(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&mux::file_header(true, true)[..], &tail].concat();
        prop_assert!(File::open(Bytes::from(bytes)).unwrap().count() <= tail.len() / 11);
    }
}
