//! What an encoder tells of itself inside its pictures.

use rillcast::flv::mux::{self, Form};
use rillcast::media::{EncoderReport, SessionFrames, TrackId, VideoCodec};
use rillcast::rtmp::Output;

use crate::kit::*;

/// A NAL unit of OBS's session counters: 50 frames composed, 1 too late, 2 dropped, 48 sent.
fn session() -> Vec<u8> {
    let mut data =
        vec![0xca_u8, 0x60, 0xe7, 0x1c, 0x6a, 0x8b, 0x43, 0x88, 0xa3, 0x77, 0x15, 0x1d, 0xf7, 0xbf, 0x8a];
    data.extend(b"\xc2\x00\x01\x042026-11-21T09:30:00.040Z\0\x03");
    let counters = [(1, 50), (2, 1), (3, 2), (4, 48)];
    // The two zeros before a byte below 4 are what emulation prevention is for.
    counters.iter().for_each(|(counter, value)| data.extend([*counter, 0, 0, 3, 0, *value]));
    let size = data.len() - counters.len();
    [&[6, 5, u8::try_from(size).unwrap()][..], &data, &[0x80]].concat()
}

fn behind(picture: &[u8], nal: &[u8]) -> Vec<u8> {
    [picture, &u32::try_from(nal.len()).unwrap().to_be_bytes(), nal].concat()
}

#[test]
fn a_report_comes_out_before_the_picture_it_travels_with_and_others_have_none() {
    let mut peer = Peer::publishing();
    peer.sends(avc_config(0));
    let _track = peer.output();
    let told = behind(&idr(&[1; 9_000]), &session());
    peer.sends(video(40, mux::video_frame(Form::Legacy, VideoCodec::Avc, 0, true, &told)));
    peer.sends(inter_frame(80, &[3; 500]));
    let Output::Encoder(track, report) = peer.output() else { panic!() };
    let frames = SessionFrames { rendered: 50, lagged: 1, dropped: 2, output: 48 };
    assert_eq!(track, TrackId::VIDEO);
    assert_eq!(*report, EncoderReport { session: Some(frames), ..EncoderReport::default() });
    let frames = peer.frames();
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].payload, told, "what was told is sent on as it came");
    assert!(peer.outputs.is_empty(), "{:?}", peer.outputs);
}

#[test]
fn a_report_that_is_cut_anywhere_leaves_the_picture_whole() {
    let nal = session();
    for cut in 1..nal.len() {
        let mut peer = Peer::publishing();
        peer.sends(avc_config(0));
        let _track = peer.output();
        let told = behind(&idr(&[1; 50]), &nal[..cut]);
        peer.sends(video(40, mux::video_frame(Form::Legacy, VideoCodec::Avc, 0, true, &told)));
        let outputs: Vec<_> = peer.outputs.drain(..).collect();
        assert!(matches!(outputs.last(), Some(Output::Frame(_))), "{cut}: {outputs:?}");
    }
}
