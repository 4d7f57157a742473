//! A publish of OBS Studio, and plays of others, as they came over the wire.

use std::time::Duration;

use rillcast::media::{CodecConfig, TrackKind};
use rillcast::rtmp::Output;

use crate::kit::*;

const OBS: &[u8] = include_bytes!("../../fixtures/obs_studio_29_publish.rtmp");

/// The recording in reads of so many bytes; its name and key are accepted.
fn replayed(reads: usize) -> Peer {
    let mut peer = Peer::silent();
    for read in OBS.chunks(reads) {
        peer.says(read);
        peer.now += Duration::from_millis(1);
        if peer.outputs.iter().any(|output| matches!(output, Output::PublishRequested(_))) {
            let request = peer.is_accepted();
            // A key alone stands in the place of a name, and finds its stream.
            assert_eq!((request.path.as_str(), request.key.is_none()), ("secret-of-cam-0123", true));
            assert!(request.encoder.unwrap().starts_with("FMLE/3.0 (compatible; FMSc/1.0)"));
        }
    }
    peer
}

#[test]
fn a_recorded_publish_of_obs_studio_is_taken_whole_however_it_is_cut() {
    let mut first = None;
    for reads in [1_460, 4_096, 97] {
        let mut peer = replayed(reads);
        assert_eq!((peer.error.clone(), peer.discards()), (None, vec![]), "{reads}");
        let tracks = peer.tracks();
        let codecs: Vec<_> = tracks.iter().map(|track| track.config.codecs()).collect();
        assert_eq!(codecs, ["mp4a.40.2", "avc1.64001e"], "{reads}: sound first");
        let CodecConfig::Video(video) = &tracks[1].config else { panic!() };
        assert_eq!((video.width, video.height), (640, 360));
        let Some(Output::Announced(said)) = peer.outputs.front() else { panic!("{:?}", peer.outputs) };
        assert_eq!(
            (said.width, said.height, said.frame_rate.map(|rate| rate.fps())),
            (Some(640), Some(360), Some(30.0))
        );
        assert!(said.encoder.as_ref().is_some_and(|name| name.contains("obs-output")), "{said:?}");
        let frames = peer.frames();
        let of = |kind| frames.iter().filter(move |frame| frame.track.kind == kind);
        let keys = of(TrackKind::Video).filter(|frame| frame.key).count();
        let seen = (of(TrackKind::Video).count(), of(TrackKind::Audio).count(), keys);
        assert_eq!(*first.get_or_insert(seen), seen, "{reads}");
        let times: Vec<_> = of(TrackKind::Video).map(|frame| frame.dts.value).collect();
        assert!(times.windows(2).all(|pair| (32..=35).contains(&(pair[1] - pair[0]))), "30 frames a second");
    }
    assert_eq!(first, Some((537, 836, 3)), "17.9 s; the encoder chose to begin every 8.3 s anew");
}

#[test]
fn recorded_plays_of_gstreamer_and_librtmp_are_let_in_and_end_as_they_ended() {
    let recordings: [(&[u8], Option<&str>, Option<Output>); 2] = [
        (include_bytes!("../../fixtures/gstreamer_rtmp2src_play.rtmp"), Some("LNX 10,0,32,18"), None),
        (include_bytes!("../../fixtures/librtmp_play.rtmp"), None, Some(Output::Stopped)),
    ];
    for (recording, player, end) in recordings {
        for reads in [1, 97, 1_460] {
            let mut peer = Peer::silent();
            let mut asked = 0;
            for read in recording.chunks(reads) {
                peer.says(read);
                peer.now += Duration::from_millis(1);
                if peer.outputs.iter().any(|output| matches!(output, Output::PlayRequested(_))) {
                    let request = peer.may_play();
                    assert_eq!((request.name.as_str(), request.player.as_deref()), ("cam", player));
                    asked += 1;
                }
            }
            assert_eq!((asked, peer.error.clone()), (1, None), "{reads}");
            assert_eq!(peer.outputs.pop_front(), end, "{reads}");
            assert!(peer.heard.iter().all(|heard| heard.text("level") != Some("error")), "{:?}", peer.heard);
        }
    }
}
