//! Generations that outlive their source: stalls, reconnects, takeovers, on a virtual clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stderr, reason = "seeds are printed")]

#[path = "continuity/changes.rs"]
mod changes;
#[path = "continuity/edges.rs"]
mod edges;
#[path = "continuity/kills.rs"]
mod kills;
#[path = "continuity/mistakes.rs"]
mod mistakes;
#[path = "continuity/races.rs"]
mod races;
#[path = "sim/source.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod source;
#[path = "continuity/stage.rs"]
mod stage;
#[path = "sim/watch.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod watch;

use std::time::Duration;

use rillcast::live::{Error, Registry, Settings, Takeover, Terms};
use rillcast::media::{CodecConfig, TrackId};
use source::Source;
use stage::{Stage, cam};

/// RFC 8216bis §6.2.1: a new segment at most 1.5 target durations after the last, a new part within a part target.
/// A gap needs no waiting for where the connection is gone.
#[test]
fn a_broken_connection_leaves_parts_and_segments_on_the_promised_cadence() {
    for (gop, away) in [(50, 0), (50, 700), (25, 3_300), (60, 5_050), (132, 2_000), (32, 9_900)] {
        for at in (0..2_200).step_by(130) {
            let source = Source { gop, ..Source::default() };
            let mut stage = Stage::new();
            let mut publisher = stage.join(source.tracks());
            let mut frames = source.frames(9, stage.now);
            let end = stage.now.plus(Duration::from_millis(6_000 + at));
            frames.retain(|one| one.frame.arrival < end.mono);
            stage.send(&mut publisher, &frames, None);
            stage.wait(end, Some(&mut publisher));
            drop(publisher);
            stage.wait(end.plus(Duration::from_millis(away)), None);
            let mut publisher = stage.join(source.tracks());
            let frames = source.frames(6, stage.now);
            stage.send(&mut publisher, &frames, None);
            drop(publisher);
            stage.wait(stage.now.plus(Duration::from_secs(11)), None);
            stage.watcher.finish(stage.generation.as_ref().unwrap());
            stage.watcher.assert_gaps_apart();
            let case = format!("gop {gop}, lost after {at} ms, away {away} ms");
            // Ten milliseconds are how often it is looked; sound follows pictures within two frames of its own.
            let (part, segment) = (stage.longest_silence(), stage.longest_segment());
            assert!(part <= Duration::from_millis(495 + 55), "{case}: {part:?} without a part");
            assert!(segment <= Duration::from_millis(3_000), "{case}: {segment:?} without a segment");
        }
    }
}

/// What is late on an open connection is waited for a little longer, but no segment is late by it.
#[test]
fn an_open_connection_that_falls_silent_makes_no_segment_late() {
    for (gop, segment) in [(50, 2), (25, 2), (132, 2), (20, 1), (100, 4)] {
        for at in (0..2_200).step_by(130) {
            let source = Source { gop, ..Source::default() };
            let mut stage = Stage::new();
            let mut settings = Settings::default();
            settings.packager.segment = Duration::from_secs(segment);
            stage.registry = Registry::new(settings);
            let mut publisher = stage.join(source.tracks());
            let mut frames = source.frames(15, stage.now);
            let end = stage.now.plus(Duration::from_millis(10_000 + at));
            frames.retain(|one| one.frame.arrival < end.mono);
            stage.send(&mut publisher, &frames, None);
            stage.wait(end.plus(Duration::from_millis(9_700)), Some(&mut publisher));
            publisher.finish();
            stage.look();
            stage.watcher.finish(stage.generation.as_ref().unwrap());
            stage.watcher.assert_gaps_apart();
            let case = format!("gop {gop}, {segment} s, silent after {at} ms");
            let (part, longest) = (stage.longest_silence(), stage.longest_segment());
            assert!(part <= Duration::from_millis(495 + 800), "{case}: {part:?} without a part");
            assert!(
                longest <= Duration::from_millis(1_500 * segment),
                "{case}: {longest:?} without a segment"
            );
        }
    }
}

#[test]
fn a_stalled_input_leaves_gaps_at_the_promised_cadence() {
    for burst in [true, false] {
        for millis in [700, 2_000, 5_000] {
            let source = Source { gop: 25, ..Source::default() };
            let mut stage = Stage::new();
            let mut publisher = stage.join(source.tracks());
            let (from, to) = (Duration::from_secs(10), Duration::from_millis(10_000 + millis));
            let mut frames = source.frames(25, stage.now);
            if !burst {
                let first = frames[0].frame.arrival;
                frames
                    .retain(|one| !(from..to).contains(&one.frame.arrival.saturating_duration_since(first)));
            }
            stage.send(&mut publisher, &frames, Some((from, to)));
            publisher.finish();
            stage.look();
            stage.watcher.finish(stage.generation.as_ref().unwrap());
            stage.watcher.assert_gaps_apart();
            let gaps = stage.video().parts.values().filter(|part| part.gap).count();
            // A late part is not a lost one before 750 ms have passed; a hole may be longer than a part.
            assert!((gaps > 0) == (millis > 700) || !burst, "burst {burst}, {millis} ms: {gaps} gaps");
            // 750 ms and a part for the first, a part for each after it.
            let longest = stage.longest_silence();
            let most = Duration::from_millis(1_300);
            assert!(longest < most, "burst {burst}, {millis} ms: {longest:?} without a part");
            let epochs = stage.video().segments.values().map(|segment| segment.head.epoch).max();
            let late = burst && millis > 700;
            assert_eq!(epochs, Some(u32::from(late)), "late media is a new epoch, lost media is not");
            for track in [TrackId::VIDEO, TrackId::AUDIO] {
                let sent = frames.iter().filter(|one| one.frame.track == track).count();
                let came = stage.watcher.seen[&track].samples().len();
                let lost = usize::from(late && track == TrackId::AUDIO);
                assert!(sent - came <= lost, "burst {burst}, {millis} ms, {track}: {came} of {sent}");
            }
            if late {
                // Dates stay those of the source's clock, as if nothing had happened.
                let last = stage.video().segments.values().last().unwrap();
                let due = 1_800_000_000_000_000 + 25_000_000 - last.duration * 100 / 9;
                let off = last.head.date_time.unix_micros - due;
                assert!(off.abs() < 50_000, "{millis} ms: the last segment is dated {off} us off");
                continue;
            }
            let sent: std::collections::HashMap<_, _> =
                frames.iter().map(|one| (one.frame.payload.to_vec(), one.true_pts)).collect();
            for sample in stage.video().samples() {
                let off = (sample.dts + sample.cts) * 100 / 9 - 1_000_000 - sent[&sample.payload];
                assert!(off.abs() < 1_000, "burst {burst}, {millis} ms: a picture is shown {off} us off");
            }
        }
    }
}

/// A source that sends two seconds at once, every two seconds.
#[test]
fn a_source_that_comes_in_bursts_is_learnt_and_loses_nothing() {
    let source = Source { gop: 50, ..Source::default() };
    let mut stage = Stage::new();
    let mut publisher = stage.join(source.tracks());
    let mut frames = source.frames(30, stage.now);
    let first = frames[0].frame.arrival;
    for one in &mut frames {
        let burst = one.frame.arrival.saturating_duration_since(first).as_secs() / 2 * 2;
        one.frame.arrival = first + Duration::from_secs(burst);
    }
    stage.send(&mut publisher, &frames, None);
    publisher.finish();
    stage.look();
    stage.watcher.finish(stage.generation.as_ref().unwrap());
    let epochs = stage.video().segments.values().map(|segment| segment.head.epoch).max();
    assert!(epochs <= Some(1), "{epochs:?}");
    assert_eq!(stage.video().samples().len(), 750);
}

#[test]
fn a_publisher_that_returns_within_the_grace_goes_on_in_the_same_playlist() {
    for (away, new_config) in [(300, false), (3_000, false), (9_000, false), (3_000, true)] {
        let source = Source { gop: 25, ..Source::default() };
        let mut stage = Stage::new();
        let mut publisher = stage.join(source.tracks());
        let frames = source.frames(10, stage.now);
        stage.send(&mut publisher, &frames, None);
        let first = publisher.generation().id().clone();
        drop(publisher);
        stage.wait(stage.now.plus(Duration::from_millis(away)), None);
        assert!(!stage.generation.as_ref().unwrap().ended());

        let mut tracks = source.tracks();
        if new_config && let CodecConfig::Video(video) = &mut tracks[0].config {
            (video.width, video.height) = (640, 360);
        }
        let mut publisher = stage.join(tracks);
        assert_eq!(*publisher.generation().id(), first, "away {away} ms: the same generation");
        // Its clock starts anew.
        let frames = source.frames(10, stage.now);
        stage.send(&mut publisher, &frames, None);
        publisher.finish();
        stage.look();
        stage.watcher.finish(stage.generation.as_ref().unwrap());
        for track in [TrackId::VIDEO, TrackId::AUDIO] {
            let seen = &stage.watcher.seen[&track];
            let tagged: Vec<_> = seen.segments.values().filter(|s| s.head.discontinuity).collect();
            assert_eq!(tagged.len(), 1, "away {away} ms: one discontinuity in {track}");
            let inits = u32::from(new_config && track == TrackId::VIDEO);
            assert_eq!(tagged[0].head.init.number, inits, "a new init section only for a new configuration");
            let dates: Vec<_> = seen.segments.values().map(|s| s.head.date_time).collect();
            assert!(dates.windows(2).all(|w| w[0] < w[1]), "dates go on");
            let jump = tagged[0].head.date_time.unix_micros - 1_800_000_000_000_000;
            let back = 10_000_000 + away as i64 * 1_000;
            assert!((jump - back).abs() < 200_000, "away {away} ms: dated {jump} us, back at {back}");
        }
        assert!(stage.longest_silence() < Duration::from_millis(560), "{:?}", stage.longest_silence());
        assert!(stage.video().segments.len() as u64 == *stage.video().segments.keys().last().unwrap());
    }
}

#[test]
fn when_the_grace_is_over_the_generation_ends_and_the_next_is_another() {
    let source = Source::default();
    let mut stage = Stage::new();
    let mut publisher = stage.join(source.tracks());
    let frames = source.frames(5, stage.now);
    stage.send(&mut publisher, &frames, None);
    let first = publisher.generation().clone();
    drop(publisher);
    stage.wait(stage.now.plus(Duration::from_millis(9_900)), None);
    assert!(!first.ended());
    stage.wait(stage.now.plus(Duration::from_millis(200)), None);
    assert!(first.ended() && first.renditions().iter().all(|rendition| rendition.view().ended));
    stage.watcher.finish(&first);
    let publisher = stage.join(source.tracks());
    assert_ne!(publisher.generation().id(), first.id());
}

#[test]
fn without_a_grace_the_end_is_at_once() {
    let source = Source::default();
    let mut stage = Stage::new();
    let terms = Terms { grace: Duration::ZERO, ..Terms::default() };
    let mut publisher = stage.registry.publish_on(&cam(), terms, stage.now).unwrap();
    source.tracks().into_iter().for_each(|track| publisher.configure(track, stage.now));
    let generation = publisher.generation().clone();
    stage.generation = Some(generation.clone());
    let frames = source.frames(5, stage.now);
    stage.send(&mut publisher, &frames, None);
    drop(publisher);
    assert!(generation.ended());
}

#[tokio::test]
async fn a_second_publisher_takes_over_by_policy_only() {
    let source = Source::default();
    for (takeover, silent, same_key, yields) in [
        (Takeover::Stale, false, true, false),
        (Takeover::Stale, true, true, true),
        (Takeover::Stale, true, false, false),
        (Takeover::Reject, true, true, false),
        (Takeover::Always, false, false, true),
    ] {
        let mut stage = Stage::new();
        let mut holder = stage.join(source.tracks());
        let mut ouster = holder.ouster();
        let frames = source.frames(3, stage.now);
        stage.send(&mut holder, &frames, None);
        if silent {
            stage.wait(stage.now.plus(Duration::from_millis(2_100)), Some(&mut holder));
        }
        let terms = Terms { takeover, credential: u64::from(!same_key), ..Terms::default() };
        let refused = stage.registry.publish_on(&cam(), terms, stage.now).err();
        if yields {
            assert!(matches!(refused, Some(Error::Yielding(_))), "{takeover:?}: {refused:?}");
            ouster.ousted().await;
            let id = holder.generation().id().clone();
            drop(holder);
            let next = stage.registry.publish_on(&cam(), terms, stage.now).unwrap();
            assert_eq!(*next.generation().id(), id, "viewers stay");
        } else {
            assert!(matches!(refused, Some(Error::Busy(_))), "{takeover:?}: {refused:?}");
        }
    }
}

#[test]
fn a_server_that_ends_keeps_nobody_waiting() {
    let source = Source::default();
    let mut stage = Stage::new();
    let mut publisher = stage.join(source.tracks());
    let frames = source.frames(3, stage.now);
    stage.send(&mut publisher, &frames, None);
    let generation = publisher.generation().clone();
    drop(publisher);
    stage.registry.close(stage.now.mono);
    assert!(generation.ended());
}
