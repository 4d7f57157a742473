//! Ladders: several video tracks and several audio tracks of one publish, cut together.

use std::collections::BTreeMap;

use rillcast::live::{Expect, Notice, Registry, Settings};
use rillcast::media::{CodecConfig, StreamName, Timescale, Track, TrackId, TrackKind, rescale};

use crate::now_at;
use crate::source::{Sent, Source, epoch};
use crate::watch::{Sample, Watcher};

/// Height and rate of each rung, and how many pictures its encoder reorders.
const RUNGS: [(u32, (u32, u32), i64); 5] =
    [(1_080, (60, 1), 2), (720, (60, 1), 2), (480, (30, 1), 1), (360, (30, 1), 0), (240, (30, 1), 0)];

fn rung(index: u8, rate: (u32, u32), delay: i64) -> Source {
    let gop = i64::from(rate.0) * 2 / i64::from(rate.1);
    Source { rate, gop, delay, audio_rate: None, seed: u64::from(index), ..Source::default() }
}

fn video(index: u8) -> TrackId {
    TrackId { kind: TrackKind::Video, index }
}

fn track(source: &Source, id: TrackId, height: u32) -> Track {
    let mut track = source.tracks().remove(0);
    track.id = id;
    if let CodecConfig::Video(config) = &mut track.config {
        (config.width, config.height) = (height * 16 / 9, height);
    }
    track
}

/// The frames of all rungs and of two sounds as one encoder sends them, in order of their decode times.
fn ladder(rungs: &[(u32, (u32, u32), i64)], seconds: i64) -> (Vec<Track>, Vec<Sent>) {
    let start = epoch();
    let (mut tracks, mut sent) = (Vec::new(), Vec::new());
    for (index, (height, rate, delay)) in rungs.iter().enumerate() {
        let id = video(index as u8);
        let source = rung(id.index, *rate, *delay);
        tracks.push(track(&source, id, *height));
        // All are shown together: what is reordered more is sent with earlier decode times.
        let ahead = delay * 1_000 * i64::from(rate.1) / i64::from(rate.0);
        for mut one in source.frames(seconds, start) {
            one.frame.track = id;
            one.frame.payload = [&[id.index], &one.frame.payload[..]].concat().into();
            one.frame.dts.value -= ahead;
            sent.push(one);
        }
    }
    for index in 0..2 {
        let id = TrackId { kind: TrackKind::Audio, index };
        let source = Source { video: false, ..Source::default() };
        let mut track = source.tracks().remove(0);
        track.id = id;
        tracks.push(track);
        for mut one in source.frames(seconds, start) {
            one.frame.track = id;
            one.frame.payload = [&[100 + index], &one.frame.payload[..]].concat().into();
            sent.push(one);
        }
    }
    (tracks, sent)
}

struct Outcome {
    watcher: Watcher,
    notices: Vec<Notice>,
    sent: Vec<Sent>,
    /// At which second of the publish each track was not part of the ladder.
    out: BTreeMap<TrackId, Vec<u64>>,
    part_targets: BTreeMap<TrackId, f64>,
}

fn publish(tracks: Vec<Track>, mut sent: Vec<Sent>, settings: Settings) -> Outcome {
    let start = epoch();
    // Every run of it has an epoch of its own.
    let first = sent.iter().map(|one| one.frame.arrival).min().unwrap();
    sent.iter_mut().for_each(|one| one.frame.arrival = start.mono + (one.frame.arrival - first));
    sent.sort_by_key(|one| (one.frame.arrival, one.frame.track));
    let registry = Registry::new(settings);
    let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
    let generation = publisher.generation().clone();
    publisher.expect(Expect { video: Some(true), audio: Some(true), ..Expect::default() });
    tracks.into_iter().for_each(|track| publisher.configure(track, start));
    let (mut watcher, mut notices, mut out) =
        (Watcher::default(), Vec::new(), BTreeMap::<_, Vec<u64>>::new());
    for one in &sent {
        let now = now_at(start, one);
        publisher.push(one.frame.clone(), now).unwrap();
        notices.extend(publisher.notices());
        watcher.look(&generation);
        let second = now.mono.saturating_duration_since(start.mono).as_secs();
        for rendition in generation.renditions().iter().filter(|rendition| !rendition.view().aligned) {
            let seconds = out.entry(rendition.id()).or_default();
            if seconds.last() != Some(&second) {
                seconds.push(second);
            }
        }
    }
    let part_target =
        |rendition: &rillcast::live::Rendition| rendition.constants().part_target.unwrap().as_secs_f64();
    let part_targets = generation.renditions().iter().map(|one| (one.id(), part_target(one))).collect();
    publisher.finish();
    watcher.look(&generation);
    watcher.finish(&generation);
    Outcome { watcher, notices, sent, out, part_targets }
}

impl Outcome {
    /// Every frame of `track` came out once, in order, unchanged, and when it should be shown.
    fn assert_exact(&self, track: TrackId, slack: i64) -> Vec<Sample> {
        let samples = self.watcher.seen[&track].samples();
        let sent: Vec<_> = self.sent.iter().filter(|sent| sent.frame.track == track).collect();
        assert_eq!(samples.len(), sent.len(), "{track}: as many frames out as in");
        let scale =
            if track.kind == TrackKind::Video { Timescale::VIDEO } else { Timescale::new(48_000).unwrap() };
        for (n, (sample, sent)) in samples.iter().zip(sent).enumerate() {
            assert!(sample.payload == sent.frame.payload, "{track}: payload altered or out of order");
            assert_eq!(sample.key, sent.frame.key, "{track}: frame {n}");
            let shown = rescale(sample.dts + sample.cts, scale, Timescale::MICROS) - 1_000_000;
            assert!(
                (shown - sent.true_pts).abs() <= slack,
                "{track}: frame {n} at {shown}, not {}",
                sent.true_pts
            );
        }
        samples
    }

    /// Parts of `track` end where the leader's end.
    fn assert_edges(&self, track: TrackId, slack: i64) {
        let edges = |id: TrackId| -> Vec<(u64, u32, i64)> {
            let parts = self.watcher.seen[&id].parts.values();
            parts.map(|part| (part.msn, part.index, part.start)).collect()
        };
        let (lead, own) = (edges(TrackId::VIDEO), edges(track));
        assert_eq!(lead.len(), own.len(), "{track} has as many parts");
        for (lead, own) in lead.iter().zip(own) {
            assert_eq!((lead.0, lead.1), (own.0, own.1), "{track}");
            assert!((lead.2 - own.2).abs() <= slack, "{track}: part {own:?} against {lead:?}");
        }
    }
}

#[test]
fn five_rungs_and_two_sounds_share_segments_and_part_edges_and_lose_nothing() {
    for part in [500, 200, 250] {
        let (tracks, sent) = ladder(&RUNGS, 40);
        let mut settings = Settings::default();
        settings.packager.part = std::time::Duration::from_millis(part);
        let outcome = publish(tracks, sent, settings);
        assert_eq!(outcome.watcher.seen.len(), 7);
        for index in 0..5 {
            outcome.assert_exact(video(index), 1_000);
            outcome.assert_edges(video(index), 1);
        }
        for index in 0..2 {
            outcome.assert_exact(TrackId { kind: TrackKind::Audio, index }, 1_000);
        }
        assert_eq!(outcome.notices, [], "part of {part} ms");
        assert!(outcome.out.is_empty(), "{:?}", outcome.out);
        let lead = outcome.part_targets[&TrackId::VIDEO];
        assert!(
            (0..5).all(|index| outcome.part_targets[&video(index)] == lead),
            "{:?}",
            outcome.part_targets
        );
    }
}

#[test]
fn rungs_of_rates_that_share_no_frame_still_keep_every_promise() {
    for rates in [
        [(60, 1), (60_000, 1_001)],
        [(25, 1), (30, 1)],
        [(30_000, 1_001), (24_000, 1_001)],
        [(30, 1), (60, 1)],
        [(50, 1), (24, 1)],
    ] {
        let rungs = [(720, rates[0], 0), (360, rates[1], 0)];
        let (tracks, mut sent) = ladder(&rungs, 30);
        // Both have a keyframe where the first one has: every two seconds of its time.
        let period = |rate: (u32, u32)| 1_000_000 * i64::from(rate.1) / i64::from(rate.0);
        let gop = 2 * i64::from(rates[0].0) / i64::from(rates[0].1) * period(rates[0]);
        let mut next = 0;
        for one in sent.iter_mut().filter(|one| one.frame.track == video(1)) {
            one.frame.key = one.true_pts >= next - period(rates[1]) / 2;
            next += if one.frame.key { gop } else { 0 };
        }
        let outcome = publish(tracks, sent, Settings::default());
        for index in 0..2 {
            outcome.assert_exact(video(index), 1_000);
        }
        assert!(outcome.out.is_empty(), "{rates:?}: {:?}", outcome.out);
    }
}

#[test]
fn jitter_that_differs_from_rung_to_rung_moves_no_keyframe_into_another_segment() {
    for seed in 1..6_u64 {
        println!("seed {seed}");
        let (tracks, mut sent) = ladder(&RUNGS, 40);
        let mut state = seed;
        for one in sent.iter_mut().filter(|one| one.true_pts > 500_000) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            one.frame.dts.value += (state >> 33) as i64 % 9 - 4;
        }
        let outcome = publish(tracks, sent, Settings::default());
        for index in 0..5 {
            outcome.assert_exact(video(index), 40_000);
        }
        assert!(outcome.out.is_empty(), "{:?}", outcome.out);
    }
}

#[test]
fn a_rung_whose_keyframes_come_elsewhere_is_left_out_until_they_have_been_together_for_a_playlist() {
    let (tracks, mut sent) = ladder(&RUNGS, 100);
    let astray = video(2);
    // From the twentieth second to the thirtieth its keyframes come half a second late.
    for (n, one) in sent.iter_mut().filter(|one| one.frame.track == astray).enumerate() {
        let late = (600..900).contains(&n);
        one.frame.key = if late { n % 60 == 15 } else { n % 60 == 0 };
    }
    let outcome = publish(tracks, sent, Settings::default());
    for index in 0..5 {
        outcome.assert_exact(video(index), 1_000);
    }
    assert_eq!(outcome.notices, [Notice::Misaligned(astray)], "told once");
    assert_eq!(outcome.out.keys().collect::<Vec<_>>(), [&astray]);
    let seconds = &outcome.out[&astray];
    let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
    assert!((20..=21).contains(&first) && (58..=64).contains(&last), "left out from {first} s to {last} s");
    let heads = outcome.watcher.seen[&astray].segments.values();
    assert_eq!(heads.filter(|segment| !segment.head.independent).count(), 5);
}

#[test]
fn a_rung_that_dies_leaves_gaps_and_the_ladder_and_comes_back_to_both() {
    let (tracks, mut sent) = ladder(&RUNGS, 100);
    let dead = video(1);
    sent.retain(|one| one.frame.track != dead || !(20_000_000..30_000_000).contains(&one.true_pts));
    let outcome = publish(tracks, sent, Settings::default());
    for index in [0, 2, 3, 4] {
        outcome.assert_exact(video(index), 1_000);
        outcome.assert_edges(video(index), 1);
    }
    assert_eq!(outcome.out.keys().collect::<Vec<_>>(), [&dead]);
    let last = outcome.out[&dead].last().copied().unwrap();
    assert!((58..=66).contains(&last), "back after {last} s");
    assert_eq!(outcome.notices, [Notice::Misaligned(dead)]);
}

/// Of a rung that is dead when an epoch begins nothing is known in that epoch: its gaps lie where the leader's media is.
#[test]
fn the_gaps_of_a_rung_that_is_dead_when_an_epoch_begins_have_the_leaders_times() {
    let (tracks, mut sent) = ladder(&RUNGS[..2], 60);
    let dead = video(1);
    sent.retain(|one| one.frame.track != dead || !(20_000_000..40_000_000).contains(&one.true_pts));
    for one in sent.iter_mut().filter(|one| one.true_pts >= 30_000_000) {
        one.frame.dts.value += 36_000_000;
    }
    let outcome = publish(tracks, sent, Settings::default());
    let segments = |id| &outcome.watcher.seen[&id].segments;
    let (lead, own) = (segments(TrackId::VIDEO), segments(dead));
    assert!(lead.values().any(|segment| segment.head.epoch == 1), "an epoch began");
    let (last, _) = lead.last_key_value().unwrap();
    for (msn, segment) in own.range(..=last) {
        let of_lead = &lead[msn];
        let apart = segment.start - of_lead.start;
        assert!(apart.abs() <= 9_000, "segment {msn} begins {apart} ticks from the leader's");
        let apart = segment.duration - of_lead.duration;
        assert!(apart.abs() <= 9_000, "segment {msn} is longer by {apart} ticks");
    }
}
