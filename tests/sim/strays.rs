//! Times that are told wrong, or not at all for a while: what a playlist promises holds, and no time is made up.

use std::time::Duration;

use rillcast::live::Settings;
use rillcast::media::TrackId;
use rillcast::packager;

use crate::in_time::publish_in_time;
use crate::source::{Sent, Source, epoch};
use crate::{Outcome, publish_frames};

/// Parts of half a second in segments of one.
fn short() -> Settings {
    let packager = packager::Settings {
        part: Duration::from_millis(500),
        segment: Duration::from_secs(1),
        ..packager::Settings::default()
    };
    Settings { packager, ..Settings::default() }
}

/// Hostile case 31: one frame of sound that is said to be far ahead takes all after it there, until the pictures begin
/// another epoch: what is missing before that is no longer than a segment may be.
#[test]
fn sound_that_runs_ahead_makes_no_segment_longer_than_the_target() {
    for ahead in (1_100..3_000).step_by(271) {
        for nth in (20..130).step_by(11) {
            let source = Source { gop: 32, ..Source::default() };
            let start = epoch();
            let mut sent = source.frames(6, start);
            let mut sound = sent.iter_mut().filter(|one| one.frame.track == TrackId::AUDIO);
            sound.nth(nth).unwrap().frame.dts.value += ahead;
            println!("frame {nth} is {ahead} ms ahead");
            // The watcher holds every segment to the target duration.
            publish_frames(&source, sent, start, short()).assert_nothing_lost(TrackId::VIDEO);
        }
    }
}

/// Hostile case 31: pictures of no steady rate that stay away for a while go on at their own times: how long they were
/// away is not how far one is from the next.
#[test]
fn pictures_of_no_steady_rate_come_back_at_their_own_times() {
    for away in [1_300_000, 2_500_000] {
        let source = Source { declared: false, audio_rate: None, gop: 50, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(12, start);
        // Uneven from the start: no rate is found in them.
        sent.retain(|one| {
            let n = one.true_pts / 40_000;
            one.frame.key
                || (n % 3 != 1 && n % 7 != 2 && !(4_080_000..4_080_000 + away).contains(&one.true_pts))
        });
        let outcome = publish_frames(&source, sent, start, Settings::default());
        outcome.assert_in_time(TrackId::VIDEO, 90_000, 1_000);
    }
}

/// Pictures once a second that are decoded two of them early, and sound that its muxer holds back until the next one of
/// them: it is seconds behind what is known of the pictures by then, and is waited for. Pictures need not be on time to the
/// millisecond, either.
#[test]
fn sound_of_seldom_pictures_is_waited_for() {
    for held in (0..1_000_000).step_by(130_000) {
        for late in [0, 40_000, 300_000] {
            let source = Source { rate: (1, 1), delay: 2, gop: 3, ..Source::default() };
            let start = epoch();
            let mut sent = source.frames(30, start);
            for (n, one) in sent.iter_mut().enumerate() {
                let micros = one.frame.arrival.saturating_duration_since(start.mono).as_micros() as i64;
                let at = if one.frame.track == TrackId::AUDIO {
                    ((micros + held) / 1_000_000 + 1) * 1_000_000 - held
                } else {
                    micros + late * i64::from(n % 2 == 1)
                };
                one.frame.arrival = start.mono + Duration::from_micros(at.unsigned_abs());
            }
            sent.sort_by_key(|one| one.frame.arrival);
            let last = sent.iter().rposition(|one| one.frame.track == TrackId::VIDEO).unwrap();
            sent.truncate(last + 1);
            println!("sound is held until {held} us before a picture, of which some are {late} us late");
            let (watcher, generation) = publish_in_time(&source, &sent, start, Settings::default());
            watcher.finish(&generation);
            let outcome = Outcome { watcher, notices: Vec::new(), sent };
            outcome.assert_in_time(TrackId::VIDEO, 90_000, 1_000);
            outcome.assert_in_time(TrackId::AUDIO, 48_000, 1_000);
        }
    }
}

/// Sound that began seconds before the first picture, and was held by its muxer until that came: it is of the same clock,
/// however far it is from the picture that it came with.
#[test]
fn sound_that_was_held_for_the_first_picture_keeps_its_time() {
    for first in (500_000..9_000_000).step_by(700_000) {
        let source = Source { gop: 25, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(20, start);
        let of = |one: &Sent| one.frame.track == TrackId::AUDIO;
        sent.retain(|one| of(one) || one.true_pts >= first / 40_000 * 40_000);
        let begins = sent.iter().position(|one| !of(one)).unwrap();
        sent[begins].frame.key = true;
        let at = sent[begins].frame.arrival;
        sent[..begins].iter_mut().for_each(|one| one.frame.arrival = at);
        println!("the first picture comes after {first} us");
        let mut outcome = publish_frames(&source, sent, start, Settings::default());
        // What is before the first picture, but for the frame that lasts until then, is not shown.
        let from = outcome.sent[begins].true_pts;
        outcome.sent.retain(|one| !of(one) || one.true_pts >= from - 21_334);
        outcome.sent.iter_mut().for_each(|one| one.true_pts -= from);
        outcome.assert_in_time(TrackId::VIDEO, 90_000, 1_000);
        outcome.assert_in_time(TrackId::AUDIO, 48_000, 1_000);
    }
}

/// The same of what a muxer held while no picture came, and then sent too late for its place: sound goes on in time with
/// the pictures, though it was heard first for seconds from before them; or from after them, where only they were held.
#[test]
fn sound_that_was_held_through_a_pause_keeps_its_time() {
    for (pause, alone) in
        (1_000_000..6_000_000).step_by(500_000).flat_map(|pause| [(pause, false), (pause, true)])
    {
        let source = Source { gop: 25, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(24, start);
        let video = |one: &Sent| one.frame.track == TrackId::VIDEO;
        sent.retain(|one| alone || !video(one) || !(5_000_000..5_000_000 + pause).contains(&one.true_pts));
        for one in sent.iter_mut().filter(|one| one.true_pts >= 5_000_000 && (!alone || video(one))) {
            let from = start.mono + Duration::from_micros((5_000_000 + pause).unsigned_abs());
            one.frame.arrival = one.frame.arrival.max(from) + Duration::from_millis(1_200);
        }
        sent.sort_by_key(|one| one.frame.arrival);
        println!("no pictures for {pause} us, they are held alone: {alone}");
        let (watcher, generation) = publish_in_time(&source, &sent, start, Settings::default());
        watcher.finish(&generation);
        // How much later than at first each is shown at its end.
        let moved = |track: TrackId, scale: i64| {
            let samples = watcher.seen[&track].samples();
            let last = samples.last().unwrap();
            let sent = sent.iter().find(|one| one.frame.payload == last.payload).unwrap();
            (last.dts + last.cts) * 1_000_000 / scale - sent.true_pts - 1_000_000
        };
        let (pictures, sound) = (moved(TrackId::VIDEO, 90_000), moved(TrackId::AUDIO, 48_000));
        assert!(pictures > 0 && (pictures - sound).abs() < 1_500, "by {pictures} and {sound} us");
    }
}

/// The same sound, seconds behind its pictures, when all of it has stood still for a while: what gaps have taken is lost, and
/// no more.
#[test]
fn sound_of_seldom_pictures_comes_back_after_a_stall() {
    for stall in (2_000_000..6_000_000).step_by(300_000) {
        let source = Source { rate: (1, 1), delay: 2, gop: 3, ..Source::default() };
        let start = epoch();
        let mut sent = source.frames(50, start);
        for one in &mut sent {
            let mut at = one.frame.arrival.saturating_duration_since(start.mono).as_micros() as i64;
            if one.frame.track == TrackId::AUDIO {
                at = (at / 1_000_000 + 1) * 1_000_000;
            }
            let stalled = (12_000_000..12_000_000 + stall).contains(&at);
            let at = if stalled { 12_000_000 + stall } else { at };
            one.frame.arrival = start.mono + Duration::from_micros(at.unsigned_abs());
        }
        sent.sort_by_key(|one| one.frame.arrival);
        let last = sent.iter().rposition(|one| one.frame.track == TrackId::VIDEO).unwrap();
        sent.truncate(last + 1);
        println!("nothing comes for {stall} us");
        let (watcher, generation) = publish_in_time(&source, &sent, start, Settings::default());
        watcher.finish(&generation);
        let seen: Vec<_> =
            watcher.seen[&TrackId::AUDIO].samples().into_iter().map(|sample| sample.payload).collect();
        let sound = sent.iter().filter(|one| one.frame.track == TrackId::AUDIO && one.true_pts < 45_000_000);
        let lost = sound.filter(|one| !seen.contains(&one.frame.payload.to_vec()));
        let last = lost.map(|one| one.true_pts).max().unwrap_or(0);
        assert!(last < 22_000_000, "sound is lost until {last} us");
    }
}
