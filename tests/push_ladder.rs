//! FLV files of several tracks, in every form of multitrack tag, are read as what they are.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use bytes::Bytes;
use rillcast::flv::TagKind;
use rillcast::flv::mux::{self, Form};
use rillcast::media::{CodecConfig, Ticks, Timescale, TrackId};
use rillcast::push::{Clip, ClipError, ClipTrack};

const LOOPING: &[u8] = include_bytes!("../fixtures/bbb_720p25_avc_aac.mp4");
const SURROUND: &[u8] = include_bytes!("../fixtures/bbb_720p25_gop132_aac51.mp4");
const HEVC: &[u8] = include_bytes!("../fixtures/hevc_main_bframes_aac.flv");

fn ladder(further: &'static [u8]) -> Clip {
    Clip::join([LOOPING, further].map(|file| Clip::parse(Bytes::from_static(file)).unwrap())).unwrap()
}

/// Tags of frames by their time, and whether they are of pictures.
type Frames = BTreeMap<(i64, bool), Vec<Bytes>>;

/// The tags of a clip as one-track tags, by kind and time: sequence headers first.
fn tags(clip: &Clip) -> (Vec<(TagKind, Bytes)>, Frames) {
    let (mut starts, mut frames) = (Vec::new(), Frames::new());
    for ClipTrack { track, scale, samples } in clip.tracks() {
        let form = Form::Track(track.id.index);
        let first = Ticks::new(samples[0].dts, *scale).to(Timescale::MILLIS).value;
        let millis = |ticks: i64| Ticks::new(ticks, *scale).to(Timescale::MILLIS).value - first;
        match &track.config {
            CodecConfig::Video(video) => {
                starts.push((TagKind::Video, mux::video_start(form, video.codec, &video.record)));
                for s in samples {
                    let cts = (millis(s.dts + s.cts) - millis(s.dts)) as i32;
                    let tag = mux::video_frame(form, video.codec, cts, s.key, &s.payload);
                    frames.entry((millis(s.dts), true)).or_default().push(tag);
                }
            }
            CodecConfig::Audio(audio) => {
                let start = mux::audio_start(form, audio.codec, &audio.record).unwrap();
                starts.push((TagKind::Audio, start));
                for s in samples {
                    let tag = mux::audio_frame(form, audio.codec, &s.payload);
                    frames.entry((millis(s.dts), false)).or_default().push(tag);
                }
            }
        }
    }
    (starts, frames)
}

/// The clip as a file: each track a tag of its own, or all that can be in one.
fn file(clip: &Clip, gathered: bool) -> Bytes {
    let (starts, frames) = tags(clip);
    let mut out = mux::file_header(true, true).to_vec();
    starts.iter().for_each(|(kind, tag)| out.extend(mux::file_tag(*kind, 0, tag).unwrap()));
    for ((time, video), tags) in frames {
        let kind = if video { TagKind::Video } else { TagKind::Audio };
        let whole = mux::gather(&tags).filter(|_| gathered);
        let tags = whole.map_or(tags, |whole| vec![whole]);
        tags.iter().for_each(|tag| out.extend(mux::file_tag(kind, time as u32, tag).unwrap()));
    }
    out.into()
}

#[test]
fn every_track_of_a_multitrack_file_is_read_with_its_number() {
    for (further, mixed) in [(SURROUND, false), (HEVC, true)] {
        let clip = ladder(further);
        for gathered in [false, true] {
            let read = Clip::parse(file(&clip, gathered)).unwrap();
            let ids = |clip: &Clip| clip.tracks().iter().map(|track| track.track.id).collect::<Vec<_>>();
            assert_eq!(ids(&read), ids(&clip), "two pictures of mixed codecs: {mixed}");
            assert_eq!(ids(&read).len(), 3);
            for (a, b) in clip.tracks().iter().zip(read.tracks()) {
                assert_eq!(a.track, b.track);
                assert_eq!(a.samples.len(), b.samples.len());
                assert!(
                    a.samples.iter().zip(&b.samples).all(|(a, b)| (a.key, &a.payload) == (b.key, &b.payload))
                );
            }
        }
    }
}

#[test]
fn a_ladder_has_a_number_for_every_track_or_is_refused() {
    let pictures = Clip::parse(Bytes::from_static(SURROUND)).unwrap();
    let many = |count| Clip::join(std::iter::repeat_n(pictures.clone(), count));
    let tracks = many(256).unwrap();
    assert_eq!(tracks.tracks()[255].track.id, TrackId { index: 255, ..TrackId::VIDEO });
    assert!(matches!(many(257), Err(ClipError::Tracks)));
    assert!(matches!(Clip::join([]), Err(ClipError::Empty)));
}
