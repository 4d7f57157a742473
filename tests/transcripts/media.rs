//! From media messages to tracks and frames, and what is left out.

use std::time::Duration;

use bytes::Bytes;
use rillcast::flv::mux::{self, Form};
use rillcast::flv::{FourCc, TagKind};
use rillcast::media::{AudioCodec, CodecConfig, TrackId, VideoCodec};
use rillcast::rtmp::{ClockFault, Discard, Error, Output, Wait};

use crate::kit::*;

#[test]
fn metadata_configurations_and_frames_come_out_as_they_went_in() {
    let mut peer = Peer::publishing();
    peer.sends(metadata());
    let Output::Announced(said) = peer.output() else { panic!() };
    assert_eq!((said.video, said.audio), (Some(true), Some(true)));
    assert_eq!((said.video_bitrate, said.audio_bitrate), (Some(2_000_000), Some(160_000)));
    peer.sends(avc_config(0));
    peer.sends(aac_config(0));
    peer.sends(key_frame(40, &[1; 9_000]));
    peer.sends(sound(43, &[2; 300]));
    peer.sends(inter_frame(80, &[3; 500]));
    let tracks = peer.tracks();
    assert_eq!(tracks.iter().map(|track| track.id).collect::<Vec<_>>(), [TrackId::VIDEO, TrackId::AUDIO]);
    let CodecConfig::Video(config) = &tracks[0].config else { panic!() };
    assert_eq!((config.width, config.height, &config.record[..]), (1_280, 720, AVC_RECORD));
    let frames = peer.frames();
    let seen: Vec<_> = frames.iter().map(|f| (f.track, f.dts.value, f.cts, f.key)).collect();
    assert_eq!(
        seen,
        [(TrackId::VIDEO, 40, 80, true), (TrackId::AUDIO, 43, 0, true), (TrackId::VIDEO, 80, 0, false)]
    );
    assert_eq!(frames[0].payload, idr(&[1; 9_000]));
    assert_eq!(frames[1].payload, vec![2; 300]);
    assert!(frames.iter().all(|frame| frame.arrival == peer.now && frame.duration.is_none()));
}

#[test]
fn a_configuration_is_told_when_it_changes_and_only_then() {
    let mut peer = Peer::publishing();
    for _ in 0..3 {
        peer.sends(avc_config(0));
        peer.sends(aac_config(0));
    }
    assert_eq!(peer.tracks().len(), 2);
    peer.sends(video(40, mux::video_start(Form::Legacy, VideoCodec::Avc, AVC_RECORD_MAIN)));
    assert_eq!(peer.tracks()[0].config.codecs(), "avc1.4d401f");
}

#[test]
fn enhanced_tags_of_the_same_codecs_mean_the_same() {
    let mut peer = Peer::publishing();
    for form in [Form::Enhanced, Form::Track(0)] {
        peer.sends(video(0, mux::video_start(form, VideoCodec::Avc, AVC_RECORD)));
        peer.sends(audio(0, mux::audio_start(form, AudioCodec::Aac, AAC_RECORD).unwrap()));
        peer.sends(video(40, mux::video_frame(form, VideoCodec::Avc, -40, true, &idr(&[1; 50]))));
        peer.sends(video(80, mux::video_frame(form, VideoCodec::Avc, 0, false, &inter(&[1; 50]))));
        peer.sends(audio(80, mux::audio_frame(form, AudioCodec::Aac, &[9; 20])));
    }
    assert_eq!(peer.tracks().len(), 2);
    let frames = peer.frames();
    let seen: Vec<_> = frames.iter().map(|f| (f.dts.value, f.cts, f.key)).collect();
    assert_eq!(seen[..3], [(40, -40, true), (80, 0, false), (80, 0, true)]);
    assert_eq!(seen[..3], seen[3..]);
}

/// The tag's word is checked: an encoder that calls every frame a keyframe would let viewers join at a P frame.
#[test]
fn a_keyframe_is_an_idr_or_an_intra_frame_that_is_called_one() {
    let mut peer = Peer::publishing();
    peer.sends(avc_config(0));
    for (declared, payload) in [
        (true, idr(&[0; 9])),
        (false, idr(&[0; 9])),
        (true, inter(&[0; 9])),
        (true, intra(&[0; 9])),
        (false, intra(&[0; 9])),
    ] {
        peer.sends(video(40, mux::video_frame(Form::Legacy, VideoCodec::Avc, 0, declared, &payload)));
    }
    let keys: Vec<_> = peer.frames().iter().map(|frame| frame.key).collect();
    assert_eq!(keys, [true, true, false, true, false]);
}

/// Hostile case 11: sound and picture share one clock, so they wrap together, whoever is first.
#[test]
fn timestamps_run_on_across_every_boundary() {
    for origin in [0xFF_FFF0_u32, 0x7FFF_FFF0, 0xFFFF_FFF0] {
        for dialect in [Dialect::PLAIN, Dialect::FFMPEG, Dialect::ADOBE] {
            let mut peer = Peer::publishing();
            peer.writer.dialect = dialect;
            peer.sends(avc_config(origin));
            peer.sends(aac_config(origin));
            for n in 0..4 {
                let time = origin.wrapping_add(n * 10);
                peer.sends(sound(time.wrapping_add(1), &[1; 200]));
                peer.sends(key_frame(time, &[2; 200]));
            }
            let times: Vec<_> = peer.frames().iter().map(|f| f.dts.value - i64::from(origin)).collect();
            assert_eq!(times, [1, 0, 11, 10, 21, 20, 31, 30], "{origin:#x} {dialect:?}");
        }
    }
}

/// Hostile case 9.
#[test]
fn an_aggregate_is_its_tags_from_the_messages_time_on() {
    let tag = |kind: u8, time: u32, body: &[u8], back: u32| {
        let mut out = vec![kind];
        out.extend(&(body.len() as u32).to_be_bytes()[1..]);
        out.extend(&time.to_be_bytes()[1..]);
        out.push((time >> 24) as u8);
        out.extend([0, 0, 0]);
        out.extend(body);
        out.extend(back.to_be_bytes());
        out
    };
    let frame = |fill| mux::video_frame(Form::Legacy, VideoCodec::Avc, 0, true, &idr(&[fill; 30]));
    let mut body = tag(9, 5_000, &mux::video_start(Form::Legacy, VideoCodec::Avc, AVC_RECORD), 0xBAD);
    body.extend(tag(9, 5_000, &frame(1), 7));
    // An aggregate within the aggregate, and a type nobody knows, are left out.
    body.extend(tag(22, 5_001, &tag(9, 5_002, &frame(9), 0), 0));
    body.extend(tag(99, 5_003, b"what", 0));
    body.extend(tag(9, 5_040, &frame(2), u32::MAX));
    body.extend(tag(18, 5_041, &metadata().body, 0));
    body.truncate(body.len() - 4);
    let mut peer = Peer::publishing();
    peer.sends(message(22, body).csid(7).on(1).at(200));
    let frames = peer.frames();
    assert_eq!(frames.iter().map(|frame| frame.dts.value).collect::<Vec<_>>(), [200, 240]);
    assert_eq!(frames[1].payload, idr(&[2; 30]));
    assert!(peer.outputs.iter().any(|output| matches!(output, Output::Announced(_))));
    assert_eq!(peer.error, None);
}

/// Hostile case 9.
#[test]
fn an_aggregate_of_too_many_tags_or_a_cut_one_is_an_error() {
    let mut peer = Peer::publishing();
    peer.sends(message(22, vec![0; 15 * 100_000]).csid(7).on(1));
    assert!(matches!(peer.fails(), Error::AggregateTags { max: 4_096, .. }));
    let mut peer = Peer::publishing();
    peer.sends(message(22, vec![9, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1]).csid(7).on(1));
    assert!(matches!(peer.fails(), Error::AggregateCut { len: 0xFF_FFFF, .. }));
}

/// Hostile case 25: what is not taken is refused by name, once, and the rest goes on.
#[test]
fn unknown_codecs_and_further_tracks_are_refused_by_name_and_the_rest_goes_on() {
    let mut peer = Peer::publishing();
    peer.sends(aac_config(0));
    (0..15).for_each(|track| {
        peer.sends(video(0, mux::video_start(Form::Track(track), VideoCodec::Avc, AVC_RECORD)))
    });
    for time in 0..5 {
        peer.sends(video(time, Bytes::from_static(b"\x90vvc1record")));
        peer.sends(video(time, Bytes::from_static(b"\x91zzzz\x00\x00\x00frame")));
        // Fifteen pictures and one sound are as many as are taken.
        peer.sends(video(time, mux::video_start(Form::Track(15), VideoCodec::Avc, AVC_RECORD)));
        peer.sends(audio(time, vec![0x2F, 1, 2, 3]));
        peer.sends(sound(time, &[1; 10]));
    }
    let discards = peer.discards();
    assert_eq!(discards.len(), 4, "{discards:?}");
    assert!(discards.contains(&Discard::Codec(FourCc::VVC)));
    assert!(discards.contains(&Discard::Codec(FourCc(*b"zzzz"))));
    assert!(discards.contains(&Discard::Extra(15)));
    assert!(discards.contains(&Discard::Stray(FourCc::MP3)), "a stray frame does not end the sound");
    assert_eq!(peer.frames().len(), 5);
}

/// OBS Studio sends ten pictures and six sounds at most.
#[test]
fn ten_pictures_and_six_sounds_are_taken_and_the_next_is_left_out() {
    for (pictures, sounds, extra) in [(9, 6, 0), (10, 6, 0), (10, 7, 1)] {
        let mut peer = Peer::publishing();
        for track in 0..pictures {
            peer.sends(video(0, mux::video_start(Form::Track(track), VideoCodec::Avc, AVC_RECORD)));
        }
        for track in 0..sounds {
            let start = mux::audio_start(Form::Track(track), AudioCodec::Aac, AAC_RECORD).unwrap();
            peer.sends(audio(0, start));
        }
        let taken = usize::from(pictures + sounds - extra);
        assert_eq!(peer.tracks().len(), taken);
        assert_eq!(peer.discards(), vec![Discard::Extra(6); usize::from(extra)]);
        for track in 0..pictures {
            let body = mux::video_frame(Form::Track(track), VideoCodec::Avc, 0, true, &idr(&[track]));
            peer.sends(video(40, body));
        }
        assert_eq!((peer.frames().len(), peer.error.clone()), (pictures.into(), None));
    }
}

/// Enhanced RTMP v2, "ModEx" and "Multitrack": all that a tag says of several tracks at once.
#[test]
fn several_tracks_in_one_tag_come_out_each_with_its_time_to_the_microsecond() {
    let mut peer = Peer::publishing();
    let start = |track| mux::video_start(Form::Track(track), VideoCodec::Avc, AVC_RECORD);
    peer.sends(video(0, mux::gather(&[start(0), start(1), start(2)]).unwrap()));
    assert_eq!(peer.tracks().iter().map(|track| track.id.index).collect::<Vec<_>>(), [0, 1, 2]);
    let frame = |track| mux::video_frame(Form::Track(track), VideoCodec::Avc, 40, true, &idr(&[track; 50]));
    let tag = mux::gather(&[frame(0), frame(1), frame(2)]).unwrap();
    peer.sends(video(1_000, tag.clone()));
    peer.sends(video(1_016, mux::offset(TagKind::Video, 666_667, &tag).unwrap()));
    let times: Vec<_> = peer
        .frames()
        .iter()
        .map(|frame| (frame.track.index, frame.dts.micros(), frame.cts, frame.key))
        .collect();
    let whole = (0..3).map(|track| (track, 1_000_000, 40, true));
    assert_eq!(times, whole.chain((0..3).map(|track| (track, 1_016_666, 40_000, true))).collect::<Vec<_>>());
    let start = |track| mux::audio_start(Form::Track(track), AudioCodec::Aac, AAC_RECORD).unwrap();
    peer.sends(audio(1_020, mux::gather(&[start(0), start(1)]).unwrap()));
    let frame = |track| mux::audio_frame(Form::Track(track), AudioCodec::Aac, &[track; 20]);
    peer.sends(audio(1_020, mux::gather(&[frame(0), frame(1)]).unwrap()));
    let heard: Vec<_> = peer.frames().iter().map(|frame| frame.track.to_string()).collect();
    assert_eq!(heard, ["a0", "a1"]);
}

/// Hostile case 25.
#[test]
fn multitrack_bombs_and_nested_modifiers_end_in_bad_frames() {
    let mut tracks = vec![0x96, 0x11];
    tracks.extend(b"avc1");
    (0..=254).for_each(|track| tracks.extend([track, 0, 0, 1, 0xAA]));
    let mut nested = vec![0x97];
    nested.extend([0, 0xAA, 0x17].repeat(500));
    for body in [tracks, nested] {
        let mut peer = Peer::publishing();
        for _ in 0..101 {
            peer.sends(video(0, body.clone()));
        }
        assert!(matches!(peer.error, None | Some(Error::BadFrames(100))), "{:?}", peer.error);
        assert!(peer.frames().is_empty());
    }
}

/// Hostile cases 21 and 24, as far as a session sees them: the old configuration stays in force.
#[test]
fn a_bad_configuration_leaves_the_old_one_in_force() {
    let mut peer = Peer::publishing();
    peer.sends(avc_config(0));
    peer.tracks();
    for record in [&b""[..], b"\x01", &AVC_RECORD[..20], &[0xFF; 64]] {
        peer.sends(video(0, mux::video_start(Form::Legacy, VideoCodec::Avc, record)));
    }
    peer.sends(audio(0, mux::audio_start(Form::Legacy, AudioCodec::Aac, &[0xFF, 0xFF]).unwrap()));
    assert!(peer.tracks().is_empty());
    assert_eq!(peer.discards().len(), 5);
    peer.sends(key_frame(0, &[0; 10]));
    assert_eq!((peer.frames().len(), peer.error), (1, None));
}

/// Hostile case 23: some bad frames are left out, many within ten seconds end the publish.
#[test]
fn bad_frames_are_left_out_and_too_many_end_the_publish() {
    let bad = |time| video(time, Bytes::from_static(b"\x27\x01\0\0\0\0\0\xFF\xFF\x41"));
    let mut peer = Peer::publishing();
    peer.sends(avc_config(0));
    for n in 0..300 {
        peer.sends(bad(n));
        peer.sends(key_frame(n, &[1; 10]));
        peer.waits(Duration::from_millis(150));
    }
    assert_eq!((peer.error.clone(), peer.frames().len()), (None, 300));
    assert_eq!(peer.discards().len(), 300);
    for n in 0..200 {
        peer.sends(bad(n));
    }
    assert_eq!(peer.fails(), Error::BadFrames(100));
}

#[test]
fn empty_frames_are_nothing_at_all() {
    let mut peer = Peer::publishing();
    peer.sends(avc_config(0));
    peer.sends(aac_config(0));
    peer.tracks();
    for _ in 0..200 {
        peer.sends(video(0, Bytes::from_static(b"\x17\x01\0\0\0")));
        peer.sends(video(0, mux::video_end(Form::Legacy, VideoCodec::Avc)));
        peer.sends(video(0, Bytes::new()));
        peer.sends(audio(0, Bytes::new()));
        peer.sends(audio(0, Bytes::from_static(b"\xAF\x01")));
    }
    assert!(peer.outputs.is_empty() && peer.error.is_none(), "{:?} {:?}", peer.outputs, peer.error);
}

#[test]
fn frames_before_their_configuration_are_left_out_and_told_once() {
    let mut peer = Peer::publishing();
    for n in 0..150 {
        peer.sends(key_frame(n, &[1; 10]));
    }
    assert_eq!(peer.discards(), [Discard::NoConfig]);
    peer.sends(avc_config(0));
    peer.sends(key_frame(200, &[1; 10]));
    assert_eq!((peer.frames().len(), peer.error), (1, None));
}

#[test]
fn media_before_publish_or_on_another_stream_is_nothing_to_us() {
    let mut peer = Peer::connected();
    peer.sends(avc_config(0));
    peer.sends(sound(0, &[1; 100]));
    assert!(peer.outputs.is_empty() && peer.error.is_none());
    let mut peer = Peer::publishing();
    peer.sends(avc_config(0).on(2));
    assert!(peer.outputs.is_empty() && peer.error.is_none());
}

#[test]
fn data_that_is_no_metadata_is_left_out() {
    let mut peer = Peer::publishing();
    for body in [&b"\x02\x00\x0aonTextData\x05"[..], b"", b"\x05"] {
        peer.sends(message(18, body.to_vec()).on(1));
    }
    assert!(peer.outputs.is_empty());
    // Type 15 with its leading zero.
    let body = [&[0], &metadata().body[..]].concat();
    peer.sends(message(15, body).on(1));
    assert!(matches!(peer.output(), Output::Announced(_)));
}

/// Hostile cases 17 and 34, as far as a session sees them: silence, and bytes that never make a frame, do not keep a publisher alive.
#[test]
fn a_publisher_that_stops_or_stalls_is_given_up() {
    let ended = |wait| Error::Timeout { wait, limit: Duration::from_secs(10) };
    let mut peer = Peer::publishing();
    peer.waits(Duration::from_secs(11));
    assert_eq!(peer.fails(), ended(Wait::FirstMedia));

    let mut peer = Peer::publishing();
    peer.sends(aac_config(0));
    for _ in 0..5 {
        peer.waits(Duration::from_secs(9));
        peer.sends(sound(0, b"still here"));
    }
    assert_eq!(peer.error, None);
    peer.waits(Duration::from_secs(11));
    assert_eq!(peer.fails(), ended(Wait::Byte));

    let mut peer = Peer::publishing();
    peer.sends(aac_config(0));
    let slow = peer.writer.write(&sound(0, &[0; 100]));
    for byte in slow {
        peer.waits(Duration::from_millis(500));
        peer.says(&[byte]);
    }
    assert_eq!(peer.fails(), ended(Wait::Media));
}

/// Hostile case 33.
#[test]
fn timestamps_that_cannot_be_times_are_named_within_five_seconds() {
    for (scale, fault) in [(0, ClockFault::Still), (1_000, ClockFault::TooFast)] {
        let mut peer = Peer::publishing();
        peer.sends(avc_config(0));
        peer.sends(aac_config(0));
        let begin = peer.now;
        for n in 0..200 {
            peer.sends(key_frame(n * 40 * scale, &[1; 10]));
            peer.sends(sound(n * 40 * scale, &[1; 10]));
            peer.sends(sound((n * 40 + 20) * scale, &[1; 10]));
            if peer.error.is_some() {
                break;
            }
            peer.waits(Duration::from_millis(40));
        }
        assert_eq!(peer.fails(), Error::Clock(fault));
        assert!(peer.now - begin <= Duration::from_secs(5));
    }
}

/// Hostile case 31, as far as a session sees it: strays and jumps are not its business.
#[test]
fn strays_jumps_and_bursts_are_no_fault_of_the_clock() {
    let mut peer = Peer::publishing();
    peer.sends(avc_config(0));
    for n in 0..1_000_u32 {
        let time = match n {
            n if n % 50 == 7 => 36_000_000,
            n if n > 500 => n * 40 + 7_200_000,
            n => n * 40,
        };
        peer.sends(key_frame(time, &[1; 10]));
        // Nothing for three seconds, then three seconds' worth at once.
        if n % 75 == 0 {
            peer.waits(Duration::from_secs(3));
        }
    }
    assert_eq!(peer.error, None);
    assert_eq!(peer.frames().len(), 1_000);
}
