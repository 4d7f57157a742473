//! The I-frame playlist beside the media playlist, and what its ranges hold.

use mp4_atom::{Decode as _, Moof};

use super::*;
use crate::hls::fixture::{Builder, audio_track, real_part};
use crate::hls::{Answer, Directives, Request, answer};
use crate::m3u8::Skip;

fn ask(view: &View, file: File, query: &str) -> Answer {
    let directives = Directives::parse(Some(query));
    answer(view, &Request { file, directives, gzip: false, whole_segments: false })
}

fn text(view: &View, query: &str) -> String {
    match ask(view, File::IFrames, query) {
        Answer::Ready(reply) => {
            reply.body.into_iter().map(|run| String::from_utf8(run.to_vec()).unwrap()).collect()
        }
        other => panic!("?{query}: {other:?}"),
    }
}

/// Nine segments: the third of them all gap, the sixth cut without a key picture, the eighth in a new epoch.
fn builder() -> Builder {
    let mut builder = Builder::video(2, 0);
    (0..4).for_each(|_| builder.gap());
    builder.close();
    builder.segment(4);
    builder.segment(4);
    builder.parts(4);
    builder.open.as_mut().unwrap().head.independent = false;
    builder.close();
    builder.segment(3);
    builder.new_epoch();
    builder.segment(4);
    builder.segment(4);
    builder.parts(2);
    builder.unlist(1);
    builder
}

#[test]
fn an_i_frame_playlist_is_the_pinned_text() {
    assert_eq!(text(&builder().view(), ""), include_str!("../../../tests/golden/iframe.m3u8"));
}

#[test]
fn it_has_the_sequence_and_the_control_of_the_media_playlist() {
    let mut builder = builder();
    for ended in [false, true] {
        if ended {
            builder.end();
        }
        for builder in [builder.clone(), builder.clone().standard()] {
            let view = builder.view();
            let (frames, media) = (Media::parse(&text(&view, "")).unwrap(), crate::hls::playlist(&view));
            assert_eq!(frames.server_control, media.server_control);
            assert_eq!(frames.target_duration, media.target_duration);
            assert_eq!(frames.media_sequence, media.media_sequence);
            assert_eq!(frames.discontinuity_sequence, media.discontinuity_sequence);
            assert_eq!(frames.ended, media.ended);
            assert_eq!(frames.part_target, None);
            assert!(frames.open.is_none() && frames.hint.is_none() && frames.reports.is_empty());
            let of = |media: &Media| -> Vec<_> {
                let entries = media.segments.iter();
                entries.map(|entry| (entry.uri.clone(), entry.duration, entry.head.clone())).collect()
            };
            assert_eq!(of(&frames), of(&media));
        }
    }
}

#[test]
fn a_skip_leaves_out_what_the_media_playlist_would() {
    let view = builder().view();
    let delta = Media::parse(&text(&view, "_HLS_skip=YES")).unwrap();
    assert_eq!(delta.skip, Some(Skip { segments: 1, removed_date_ranges: None }));
    assert_eq!(delta.version(), 9);
    assert_eq!(delta.segments[0].head.map.as_deref(), Some("init-0.mp4"));
}

#[test]
fn a_blocking_reload_waits_for_the_segment_whatever_part_it_names() {
    let status = |query: &str| match ask(&builder().view(), File::IFrames, query) {
        Answer::Ready(_) => 200,
        Answer::WaitFor(_) => 0,
        Answer::Refuse(refusal) => refusal.status(),
    };
    for (query, want) in [
        ("_HLS_msn=9", 200),
        ("_HLS_msn=9&_HLS_part=3", 200),
        ("_HLS_msn=10", 0),
        ("_HLS_msn=10&_HLS_part=0", 0),
        ("_HLS_msn=11", 0),
        ("_HLS_msn=12", 400),
        ("_HLS_part=1", 400),
    ] {
        assert_eq!(status(query), want, "?{query}");
    }
}

#[test]
fn before_the_first_segment_closes_it_waits() {
    assert!(matches!(ask(&Builder::video(0, 3).view(), File::IFrames, ""), Answer::WaitFor(_)));
    let mut ended = Builder::video(0, 0);
    ended.end();
    assert!(matches!(ask(&ended.view(), File::IFrames, ""), Answer::Refuse(_)));
}

/// A segment of one part as the packager makes it.
fn real() -> Builder {
    let mut builder = Builder::video(0, 1);
    let open = builder.open.as_mut().unwrap();
    open.parts[0] = real_part(&open.parts[0]);
    builder.close();
    builder
}

#[test]
fn a_range_holds_the_head_and_exactly_the_key_picture() {
    let view = real().view();
    let entry = update(&view, Skipped::default()).segments.remove(0);
    let range = entry.byte_range.unwrap();
    let Answer::Ready(reply) = ask(&view, File::Segment(1), "") else { panic!("no segment") };
    let bytes: Vec<u8> = reply.body.slice(0..range.length).into_iter().flatten().collect();
    let moof = Moof::decode(&mut bytes.as_slice()).unwrap();
    let run = &moof.traf[0].trun[0];
    let first = run.samples.iter().next().unwrap();
    let data = usize::try_from(run.data_offset.unwrap()).unwrap();
    assert_eq!(bytes.len(), data + first.size.unwrap() as usize);
    assert!(bytes[data..].iter().all(|byte| *byte == 0));
}

#[test]
fn the_declared_rate_is_that_of_the_key_pictures() {
    // 900 bytes and a head, in half a second.
    let view = real().view();
    let bytes = update(&view, Skipped::default()).segments[0].byte_range.unwrap().length;
    let rate = bandwidth(&view).unwrap();
    assert_eq!(rate, Bandwidth { peak: bytes * 16 * 11 / 10 + 1, average: bytes * 16 });
    // "head 0 body 0;" is 14 bytes, over the two seconds that the segment may last.
    assert_eq!(bandwidth(&Builder::video(0, 1).view()).unwrap().average, 56);
    assert_eq!(bandwidth(&Builder::video(0, 0).view()), None);
    let mut gap = Builder::video(0, 0);
    gap.gap();
    gap.close();
    assert_eq!(bandwidth(&gap.view()), None);
    let mut audio = Builder::new(audio_track());
    audio.segment(4);
    assert!(bandwidth(&audio.view()).is_some(), "sound starts anywhere; nobody asks");
}
