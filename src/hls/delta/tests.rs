//! What a delta update leaves out, and that a client can put it back.

use proptest::prelude::*;

use super::*;
use crate::hls::fixture::{Builder, audio_track};
use crate::hls::{Answer, Directives, File, Request, answer};
use crate::m3u8::{Media, Segment, Skip};
use crate::media::Timescale;

fn text(view: &View, query: &str) -> String {
    let directives = Directives::parse(Some(query));
    let request = Request { file: File::Playlist, directives, gzip: false, whole_segments: false };
    match answer(view, &request) {
        Answer::Ready(reply) => {
            reply.body.into_iter().map(|run| String::from_utf8(run.to_vec()).unwrap()).collect()
        }
        other => panic!("?{query}: {other:?}"),
    }
}

fn read(view: &View, query: &str) -> Media {
    Media::parse(&text(view, query)).unwrap()
}

/// Twelve segments, the fourth and the ninth in epochs of their own, two parts open, the first two gone.
fn long() -> Builder {
    let mut builder = Builder::video(3, 0);
    builder.new_epoch();
    (0..5).for_each(|_| builder.segment(4));
    builder.new_epoch();
    (0..4).for_each(|_| builder.segment(4));
    builder.parts(2);
    builder.listed_from = 2;
    builder
}

#[test]
fn a_delta_update_is_the_pinned_text() {
    assert_eq!(text(&long().view(), "_HLS_skip=YES"), include_str!("../../../tests/golden/delta.m3u8"));
}

#[test]
fn every_playlist_offers_six_target_durations() {
    let mut ended = long();
    ended.end();
    let mut audio = Builder::new(audio_track());
    audio.segment(4);
    for builder in [long(), long().standard(), ended, audio, Builder::video(1, 1)] {
        for query in ["", "_HLS_skip=YES", "_HLS_skip=v2"] {
            let control = read(&builder.view(), query).server_control;
            assert_eq!(control.can_skip_until, Some(Seconds::from_micros(12_000_000)));
        }
    }
}

#[test]
fn exactly_the_skip_boundary_is_kept_where_segments_add_up_to_it() {
    // Six segments of two seconds are twelve; the open segment does not count.
    for (closed, skipped) in [(0, 0), (5, 0), (6, 0), (7, 1), (12, 6)] {
        for open in [1, 3] {
            assert_eq!(skippable(&Builder::video(closed, open).view()), skipped, "{closed} and {open}");
        }
    }
}

#[test]
fn where_nothing_is_older_than_the_boundary_the_playlist_is_full() {
    let view = Builder::video(6, 2).view();
    let full = text(&view, "");
    assert!(!full.contains("EXT-X-SKIP"));
    for query in ["_HLS_skip=YES", "_HLS_skip=v2", "_HLS_msn=6&_HLS_part=3&_HLS_skip=YES"] {
        assert_eq!(text(&view, query), full, "?{query}");
    }
}

#[test]
fn the_first_kept_segment_names_its_init_section_and_both_sequence_numbers_stay() {
    let mut builder = long();
    builder.discontinuity_sequence = 7;
    let (full, delta) = (read(&builder.view(), ""), read(&builder.view(), "_HLS_skip=YES"));
    assert_eq!(delta.skip, Some(Skip { segments: 4, removed_date_ranges: None }));
    assert_eq!((delta.media_sequence, delta.discontinuity_sequence), (3, 7));
    assert_eq!((full.media_sequence, full.discontinuity_sequence), (3, 7));
    assert_eq!(delta.segments[0].uri, "seg-7.m4s");
    assert_eq!(delta.segments[0].head.map.as_deref(), Some("init-1.mp4"));
    // A discontinuity that is kept stays where it is.
    assert!(delta.segments[2].head.discontinuity && delta.segments[2].head.map.is_some());
}

#[test]
fn after_the_end_nothing_is_skipped() {
    let mut builder = long();
    builder.end();
    let full = text(&builder.view(), "");
    for query in ["_HLS_skip=YES", "_HLS_skip=v2", "_HLS_msn=4&_HLS_skip=YES"] {
        assert_eq!(text(&builder.view(), query), full, "?{query}");
    }
}

#[test]
fn what_is_not_understood_gets_a_full_playlist() {
    let view = long().view();
    for query in ["_HLS_skip", "_HLS_skip=yes", "_HLS_skip=v3", "_HLS_skip=YES&_HLS_skip=v2"] {
        assert_eq!(text(&view, query), text(&view, ""), "?{query}");
    }
}

/// What a client does with an update (§6.2.5.1): the segments it skips come from the playlist before, and
/// everything else from the update. `None` when the client has too old a playlist and needs a full one.
fn merge(before: &Media, update: Media) -> Option<Media> {
    let Some(skip) = &update.skip else { return Some(update) };
    let gone = usize::try_from(update.media_sequence.checked_sub(before.media_sequence)?).ok()?;
    let count = usize::try_from(skip.segments).unwrap();
    let known = resolved(before).get(gone..gone.checked_add(count)?)?.to_vec();
    // Parts so far from the end are of no use any more.
    let known = known.into_iter().map(|segment| Segment { parts: Vec::new(), ..segment });
    let mut segments: Vec<Segment> = known.chain(resolved(&update)).collect();
    let mut map = None;
    for segment in &mut segments {
        let own = segment.head.map.clone();
        if own == map {
            segment.head.map = None;
        }
        map = own;
    }
    let mut date_ranges = update.date_ranges.clone();
    if let Some(removed) = &skip.removed_date_ranges {
        date_ranges.clone_from(&before.date_ranges);
        date_ranges.retain(|range| !removed.contains(&range.id));
        // One that ends another has its id, and is another all the same.
        let fresh = update.date_ranges.iter().filter(|new| !before.date_ranges.contains(new));
        date_ranges.extend(fresh.cloned());
    }
    let mut merged = Media { segments, date_ranges, skip: None, ..update };
    if let Some(open) = merged.open.as_mut().filter(|open| open.head.map == map) {
        open.head.map = None;
    }
    Some(merged)
}

/// The segments, each with the init section that applies to it.
fn resolved(media: &Media) -> Vec<Segment> {
    let mut map = None;
    let mut all = media.segments.clone();
    for segment in &mut all {
        map = segment.head.map.take().or(map);
        segment.head.map.clone_from(&map);
    }
    all
}

/// The steps a rendition can take.
fn step(builder: &mut Builder, kind: u8, parts: usize) {
    let listed = builder.segments.len() - builder.listed_from;
    match kind {
        0..=3 => builder.part(),
        4 if builder.open.is_none() => builder.new_epoch(),
        5 => builder.gap(),
        12 => builder.range(Some(parts as u64 * 3)),
        13 if parts == 1 => builder.range(None),
        14 => builder.end_range(),
        6 | 7 if listed > 6 => builder.unlist(1),
        _ if builder.open.is_some() => builder.close(),
        _ => builder.segment(parts),
    }
    if builder.open.as_ref().is_some_and(|open| open.parts.len() == 4) {
        builder.close();
    }
}

proptest! {
    // Each case renders and reads hundreds of playlists.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a client had, a delta and what it had are the full playlist, to the byte.
    #[test]
    fn a_delta_merged_with_the_playlist_before_is_the_full_one(
        steps in prop::collection::vec((0_u8..15, 1_usize..5, any::<bool>()), 1..160), standard in any::<bool>(),
        v2 in any::<bool>(),
    ) {
        let mut builder = Builder::video(6, 0);
        if standard {
            builder = builder.standard();
        }
        let mut had = read(&builder.view(), "");
        for (kind, parts, reload) in steps {
            step(&mut builder, kind, parts);
            if !reload {
                continue;
            }
            let view = builder.view();
            let (full, update) = (text(&view, ""), text(&view, if v2 { "_HLS_skip=v2" } else { "_HLS_skip=YES" }));
            let update = Media::parse(&update).unwrap();
            // One that was away for longer than the boundary asks again without the directive.
            let merged = merge(&had, update).unwrap_or_else(|| Media::parse(&full).unwrap());
            prop_assert_eq!(merged.render(), full);
            had = merged;
        }
    }

    /// What is kept is never shorter than CAN-SKIP-UNTIL, and one segment less would be, whatever the
    /// lengths of segments and the timescale (§4.4.3.8, §6.2.5.1).
    #[test]
    fn what_stays_is_as_long_as_the_boundary_and_no_longer_than_needed(
        ticks in prop::collection::vec(1_i64..200_000, 1..60), rate in 8_000_u32..96_000, target in 1_u32..5,
    ) {
        let mut builder = Builder::new(audio_track());
        builder.constants.target_duration = target;
        if let crate::media::CodecConfig::Audio(audio) = &mut builder.constants.track.config {
            audio.sample_rate = Timescale::new(rate).unwrap();
        }
        for ticks in ticks {
            builder.segment_of(ticks);
        }
        let view = builder.view();
        let delta = read(&view, "_HLS_skip=YES");
        let boundary = delta.server_control.can_skip_until.unwrap().micros();
        let kept: u64 = delta.segments.iter().map(|segment| segment.duration.micros()).sum();
        match delta.skip {
            Some(skip) => {
                prop_assert!(skip.segments > 0 && kept >= boundary, "{kept} of {boundary}");
                prop_assert!(kept - delta.segments[0].duration.micros() < boundary);
                prop_assert_eq!(skip.segments + delta.segments.len() as u64, view.listed().len() as u64);
            }
            None => prop_assert!(kept <= boundary || kept - delta.segments[0].duration.micros() < boundary),
        }
    }
}
