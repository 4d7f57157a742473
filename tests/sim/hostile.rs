//! Encoders that go to extremes: composition offsets at the ends of their range, and keyframes without end.

use std::collections::BTreeMap;

use bytes::Bytes;
use rillcast::live::{Expect, Notice, Registry, Settings};
use rillcast::media::{RingLimits, StreamName, TrackId};

use crate::in_time::publish_in_time;
use crate::source::{Source, epoch};
use crate::watch::Sample;
use crate::{begin, moves, now_at, publish_frames};

/// The widest offsets an FLV tag can carry, in milliseconds.
const WIDEST: [i64; 4] = [(1 << 23) - 1, -(1 << 23), -40, 1];

/// Presentation time minus the first picture's, by payload.
fn presented(samples: &[Sample]) -> BTreeMap<Vec<u8>, i64> {
    samples.iter().map(|sample| (sample.payload.clone(), sample.dts + sample.cts)).collect()
}

/// Hostile case 31: keyframes all at once, two of them with times far ahead. The one that comes back from there fills a
/// hole of nearly a part, and takes its part past the target if it lasts as long as it should besides.
#[test]
fn a_burst_with_times_far_ahead_takes_no_part_past_its_target() {
    let source = Source { gop: 60, audio_rate: None, declared: false, ..Source::default() };
    for ahead in (1_000..=1_500).step_by(10) {
        let start = epoch();
        let mut sent = source.frames(11, start);
        sent.truncate(251);
        let last = sent[250].clone();
        for n in 0..31_u8 {
            let mut one = last.clone();
            one.frame.payload = vec![n; 200].into();
            one.frame.key = true;
            one.frame.dts.value += match n {
                4 => 48,
                5 => ahead,
                6 => ahead + 250,
                _ => 0,
            };
            sent.push(one);
        }
        println!("{ahead} ms ahead");
        // The watcher holds every part to its target.
        publish_frames(&source, sent, start, Settings::default()).assert_nothing_lost(TrackId::VIDEO);
    }
}

/// Hostile case 30: offsets that are negative or as large as they can be bend one picture's time and no other's.
#[test]
fn extreme_composition_offsets_move_no_other_picture() {
    for delay in [0, 2] {
        let source = Source { delay, ..Source::default() };
        let start = epoch();
        let honest = publish_frames(&source, source.frames(12, start), start, Settings::default());
        let honest = presented(&honest.assert_nothing_lost(TrackId::VIDEO));
        for offset in WIDEST {
            let mut sent = source.frames(12, start);
            let mut pictures = sent.iter_mut().filter(|one| one.frame.track == TrackId::VIDEO);
            let odd = &mut pictures.nth(130).unwrap().frame;
            let odd_one = odd.payload.to_vec();
            let moved = offset - odd.cts;
            odd.cts = offset;
            let outcome = publish_frames(&source, sent, start, Settings::default());
            let samples = outcome.assert_nothing_lost(TrackId::VIDEO);
            assert!(samples.iter().all(|sample| sample.duration == 3_600), "every picture lasts a frame");
            for (payload, pts) in presented(&samples) {
                let want = honest[&payload] + if payload == odd_one { moved * 90 } else { 0 };
                assert!((pts - want).abs() <= 90, "offset {offset}, delay {delay}: {pts}, not {want}");
            }
        }
    }
}

/// Hostile case 30: what the first keyframe's offset says is taken off every other, whatever it is.
#[test]
fn an_extreme_offset_of_the_first_keyframe_ends_nothing() {
    for offset in WIDEST {
        let source = Source { audio_rate: None, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(12, start);
        sent.iter_mut().find(|one| one.frame.track == TrackId::VIDEO).unwrap().frame.cts = offset;
        let outcome = publish_frames(&source, sent, start, Settings::default());
        let samples = outcome.assert_nothing_lost(TrackId::VIDEO);
        assert_eq!((samples[0].cts, samples[0].dts), (0, 90_000), "offset {offset}");
        assert!(samples.windows(2).all(|pair| pair[1].dts == pair[0].dts + 3_600));
    }
}

/// Hostile case 28: keyframes only, at 50 Mb/s: segments, and memory within its bound.
#[test]
fn keyframes_without_end_stay_within_the_rings_bytes() {
    let source = Source { gop: 1, audio_rate: None, ..Source::default() };
    let (start, limits) = (epoch(), RingLimits::default());
    let registry = Registry::new(Settings::default());
    let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
    let generation = publisher.generation().clone();
    publisher.expect(Expect { video: Some(true), audio: Some(false), ..Expect::default() });
    source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
    // 25 of them a second; all pictures share these bytes, the ring counts them all the same.
    let payload = Bytes::from(vec![0; 250_000]);
    let mut most = 0;
    for mut one in source.frames(60, start) {
        one.frame.payload = payload.clone();
        publisher.push(one.frame.clone(), now_at(start, &one)).unwrap();
        let Some(rendition) = generation.rendition(TrackId::VIDEO) else { continue };
        let view = rendition.view();
        let kept: u64 = view.segments.iter().map(|segment| segment.bytes()).sum();
        most = most.max(kept);
        assert!(kept <= limits.bytes as u64, "{kept} bytes are kept");
        let frames = generation.moments().occupancy().bytes;
        assert!(frames <= limits.bytes as u64, "{frames} bytes of frames are kept");
    }
    assert!(most > 30 << 20, "only {most} bytes were ever kept");
}

/// Hostile case 89: the wall clock jumps an hour ahead, and back, and strays by milliseconds: nothing is cut by it.
#[test]
fn a_wall_clock_that_jumps_moves_no_part() {
    let source = Source::default();
    let parts = |jump: fn(i64) -> i64| {
        let (start, registry) = (epoch(), Registry::new(Settings::default()));
        let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
        let generation = publisher.generation().clone();
        publisher.expect(Expect { video: Some(true), audio: Some(true), ..Expect::default() });
        source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
        for (n, one) in source.frames(20, start).into_iter().enumerate() {
            let mut now = now_at(start, &one);
            now.wall.unix_micros += jump(n as i64);
            publisher.push(one.frame, now).unwrap();
            publisher.tick(now);
        }
        let view = generation.rendition(TrackId::VIDEO).unwrap().view();
        assert!(view.segments.iter().all(|segment| !segment.head.discontinuity));
        let parts = view.segments.iter().flat_map(|segment| &segment.parts);
        let times: Vec<_> = parts.map(|part| (part.start, part.duration, part.gap)).collect();
        assert!(times.len() > 30 && times.iter().all(|(_, _, gap)| !gap), "{times:?}");
        times
    };
    let honest = parts(|_| 0);
    const HOUR: i64 = 3_600_000_000;
    for jump in
        [|n| if n > 400 { HOUR } else { 0 }, |n| if n > 400 { -HOUR } else { 0 }, |n| n % 7 * 3_000 - n * 500]
    {
        assert_eq!(parts(jump), honest);
    }
}

/// A screen recorder on which nothing moves for seconds: the pictures after that are not taken for a clock that jumped
/// back, and each be moved on by as much again.
#[test]
fn an_irregular_source_that_pauses_goes_on_in_time() {
    for pause in [1_500_000, 3_000_000, 8_000_000] {
        let source = Source { declared: false, gop: 1_000_000, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(30, start);
        let mut moves = moves();
        sent.retain(|one| {
            let pictures = moves() && !(10_000_000..10_000_000 + pause).contains(&one.true_pts);
            one.frame.track == TrackId::AUDIO || one.frame.key || pictures
        });
        println!("a pause of {pause} us");
        let outcome = publish_frames(&source, sent, start, Settings::default());
        assert!(outcome.notices.contains(&Notice::NoSteadyRate));
        outcome.assert_in_time(TrackId::VIDEO, 90_000, 1_000);
        outcome.assert_in_time(TrackId::AUDIO, 48_000, 1_000);
    }
}

/// The first pictures after a silence are from a clock that jumped, and have no place but the one that a gap has taken:
/// the last of them lasts no longer than to where the epoch of the new clock begins.
#[test]
fn an_epoch_begins_where_the_one_before_it_ended() {
    for (silence, keyless) in
        (1_000_000..3_000_000).step_by(150_000).flat_map(|us| [(us, 4), (us, 8), (us, 20)])
    {
        let source = Source { declared: false, audio_rate: None, gop: 1_000_000, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(12, start);
        let mut moves = moves();
        sent.retain(|one| {
            let moving = moves();
            let silent = (6_000_000..6_000_000 + silence).contains(&one.true_pts);
            one.frame.key || moving && !silent
        });
        let jumped = sent.iter_mut().filter(|one| one.true_pts >= 6_000_000 + silence);
        for (n, one) in jumped.enumerate() {
            one.frame.dts.value += 500_000;
            one.frame.key = n == keyless;
        }
        println!("{silence} us of silence, {keyless} pictures without a keyframe");
        let (watcher, _) = publish_in_time(&source, &sent, start, Settings::default());
        let parts = &watcher.seen[&TrackId::VIDEO].parts;
        let mut end = None;
        for part in parts.values() {
            assert!(
                end.is_none_or(|end| part.start >= end),
                "part {} begins {:?}",
                part.number,
                (part.start, end)
            );
            end = Some(part.start + part.duration);
        }
    }
}

/// Sound that has its first place in the second epoch: its playlist begins behind as many discontinuities as there are
/// before the pictures of the same number (RFC 8216bis §6.2.4), though it lists none of them.
#[test]
fn a_track_that_begins_in_a_later_epoch_counts_the_discontinuities_before_it() {
    let source = Source::default();
    let start = epoch();
    let mut sent = source.frames(12, start);
    let mut sounds = 0;
    sent.retain_mut(|one| {
        let sound = one.frame.track == TrackId::AUDIO;
        sounds += i64::from(sound);
        if sound && sounds == 1 {
            // From before the first picture: it tells that there is sound, and has no place itself.
            one.frame.dts.value -= 300;
            return true;
        }
        if one.true_pts >= 3_000_000 {
            one.frame.dts.value += 500_000;
        }
        !sound || one.true_pts >= 5_000_000
    });
    let (mut publisher, generation) = begin(&source, start, Settings::default());
    sent.iter().for_each(|one| publisher.push(one.frame.clone(), now_at(start, one)).unwrap());
    publisher.finish();
    let numbers = |track| -> BTreeMap<u64, u64> {
        let view = generation.rendition(track).unwrap().view();
        let tags = view.listed().iter().scan(view.discontinuity_sequence, |sequence, segment| {
            *sequence += u64::from(segment.head.discontinuity);
            Some((segment.head.msn, *sequence))
        });
        tags.collect()
    };
    let (pictures, sounds) = (numbers(TrackId::VIDEO), numbers(TrackId::AUDIO));
    assert!(pictures.len() > sounds.len() && sounds.len() > 1, "{pictures:?} {sounds:?}");
    assert!(sounds.iter().all(|(msn, sequence)| pictures[msn] == *sequence && *sequence == 1), "{sounds:?}");
}
