//! Configurations that change in mid-publish, and tracks that come late or stop (hostile cases 26 and 27).

use std::time::Duration;

use rillcast::hls;
use rillcast::live::Notice;
use rillcast::media::{CodecConfig, Now, Track, TrackId};

use crate::source::{Sent, Source};
use crate::stage::Stage;

const HINT: &str = "#EXT-X-PRELOAD-HINT:TYPE=MAP";

/// The video's configuration at another size.
fn resized(source: &Source, width: u32, height: u32) -> Track {
    let mut track = source.tracks().remove(0);
    if let CodecConfig::Video(video) = &mut track.config {
        (video.width, video.height) = (width, height);
    }
    track
}

/// The playlist of the video as it is now.
fn playlist(stage: &Stage) -> String {
    let rendition = stage.generation.as_ref().unwrap().rendition(TrackId::VIDEO).unwrap();
    hls::playlist(&rendition.view()).render()
}

/// Whether the init section with this number can be fetched.
fn fetchable(stage: &Stage, number: u32) -> bool {
    let rendition = stage.generation.as_ref().unwrap().rendition(TrackId::VIDEO).unwrap();
    rendition.view().init(number).is_some()
}

/// Frames split at `seconds` from the first one's arrival.
fn split(mut frames: Vec<Sent>, seconds: u64) -> (Vec<Sent>, Vec<Sent>) {
    let at = frames[0].frame.arrival + Duration::from_secs(seconds);
    let rest = frames.split_off(frames.partition_point(|one| one.frame.arrival < at));
    (frames, rest)
}

#[test]
fn an_init_section_is_hinted_from_its_configuration_to_its_first_part() {
    let source = Source { gop: 25, ..Source::default() };
    let mut stage = Stage::new();
    let mut publisher = stage.join(source.tracks());
    let (before, after) = split(source.frames(12, stage.now), 6);
    stage.send(&mut publisher, &before, None);
    assert!(!playlist(&stage).contains(HINT));
    publisher.configure(resized(&source, 640, 360), stage.now);
    let hinted = playlist(&stage);
    assert!(hinted.contains(&format!("{HINT},URI=\"init-1.mp4\"")) && fetchable(&stage, 1), "{hinted}");
    assert!(!hinted.contains("#EXT-X-MAP:URI=\"init-1.mp4\""), "{hinted}");
    // The configuration that it had, after all; and the new one again, under the same name.
    publisher.configure(source.tracks().remove(0), stage.now);
    assert!(!playlist(&stage).contains(HINT));
    publisher.configure(resized(&source, 640, 360), stage.now);
    assert!(playlist(&stage).contains(&format!("{HINT},URI=\"init-1.mp4\"")));
    stage.send(&mut publisher, &after, None);
    let listed = playlist(&stage);
    assert!(!listed.contains(HINT) && listed.contains("#EXT-X-MAP:URI=\"init-1.mp4\""), "{listed}");
    assert_eq!(listed.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{listed}");
}

#[test]
fn an_init_section_whose_source_goes_before_it_is_used_is_taken_back_and_its_name_never_used_again() {
    let source = Source { gop: 25, ..Source::default() };
    let mut stage = Stage::new();
    let mut publisher = stage.join(source.tracks());
    let frames = source.frames(6, stage.now);
    stage.send(&mut publisher, &frames, None);
    publisher.configure(resized(&source, 640, 360), stage.now);
    assert!(playlist(&stage).contains("init-1.mp4"));
    drop(publisher);
    assert!(!playlist(&stage).contains(HINT) && !fetchable(&stage, 1));
    let mut publisher = stage.join(vec![resized(&source, 854, 480), source.tracks().remove(1)]);
    assert!(playlist(&stage).contains(&format!("{HINT},URI=\"init-2.mp4\"")), "{}", playlist(&stage));
    let frames = source.frames(3, stage.now);
    stage.send(&mut publisher, &frames, None);
    let listed = playlist(&stage);
    assert!(listed.contains("#EXT-X-MAP:URI=\"init-2.mp4\"") && !listed.contains("init-1.mp4"), "{listed}");
}

/// Hostile case 26: with a keyframe at once, and with one four seconds later.
#[test]
fn a_configuration_that_changes_mixes_no_init_sections_and_costs_what_cannot_be_decoded() {
    for seconds in [6, 8] {
        let source = Source { gop: 250, ..Source::default() };
        let mut stage = Stage::new();
        let mut publisher = stage.join(source.tracks());
        let (before, mut after) = split(source.frames(20, stage.now), seconds);
        stage.send(&mut publisher, &before, None);
        publisher.configure(resized(&source, 640, 360), stage.now);
        if seconds == 6 {
            after.iter_mut().find(|one| one.frame.track == TrackId::VIDEO).unwrap().frame.key = true;
        }
        // Until a keyframe comes, what follows belongs to the new configuration and cannot be decoded.
        let key = after.iter().position(|one| one.frame.track == TrackId::VIDEO && one.frame.key).unwrap();
        let lost = after[..key].iter().filter(|one| one.frame.track == TrackId::VIDEO).count();
        assert_eq!(lost, if seconds == 6 { 0 } else { 50 });
        stage.send(&mut publisher, &after, None);
        publisher.finish();
        stage.look();
        stage.watcher.finish(stage.generation.as_ref().unwrap());
        let inits: Vec<u32> =
            stage.video().segments.values().map(|segment| segment.head.init.number).collect();
        assert!(inits.is_sorted() && inits.last() == Some(&1), "{inits:?}");
        let sent = before.iter().chain(&after).filter(|one| one.frame.track == TrackId::VIDEO).count();
        assert_eq!(stage.video().samples().len(), sent - lost);
        let gaps = stage.video().parts.values().filter(|part| part.gap).count();
        assert!(
            if lost == 0 { gaps == 0 } else { (1..=5).contains(&gaps) },
            "{gaps} gaps for {lost} pictures"
        );
        assert!(stage.longest_segment() <= Duration::from_secs(3), "{:?}", stage.longest_segment());
        // Nothing of the old configuration stands behind the new init section.
        let first_new =
            stage.video().segments.values().find(|segment| segment.head.init.number == 1).unwrap();
        assert!(first_new.head.discontinuity && first_new.head.independent, "{:?}", first_new.head);
    }
}

/// Hostile case 27: for a minute nothing comes of one track.
#[test]
fn a_track_that_stops_for_a_minute_leaves_gaps_and_the_other_loses_nothing() {
    for stops in [TrackId::VIDEO, TrackId::AUDIO] {
        let source = Source::default();
        let mut stage = Stage::new();
        let mut publisher = stage.join(source.tracks());
        let mut frames = source.frames(80, stage.now);
        let paused = |now: Now, one: &Sent| {
            let at = one.frame.arrival.saturating_duration_since(now.mono);
            one.frame.track == stops && (Duration::from_secs(10)..Duration::from_secs(70)).contains(&at)
        };
        frames.retain(|one| !paused(stage.now, one));
        stage.send(&mut publisher, &frames, None);
        publisher.finish();
        stage.look();
        stage.watcher.finish(stage.generation.as_ref().unwrap());
        for (track, seen) in &stage.watcher.seen {
            let sent = frames.iter().filter(|one| one.frame.track == *track).count();
            let lost = sent - seen.samples().len();
            assert!(lost <= 1, "{stops} stops: {lost} frames of {track} are lost");
            let gaps = seen.parts.values().filter(|part| part.gap).count();
            assert!(
                if *track == stops { gaps >= 115 } else { gaps == 0 },
                "{stops} stops: {gaps} gaps in {track}"
            );
            let epochs = seen.segments.values().map(|segment| segment.head.epoch).max();
            assert_eq!(epochs, Some(0), "{stops} stops: what was lost is a gap, not a new clock");
        }
        assert!(stage.longest_segment() <= Duration::from_secs(3), "{stops}: {:?}", stage.longest_segment());
    }
}

/// Hostile case 27: what was not there when the stream began has no rendition, and harms nothing.
#[test]
fn a_track_that_comes_after_thirty_seconds_is_told_and_left_out() {
    let source = Source::default();
    let mut stage = Stage::new();
    let tracks = source.tracks();
    let mut publisher = stage.join(vec![tracks[0].clone()]);
    let (before, after) = split(source.frames(40, stage.now), 30);
    let pictures: Vec<Sent> = before.into_iter().filter(|one| one.frame.track == TrackId::VIDEO).collect();
    stage.send(&mut publisher, &pictures, None);
    publisher.configure(tracks[1].clone(), stage.now);
    assert!(publisher.notices().iter().any(|notice| matches!(notice, Notice::LateTrack(TrackId::AUDIO))));
    stage.send(&mut publisher, &after, None);
    publisher.finish();
    stage.look();
    let generation = stage.generation.as_ref().unwrap();
    assert_eq!(generation.renditions().len(), 1);
    stage.watcher.finish(generation);
    assert_eq!(stage.video().samples().len(), 1_000);
    assert!(stage.longest_silence() <= Duration::from_millis(500), "{:?}", stage.longest_silence());
}
