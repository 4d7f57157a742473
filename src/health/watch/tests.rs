//! Tests of a watch: encoders with one fault each, on a simulated clock.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use crate::media::{
    AudioCodec, AudioConfig, CodecConfig, RenditionFrames, SessionFrames, StreamName, Ticks, Timescale,
    VideoCodec, VideoConfig,
};

/// A frame: when it is by its stamp, its composition offset, whether it is a keyframe, its bytes.
type Sent = Option<(i64, i64, bool, usize)>;
/// What an encoder sends of pictures and of sound at one millisecond.
type Sends = fn(i64) -> (Sent, Sent);

const REPORT: EncoderReport = EncoderReport {
    composed: None,
    requested: None,
    encoded: None,
    queued: None,
    session: Some(SessionFrames { rendered: 50, lagged: 0, dropped: 0, output: 50 }),
    rendition: Some(RenditionFrames { input: 50, skipped: 0, output: 50 }),
};

/// An encoder and who watches it.
struct Stage {
    watch: Watch,
    now: Now,
    at: i64,
    began: BTreeSet<String>,
    ended: BTreeSet<String>,
}

fn good(at: i64) -> (Sent, Sent) {
    let picture = (at % 40 == 0).then_some((at, 0, at % 2_000 == 0, 10_000));
    (picture, (at % 20 == 0).then_some((at, 0, true, 300)))
}

fn frame(track: TrackId, (at, cts, key, size): (i64, i64, bool, usize), arrival: Instant) -> Frame {
    let payload = Bytes::from(vec![0; size]);
    Frame { track, dts: Ticks::millis(at), cts, duration: None, key, payload, arrival }
}

fn sound() -> CodecConfig {
    CodecConfig::Audio(AudioConfig {
        codec: AudioCodec::Aac,
        record: Bytes::new(),
        codecs: "mp4a.40.2".to_owned(),
        sample_rate: Timescale::OPUS,
        channels: 2,
        frame_samples: 960,
    })
}

impl Stage {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let now = Now { mono: Instant::now(), wall: WallTime { unix_micros: 1_795_253_400_000_000 } };
        let mut watch = Watch::new(now);
        let pictures = VideoConfig {
            codec: VideoCodec::Avc,
            record: Bytes::new(),
            codecs: "avc1.64001f".to_owned(),
            width: 1_280,
            height: 720,
            pixel_aspect: (1, 1),
            frame_rate: None,
            colour: None,
        };
        watch.configure(&Track { id: TrackId::VIDEO, config: CodecConfig::Video(pictures) }, now);
        watch.configure(&Track { id: TrackId::AUDIO, config: sound() }, now);
        watch.declare(Declared { frame_rate: Some(25.0), video_bitrate: Some(2_000_000.0) });
        Self { watch, now, at: 0, began: BTreeSet::new(), ended: BTreeSet::new() }
    }

    fn runs(&mut self, seconds: i64, sends: Sends) -> &mut Self {
        for _ in 0..seconds * 1_000 {
            let (picture, sound) = sends(self.at);
            for (track, sent) in [(TrackId::VIDEO, picture), (TrackId::AUDIO, sound)] {
                sent.into_iter().for_each(|sent| self.watch.push(&frame(track, sent, self.now.mono)));
            }
            for change in self.watch.look(self.now).into_iter().flatten() {
                let (kept, finding) = match change {
                    Change::Began(finding) => (&mut self.began, finding),
                    Change::Ended(finding) => (&mut self.ended, finding),
                };
                let track = finding.track.map_or_else(|| "all".to_owned(), |track| track.to_string());
                kept.insert(format!("{track} {}: {}", finding.verdict.name(), finding.verdict));
            }
            self.now = self.now.plus(Duration::from_millis(1));
            self.at += 1;
        }
        self
    }

    fn reports(&mut self, times: usize, report: EncoderReport) -> &mut Self {
        for _ in 0..times {
            self.watch.report(TrackId::VIDEO, &report, self.now);
        }
        self
    }

    /// Nothing else began than what begins so.
    fn found(&self, begins: &str) {
        assert!(
            self.began.len() == 1 && self.began.iter().all(|one| one.starts_with(begins)),
            "{:?}",
            self.began
        );
    }
}

#[test]
fn a_good_publish_has_nothing_wrong() {
    let mut stage = Stage::new();
    stage.runs(30, good).reports(20, REPORT).runs(10, good);
    assert!(stage.began.is_empty(), "{:?}", stage.began);
    let text = stage.watch.document(&StreamName::parse("a/b").unwrap(), stage.now);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["healthy"], document["received_bytes"].as_u64()), (&true.into(), Some(10_600_000)));
    assert_eq!(document["tracks"][0]["frames_per_second"], 25.0);
    assert_eq!(document["tracks"][0]["bits_per_second"], 2_000_000.0);
    assert_eq!(document["tracks"][0]["keyframe_interval_seconds"], 2.0);
    assert_eq!(document["encoder"]["frames_output"], 19 * 50, "the first report may count from the start");
}

#[test]
fn each_fault_of_an_encoder_has_its_verdict_and_no_other() {
    let faults: [(Sends, &str); 8] = [
        (
            |at| (good(at).0.map(|sent| (sent.0, 0, at % 8_000 == 0, sent.3)), good(at).1),
            "v0 keyframes_far: ",
        ),
        (
            |at| {
                (
                    good(at).0.map(|sent| (sent.0, 0, at % 5_000 == 0 || at % 5_000 == 2_000, sent.3)),
                    good(at).1,
                )
            },
            "v0 keyframes_uneven: keyframes come 2.0 to 3.0 s apart",
        ),
        (
            |at| (good(at).0.map(|sent| (sent.0, at / 40 % 3 * 40, sent.2, sent.3)), good(at).1),
            "v0 b_frames: B-frames: pictures come up to 80 ms out of order",
        ),
        (
            |at| (good(at).0, good(at).1.map(|sent| (sent.0 - 900, 0, true, 300))),
            "all av_skew: the sound comes 900 ms behind",
        ),
        (
            |at| (good(at).0, good(at).1.map(|sent| (sent.0 + 900, 0, true, 300))),
            "all av_skew: the pictures come 900 ms behind",
        ),
        (
            |at| (good(at).0.map(|sent| (sent.0, 0, sent.2, 20_000)), good(at).1),
            "v0 bitrate_high: 4000 kbit/s",
        ),
        (
            |at| (good(at).0.map(|sent| (sent.0, 0, sent.2, 4_000)), good(at).1),
            "v0 bitrate_low: only 800 kbit/s",
        ),
        (
            |at| (good(at).0.filter(|_| at % 200 != 40).map(|sent| (sent.0, 0, sent.2, 12_500)), good(at).1),
            "v0 frame_rate: 20.00 pictures",
        ),
    ];
    for (sends, begins) in faults {
        let mut stage = Stage::new();
        stage.runs(30, sends).found(begins);
    }
}

#[test]
fn a_jump_is_told_with_its_size_and_is_over_after_a_while() {
    let mut stage = Stage::new();
    stage.runs(10, good).runs(20, |at| {
        let later = |sent: Sent| sent.map(|(at, cts, key, size)| (at + 60_000, cts, key, size));
        (later(good(at).0), later(good(at).1))
    });
    assert_eq!(stage.began.len(), 2, "{:?}", stage.began);
    assert!(
        stage.began.iter().all(|one| one.contains("timestamp_jumps: time stamps jumped by 600")),
        "{:?}",
        stage.began
    );
    stage.runs(40, |at| {
        (
            good(at).0.map(|sent| (sent.0 + 60_000, 0, sent.2, sent.3)),
            good(at).1.map(|sent| (sent.0 + 60_000, 0, true, 300)),
        )
    });
    assert_eq!(stage.ended.len(), 2, "{:?}", stage.ended);
}

#[test]
fn the_track_that_stalls_is_named_and_so_is_its_return() {
    let mut stage = Stage::new();
    stage.runs(10, good).runs(5, |at| (good(at).0, None)).found("a0 stalled: nothing has come for 2");
    stage.runs(20, good);
    assert!(stage.ended.iter().any(|one| one.starts_with("a0 stalled")), "{:?}", stage.ended);
}

#[test]
fn a_track_that_is_configured_and_never_comes_is_stalled() {
    let mut stage = Stage::new();
    stage.runs(5, |at| (good(at).0, None)).found("a0 stalled: ");
}

#[test]
fn what_the_encoder_counts_against_itself_is_told_in_percent() {
    let session = SessionFrames { rendered: 50, lagged: 0, dropped: 0, output: 50 };
    let rendition = RenditionFrames { input: 50, skipped: 5, output: 45 };
    for (session, rendition, begins) in [
        (
            SessionFrames { dropped: 5, output: 45, ..session },
            None,
            "all encoder_dropped: the encoder dropped 10.0 %",
        ),
        (SessionFrames { lagged: 1, ..session }, None, "all encoder_lagged: the encoder composed 2.0 %"),
        (session, Some(rendition), "all encoder_skipped: the encoder left 10.0 %"),
    ] {
        let mut stage = Stage::new();
        let report = EncoderReport { session: Some(session), rendition, ..REPORT };
        stage.runs(3, good).reports(5, report).runs(3, good).found(begins);
        stage.runs(45, good);
        assert_eq!(stage.ended.len(), 1, "{:?}", stage.ended);
    }
}

#[test]
fn counters_of_the_publish_count_once_however_many_tracks_tell_them() {
    let mut stage = Stage::new();
    for _ in 0..3 {
        for index in 0..3 {
            let track = TrackId { index, ..TrackId::VIDEO };
            stage.watch.report(track, &REPORT, stage.now);
        }
    }
    let total = stage.watch.total;
    assert_eq!((total.rendered, total.output, total.input), (100, 100, 300));
}

#[test]
fn latency_is_measured_by_both_clocks_and_a_wrong_one_is_told() {
    for (behind, begins) in [
        (5_000_000, "all latency_high: pictures arrive 5.0 s after"),
        (-2_000_000, "all clock_ahead: pictures arrive 2.0 s before"),
    ] {
        let mut stage = Stage::new();
        let composed = Some(stage.now.wall.plus_micros(-behind));
        stage.reports(1, EncoderReport { composed, ..REPORT });
        assert_eq!(stage.watch.latency(), Some(behind as f64 / 1e6));
        stage.runs(5, good).found(begins);
    }
    let mut stage = Stage::new();
    let composed = Some(WallTime { unix_micros: i64::MIN });
    stage.reports(1, EncoderReport { composed, ..REPORT }).runs(2, good);
}

#[test]
fn hostile_stamps_and_tracks_are_measured_and_kept_within_bounds() {
    let mut stage = Stage::new();
    for at in [i64::MAX, i64::MIN, 0, i64::MAX, -1, i64::MIN, 7] {
        let picture = frame(TrackId::VIDEO, (at, i64::MAX, true, 1), stage.now.mono);
        stage.watch.push(&Frame { dts: Ticks::new(at, Timescale::MICROS), ..picture.clone() });
        stage.watch.push(&picture);
        stage.runs(2, good);
    }
    assert!(!stage.began.is_empty());
    for index in 0..=255 {
        let id = TrackId { index, ..TrackId::AUDIO };
        stage.watch.configure(&Track { id, config: sound() }, stage.now);
        stage.watch.report(id, &REPORT, stage.now);
    }
    assert_eq!((stage.watch.tracks.len(), stage.watch.told.len()), (TRACKS, TRACKS));
}
