//! Endless files of a stream, read back by readers that share no code with what made them: the `mp4` crate, the FLV
//! parser of the way in, and a demultiplexer of transport streams written here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

#[path = "progressive/demux.rs"]
mod demux;
#[path = "progressive/flv.rs"]
mod flv;
#[path = "progressive/mp4.rs"]
mod mp4;
#[path = "progressive/rtmp.rs"]
mod rtmp;
#[path = "progressive/source.rs"]
mod source;
#[path = "progressive/ts.rs"]
mod ts;

use std::sync::Arc;

use rillcast::live::Entry as _;
use rillcast::media::Frame;
use rillcast::progressive::{Chunk, Format, Head, Incompatible, Mux, Onward};

use self::source::Source;

/// Everything a reader gets that joins at the first chunk where one can, and the chunks.
struct Watched {
    bytes: Vec<u8>,
    chunks: Vec<Chunk>,
}

/// What a reader of `chunks` is sent.
fn sent(chunks: &[Chunk]) -> Vec<u8> {
    sent_with_gaps(&[chunks])
}

/// What a reader is sent that gets one of `runs` after the other, and misses what was between.
fn sent_with_gaps(runs: &[&[Chunk]]) -> Vec<u8> {
    let mut had: Option<&Arc<Head>> = None;
    let mut bytes = Vec::new();
    for run in runs {
        for (place, chunk) in run.iter().enumerate() {
            bytes.extend(&chunk.preface(had, place == 0)[..]);
            had = Some(&chunk.head);
            chunk.body.runs().iter().for_each(|run| bytes.extend(&run[..]));
        }
    }
    bytes
}

fn watch(format: Format, source: &Source) -> Watched {
    let mut mux = Mux::new(format, &source.tracks).unwrap();
    let mut chunks = Vec::new();
    for frame in &source.frames {
        mux.push(frame);
        chunks.extend(std::iter::from_fn(|| mux.pull()));
    }
    mux.end();
    chunks.extend(std::iter::from_fn(|| mux.pull()));
    assert_eq!(mux.unfit(), 0);
    let first = chunks.iter().position(Chunk::start).expect("one can join somewhere");
    assert_eq!(first, 0, "a source begins with a keyframe");
    Watched { bytes: sent(&chunks), chunks }
}

/// Frames of the track at `place` of `source`.
fn frames(source: &Source, place: usize) -> Vec<&Frame> {
    source.frames.iter().filter(|frame| frame.track == source.tracks[place].id).collect()
}

#[test]
fn what_a_format_cannot_carry_is_refused_in_words() {
    let refusal = |format, source: &Source| Mux::new(format, &source.tracks).unwrap_err().to_string();
    assert_eq!(
        refusal(Format::Ts, &source::fixture("av1_main10_pq_aac.flv")),
        "MPEG-TS cannot carry track v0 (av01.0.00M.10.0.110.09.16.09.0): no standard says how AV1 is carried"
    );
    let vp9 = refusal(Format::Ts, &source::fixture("vp9_altref_aac.flv"));
    assert!(vp9.ends_with("no standard says how VP9 is carried"), "{vp9}");
    let flac = refusal(Format::Ts, &source::fixture("synthetic_enhanced_flac.flv"));
    assert_eq!(flac, "MPEG-TS cannot carry track a0 (fLaC): no standard says how FLAC is carried");
    for format in [Format::Mp4, Format::Flv, Format::Ts] {
        assert!(matches!(Mux::new(format, &[]), Err(Incompatible::Nothing)));
        for name in source::FIXTURES.iter().filter(|name| format != Format::Ts || source::fits_ts(name)) {
            assert!(Mux::new(format, &source::fixture(name).tracks).is_ok(), "{format} {name}");
        }
    }
}

#[test]
fn an_mp4_file_ends_where_the_configuration_is_another_and_goes_on_where_it_is_not() {
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    let other = source::fixture("hevc_main_bframes_aac.flv");
    let mut mux = Mux::new(Format::Mp4, &source.tracks).unwrap();
    mux.push(&source.frames[0]);
    assert!(mux.pull().is_none(), "a fragment is gathered");
    assert!(matches!(mux.begin(&source.tracks), Onward::GoesOn));
    assert_eq!(mux.pull().unwrap().body.runs().len(), 2, "an epoch cuts");
    mux.push(&source.frames[0]);
    let Onward::MustEnd(why) = mux.begin(&other.tracks) else { panic!("goes on") };
    assert_eq!(why.to_string(), "MP4 cannot go on: the stream has other tracks than before");
    assert!(mux.pull().is_some(), "what was gathered is still sent");
    source.frames.iter().for_each(|frame| mux.push(frame));
    assert!(mux.pull().is_none());
    assert!(matches!(mux.begin(&source.tracks), Onward::MustEnd(_)), "an end is an end");
}

#[test]
fn frames_of_other_tracks_are_passed_over() {
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    for format in [Format::Mp4, Format::Flv, Format::Ts] {
        let mut mux = Mux::new(format, &source.tracks).unwrap();
        for frame in &source.frames {
            let mut other = frame.clone();
            other.track.index = 7;
            mux.push(&other);
        }
        mux.end();
        assert!(mux.pull().is_none());
    }
}

#[test]
fn frames_that_no_timeline_makes_do_no_harm() {
    let mut random = source::Random::new();
    let source = source::fixture("bbb_720p25_avc_aac.mp4");
    let extremes = [i64::MIN, i64::MIN + 1, -1, 0, 1, 90_000, i64::MAX / 2, i64::MAX - 1, i64::MAX];
    for format in [Format::Mp4, Format::Flv, Format::Ts] {
        let mut mux = Mux::new(format, &source.tracks).unwrap();
        for round in 0..400 {
            let mut frame = source.frames[round % 20].clone();
            let mut extreme = || extremes[random.below(extremes.len() as u64) as usize];
            (frame.dts.value, frame.cts) = (extreme(), extreme());
            frame.duration = (round % 3 > 0).then(&mut extreme);
            frame.payload.truncate(random.below(40) as usize);
            mux.push(&frame);
            if random.below(30) == 0 {
                let _ = mux.begin(&source.tracks);
            }
            while let Some(chunk) = mux.pull() {
                assert!(chunk.bytes() < 1 << 20, "{format}: {} bytes", chunk.bytes());
            }
        }
        mux.end();
    }
}
