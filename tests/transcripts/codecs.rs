//! Video codecs other than H.264, as enhanced tags of real files bring them.

use bytes::Bytes;
use rillcast::flv::mux::{self, Form};
use rillcast::flv::{File, FourCc, Tag, TagKind};
use rillcast::media::{CodecConfig, VideoCodec, VideoConfig};
use rillcast::rtmp::{Discard, Output};

use crate::kit::*;

const HEVC: &[u8] = include_bytes!("../../fixtures/hevc_main_bframes_aac.flv");
const HEVC_OPEN: &[u8] = include_bytes!("../../fixtures/hevc_main10_hlg_opengop_aac.flv");
const AV1: &[u8] = include_bytes!("../../fixtures/av1_main10_pq_aac.flv");
const VP9: &[u8] = include_bytes!("../../fixtures/vp9_altref_aac.flv");

/// The video tags of a file.
fn tags(file: &'static [u8]) -> Vec<(u32, Bytes)> {
    let tags = File::open(Bytes::from_static(file)).unwrap().map(Result::unwrap);
    tags.filter(|tag| tag.kind == TagKind::Video).map(|tag| (tag.time, tag.body)).collect()
}

fn sent(tags: &[(u32, Bytes)]) -> Peer {
    let mut peer = Peer::publishing();
    for (time, body) in tags {
        peer.sends(video(*time, body.clone()));
    }
    peer
}

fn described(peer: &mut Peer) -> Vec<VideoConfig> {
    let video = |config| match config {
        CodecConfig::Video(video) => video,
        CodecConfig::Audio(audio) => panic!("{audio:?}"),
    };
    peer.tracks().into_iter().map(|track| video(track.config)).collect()
}

#[test]
fn every_codec_is_described_once_and_its_frames_come_with_their_times_and_key_flags() {
    for (file, codec, codecs, keys, reordered) in [
        (HEVC, VideoCodec::Hevc, "hvc1.1.6.L60.90", &[0, 50][..], true),
        (HEVC_OPEN, VideoCodec::Hevc, "hvc1.2.4.L60.90", &[0, 39, 77], true),
        (AV1, VideoCodec::Av1, "av01.0.00M.10.0.110.09.16.09.0", &[0, 50], false),
        (VP9, VideoCodec::Vp9, "vp09.00.11.08", &[0, 50], false),
    ] {
        let mut peer = sent(&tags(file));
        let first = peer.outputs.iter().position(|output| matches!(output, Output::Frame(_)));
        let track = peer.outputs.iter().position(|output| matches!(output, Output::Track(_)));
        assert!(track < first, "{codecs}: a track is described before its first frame");
        let tracks = described(&mut peer);
        assert_eq!(tracks.len(), 1, "{codecs}");
        assert_eq!((tracks[0].codec, &*tracks[0].codecs), (codec, codecs));
        assert_eq!((tracks[0].width, tracks[0].height), (320, 180));
        let frames = peer.frames();
        assert_eq!((frames.len(), peer.discards()), (100, vec![]), "{codecs}");
        let key = frames.iter().enumerate().filter(|(_, frame)| frame.key).map(|(n, _)| n);
        assert_eq!(key.collect::<Vec<_>>(), keys, "{codecs}");
        assert_eq!(frames.iter().any(|frame| frame.cts != 0), reordered, "{codecs}");
    }
}

#[test]
fn the_bitstream_says_what_a_keyframe_is_whatever_the_tag_says() {
    for file in [HEVC, AV1, VP9] {
        let claimed = tags(file).into_iter().map(|(time, body)| {
            // Frame type 1 in place of 2: every frame is called a keyframe.
            let head = body[0] & 0b1000_1111 | 0b0001_0000;
            (time, Bytes::from([&[head][..], &body[1..]].concat()))
        });
        let frames = sent(&claimed.collect::<Vec<_>>()).frames();
        let keys = frames.iter().filter(|frame| frame.key).count();
        assert_eq!((frames.len(), keys), (100, 2));
    }
}

/// ffmpeg writes them into its tags, OBS does not.
#[test]
fn a_temporal_delimiter_in_front_of_av1_is_left_out() {
    let tags = tags(AV1);
    assert!(tags.iter().filter(|(_, body)| body[0] & 0x0F == 1).all(|(_, body)| body[5..7] == [0x12, 0]));
    let bare = tags.iter().map(|(time, body)| match body[0] & 0x0F {
        1 => (*time, Bytes::from([&body[..5], &body[7..]].concat())),
        _ => (*time, body.clone()),
    });
    let (with, without) = (sent(&tags).frames(), sent(&bare.collect::<Vec<_>>()).frames());
    assert!(with.len() == 100 && with.iter().zip(&without).all(|(a, b)| a.payload == b.payload));
    assert!(with.iter().all(|frame| frame.payload[..2] != [0x12, 0]));
}

#[test]
fn pictures_of_vp9_before_its_first_key_frame_are_nothing_to_anyone() {
    let tags = tags(VP9);
    let late: Vec<_> = tags[..1].iter().chain(&tags[30..]).cloned().collect();
    let mut peer = sent(&late);
    assert_eq!(peer.tracks().len(), 1);
    let frames = peer.frames();
    assert!(frames[0].key && frames.len() == 50 && peer.discards().is_empty());
}

#[test]
fn a_key_frame_of_another_size_begins_another_configuration() {
    let mut peer = sent(&tags(VP9));
    assert_eq!(described(&mut peer)[0].width, 320);
    // The size field of a key frame, from 320 to 640.
    let (_, body) = tags(VP9).into_iter().find(|(_, body)| body[0] == 0x91).unwrap();
    let mut wider = body.to_vec();
    assert_eq!(wider[9..12], [0x40, 0x13, 0xF0]);
    wider[10..12].copy_from_slice(&[0x27, 0xF0]);
    peer.sends(video(5_000, wider));
    assert_eq!(described(&mut peer)[0].width, 640);
    assert!(peer.frames().last().unwrap().key);
}

#[test]
fn an_encoder_may_go_on_in_another_codec_and_frames_of_the_old_one_are_left_out() {
    let mut peer = sent(&tags(HEVC)[..10]);
    for (time, body) in &tags(AV1)[..10] {
        peer.sends(video(500 + time, body.clone()));
    }
    let codecs: Vec<_> = described(&mut peer).into_iter().map(|video| video.codec).collect();
    assert_eq!(codecs, [VideoCodec::Hevc, VideoCodec::Av1]);
    let before = peer.frames().len();
    let (_, old) = tags(HEVC)[5].clone();
    peer.sends(video(900, old));
    assert_eq!((peer.frames().len(), peer.discards()), (0, vec![Discard::NoConfig]), "{before}");
}

#[test]
fn a_bad_record_of_any_codec_leaves_the_old_one_in_force_and_is_named() {
    for (codec, name) in [(VideoCodec::Hevc, "HEVC"), (VideoCodec::Av1, "AV1"), (VideoCodec::Vp9, "VP9")] {
        let mut peer = Peer::publishing();
        peer.sends(avc_config(0));
        peer.sends(video(0, mux::video_start(Form::Enhanced, codec, b"\x01\x00")));
        let discards = peer.discards();
        assert!(discards.len() == 1 && discards[0].to_string().contains(name), "{discards:?}");
        peer.sends(key_frame(40, &[1; 10]));
        assert_eq!((peer.frames().len(), peer.error.clone()), (1, None));
    }
}

#[test]
fn what_we_mux_is_what_the_files_hold() {
    for (file, codec) in [(HEVC, VideoCodec::Hevc), (AV1, VideoCodec::Av1), (VP9, VideoCodec::Vp9)] {
        for (_, body) in tags(file) {
            let Tag::Video(packets) = Tag::parse(TagKind::Video, body.clone()).unwrap() else { panic!() };
            let packet = packets.into_iter().next().unwrap();
            assert_eq!(packet.codec, FourCc::from(codec));
            let ours = match packet.kind {
                rillcast::flv::PacketKind::SequenceStart(record) => {
                    mux::video_start(Form::Legacy, codec, &record)
                }
                rillcast::flv::PacketKind::Frames { cts, key, payload, .. } => {
                    mux::video_frame(Form::Legacy, codec, cts, key, &payload)
                }
                _ => continue,
            };
            assert!(ours == body, "{codec:?}: {:02x?} for {:02x?}", &ours[..8], &body[..8]);
        }
    }
}
