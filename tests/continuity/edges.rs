//! Segments at the edge of what they may be: those that gaps would take past their target, those that end as they
//! begin, and those as long as the promised cadence bears. The simulation found each of these.

use std::time::Duration;

use rillcast::live::{Registry, Settings};
use rillcast::media::{CodecConfig, TrackId};

use crate::source::Source;
use crate::stage::Stage;

fn stage(segment: u64) -> Stage {
    let mut stage = Stage::new();
    let mut settings = Settings::default();
    settings.packager.segment = Duration::from_secs(segment);
    stage.registry = Registry::new(settings);
    stage
}

/// RFC 8216bis §4.4.3.1: where a keyframe is expected within the segment, a gap may come in its stead.
#[test]
fn no_gap_takes_a_segment_past_its_target() {
    for gop in [25, 32, 50, 60] {
        for lost in (2_000..4_000).step_by(40) {
            let source = Source { gop, audio_rate: None, ..Source::default() };
            let mut stage = stage(1);
            let mut publisher = stage.join(source.tracks());
            let mut frames = source.frames(4, stage.now);
            let end = stage.now.plus(Duration::from_millis(lost));
            frames.retain(|one| one.frame.arrival < end.mono);
            stage.send(&mut publisher, &frames, None);
            drop(publisher);
            stage.wait(stage.now.plus(Duration::from_secs(11)), None);
            // Every segment is held to the target there.
            stage.watcher.finish(stage.generation.as_ref().unwrap());
        }
    }
}

/// Sound comes a little behind pictures that are reordered: there may be none of it in what a change of
/// configuration leaves of a segment, which it must have all the same, or its later ones would be misnumbered.
#[test]
fn a_segment_that_a_new_configuration_cuts_short_is_one_of_every_rendition() {
    for after in 0..8 {
        let source = Source { gop: 50, delay: 2, ..Source::default() };
        let mut stage = stage(2);
        let mut publisher = stage.join(source.tracks());
        let mut frames = source.frames(9, stage.now);
        let pictures = frames.iter().enumerate().filter(|(_, one)| one.frame.track == TrackId::VIDEO);
        let at = pictures.map(|(at, _)| at).nth(100 + after).unwrap();
        let mut rest = frames.split_off(at);
        rest[0].frame.key = true;
        stage.send(&mut publisher, &frames, None);
        let mut track = source.tracks().remove(0);
        if let CodecConfig::Video(video) = &mut track.config {
            (video.width, video.height) = (640, 360);
        }
        publisher.configure(track, stage.now);
        stage.send(&mut publisher, &rest, None);
        publisher.finish();
        stage.look();
        stage.watcher.finish(stage.generation.as_ref().unwrap());
    }
}

/// RFC 8216bis §6.2.1: a segment at most 1.5 target durations after the last. Where the target is a second, sound that
/// comes a little behind pictures is waited for no longer: segments must end soon enough for it.
#[test]
fn a_long_first_segment_of_one_who_came_back_costs_no_sound() {
    for gop in 20..60 {
        let source = Source { gop, delay: 2, ..Source::default() };
        let mut stage = stage(1);
        let mut sent = 0;
        for _ in 0..2 {
            let mut publisher = stage.join(source.tracks());
            let mut frames = source.frames(6, stage.now);
            // What the first ends with is a matter of its own.
            let pictures = frames.iter().rposition(|one| one.frame.track == TrackId::VIDEO).unwrap();
            frames.truncate(pictures + 1);
            stage.send(&mut publisher, &frames, None);
            drop(publisher);
            stage.wait(stage.now.plus(Duration::from_millis(500)), None);
            sent += frames.iter().filter(|one| one.frame.track == TrackId::AUDIO).count();
        }
        stage.wait(stage.now.plus(Duration::from_secs(11)), None);
        stage.watcher.finish(stage.generation.as_ref().unwrap());
        let came = stage.watcher.seen[&TrackId::AUDIO].samples().len();
        assert_eq!(came, sent, "keyframes every {gop} pictures");
    }
}

/// Pictures stop, and a gap is made for them up to now: sound that is on its way just then is a little late for it, and
/// is not to wait until they are back, behind all that came after it.
#[test]
fn sound_that_a_gap_has_overtaken_keeps_its_order() {
    for stop in (5_000..7_000).step_by(100) {
        let (behind, away) = (40, 4_000);
        let source = Source { gop: 25, ..Source::default() };
        let mut stage = stage(2);
        let mut publisher = stage.join(source.tracks());
        let mut frames = source.frames(16, stage.now);
        let first = frames[0].frame.arrival;
        let without = Duration::from_millis(stop)..Duration::from_millis(stop + away);
        frames.retain(|one| {
            let at = one.frame.arrival.saturating_duration_since(first);
            one.frame.track == TrackId::AUDIO || !without.contains(&at)
        });
        for one in frames.iter_mut().filter(|one| one.frame.track == TrackId::AUDIO) {
            one.frame.arrival += Duration::from_millis(behind);
        }
        frames.sort_by_key(|one| one.frame.arrival);
        stage.send(&mut publisher, &frames, None);
        publisher.finish();
        stage.look();
        stage.watcher.finish(stage.generation.as_ref().unwrap());
        let samples = stage.watcher.seen[&TrackId::AUDIO].samples();
        let numbers: Vec<&[u8]> = samples.iter().map(|sample| &sample.payload[..8]).collect();
        assert!(numbers.is_sorted(), "no pictures from {stop} ms on");
    }
}
