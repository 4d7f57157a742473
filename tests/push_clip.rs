//! Clip files are read to exactly the access units that independent readers see.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use rillcast::media::{CodecConfig, TrackKind};
use rillcast::push::{Clip, ClipTrack};
use sha2::{Digest, Sha256};

const LOOPING: &[u8] = include_bytes!("../fixtures/bbb_720p25_avc_aac.mp4");
const SURROUND: &[u8] = include_bytes!("../fixtures/bbb_720p25_gop132_aac51.mp4");

fn clip(file: &'static [u8]) -> Clip {
    Clip::parse(Bytes::from_static(file)).unwrap()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One line an access unit: presentation time, decode time, duration, size, key flag, hash of its bytes.
fn digest(track: &ClipTrack) -> String {
    let mut all = Sha256::new();
    for s in &track.samples {
        let hash = hex(Sha256::digest(&s.payload));
        let line = format!(
            "{} {} {} {} {} {hash}\n",
            s.dts + s.cts,
            s.dts,
            s.duration,
            s.payload.len(),
            u8::from(s.key)
        );
        all.update(line);
    }
    hex(all.finalize())
}

/// The digests are of the same lines made from `ffprobe -show_packets -show_data_hash SHA256`.
#[test]
fn both_clips_hold_exactly_the_packets_that_ffprobe_lists() {
    for (file, expected) in [
        (
            LOOPING,
            [
                (128, 12_800, "54627f6e0bbd557b8b1fbc867bfe731e43e947bd3838a002464794f379b7853b"),
                (241, 48_000, "4bce6429adb5601ce488c349f3d5ebbe52fdbd5eaf6d527e2c2b173c70fca4a2"),
            ],
        ),
        (
            SURROUND,
            [
                (132, 12_800, "e847bac37d7dcc9bfc371bbb7ab03104a09aabb6817c181d334844519ab16798"),
                (249, 48_000, "5ca7ff8bb4ab41db7318c04eb1ddd078976fd504864aa068840bf48e58851892"),
            ],
        ),
    ] {
        let clip = clip(file);
        let seen: Vec<_> =
            clip.tracks().iter().map(|t| (t.samples.len(), t.scale.per_second(), digest(t))).collect();
        let expected: Vec<_> =
            expected.iter().map(|(n, scale, digest)| (*n, *scale, digest.to_string())).collect();
        assert_eq!(seen, expected);
    }
}

#[test]
fn both_clips_describe_their_tracks() {
    for (file, channels, micros) in [(LOOPING, 2, 5_120_000), (SURROUND, 6, 5_280_000)] {
        let clip = clip(file);
        let [video, audio] = clip.tracks() else { panic!("two tracks") };
        assert_eq!((video.track.id.kind, audio.track.id.kind), (TrackKind::Video, TrackKind::Audio));
        let CodecConfig::Video(config) = &video.track.config else { panic!("video") };
        assert_eq!((config.width, config.height), (1_280, 720));
        assert!(config.codecs.starts_with("avc1."), "{}", config.codecs);
        let CodecConfig::Audio(config) = &audio.track.config else { panic!("audio") };
        assert_eq!((config.channels, config.sample_rate.per_second()), (channels, 48_000));
        assert_eq!(config.codecs, "mp4a.40.2");
        assert_eq!(video.frame_rate().map(|rate| rate.fps()), Some(25.0));
        assert_eq!(clip.period().micros(), micros);
        assert_eq!(video.samples.iter().filter(|s| s.key).count(), if channels == 2 { 4 } else { 1 });
    }
}

/// Start, duration, composition offset, key flag, bytes.
type Seen = (u64, u32, i32, bool, Bytes);

/// What a second, unrelated reader makes of a file: per track the bytes, times and key flags.
fn second_reader(file: &'static [u8]) -> Vec<Vec<Seen>> {
    let (send, receive) = mpsc::channel();
    // Under a time limit: that reader is known to hang on some inputs.
    std::thread::spawn(move || {
        let mut reader = mp4::Mp4Reader::read_header(std::io::Cursor::new(file), file.len() as u64).unwrap();
        let mut ids: Vec<u32> = reader.tracks().keys().copied().collect();
        ids.sort_unstable();
        let tracks: Vec<_> = ids
            .into_iter()
            .map(|id| {
                let count = reader.sample_count(id).unwrap();
                let mut sample = |n| reader.read_sample(id, n).unwrap().unwrap();
                let samples = (1..=count).map(|n| {
                    let s = sample(n);
                    (s.start_time, s.duration, s.rendering_offset, s.is_sync, s.bytes)
                });
                samples.collect::<Vec<_>>()
            })
            .collect();
        send.send(tracks).unwrap();
    });
    receive.recv_timeout(Duration::from_secs(20)).unwrap()
}

#[test]
fn an_independent_reader_sees_the_same_samples() {
    for file in [LOOPING, SURROUND] {
        let clip = clip(file);
        for (ours, theirs) in clip.tracks().iter().zip(second_reader(file)) {
            assert_eq!(ours.samples.len(), theirs.len());
            let shift = ours.samples[0].dts;
            let video = ours.track.id.kind == TrackKind::Video;
            for (s, (start, duration, offset, sync, bytes)) in ours.samples.iter().zip(theirs) {
                assert_eq!((s.dts - shift, s.duration), (start as i64, i64::from(duration)));
                assert_eq!((s.cts, &s.payload), (i64::from(offset), &bytes));
                assert!(!video || s.key == sync);
            }
        }
    }
}
