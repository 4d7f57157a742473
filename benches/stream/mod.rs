//! A stream for the benches: 6 Mbit/s of picture at 30 frames a second in two-second groups, 160 kbit/s of sound.
#![allow(dead_code, reason = "each bench uses its own part of it")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::live::{Publisher, Registry, Settings};
use rillcast::media::{
    AudioCodec, AudioConfig, CodecConfig, Frame, FrameRate, Now, StreamName, Ticks, Timescale, Track,
    TrackId, VideoCodec, VideoConfig, WallTime,
};

/// avcC of a 1280x720 High profile stream, as x264 wrote it.
const AVCC: &[u8] = &[
    1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 0x1A, 0x67, 0x64, 0, 0x1F, 0xAC, 0xD9, 0x40, 0x50, 0x05, 0xBB, 0x01,
    0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0x20, 0xF1, 0x83, 0x19, 0x60, 1, 0, 6, 0x68, 0xEB, 0xE3, 0xCB, 0x22,
    0xC0,
];

/// Pictures a second, and in a group.
pub(crate) const RATE: FrameRate = FrameRate { num: 30, den: 1 };
const GROUP: i64 = 60;

pub(crate) fn tracks() -> [Track; 2] {
    let video = VideoConfig {
        codec: VideoCodec::Avc,
        record: Bytes::from_static(AVCC),
        codecs: "avc1.64001f".into(),
        width: 1_280,
        height: 720,
        pixel_aspect: (1, 1),
        frame_rate: Some(RATE),
        colour: None,
    };
    let audio = AudioConfig {
        codec: AudioCodec::Aac,
        record: Bytes::from_static(&[0x11, 0x90]),
        codecs: "mp4a.40.2".into(),
        sample_rate: Timescale::new(48_000).unwrap(),
        channels: 2,
        frame_samples: 1_024,
    };
    [
        Track { id: TrackId::VIDEO, config: CodecConfig::Video(video) },
        Track { id: TrackId::AUDIO, config: CodecConfig::Audio(audio) },
    ]
}

#[expect(clippy::disallowed_methods, reason = "the one instant that the stream's time is counted from")]
pub(crate) fn epoch() -> Now {
    Now { mono: Instant::now(), wall: WallTime { unix_micros: 1_800_000_000_000_000 } }
}

/// Frames as an ingest hands them out, from `from` to `to` seconds, in order of time.
pub(crate) fn frames(start: Now, from: i64, to: i64) -> Vec<Frame> {
    let mut all = Vec::new();
    let mut add = |track, micros: i64, key, len: usize| {
        let arrival = start.mono + Duration::from_micros(micros.unsigned_abs());
        let (dts, payload) = (Ticks::millis((micros + 500) / 1_000), Bytes::from(vec![0x5A; len]));
        all.push(Frame { track, dts, cts: 0, duration: None, key, payload, arrival });
    };
    for n in from * 30..to * 30 {
        let len = if n % GROUP == 0 { 150_000 } else { 22_800 + (n.unsigned_abs() as usize * 377) % 1_000 };
        add(TrackId::VIDEO, n * 1_000_000 / 30, n % GROUP == 0, len);
    }
    for n in from * 48_000 / 1_024..to * 48_000 / 1_024 {
        add(TrackId::AUDIO, n * 1_024 * 1_000 / 48, true, 420);
    }
    all.sort_by_key(|frame| frame.arrival);
    all
}

/// A stream that has just begun.
pub(crate) fn publisher(start: Now) -> (Registry, Publisher) {
    let registry = Registry::new(Settings::default());
    let mut publisher = registry.publish(&StreamName::parse("bench").unwrap(), start).unwrap();
    tracks().into_iter().for_each(|track| publisher.configure(track, start));
    (registry, publisher)
}
