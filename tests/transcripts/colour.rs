//! Colour told beside the bitstream, by metadata packets as OBS and ffmpeg write them.

use bytes::Bytes;
use rillcast::media::{CodecConfig, Colour, Track, VideoRange};
use rillcast::rtmp::Discard;

use crate::kit::*;

/// `colorInfo` of HLG in BT.2020, as OBS sends it: numbers in nested objects, and how bright the display was.
const HLG: &[u8] = b"\x02\x00\x09colorInfo\x03\
    \x00\x0bcolorConfig\x03\
    \x00\x08bitDepth\x00\x40\x24\x00\x00\x00\x00\x00\x00\
    \x00\x0ecolorPrimaries\x00\x40\x22\x00\x00\x00\x00\x00\x00\
    \x00\x17transferCharacteristics\x00\x40\x32\x00\x00\x00\x00\x00\x00\
    \x00\x12matrixCoefficients\x00\x40\x22\x00\x00\x00\x00\x00\x00\
    \x00\x00\x09\
    \x00\x07hdrMdcv\x03\x00\x0cmaxLuminance\x00\x40\x8f\x40\x00\x00\x00\x00\x00\x00\x00\x09\
    \x00\x00\x09";

const AS_HLG: Option<Colour> = Some(Colour { primaries: 9, transfer: 18, matrix: 9, full_range: false });

/// A metadata packet of the first track (command frame, packet type 4), or of another.
fn says(track: u8, body: &[u8]) -> Wire {
    let head: &[u8] = if track == 0 { b"\xD4avc1" } else { &[b"\xD6\x04avc1", &[track][..]].concat() };
    video(0, Bytes::from([head, body].concat()))
}

fn colours(peer: &mut Peer) -> Vec<Option<Colour>> {
    let colour = |track: Track| match track.config {
        CodecConfig::Video(video) => video.colour,
        CodecConfig::Audio(audio) => panic!("{audio:?}"),
    };
    peer.tracks().into_iter().map(colour).collect()
}

#[test]
fn colour_told_before_or_behind_the_configuration_is_the_tracks() {
    let mut peer = Peer::publishing();
    peer.sends(says(0, HLG));
    peer.sends(avc_config(0));
    assert_eq!(colours(&mut peer), [AS_HLG], "OBS tells it first");
    assert_eq!(VideoRange::of(AS_HLG), VideoRange::Hlg);

    let mut peer = Peer::publishing();
    peer.sends(avc_config(0));
    peer.sends(says(0, HLG));
    peer.sends(says(0, HLG));
    peer.sends(key_frame(0, &[1; 10]));
    assert_eq!(colours(&mut peer), [None, AS_HLG], "ffmpeg tells it behind; said again it is nothing new");
    assert_eq!((peer.frames().len(), peer.discards()), (1, vec![]));
}

#[test]
fn undefined_takes_it_back_and_another_track_keeps_its_own() {
    let mut peer = Peer::publishing();
    peer.sends(avc_config(0));
    peer.sends(says(0, HLG));
    peer.sends(says(1, b"\x02\x00\x09colorInfo\x06"));
    assert_eq!(colours(&mut peer), [None, AS_HLG]);
    peer.sends(says(0, b"\x02\x00\x09colorInfo\x06"));
    assert_eq!(colours(&mut peer), [None]);
}

#[test]
fn what_the_bitstream_says_wins_and_metadata_fills_the_rest() {
    let own = Colour { primaries: 1, transfer: 2, matrix: 1, full_range: true };
    let both = Colour { primaries: 1, transfer: 18, matrix: 1, full_range: true };
    assert_eq!(Colour::filled(Some(own), AS_HLG), Some(both));
    assert_eq!(Colour::filled(None, AS_HLG), AS_HLG);
    assert_eq!(Colour::filled(Some(own), None), Some(own));
}

#[test]
fn no_metadata_takes_the_track_down_and_what_cannot_be_read_is_told_once() {
    let deep = [&b"\x02\x00\x09colorInfo"[..], &b"\x03\x00\x01a".repeat(4_000)].concat();
    let long = [&b"\x02\x00\x09colorInfo\x0c\xff\xff\xff\xff"[..], &[b'a'; 100]].concat();
    let hostile: [(&[u8], bool); 7] = [
        (b"", true),
        (b"\xff\xff\xff", false),
        (b"\x02\x00\x09colorInfo\x00\x40\x32\x00\x00\x00\x00\x00\x00", true),
        (b"\x02\x00\x09colorInfo\x02\x00\x03hlg", true),
        (b"\x02\x00\x09colorInfo\x03\x00\x0bcolorConfig\x02\x00\x01x\x00\x00\x09", true),
        (&deep, false),
        (&long, false),
    ];
    for (body, readable) in hostile {
        let mut peer = Peer::publishing();
        peer.sends(avc_config(0));
        // More often than bad frames are put up with.
        (0..200).for_each(|_| peer.sends(says(0, body)));
        peer.sends(key_frame(0, &[1; 10]));
        assert_eq!(peer.error, None, "{body:02x?}");
        assert_eq!((colours(&mut peer), peer.frames().len()), (vec![None], 1));
        let told = peer.discards();
        assert_eq!(told.len(), usize::from(!readable), "{told:?}");
        assert!(told.iter().all(|why| matches!(why, Discard::Metadata(_))), "{told:?}");
    }
}

#[test]
fn metadata_cut_anywhere_says_nothing() {
    for end in 0..HLG.len() {
        let mut peer = Peer::publishing();
        peer.sends(says(0, &HLG[..end]));
        peer.sends(avc_config(0));
        peer.sends(key_frame(0, &[1; 10]));
        assert_eq!((colours(&mut peer), peer.frames().len()), (vec![None], 1), "cut at {end}");
    }
}
