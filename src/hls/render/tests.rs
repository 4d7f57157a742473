//! Playlists against pinned texts, and what must hold of every one.

use std::io::Read as _;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::hls::Directives;
use crate::hls::fixture::{Builder, audio_track};

fn request(gzip: bool) -> Request {
    Request { file: File::Playlist, directives: Directives::NONE, gzip, whole_segments: false }
}

fn plain(view: &View) -> String {
    String::from_utf8(text(view, &request(false)).to_vec()).unwrap()
}

/// Six segments, the fifth in a new epoch, two parts open.
fn live() -> Builder {
    let mut builder = Builder::video(4, 0);
    builder.new_epoch();
    builder.segment(4);
    builder.segment(3);
    builder.parts(2);
    builder.listed_from = 1;
    builder.report(TrackId::AUDIO, 7, 1);
    builder
}

#[test]
fn a_live_playlist_is_the_pinned_text() {
    assert_eq!(plain(&live().view()), include_str!("../../../tests/golden/live.m3u8"));
}

#[test]
fn an_ended_playlist_is_the_pinned_text() {
    let mut builder = live();
    builder.end();
    assert_eq!(plain(&builder.view()), include_str!("../../../tests/golden/ended.m3u8"));
}

#[test]
fn a_playlist_without_parts_is_the_pinned_text() {
    assert_eq!(plain(&live().standard().view()), include_str!("../../../tests/golden/standard.m3u8"));
}

#[test]
fn every_part_of_an_audio_rendition_is_independent() {
    let mut builder = Builder::new(audio_track());
    builder.parts(3);
    assert_eq!(plain(&builder.view()).matches("INDEPENDENT=YES").count(), 3);
}

#[test]
fn the_gzip_body_holds_the_same_text() {
    let view = live().view();
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&*text(&view, &request(true))).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain(&view));
    assert_eq!(text(&view, &request(true)), text(&live().view(), &request(true)));
}

#[test]
fn a_segment_that_opened_without_a_part_is_not_listed_yet() {
    let mut builder = live();
    builder.close();
    let between = plain(&builder.view());
    builder.part();
    let mut view = builder.view();
    view.open.as_mut().unwrap().parts.clear();
    view.next_part -= 1;
    assert_eq!(plain(&view), between);
}

#[test]
fn parts_stay_listed_as_long_as_the_part_hold_back_reaches_them() {
    let mut builder = Builder::video(6, 0);
    let first = |builder: &Builder| first_with_parts(&builder.view());
    // Six seconds are exactly three target durations.
    assert_eq!(first(&builder), 3);
    builder.part();
    assert_eq!(first(&builder), 4);
    builder.constants.part_hold_back = Duration::from_secs(6);
    assert_eq!(first(&builder), 3);
}

/// Hostile case 60: nothing of any request can reach a playlist, and nothing in it depends on a host.
#[test]
fn every_uri_is_relative_and_plain() {
    for line in plain(&live().view()).lines() {
        assert!(!line.contains("://") && !line.contains('?'), "{line}");
        let uri = line.split_once("URI=\"").map_or(line, |(_, uri)| uri);
        assert!(line.starts_with("#EXT-X-VERSION") || !uri.starts_with('/'), "{line}");
    }
}

#[test]
fn a_report_of_whole_segments_never_runs_ahead_of_them() {
    let mut builder = Builder::video(3, 2).standard();
    builder.report(TrackId::AUDIO, 4, 1);
    assert_eq!(playlist(&builder.view()).reports[0].last_msn, 3);
    builder.reports.clear();
    builder.report(TrackId::AUDIO, 2, 3);
    assert_eq!(playlist(&builder.view()).reports[0].last_msn, 2);
}

/// The edits that the specification allows between two versions of a playlist (§6.2.1).
fn follows(before: &Media, after: &Media) -> Result<(), TestCaseError> {
    prop_assert_eq!(before.target_duration, after.target_duration);
    prop_assert_eq!(&before.server_control, &after.server_control);
    prop_assert_eq!(before.part_target, after.part_target);
    let gone = usize::try_from(after.media_sequence - before.media_sequence).unwrap();
    for (old, new) in before.segments.iter().skip(gone).zip(&after.segments) {
        prop_assert_eq!(old.duration, new.duration);
        prop_assert_eq!(&old.uri, &new.uri);
        prop_assert_eq!(old.head.date_time, new.head.date_time);
        prop_assert!(new.parts.is_empty() || new.parts == old.parts);
    }
    // What was open is open still with more parts, or closed.
    if let Some(open) = &before.open {
        let at = before.segments.len() - gone;
        let parts = match after.segments.get(at) {
            Some(closed) => &closed.parts,
            None => &after.open.as_ref().unwrap().parts,
        };
        prop_assert!(parts.starts_with(&open.parts));
    }
    Ok(())
}

/// What players rely on in one playlist.
fn sound(media: &Media) -> Result<(), TestCaseError> {
    let target = media.part_target.unwrap();
    prop_assert!(media.server_control.part_hold_back.unwrap().micros() >= 3 * target.micros());
    let mut listed = Vec::new();
    let mut with_parts = false;
    for segment in &media.segments {
        // Parts are listed from some segment on, without a hole.
        prop_assert!(!with_parts || !segment.parts.is_empty());
        with_parts = !segment.parts.is_empty();
        listed.extend(&segment.parts);
        prop_assert!(segment.head.date_time.is_some());
        prop_assert!(segment.duration.micros() <= (u64::from(media.target_duration) * 1_000_000) + 500_000);
    }
    listed.extend(media.open.iter().flat_map(|open| &open.parts));
    let numbers: Vec<u64> = listed
        .iter()
        .map(|part| part.uri.trim_start_matches("part-").trim_end_matches(".m4s").parse().unwrap())
        .collect();
    prop_assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{:?}", numbers);
    prop_assert!(listed.iter().all(|part| part.duration <= target));
    // The hint is the part after the last one.
    let hint = numbers.last().map(|last| format!("part-{}.m4s", last + 1));
    prop_assert!(hint.is_none() || media.hint == hint);
    Ok(())
}

proptest! {
    #[test]
    fn successive_playlists_only_grow_and_shrink_as_allowed(
        steps in prop::collection::vec((0_u8..12, 1_usize..5), 1..40),
    ) {
        let mut builder = Builder::video(1, 0);
        let mut before = playlist(&builder.view());
        for (kind, parts) in steps {
            match kind {
                0..=6 => builder.part(),
                7 if builder.open.is_none() => builder.new_epoch(),
                8 if builder.segments.len() > builder.listed_from + 6 => builder.listed_from += 1,
                // A segment has at most four parts here, as the packager would see to it.
                _ if builder.open.is_some() => builder.close(),
                _ => builder.segment(parts),
            }
            if builder.open.as_ref().is_some_and(|open| open.parts.len() == 4) {
                builder.close();
            }
            let after = playlist(&builder.view());
            follows(&before, &after)?;
            sound(&after)?;
            prop_assert_eq!(Media::parse(&after.render()), Ok(after.clone()));
            before = after;
        }
    }
}
