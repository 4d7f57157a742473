//! Generations that outlive their source: stalls, reconnects, takeovers, on a virtual clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "sim/source.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod source;
#[path = "sim/watch.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod watch;

use std::sync::Arc;
use std::time::Duration;

use rillcast::live::{Error, Generation, Publisher, Registry, Settings, Takeover, Terms};
use rillcast::media::{CodecConfig, Now, StreamName, Track, TrackId};
use source::{Sent, Source, epoch};
use watch::Watcher;

const STEP: Duration = Duration::from_millis(10);

/// A registry, a clock, and somebody who looks every ten milliseconds.
struct Stage {
    registry: Registry,
    now: Now,
    watcher: Watcher,
    generation: Option<Arc<Generation>>,
    /// When each new part of the video was first seen.
    parts_seen: Vec<Now>,
}

fn cam() -> StreamName {
    StreamName::parse("cam").unwrap()
}

impl Stage {
    fn new() -> Self {
        let registry = Registry::new(Settings::default());
        Self { registry, now: epoch(), watcher: Watcher::default(), generation: None, parts_seen: Vec::new() }
    }

    fn join(&mut self, tracks: Vec<Track>) -> Publisher {
        let mut publisher = self.registry.publish(&cam(), self.now).unwrap();
        tracks.into_iter().for_each(|track| publisher.configure(track, self.now));
        self.generation = Some(publisher.generation().clone());
        publisher
    }

    /// Time goes on to `until`: deadlines are met, new states are looked at.
    fn wait(&mut self, until: Now, mut publisher: Option<&mut Publisher>) {
        while self.now.mono < until.mono {
            self.now = self.now.plus(STEP);
            if let Some(publisher) =
                publisher.as_mut().filter(|p| p.deadline().is_some_and(|at| at <= self.now.mono))
            {
                publisher.tick(self.now);
            }
            self.registry.tick(self.now.mono);
            self.look();
        }
    }

    fn look(&mut self) {
        let Some(generation) = &self.generation else { return };
        self.watcher.look(generation);
        let parts = self.watcher.seen.get(&TrackId::VIDEO).map_or(0, |seen| seen.parts.len());
        while self.parts_seen.len() < parts {
            self.parts_seen.push(self.now);
        }
    }

    /// Sends frames as they arrive; those of a `pause` are held back and come in a burst at its end.
    fn send(&mut self, publisher: &mut Publisher, frames: &[Sent], hold: Option<(Duration, Duration)>) {
        let start = self.now;
        for one in frames {
            let mut at = one.frame.arrival.saturating_duration_since(frames[0].frame.arrival);
            if let Some((from, to)) = hold
                && (from..to).contains(&at)
            {
                at = to;
            }
            self.wait(start.plus(at), Some(publisher));
            let mut frame = one.frame.clone();
            frame.arrival = self.now.mono;
            publisher.push(frame, self.now).unwrap();
            self.look();
        }
    }

    /// Longest time without a new part of the video, from the first one on.
    fn longest_silence(&self) -> Duration {
        let gaps = self.parts_seen.windows(2).map(|w| w[1].mono.saturating_duration_since(w[0].mono));
        gaps.max().unwrap_or_default()
    }

    fn video(&self) -> &watch::Seen {
        &self.watcher.seen[&TrackId::VIDEO]
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
            let gaps = stage.video().parts.values().filter(|part| part.gap).count();
            // A late part is not a lost one before a second has passed; a hole may be longer than a part.
            assert!((gaps > 0) == (millis > 700) || !burst, "burst {burst}, {millis} ms: {gaps} gaps");
            // A second and a part for the first, a part for each after it.
            let longest = stage.longest_silence();
            let most = Duration::from_millis(1_600);
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
        assert!(stage.longest_silence() < Duration::from_millis(2_000), "{:?}", stage.longest_silence());
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
