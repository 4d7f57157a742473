//! A simulated encoder: frames with awkward clocks, each payload unlike any other.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::media::{
    AudioCodec, AudioConfig, CodecConfig, Frame, FrameRate, Now, Ticks, Timescale, Track, TrackId,
    VideoCodec, VideoConfig, WallTime,
};

/// avcC of a 1280x720 High profile stream, as x264 wrote it.
pub(crate) const AVCC: &[u8] = &[
    1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 0x1A, 0x67, 0x64, 0, 0x1F, 0xAC, 0xD9, 0x40, 0x50, 0x05, 0xBB, 0x01,
    0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0x20, 0xF1, 0x83, 0x19, 0x60, 1, 0, 6, 0x68, 0xEB, 0xE3, 0xCB, 0x22,
    0xC0,
];

/// What the encoder does.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) rate: (u32, u32),
    /// Whether the bitstream declares the rate.
    pub(crate) declared: bool,
    pub(crate) gop: i64,
    /// Frames of reordering: 0 without B-frames.
    pub(crate) delay: i64,
    pub(crate) audio_rate: Option<u32>,
    pub(crate) video: bool,
    /// Largest deviation of a timestamp from its true time, either way.
    pub(crate) jitter_ms: i64,
    /// Every how many pictures one is dropped; 0 for none. Keyframes never are.
    pub(crate) drop_every: i64,
    pub(crate) seed: u64,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            rate: (25, 1),
            declared: true,
            gop: 50,
            delay: 0,
            audio_rate: Some(48_000),
            video: true,
            jitter_ms: 0,
            drop_every: 0,
            seed: 1,
        }
    }
}

/// A frame as it was sent, with its true times.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) frame: Frame,
    /// True presentation time in microseconds from the first picture's.
    pub(crate) true_pts: i64,
}

pub(crate) fn epoch() -> Now {
    #[expect(clippy::disallowed_methods, reason = "the one instant that simulated time is counted from")]
    let mono = Instant::now();
    Now { mono, wall: WallTime { unix_micros: 1_800_000_000_000_000 } }
}

/// A number, another one for each seed and place.
pub(crate) fn chance(seed: u64, place: u64) -> u64 {
    let mut x = seed ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl Source {
    pub(crate) fn tracks(&self) -> Vec<Track> {
        let video = Track {
            id: TrackId::VIDEO,
            config: CodecConfig::Video(VideoConfig {
                codec: VideoCodec::Avc,
                record: Bytes::from_static(AVCC),
                codecs: "avc1.64001f".into(),
                width: 1_280,
                height: 720,
                pixel_aspect: (1, 1),
                frame_rate: FrameRate::new(self.rate.0, self.rate.1).filter(|_| self.declared),
                colour: None,
            }),
        };
        let audio = self.audio_rate.map(|rate| Track {
            id: TrackId::AUDIO,
            config: CodecConfig::Audio(AudioConfig {
                codec: AudioCodec::Aac,
                record: Bytes::from_static(&[0x11, 0x90]),
                codecs: "mp4a.40.2".into(),
                sample_rate: Timescale::new(rate).unwrap(),
                channels: 2,
                frame_samples: 1_024,
            }),
        });
        self.video.then_some(video).into_iter().chain(audio).collect()
    }

    /// `seconds` of frames in the order an encoder interleaves them, arriving in real time from `start`.
    pub(crate) fn frames(&self, seconds: i64, start: Now) -> Vec<Sent> {
        let mut all = Vec::new();
        let rate = FrameRate::new(self.rate.0, self.rate.1).unwrap();
        let delay = rate.span(self.delay, Timescale::MICROS);
        if self.video {
            let count = seconds * i64::from(self.rate.0) / i64::from(self.rate.1);
            for n in 0..count {
                let key = n % self.gop == 0;
                if self.drop_every > 0 && n % self.drop_every == self.drop_every - 1 && !key {
                    continue;
                }
                let dts = rate.span(n, Timescale::MICROS);
                let cts = rate.span(self.reorder(n % self.gop), Timescale::MICROS);
                all.push((dts, self.sent(TrackId::VIDEO, n, dts, cts, key, delay, start)));
            }
        }
        if let Some(samples) = self.audio_rate {
            let rate = FrameRate::new(samples, 1_024).unwrap();
            for n in 0..seconds * i64::from(samples) / 1_024 {
                let dts = rate.span(n, Timescale::MICROS) + delay;
                all.push((dts, self.sent(TrackId::AUDIO, n, dts, 0, true, delay, start)));
            }
        }
        all.sort_by_key(|(dts, _)| *dts);
        all.into_iter().map(|(_, sent)| sent).collect()
    }

    /// Composition offset, in frames, of the `n`th frame of a GOP: pairs of B-frames after each reference.
    fn reorder(&self, n: i64) -> i64 {
        match (self.delay, n % 3) {
            (0, _) => 0,
            (delay, _) if n == 0 => delay,
            (delay, 1) => delay + 2,
            (delay, _) => delay - 1,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one frame has that many properties")]
    fn sent(&self, track: TrackId, n: i64, dts: i64, cts: i64, key: bool, delay: i64, start: Now) -> Sent {
        let noise = if self.jitter_ms == 0 { 0 } else { self.noise(track, n) };
        let millis = |micros: i64| (micros + 500).div_euclid(1_000);
        // The first pictures are exact, as they are when an encoder starts.
        let noise = if n < 12 { 0 } else { noise };
        let size = 40 + (n * 7919 % 60) as usize + if key { 400 } else { 0 };
        let mut payload = vec![track.index; size];
        payload[..8].copy_from_slice(&n.to_be_bytes());
        payload[8] = track.kind as u8;
        let frame = Frame {
            track,
            dts: Ticks::millis(millis(dts) + noise + 7_000),
            cts: millis(dts + cts) - millis(dts),
            duration: None,
            key,
            payload: payload.into(),
            arrival: start.mono + Duration::from_micros(dts.unsigned_abs()),
        };
        Sent { frame, true_pts: dts + cts - delay }
    }

    fn noise(&self, track: TrackId, n: i64) -> i64 {
        let number = chance(self.seed ^ ((track.kind as u64) << 32), n as u64);
        (number % (2 * self.jitter_ms as u64 + 1)) as i64 - self.jitter_ms
    }
}
