//! Decode times that a muxer has moved, so that those of all tracks are in order: pictures are shown when their source
//! said, for their composition offsets make up for it.

use std::time::Duration;

use rillcast::live::{Notice, Settings};
use rillcast::media::TrackId;

use crate::source::{Sent, Source, epoch};
use crate::{Outcome, publish_frames};

/// What GStreamer's `flvmux` makes of it: a picture is decoded when the sound before it began, and still shown when it
/// should be. Sound begins `phase` milliseconds after the pictures; those from `from` on are moved.
fn muxed(source: &Source, phase: i64, from: i64) -> Vec<Sent> {
    let mut sent = source.frames(12, epoch());
    for one in sent.iter_mut().filter(|one| one.frame.track == TrackId::AUDIO) {
        one.frame.dts.value += phase;
        one.frame.arrival += Duration::from_millis(phase.unsigned_abs());
        one.true_pts += phase * 1_000;
    }
    sent.sort_by_key(|one| one.frame.arrival);
    let mut sound = i64::MIN;
    for one in &mut sent {
        let at = &mut one.frame.dts.value;
        if one.frame.track == TrackId::AUDIO {
            sound = *at;
        } else if sound != i64::MIN && one.true_pts >= from {
            one.frame.cts += *at - sound;
            *at = sound;
        }
    }
    sent
}

fn publish(source: &Source, sent: Vec<Sent>) -> Outcome {
    publish_frames(source, sent, epoch(), Settings::default())
}

#[test]
fn pictures_decoded_when_sound_is_are_shown_when_their_source_said() {
    for rate in [(25, 1), (30_000, 1_001), (30, 1), (60, 1)] {
        for delay in [0, 2] {
            for phase in 0..22 {
                println!("rate {rate:?}, {delay} reordered, sound {phase} ms later");
                let source = Source { rate, delay, gop: 60, ..Source::default() };
                let outcome = publish(&source, muxed(&source, phase, 0));
                outcome.assert_in_time(TrackId::VIDEO, 90_000, 1_000);
                outcome.assert_in_time(TrackId::AUDIO, 48_000, 1_000);
            }
        }
    }
}

/// Where a muxer begins with it only when the rate of the pictures is known, that holds no longer.
#[test]
fn pictures_whose_decode_times_are_moved_later_on_are_shown_when_their_source_said() {
    for (phase, from) in (0..22).zip((1_000_000..9_000_000).step_by(371_000)) {
        println!("sound {phase} ms later, moved from {from} us on");
        let source = Source { rate: (30, 1), delay: 2, gop: 60, ..Source::default() };
        let outcome = publish(&source, muxed(&source, phase, from));
        outcome.assert_in_time(TrackId::VIDEO, 90_000, 1_000);
        assert!(!outcome.notices.contains(&Notice::NoSteadyRate), "the rate was steady at first");
    }
}
