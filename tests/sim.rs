//! Simulated publishes on a virtual clock: an encoder with an awkward clock on one side, a watcher that
//! holds every view to every promise on the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "sim/bounds.rs"]
mod bounds;
#[path = "sim/groups.rs"]
mod groups;
#[path = "sim/hostile.rs"]
mod hostile;
#[path = "sim/in_time.rs"]
mod in_time;
#[path = "sim/ladder.rs"]
mod ladder;
#[path = "sim/muxed.rs"]
mod muxed;
#[path = "sim/source.rs"]
mod source;
#[path = "sim/strays.rs"]
mod strays;
#[path = "sim/watch.rs"]
mod watch;

use std::sync::Arc;
use std::time::Duration;

use rillcast::live::{Error, Expect, Generation, Notice, Publisher, Registry, Settings};
use rillcast::media::{Now, StreamName, Ticks, Timescale, TrackId, WallTime, rescale};
use source::{Sent, Source, epoch};
use watch::{Sample, Watcher};

/// What a publish left behind.
struct Outcome {
    watcher: Watcher,
    notices: Vec<Notice>,
    sent: Vec<Sent>,
}

fn now_at(start: Now, sent: &Sent) -> Now {
    start.plus(sent.frame.arrival.saturating_duration_since(start.mono))
}

/// A publish of `source` that has said what it will send, and its generation.
fn begin(source: &Source, start: Now, settings: Settings) -> (Publisher, Arc<Generation>) {
    let registry = Registry::new(settings);
    let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
    let (video, audio) = (Some(source.video), Some(source.audio_rate.is_some()));
    publisher.expect(Expect { video, audio, ..Expect::default() });
    source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
    let generation = Arc::clone(publisher.generation());
    (publisher, generation)
}

fn publish(source: &Source, seconds: i64) -> Outcome {
    let start = epoch();
    publish_frames(source, source.frames(seconds, start), start, Settings::default())
}

fn publish_frames(source: &Source, sent: Vec<Sent>, start: Now, settings: Settings) -> Outcome {
    let (mut publisher, generation) = begin(source, start, settings);
    let (mut watcher, mut notices) = (Watcher::default(), Vec::new());
    for one in &sent {
        publisher.push(one.frame.clone(), now_at(start, one)).unwrap();
        notices.extend(publisher.notices());
        watcher.look(&generation);
    }
    publisher.finish();
    watcher.look(&generation);
    watcher.finish(&generation);
    Outcome { watcher, notices, sent }
}

impl Outcome {
    fn samples(&self, track: TrackId) -> Vec<Sample> {
        self.watcher.seen[&track].samples()
    }

    /// Every frame of `track` came out once, in order, unchanged, with its key flag.
    fn assert_nothing_lost(&self, track: TrackId) -> Vec<Sample> {
        let samples = self.samples(track);
        let sent: Vec<_> = self.sent.iter().filter(|sent| sent.frame.track == track).collect();
        assert_eq!(samples.len(), sent.len(), "{track}: as many frames out as in");
        for (sample, sent) in samples.iter().zip(sent) {
            assert!(sample.payload == sent.frame.payload, "{track}: payload altered or out of order");
            assert_eq!(sample.key, sent.frame.key);
        }
        samples
    }

    /// Presentation times keep to the true ones within `slack` microseconds.
    fn assert_in_time(&self, track: TrackId, scale: u32, slack: i64) {
        let scale = Timescale::new(scale).unwrap();
        let samples = self.assert_nothing_lost(track);
        let sent = self.sent.iter().filter(|sent| sent.frame.track == track);
        for (n, (sample, sent)) in samples.iter().zip(sent).enumerate() {
            let pts = rescale(sample.dts + sample.cts, scale, Timescale::MICROS) - 1_000_000;
            let off = pts - sent.true_pts;
            assert!(off.abs() <= slack, "{track}: frame {n} is presented {off} us off");
        }
    }
}

const RATES: [(u32, u32); 8] =
    [(24_000, 1_001), (24, 1), (25, 1), (30_000, 1_001), (30, 1), (50, 1), (60_000, 1_001), (60, 1)];

#[test]
fn steady_sources_come_out_exact_at_every_rate() {
    for rate in RATES {
        for audio in [44_100, 48_000] {
            for delay in [0, 2] {
                let source = Source { rate, audio_rate: Some(audio), delay, gop: 48, ..Source::default() };
                let outcome = publish(&source, 20);
                outcome.assert_in_time(TrackId::VIDEO, 90_000, 12);
                // The origin of sound is only known to the millisecond it was sent with.
                outcome.assert_in_time(TrackId::AUDIO, audio, 1_000);
            }
        }
    }
}

#[test]
fn steady_parts_are_published_by_their_last_frame() {
    let source = Source { delay: 2, ..Source::default() };
    let start = epoch();
    let (mut publisher, generation) = begin(&source, start, Settings::default());
    let mut pictures = 0;
    for one in source.frames(10, start) {
        publisher.push(one.frame.clone(), now_at(start, &one)).unwrap();
        pictures += i64::from(one.frame.track == TrackId::VIDEO);
        let parts =
            generation.rendition(TrackId::VIDEO).map_or(0, |rendition| rendition.view().next_part as i64);
        // 12 pictures a part, the fifth part of each 50-picture segment is 2 long. It is sealed by the keyframe
        // after it as long as it takes to learn how far keyframes are apart.
        let (segments, rest) = (pictures / 50, pictures % 50);
        let expected = segments * 5 + rest / 12 - i64::from(rest == 0 && (1..=2).contains(&segments));
        assert!(
            pictures < 9 || parts == expected,
            "after {pictures} pictures: {parts} parts, not {expected}"
        );
    }
}

#[test]
fn keyframes_that_come_at_other_times_than_foreseen_break_no_promise() {
    // Steady long enough to be believed, then not: each change comes when the last distance is trusted.
    let (start, seed) = (epoch(), 40_u64);
    println!("seed {seed}");
    let source = Source { gop: 1_000_000, seed, ..Source::default() };
    let mut sent = source.frames(180, start);
    let (mut next, mut state) = (0, seed);
    let video = sent.iter_mut().filter(|one| one.frame.track == TrackId::VIDEO);
    for (pictures, one) in video.enumerate() {
        one.frame.key = pictures == next;
        if one.frame.key {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Mostly the distance before, now and then another.
            let lengths = [50, 50, 50, 50, 50, 50, 50, 32, 61, 25, 7];
            next += lengths[(state >> 33) as usize % lengths.len()];
        }
    }
    let outcome = publish_frames(&source, sent, start, Settings::default());
    outcome.assert_in_time(TrackId::VIDEO, 90_000, 12);
    outcome.assert_in_time(TrackId::AUDIO, 48_000, 1_000);
}

#[test]
fn jitter_and_drops_break_no_promise() {
    for (n, rate) in RATES.into_iter().enumerate() {
        for (jitter_ms, drop_every) in [(20, 0), (0, 7), (20, 11), (3, 40)] {
            let seed = 77 + n as u64;
            println!("rate {rate:?}, jitter {jitter_ms} ms, one in {drop_every} dropped, seed {seed}");
            let source = Source { rate, jitter_ms, drop_every, seed, delay: 2, gop: 60, ..Source::default() };
            let outcome = publish(&source, 30);
            // A frame that jitter hides is only missed after some more.
            let frame = 1_000_000 * i64::from(rate.1) / i64::from(rate.0);
            let slack = if jitter_ms == 0 { 1_000 } else { frame + 25_000 + jitter_ms * 1_000 };
            outcome.assert_in_time(TrackId::VIDEO, 90_000, slack);
            outcome.assert_in_time(TrackId::AUDIO, 48_000, 40_000);
        }
    }
}

#[test]
fn long_short_and_missing_gops_all_make_segments_within_the_target() {
    for gop in [1, 2, 12, 25, 32, 61, 75, 132, 250, 1_000_000] {
        let source = Source { gop, ..Source::default() };
        let outcome = publish(&source, 30);
        outcome.assert_in_time(TrackId::VIDEO, 90_000, 0);
        let told = outcome.notices.iter().any(|notice| matches!(notice, Notice::LongGop { .. }));
        assert_eq!(told, (62..1_000).contains(&gop), "GOP of {gop}");
    }
}

#[test]
fn audio_alone_and_video_alone_are_streams() {
    for audio in [44_100, 48_000] {
        let outcome = publish(&Source { video: false, audio_rate: Some(audio), ..Source::default() }, 20);
        outcome.assert_nothing_lost(TrackId::AUDIO);
    }
    let outcome = publish(&Source { audio_rate: None, ..Source::default() }, 20);
    outcome.assert_in_time(TrackId::VIDEO, 90_000, 0);
}

/// Sound that leads is corrected in its frames' durations, and no part passes PART-TARGET by it.
#[test]
fn sound_alone_whose_clock_drifts_keeps_to_its_part_target() {
    for ppm in [500, -500, 5_000, -5_000, 100_000] {
        let source = Source { video: false, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(60, start);
        for one in &mut sent {
            one.frame.dts.value += (one.frame.dts.value - 7_000) * ppm / 1_000_000;
            one.true_pts += one.true_pts * ppm / 1_000_000;
        }
        let outcome = publish_frames(&source, sent, start, Settings::default());
        outcome.assert_in_time(TrackId::AUDIO, 48_000, 45_000);
    }
}

#[test]
fn an_undeclared_rate_is_measured() {
    for rate in [(25, 1), (30, 1), (50, 1), (60, 1), (24, 1), (15, 1)] {
        let outcome = publish(&Source { rate, declared: false, ..Source::default() }, 10);
        outcome.assert_in_time(TrackId::VIDEO, 90_000, 0);
        assert!(!outcome.notices.contains(&Notice::NoSteadyRate), "{rate:?}");
    }
}

/// Whether something moves on a screen: at every third picture or so, always the same ones.
fn moves() -> impl FnMut() -> bool {
    let mut n = 0_u64;
    move || {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (n >> 33).is_multiple_of(3)
    }
}

/// A screen recorder that sends pictures when something moves: gaps of up to 400 ms.
#[test]
fn an_irregular_source_keeps_its_times() {
    let source = Source { declared: false, gop: 1_000_000, ..Source::default() };
    let start = epoch();
    let mut sent = source.frames(30, start);
    let mut moves = moves();
    sent.retain(|one| moves() | (one.frame.track == TrackId::AUDIO || one.frame.key));
    let outcome = publish_frames(&source, sent, start, Settings::default());
    outcome.assert_in_time(TrackId::VIDEO, 90_000, 1_000);
    assert!(outcome.notices.contains(&Notice::NoSteadyRate));
}

/// One track pauses while the other goes on: the pause is listed as gaps, nothing shifts, nothing stalls.
#[test]
fn a_track_that_pauses_leaves_gaps_and_comes_back_in_time() {
    let pauses = [300_000, 900_000, 2_500_000, 7_000_000];
    let from = (10_000_000..12_000_000).step_by(260_000);
    for (track, from) in
        [TrackId::VIDEO, TrackId::AUDIO].into_iter().flat_map(|t| from.clone().map(move |f| (t, f)))
    {
        for pause in pauses {
            let source = Source { gop: 25, ..Source::default() };
            let start = epoch();
            let mut sent = source.frames(30, start);
            sent.retain(|one| one.frame.track != track || !(from..from + pause).contains(&one.true_pts));
            let outcome = publish_frames(&source, sent, start, Settings::default());
            outcome.assert_in_time(TrackId::VIDEO, 90_000, 1_000);
            if track == TrackId::VIDEO {
                outcome.watcher.assert_gaps_apart();
            }
            let samples = outcome.assert_nothing_lost(TrackId::AUDIO);
            let last = samples.last().map(|sample| sample.dts).unwrap();
            assert!((last - 48_000 * 31).abs() < 4_800, "sound ends at {last} after a pause of {pause} us");
            let gaps = outcome.watcher.seen[&track].parts.values().filter(|part| part.gap).count();
            // A hole is a gap where it is longer than a part, or where a segment ends in it.
            let right = if pause < 480_000 { gaps <= 1 } else { pause < 960_000 || gaps > 0 };
            assert!(right, "{track} pauses {pause} us from {from}: {gaps} gaps");
        }
    }
}

/// A relay that begins in the middle of a long GOP: sound at once, a keyframe seconds later.
#[test]
fn sound_from_long_before_the_first_keyframe_leaves_both_together() {
    for keyless in [2, 5, 9] {
        let source = Source { gop: 50, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(20, start);
        let early = |one: &Sent| one.frame.arrival < start.mono + Duration::from_secs(keyless);
        sent.iter_mut().for_each(|one| one.frame.key &= one.frame.track == TrackId::AUDIO || !early(one));
        let outcome = publish_frames(&source, sent, start, Settings::default());
        let first = |track| outcome.samples(track).into_iter().next().unwrap();
        let number = |sample: &Sample| i64::from_be_bytes(sample.payload[..8].try_into().unwrap());
        let (picture, sound) = (first(TrackId::VIDEO), first(TrackId::AUDIO));
        // When they were sent, and when they are to be decoded, in microseconds.
        let sent = [number(&picture) * 40_000, number(&sound) * 1_024_000 / 48];
        let shown = [picture.dts * 100 / 9, sound.dts * 1_000 / 48];
        let off = (sent[1] - sent[0]) - (shown[1] - shown[0]);
        assert!(off.abs() < 30_000, "after {keyless} s without a keyframe sound is {off} us off");
    }
}

/// Pictures that stop for good leave gaps, and sound does not pile up behind them.
#[test]
fn sound_that_waits_for_pictures_waits_in_bounded_memory() {
    let source = Source::default();
    let start = epoch();
    let (mut publisher, generation) = begin(&source, start, Settings::default());
    let mut sent = Vec::new();
    for one in source.frames(600, start) {
        if one.frame.track == TrackId::AUDIO {
            sent.push(one.frame.payload.clone());
        } else if one.true_pts > 5_000_000 {
            continue;
        }
        publisher.push(one.frame.clone(), now_at(start, &one)).unwrap();
    }
    let alive = sent.into_iter().filter(|payload| !payload.is_unique()).count();
    // The window, what stays fetchable after it, and ten seconds that wait.
    assert!(alive < 50 * 47, "{alive} frames of sound are kept");
    assert!(generation.playable());
}

/// Hostile case 31: one stray timestamp of every kind, and clocks that jump for good.
#[test]
fn a_stray_timestamp_loses_no_frame_and_a_jump_begins_an_epoch() {
    for (stray, jump) in [
        (1_000_000, 0),
        (-5_000, 0),
        (36_000_000, 0),
        (-36_000_000, 0),
        (-1, 0),
        (0, 36_000_000),
        (0, -36_000_000),
        (0, -5_000),
    ] {
        let source = Source { delay: 2, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(30, start);
        let middle = sent.len() / 2;
        sent[middle].frame.dts.value += stray;
        sent[middle..].iter_mut().for_each(|one| one.frame.dts.value += jump);
        let outcome = publish_frames(&source, sent, start, Settings::default());
        outcome.assert_nothing_lost(TrackId::VIDEO);
        let epochs = outcome.watcher.seen[&TrackId::VIDEO].segments.values().map(|s| s.head.epoch).max();
        assert_eq!(epochs, Some(u32::from(jump != 0)), "stray {stray}, jump {jump}");
        let lost = outcome.sent.len()
            - outcome.samples(TrackId::VIDEO).len()
            - outcome.samples(TrackId::AUDIO).len();
        assert!(lost <= if jump == 0 { 0 } else { 12 }, "stray {stray}, jump {jump}: {lost} frames lost");
        let tagged = outcome.watcher.seen[&TrackId::AUDIO].segments.values().filter(|s| s.head.discontinuity);
        assert_eq!(tagged.count(), usize::from(jump != 0));
    }
}

/// Hostile case 32: sound whose clock drifts or began an hour apart stays with the picture.
#[test]
fn drifting_and_distant_clocks_keep_sound_with_picture() {
    for (ppm, apart) in [(500, 0), (-500, 0), (100_000, 0), (0, 3_600_000), (0, -3_600_000)] {
        let source = Source::default();
        let start = epoch();
        let mut sent = source.frames(60, start);
        for one in sent.iter_mut().filter(|one| one.frame.track == TrackId::AUDIO) {
            one.frame.dts.value += apart + (one.frame.dts.value - 7_000) * ppm / 1_000_000;
            one.true_pts += one.true_pts * ppm / 1_000_000;
        }
        let outcome = publish_frames(&source, sent, start, Settings::default());
        outcome.assert_in_time(TrackId::AUDIO, 48_000, 45_000);
    }
}

/// Hostile case 33: clocks that stand still or count microseconds are told from ones that work.
#[test]
fn impossible_clocks_are_named_within_five_seconds() {
    for (factor, expected) in [(0, "stand still"), (1_000, "microseconds")] {
        let source = Source::default();
        let start = epoch();
        let (mut publisher, _) = begin(&source, start, Settings::default());
        let failed = source.frames(6, start).into_iter().find_map(|mut one| {
            one.frame.dts.value *= factor;
            let error = publisher.push(one.frame.clone(), now_at(start, &one)).err()?;
            Some((error.to_string(), one.frame.arrival.saturating_duration_since(start.mono)))
        });
        let (error, after) = failed.expect("an impossible clock is refused");
        assert!(error.contains(expected), "{error}");
        assert!(after <= Duration::from_secs(5), "refused only after {after:?}");
    }
}

/// Hostile case 28: video that never has a keyframe is refused with what to do about it.
#[test]
fn video_without_a_keyframe_is_refused_after_fifteen_seconds() {
    let source = Source { audio_rate: None, ..Source::default() };
    let start = epoch();
    let (mut publisher, _) = begin(&source, start, Settings::default());
    let error = source.frames(20, start).into_iter().find_map(|mut one| {
        one.frame.key = false;
        publisher.push(one.frame.clone(), now_at(start, &one)).err()
    });
    assert!(
        matches!(error, Some(Error::NoKeyframe { waited }) if waited < Duration::from_secs(16)),
        "{error:?}"
    );
}

#[test]
fn a_new_configuration_begins_an_epoch_with_its_own_init_section() {
    let source = Source::default();
    let start = epoch();
    let (mut publisher, generation) = begin(&source, start, Settings::default());
    let mut watcher = Watcher::default();
    for one in source.frames(20, start) {
        if one.true_pts == 10_000_000 && one.frame.track == TrackId::VIDEO {
            let mut track = source.tracks().remove(0);
            if let rillcast::media::CodecConfig::Video(video) = &mut track.config {
                (video.width, video.height) = (640, 360);
            }
            publisher.configure(track, now_at(start, &one));
        }
        publisher.push(one.frame.clone(), now_at(start, &one)).unwrap();
        watcher.look(&generation);
    }
    publisher.finish();
    watcher.look(&generation);
    watcher.finish(&generation);
    let heads: Vec<_> = watcher.seen[&TrackId::VIDEO].segments.values().map(|s| s.head.clone()).collect();
    let change = heads.iter().position(|head| head.discontinuity).unwrap();
    assert_eq!((heads[change - 1].init.number, heads[change].init.number), (0, 1));
    assert!(heads[change].independent && heads[change].init.bytes != heads[0].init.bytes);
    let audio: Vec<_> = watcher.seen[&TrackId::AUDIO].segments.values().map(|s| s.head.clone()).collect();
    assert!(audio.iter().all(|head| head.init.number == 0), "the sound's init section did not change");
    assert!(audio[change].discontinuity && audio[change].msn == heads[change].msn);
}

#[test]
fn memory_follows_the_window_and_old_segments_stay_fetchable_for_a_while() {
    let source = Source { gop: 50, ..Source::default() };
    let start = epoch();
    let (mut publisher, generation) = begin(&source, start, Settings::default());
    for one in source.frames(120, start) {
        publisher.push(one.frame.clone(), now_at(start, &one)).unwrap();
    }
    let view = generation.rendition(TrackId::VIDEO).unwrap().view();
    let seconds = |segments: &[std::sync::Arc<rillcast::packager::Segment>]| {
        segments.iter().map(|segment| segment.duration).sum::<i64>() / 90_000
    };
    assert_eq!(seconds(view.listed()), 30);
    assert_eq!(seconds(&view.segments), 34, "36 s with the open segment: the window and a fifth");
    assert_eq!(view.segments.len() - view.listed_from, view.listed().len());
}

#[test]
fn dates_follow_media_time_from_one_anchor() {
    let outcome = publish(&Source::default(), 20);
    let segments = &outcome.watcher.seen[&TrackId::VIDEO].segments;
    let first = segments.values().next().unwrap();
    assert_eq!(first.head.date_time, WallTime { unix_micros: 1_800_000_000_000_000 });
    for segment in segments.values() {
        let media = Ticks::new(segment.start - first.start, Timescale::VIDEO).micros();
        assert_eq!(segment.head.date_time, first.head.date_time.plus_micros(media));
    }
}
