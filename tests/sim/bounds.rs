//! What was declared holds for whatever comes later: pictures of other rates, holes in odd places, sound of other rates.

use rillcast::live::{Registry, Settings};
use rillcast::media::{StreamName, TrackId};

use crate::source::{Sent, Source, chance, epoch};
use crate::watch::Watcher;
use crate::{begin, now_at, publish_frames};

/// What `before` sends for six seconds, and then `after` on the same clock, whose configuration comes in between.
fn changes(before: &Source, after: &Source, look: impl Fn(&Watcher)) {
    let start = epoch();
    let (mut publisher, generation) = begin(before, start, Settings::default());
    let mut watcher = Watcher::default();
    let of = |source: &Source, from: i64, to: i64| {
        let mut sent = source.frames(20, start);
        sent.retain(|one: &Sent| (from..to).contains(&one.true_pts));
        sent
    };
    for one in of(before, 0, 6_000_000) {
        publisher.push(one.frame.clone(), now_at(start, &one)).unwrap();
        watcher.look(&generation);
    }
    let now = start.plus(std::time::Duration::from_secs(6));
    after.tracks().into_iter().for_each(|track| publisher.configure(track, now));
    for one in of(after, 6_000_000, i64::MAX) {
        publisher.push(one.frame.clone(), now_at(start, &one)).unwrap();
        watcher.look(&generation);
    }
    publisher.finish();
    watcher.look(&generation);
    look(&watcher);
}

/// PART-TARGET is what it was declared to be for pictures of 25 a second, of which twelve make a part. Of slower ones no
/// whole number may come near it: then parts are short, or end before their picture should, but are never too long,
/// whatever is missing (RFC 8216bis §4.4.4.9).
#[test]
fn pictures_of_a_new_rate_take_no_part_past_its_target() {
    let before = Source { audio_rate: None, ..Source::default() };
    for fps in 1..=25 {
        for drop_every in [0, 3, 4, 5, 7] {
            let after = Source { rate: (fps, 1), gop: i64::from(fps) * 2, drop_every, ..before.clone() };
            changes(&before, &after, |watcher| {
                for (number, part) in &watcher.seen[&TrackId::VIDEO].parts {
                    assert!(part.duration <= 44_550, "{fps} fps: part {number} lasts {}", part.duration);
                }
            });
        }
    }
}

/// Pictures with no steady rate that pause, also where a keyframe is due: the last one lasts through the pause, and where
/// its segment has no room for that, it begins the next one (RFC 8216bis §4.4.3.1).
#[test]
fn a_picture_that_lasts_takes_no_segment_past_its_target() {
    let source = Source { rate: (100, 1), declared: false, gop: 240, audio_rate: None, ..Source::default() };
    for seed in 0..100 {
        let start = epoch();
        let mut sent = source.frames(15, start);
        let mut next = 0;
        sent.retain(|one| {
            let due = one.true_pts >= next || one.frame.key && one.true_pts / 2_400_000 % 3 != 2;
            if due {
                let longest = if one.true_pts < 2_000_000 { 60 } else { 460 };
                next = one.true_pts + 1_000 * (20 + chance(seed, one.true_pts as u64) % longest) as i64;
            }
            due
        });
        println!("seed {seed}");
        // The watcher holds every segment to its target.
        publish_frames(&source, sent, start, Settings::default()).assert_nothing_lost(TrackId::VIDEO);
    }
}

/// Sound of a new rate, whose source goes: whoever waits for a deadline finds it met by what is done then, or would wait
/// for it again and again.
#[test]
fn a_deadline_is_met_by_the_tick_that_it_is_for() {
    for rate in [44_100, 32_000, 22_050, 11_025] {
        let source = Source { video: false, ..Source::default() };
        let (start, registry) = (epoch(), Registry::new(Settings::default()));
        let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
        source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
        let mut last = start;
        let later = Source { audio_rate: Some(rate), ..source.clone() };
        for (n, one) in source.frames(3, start).into_iter().chain(later.frames(9, start)).enumerate() {
            if n == 140 {
                later.tracks().into_iter().for_each(|track| publisher.configure(track, last));
            }
            if n < 140 || one.true_pts > 3_000_000 {
                last = now_at(start, &one);
                publisher.push(one.frame, last).unwrap();
            }
        }
        drop(publisher);
        let (mut due, mut ticks) = (registry.tick(last.mono), 0);
        while let Some(at) = due {
            due = registry.tick(at);
            ticks += 1;
            assert!(due.is_none_or(|next| next > at), "{rate} Hz: tick {ticks} did nothing");
        }
        assert!(ticks > 10, "{rate} Hz: {ticks} ticks");
    }
}

/// Pictures that come back after seconds of gaps with times that cannot be believed go on behind the gaps, not where they
/// stopped; and so does sound that is heard for the first time then, in a segment that is no longer than others.
#[test]
fn what_comes_back_with_other_times_goes_on_behind_the_gaps() {
    let source = Source { gop: 1_000, ..Source::default() };
    let start = epoch();
    let mut sent = source.frames(16, start);
    let mut sounds = 0;
    sent.retain_mut(|one| {
        let sound = one.frame.track == TrackId::AUDIO;
        sounds += i64::from(sound);
        if sound && sounds == 1 {
            // From before the first picture: it tells that there is sound, and has no place itself.
            one.frame.dts.value -= 300;
            return true;
        }
        if one.true_pts >= 12_000_000 {
            one.frame.dts.value += 240_000;
            one.frame.key |= (13_000_000..13_040_000).contains(&one.true_pts);
        }
        one.true_pts >= 12_000_000 || !sound && one.true_pts < 3_000_000
    });
    let (mut publisher, generation) = begin(&source, start, Settings::default());
    for one in &sent {
        while let Some(due) = publisher.deadline().filter(|due| *due < one.frame.arrival) {
            publisher.tick(start.plus(due.saturating_duration_since(start.mono)));
        }
        publisher.push(one.frame.clone(), now_at(start, one)).unwrap();
    }
    publisher.finish();
    for (track, scale) in [(TrackId::VIDEO, 90_000.0), (TrackId::AUDIO, 48_000.0)] {
        let view = generation.rendition(track).unwrap().view();
        for segment in view.segments.iter() {
            let seconds = segment.duration as f64 / scale;
            assert!(seconds < 2.5, "segment {} of {track} lasts {seconds}", segment.head.msn);
        }
        let last = view.segments.last().unwrap();
        let end = (last.start + last.duration) as f64 / scale;
        assert!((16.0..18.0).contains(&end), "{track} ends at {end}");
    }
}
