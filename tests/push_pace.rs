//! A loop has no seam: after any number of laps every time is the exact one, rounded once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rillcast::flv::TagKind;
use rillcast::flv::amf0::{self, Value};
use rillcast::flv::mux::{self, Form};
use rillcast::media::{CodecConfig, TrackKind, VideoCodec};
use rillcast::push::{Clip, Pace};

const LOOPING: &[u8] = include_bytes!("../fixtures/bbb_720p25_avc_aac.mp4");
const SURROUND: &[u8] = include_bytes!("../fixtures/bbb_720p25_gop132_aac51.mp4");

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for simulated time")]
fn origin() -> Instant {
    Instant::now()
}

fn clip(file: &'static [u8]) -> Arc<Clip> {
    Arc::new(Clip::parse(Bytes::from_static(file)).unwrap())
}

/// `n` steps of `num / den` milliseconds, to the nearest, halves up.
fn grid(n: i64, num: i64, den: i64) -> i64 {
    (2 * n * num + den) / (2 * den)
}

/// Runs `laps` laps of video and checks every time against `origin + n × step`, computed from nothing but n.
/// Answers how far sound ever was from its place beside the picture, in microseconds.
fn run(file: &'static [u8], laps: i64, video_first: i64, audio_first: i64) -> f64 {
    let clip = clip(file);
    let (video, audio) = (&clip.tracks()[0], &clip.tracks()[1]);
    let start_of_body = audio.samples.iter().find(|s| s.dts + s.duration > 0).unwrap();
    let now = origin();
    let mut pace = Pace::new(Arc::clone(&clip), true, now);
    let (mut pictures, mut sounds, mut last) = (0_i64, 0_i64, 0_i64);
    let mut worst = 0.0_f64;
    let mut audio_laps = 0_i64;
    while pictures < laps * video.samples.len() as i64 {
        let at = pace.due().unwrap();
        let due = pace.next(at).unwrap();
        assert!(due.dts >= last, "times never fall");
        last = due.dts;
        assert_eq!(at - now, Duration::from_millis(due.dts as u64));
        match due.track.kind {
            TrackKind::Video => {
                let expected = &video.samples[pictures as usize % video.samples.len()];
                assert_eq!(due.sample.payload.as_ptr(), expected.payload.as_ptr());
                assert_eq!(due.dts, video_first + pictures * 40);
                assert_eq!(i64::from(due.cts), expected.cts * 1_000 / 12_800);
                pictures += 1;
            }
            TrackKind::Audio => {
                assert_eq!(due.dts, audio_first + grid(sounds, 64, 3));
                if due.sample.payload.as_ptr() == start_of_body.payload.as_ptr() {
                    let beside = audio_laps as f64 * clip.period().micros() as f64;
                    worst = worst.max((sounds as f64 * 1_024e6 / 48e3 - beside).abs());
                    audio_laps += 1;
                }
                sounds += 1;
            }
        }
    }
    worst
}

#[test]
fn ten_thousand_laps_of_the_demo_clip_have_no_seam_and_no_drift() {
    // Pictures are decoded 80 ms before the first is shown; sound begins when it is.
    let worst = run(LOOPING, 10_000, 0, 80);
    assert!(worst < 1e-3, "240 frames of sound last exactly as long as 128 pictures: {worst}");
}

#[test]
fn a_clip_whose_sound_does_not_fit_its_picture_keeps_both_grids_and_stays_in_step() {
    let worst = run(SURROUND, 2_000, 0, 0);
    let half_a_frame = 512e6 / 48e3;
    assert!(worst <= half_a_frame + 1e-3, "{worst}");
    assert!(worst > 1.0, "247.5 frames a lap cannot fit every time");
}

#[test]
fn a_single_pass_sends_every_sample_of_the_file_once() {
    for file in [LOOPING, SURROUND] {
        let clip = clip(file);
        let now = origin();
        let mut pace = Pace::new(Arc::clone(&clip), false, now);
        let mut sent = vec![Vec::new(); clip.tracks().len()];
        let mut first = None;
        while let Some(at) = pace.due() {
            let due = pace.next(at).unwrap();
            first.get_or_insert(due.dts);
            sent[usize::from(due.track.kind == TrackKind::Audio)].push(due.sample.clone());
        }
        assert_eq!(first, Some(0));
        for (track, sent) in clip.tracks().iter().zip(&sent) {
            assert!(track.samples == *sent);
        }
        assert!(pace.next(now + Duration::from_secs(60)).is_none());
    }
}

#[test]
fn nothing_is_sent_before_its_time() {
    let now = origin();
    let mut pace = Pace::new(clip(LOOPING), true, now);
    let mut sent = 0;
    while pace.next(now + Duration::from_millis(1_000)).is_some() {
        sent += 1;
    }
    // Pictures at 0, 40, … 1000; sound at 80, 101.3, … 997.3.
    assert_eq!(sent, 26 + 44);
    assert_eq!(pace.due(), Some(now + Duration::from_millis(1_019)));
}

/// A second of pictures from 500 ms on, as an FLV file with script tags at these times.
fn with_scripts(scripts: &[(u32, &str)]) -> Arc<Clip> {
    let clip = clip(SURROUND);
    let video = &clip.tracks()[0];
    let CodecConfig::Video(config) = &video.track.config else { panic!("video comes first") };
    let start = mux::video_start(Form::Legacy, VideoCodec::Avc, &config.record);
    let mut tags = vec![(0, TagKind::Video, start)];
    for (n, sample) in (0..25).zip(&video.samples) {
        let body = mux::video_frame(Form::Legacy, VideoCodec::Avc, 0, sample.key, &sample.payload);
        tags.push((500 + n * 40, TagKind::Video, body));
    }
    for (time, name) in scripts {
        let mut body = BytesMut::new();
        amf0::write(&mut body, &Value::String(name));
        amf0::write(&mut body, &Value::Object(vec![("name", Value::String("x"))]));
        tags.push((*time, TagKind::Script, body.freeze()));
    }
    tags.sort_by_key(|(time, ..)| *time);
    let mut out = mux::file_header(false, true).to_vec();
    for (time, kind, body) in tags {
        out.extend(mux::file_tag(kind, time, &body).unwrap());
    }
    Arc::new(Clip::parse(out.into()).unwrap())
}

/// The times of everything that is sent before `end`: messages (true) and samples.
fn sent(clip: &Arc<Clip>, looping: bool, end: u64) -> Vec<(i64, bool)> {
    let now = origin();
    let mut pace = Pace::new(Arc::clone(clip), looping, now);
    let mut sent = Vec::new();
    while let Some(at) = pace.due().filter(|at| *at < now + Duration::from_millis(end)) {
        let (dts, message) = match pace.message(at) {
            Some((dts, _)) => (dts, true),
            None => (pace.next(at).unwrap().dts, false),
        };
        assert_eq!(at, now + Duration::from_millis(dts as u64));
        sent.push((dts, message));
    }
    sent
}

#[test]
fn messages_of_a_file_are_sent_between_its_samples_and_in_every_lap() {
    let scripts = [
        (0, "onMetaData"),
        (100, "onCuePoint"),
        (620, "onTextData"),
        (640, "@setDataFrame"),
        (1_700, "onCuePoint"),
    ];
    let clip = with_scripts(&scripts);
    assert_eq!(clip.messages().len(), 3, "what is said of the file itself is left out");
    let times = |sent: &[(i64, bool)]| -> Vec<i64> {
        sent.iter().filter(|(_, message)| *message).map(|(dts, _)| *dts).collect()
    };
    // What comes before the first picture comes with it; what follows the last one is still sent.
    let once = sent(&clip, false, 60_000);
    assert_eq!(times(&once), [0, 120, 1_200]);
    assert!(once.is_sorted_by_key(|(dts, _)| *dts) && once.len() == 25 + 3);
    // In a loop the last one lies past the end of a lap.
    let laps = sent(&clip, true, 2_500);
    assert_eq!(times(&laps), [0, 120, 1_000, 1_120, 2_000, 2_120]);
    assert!(laps.is_sorted_by_key(|(dts, _)| *dts) && laps.len() == 63 + 6, "{}", laps.len());
}
