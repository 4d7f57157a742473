//! Files of HEVC, AV1 and VP9: read as FLV, packaged, and read again as MP4; and whatever configuration is taken can
//! be packaged.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use bytes::Bytes;
use mp4_atom::{Codec, Decode, Ftyp, Moov};
use proptest::prelude::*;
use rillcast::cmaf::{self, ChunkHead, Sample};
use rillcast::codec::Video;
use rillcast::media::{
    CodecConfig, CodecLimits, Timescale, Track, TrackId, VideoCodec, VideoConfig, rescale,
};
use rillcast::push::{Clip, ClipTrack};

const FILES: [&[u8]; 4] = [
    include_bytes!("../fixtures/hevc_main_bframes_aac.flv"),
    include_bytes!("../fixtures/hevc_main10_hlg_opengop_aac.flv"),
    include_bytes!("../fixtures/av1_main10_pq_aac.flv"),
    include_bytes!("../fixtures/vp9_altref_aac.flv"),
];

fn pictures(clip: &Clip) -> (&ClipTrack, &VideoConfig) {
    let track = &clip.tracks()[0];
    let CodecConfig::Video(video) = &track.track.config else { panic!("no picture") };
    (track, video)
}

/// The track as one fragmented MP4 file.
fn packaged(track: &ClipTrack) -> Bytes {
    let ticks = |time| rescale(time, track.scale, Timescale::VIDEO);
    let sample = |s: &rillcast::push::Sample| Sample {
        duration: ticks(s.duration) as u32,
        size: s.payload.len() as u32,
        offset: ticks(s.cts) as i32,
        sync: s.key,
    };
    let samples: Vec<Sample> = track.samples.iter().map(sample).collect();
    let mut file = cmaf::init(&track.track, track.track.timescale()).unwrap().to_vec();
    file.extend_from_slice(&ChunkHead { sequence: 1, decode_time: 0 }.write(&samples));
    track.samples.iter().for_each(|sample| file.extend_from_slice(&sample.payload));
    file.into()
}

#[test]
fn a_packaged_file_of_every_codec_is_read_back_as_what_it_was() {
    for file in FILES {
        let clip = Clip::parse(Bytes::from_static(file)).unwrap();
        let (track, video) = pictures(&clip);
        assert_eq!(track.frame_rate().map(|rate| rate.fps()), Some(25.0));
        let again = Clip::parse(packaged(track)).unwrap();
        let (other, read) = pictures(&again);
        // AV1's temporal delimiters are left to the server, and are no matter to a reader.
        assert_eq!(VideoConfig { record: video.record.clone(), ..read.clone() }, *video);
        assert_eq!(other.samples.len(), 100);
        for (a, b) in track.samples.iter().zip(&other.samples) {
            assert!(a.payload == b.payload && a.key == b.key);
        }
    }
}

fn entry(init: &Bytes) -> Codec {
    let mut bytes = init.as_ref();
    Ftyp::decode(&mut bytes).unwrap();
    Moov::decode(&mut bytes).unwrap().trak[0].mdia.minf.stbl.stsd.codecs[0].clone()
}

#[test]
fn sample_entries_hold_the_record_colour_and_shape() {
    for file in FILES {
        let clip = Clip::parse(Bytes::from_static(file)).unwrap();
        let (track, video) = pictures(&clip);
        let (visual, colr, pasp) = match entry(&cmaf::init(&track.track, track.track.timescale()).unwrap()) {
            Codec::Hvc1(hvc1) => {
                let complete = hvc1.hvcc.arrays.iter().all(|array| array.completeness);
                assert!(complete && hvc1.hvcc.arrays.len() == 3 && video.codec == VideoCodec::Hevc);
                (hvc1.visual, hvc1.colr, hvc1.pasp)
            }
            Codec::Av01(av01) => {
                assert!(av01.av1c.high_bitdepth && av01.av1c.config_obus == video.record[4..]);
                (av01.visual, av01.colr, av01.pasp)
            }
            Codec::Vp09(vp09) => {
                assert_eq!((vp09.vpcc.level, vp09.vpcc.bit_depth, vp09.vpcc.chroma_subsampling), (11, 8, 1));
                (vp09.visual, vp09.colr, vp09.pasp)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!((visual.width, visual.height), (320, 180));
        let pasp = pasp.unwrap();
        assert_eq!(
            (pasp.h_spacing, pasp.v_spacing),
            (video.pixel_aspect.0.into(), video.pixel_aspect.1.into())
        );
        let mp4_atom::Colr::Nclx { transfer_characteristics, .. } = colr.unwrap() else { panic!("not nclx") };
        assert_eq!(transfer_characteristics, u16::from(video.colour.unwrap().transfer));
    }
}

/// 720x576 as European television has it, for a display of 16:9.
#[test]
fn pictures_of_pixels_that_are_not_square_say_the_size_to_display() {
    let file = include_bytes!("../fixtures/synthetic_720x576_16x9.flv");
    let clip = Clip::parse(Bytes::from_static(file)).unwrap();
    let (track, video) = pictures(&clip);
    assert_eq!((video.width, video.height, video.pixel_aspect), (720, 576, (64, 45)));
    assert_eq!(video.display_size(), (1_024, 576));
    let init = cmaf::init(&track.track, Timescale::VIDEO).unwrap();
    let Codec::Avc1(avc1) = entry(&init) else { panic!("not avc1") };
    assert_eq!((avc1.visual.width, avc1.visual.height), (720, 576));
    let mut bytes = init.as_ref();
    Ftyp::decode(&mut bytes).unwrap();
    let header = &Moov::decode(&mut bytes).unwrap().trak[0].tkhd;
    assert_eq!((header.width.integer(), header.height.integer()), (1_024, 576));
    assert_eq!(rillcast::lint::init(&init).unwrap().size, Some((1_024, 576)));
}

proptest! {
    /// A configuration that is taken and cannot be packaged would end the publish later, and in other words.
    #[test]
    fn whatever_configuration_is_taken_can_be_packaged(
        which in 0..FILES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        tail in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let clip = Clip::parse(Bytes::from_static(FILES[which])).unwrap();
        let (track, video) = pictures(&clip);
        let mut record = video.record.to_vec();
        for (at, byte) in changes {
            let at = at.index(record.len());
            record[at] = byte;
        }
        record.extend(tail);
        let limits = CodecLimits::default();
        if let Ok(mut taken) = Video::parse(video.codec, record.into(), &limits) {
            // What it takes a key frame to know.
            let _ = taken.take(track.samples[0].payload.clone(), true, &limits);
            if let Some(config) = taken.config() {
                let track = Track { id: TrackId::VIDEO, config: CodecConfig::Video(config.clone()) };
                let init = cmaf::init(&track, track.timescale());
                prop_assert!(init.is_ok(), "{:?}", init.err());
            }
        }
    }
}
