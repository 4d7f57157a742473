//! What was declared holds for whatever comes later: pictures of other rates, holes in odd places, sound of other rates.

use std::sync::Arc;
use std::time::Duration;

use rillcast::live::{Publisher, Registry, Settings};
use rillcast::media::{Frame, Now, StreamName, TrackId};
use rillcast::packager;

use crate::in_time::publish_in_time;
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
    let now = start.plus(Duration::from_secs(6));
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
    let (_, generation) = publish_in_time(&source, &sent, start, Settings::default());
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

/// A segment that is ended in haste, for the one before it is long ago, while its first picture has only begun; and then a
/// source that leaves and is back before that is over: the sound of that moment makes no segment of its own, whose number
/// the pictures of the new epoch have.
#[test]
fn a_source_that_is_back_at_once_leaves_no_segment_of_sound_alone() {
    let source = Source::default();
    let (start, registry) = (epoch(), Registry::new(Settings::default()));
    let name = StreamName::parse("cam").unwrap();
    let mut publisher = registry.publish(&name, start).unwrap();
    let generation = Arc::clone(publisher.generation());
    source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
    let sent = source.frames(30, start);
    let wait = |publisher: &mut Publisher, until: Now| {
        while let Some(due) = publisher.deadline().filter(|due| *due <= until.mono) {
            publisher.tick(start.plus(due.saturating_duration_since(start.mono)));
        }
    };
    let push = |publisher: &mut Publisher, one: &Sent, now: Now| {
        let frame = Frame { arrival: now.mono, ..one.frame.clone() };
        publisher.push(frame, now).unwrap();
    };
    for one in sent.iter().filter(|one| one.true_pts < 4_000_000) {
        push(&mut publisher, one, now_at(start, one));
    }
    // A picture that comes late and has no place, for another configuration is to begin with a keyframe: the epoch of
    // what came late is empty.
    let late = start.plus(Duration::from_secs(7));
    wait(&mut publisher, late);
    let film = Source { rate: (8, 1), ..source.clone() };
    film.tracks().into_iter().for_each(|track| publisher.configure(track, late));
    let picture = |one: &&Sent| one.frame.track == TrackId::VIDEO && one.true_pts > 4_000_000;
    push(&mut publisher, sent.iter().find(picture).unwrap(), late);
    let back = start.plus(Duration::from_secs(14));
    wait(&mut publisher, back);
    let at = |track, from| {
        sent.iter().find(|one| one.frame.track == track && one.true_pts >= from && one.frame.key).unwrap()
    };
    push(&mut publisher, at(TrackId::VIDEO, 14_000_000), back);
    wait(&mut publisher, back);
    // At its end to less than half a frame: it may still belong before that.
    push(&mut publisher, at(TrackId::AUDIO, 14_115_000), back);
    drop(publisher);
    let mut publisher = registry.publish(&name, back).unwrap();
    for one in source.frames(5, back) {
        push(&mut publisher, &one, now_at(back, &one));
    }
    publisher.finish();
    let epochs = |track| -> Vec<(u64, u32)> {
        let view = generation.rendition(track).unwrap().view();
        view.segments.iter().map(|segment| (segment.head.msn, segment.head.epoch)).collect()
    };
    assert_eq!(epochs(TrackId::VIDEO), epochs(TrackId::AUDIO));
}

/// Sound that stops a little before its pictures do, and long enough for a whole segment of nothing: what it lacks of the
/// last segment goes into the next one with what the pictures lack, and that is no longer than the target by it.
#[test]
fn sound_that_stops_before_its_pictures_makes_no_longer_gap_than_they_do() {
    for part in [200, 500, 1_000] {
        for before in (0..part as i64 + 200).step_by(110) {
            for stop in (3_000_000..5_500_000).step_by(370_000) {
                let source = Source { gop: 1_000, ..Source::default() };
                let start = epoch();
                let mut sent = source.frames(14, start);
                sent.retain(|one| {
                    let sound = one.frame.track == TrackId::AUDIO;
                    let from = if sound { stop - before * 1_000 } else { stop };
                    !(from..stop + 4_500_000).contains(&one.true_pts)
                });
                println!("parts of {part} ms, pictures until {stop} us, sound {before} ms before");
                let packager =
                    packager::Settings { part: Duration::from_millis(part), ..packager::Settings::default() };
                let settings = Settings { packager, ..Settings::default() };
                let (watcher, generation) = publish_in_time(&source, &sent, start, settings);
                // The watcher holds every segment to its target.
                watcher.finish(&generation);
            }
        }
    }
}

/// Pictures that are lost around a keyframe, where the segment is nearly as long as it may be: the next picture lasts from
/// where they were lost on, and where the segment has no room for that, it begins another.
#[test]
fn what_is_lost_around_a_keyframe_takes_no_segment_past_its_target() {
    for gop in [58, 60, 61] {
        for (from, lost) in (-4..=1).flat_map(|from| (2..=8).map(move |lost| (from, lost))) {
            let source = Source { gop, audio_rate: None, ..Source::default() };
            let start = epoch();
            let mut sent = source.frames(14, start);
            let first = 40_000 * (3 * gop + from);
            sent.retain(|one| !(first..first + 40_000 * lost).contains(&one.true_pts));
            println!("GOP of {gop}, {lost} lost, the first {from} from the fourth keyframe");
            let part = Duration::from_millis(200);
            let packager = packager::Settings { part, ..packager::Settings::default() };
            let settings = Settings { packager, ..Settings::default() };
            publish_frames(&source, sent, start, settings).assert_nothing_lost(TrackId::VIDEO);
        }
    }
}

/// Sound of which the first second comes when the first segment is over: it belongs there, and makes the second one no
/// longer.
#[test]
fn sound_that_comes_when_its_segment_is_over_is_not_in_the_next_one() {
    for come in (3_000_000..6_000_000).step_by(250_000) {
        let source = Source::default();
        let start = epoch();
        let mut sent = source.frames(12, start);
        let mut sounds = 0;
        for one in sent.iter_mut().filter(|one| one.frame.track == TrackId::AUDIO) {
            sounds += 1;
            if sounds == 1 {
                // From before the first picture: it tells that there is sound, and has no place itself.
                one.frame.dts.value -= 300;
            } else {
                one.frame.arrival = one.frame.arrival.max(start.mono + Duration::from_micros(come));
            }
        }
        sent.sort_by_key(|one| one.frame.arrival);
        println!("sound comes after {come} us");
        let (watcher, _) = publish_in_time(&source, &sent, start, Settings::default());
        let sound = &watcher.seen[&TrackId::AUDIO];
        for (msn, segment) in &sound.segments {
            let lead = &watcher.seen[&TrackId::VIDEO].segments[msn];
            let early = lead.start as f64 / 90_000.0 - segment.start as f64 / 48_000.0;
            assert!(early < 0.022, "segment {msn} of sound begins {early} s before that of the pictures");
        }
        assert!(sound.samples().len() > 300);
    }
}
