//! A source by steps: frames of two tracks on a generation's clock, in the order of their arrival.

use bytes::Bytes;
use rillcast::media::{
    AudioCodec, AudioConfig, CodecConfig, Frame, Ticks, Timescale, Track, TrackId, VideoCodec, VideoConfig,
};

use crate::steps::Steps;
use crate::timeline::{origin, sound, video};

/// Most frames of one input, and most bytes of them.
const MOST: usize = 400;
const BYTES: usize = 150_000;
/// Sound and pictures of one source stray no further from each other than this, in microseconds.
const STRAY: i64 = 400_000;
/// Where a generation has come to, in 90 kHz: at its beginning, and before counters of 32 and 33 bits wrap.
const ORIGINS: [i64; 6] = [
    90_000,
    (1 << 33) - 90_000,
    (1 << 34) - 45_000,
    (1 << 32) * 90 - 90_000,
    (1 << 31) * 90 - 45_000,
    1 << 45,
];

/// An unbroken span of a source.
pub(super) struct Epoch {
    pub(super) tracks: Vec<Track>,
    pub(super) frames: Vec<Given>,
}

/// A frame, and the units of a picture, or none where they are not what their lengths say.
pub(super) struct Given {
    pub(super) frame: Frame,
    pub(super) units: Option<Vec<Vec<u8>>>,
}

/// hvcC without a parameter set (ISO/IEC 14496-15 §8.3.3.1).
const HVCC: [u8; 23] =
    [1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F, 0];

fn pictures(how: u8) -> Track {
    let track = video(None);
    let CodecConfig::Video(avc) = track.config.clone() else { return track };
    let (codec, codecs, record) = match how & 3 {
        2 => (VideoCodec::Hevc, "hvc1.1.6.L93.B0", Bytes::from_static(&HVCC)),
        3 => (VideoCodec::Vp9, "vp09.00.10.08", Bytes::from_static(&[0, 10, 0x82, 1, 1, 1, 0, 0])),
        _ => return track,
    };
    let config = VideoConfig { codec, codecs: codecs.into(), record, ..avc };
    Track { config: CodecConfig::Video(config), ..track }
}

fn heard(how: u8) -> Track {
    let (codec, record, rate, frame_samples): (_, &'static [u8], _, _) = match how % 6 {
        0 | 1 => return sound(48_000),
        2 => return sound(44_100),
        3 => (AudioCodec::Opus, &[0, 2, 1, 0x38, 0, 0, 0xBB, 0x80, 0, 0, 0], 48_000, 960),
        4 => (AudioCodec::Mp3, &[], 44_100, 1_152),
        _ => (AudioCodec::Ac3, &[0x10, 0x11, 0x40], 48_000, 1_536),
    };
    let sample_rate = Timescale::new(rate).expect("not zero");
    let (codecs, record) = (format!("{codec:?}"), Bytes::from_static(record));
    let config = AudioConfig { codec, record, codecs, sample_rate, channels: 2, frame_samples };
    Track { id: TrackId::AUDIO, config: CodecConfig::Audio(config) }
}

fn tracks(how: u8) -> Vec<Track> {
    match how >> 5 {
        0 | 1 => vec![pictures(how)],
        2 => vec![heard(how)],
        _ => vec![pictures(how), heard(how >> 2 & 7)],
    }
}

/// One epoch after the other. Decode times of a track never go back.
pub(super) fn read(steps: &mut Steps<'_>) -> Vec<Epoch> {
    let at = ORIGINS[usize::from(steps.byte()) % ORIGINS.len()];
    let mut now = scale_of(at, 90_000, 1_000_000);
    let mut epochs = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    while epochs.is_empty() || !steps.is_empty() && epochs.len() < 4 {
        let mut reel = Reel::new(tracks(steps.byte()), now);
        while !steps.is_empty() && count < MOST && bytes < BYTES {
            let step = steps.byte();
            match step & 7 {
                0..4 => reel.frame(step, steps),
                4 | 5 => {
                    (0..=step >> 3).for_each(|n| reel.frame(if n == 0 { 0x20 } else { 0 }, &mut Steps(&[])))
                }
                6 => reel.pause(i64::from(steps.short()) * 1_000 / if step & 8 == 0 { 50 } else { 1 }),
                _ if step >> 3 == 31 => break,
                _ => {}
            }
            (count, bytes) = (count + 1, bytes + reel.bytes);
        }
        now = reel.end() + 1_000;
        epochs.push(Epoch { tracks: reel.tracks, frames: reel.given });
    }
    epochs
}

fn scale_of(value: i64, from: u32, to: u32) -> i64 {
    super::scaled(value, from, to)
}

struct Reel {
    tracks: Vec<Track>,
    /// Where each track's next frame is due, in its timescale.
    next: Vec<i64>,
    given: Vec<Given>,
    bytes: usize,
}

impl Reel {
    fn new(tracks: Vec<Track>, now: i64) -> Self {
        let scale = |track: &Track| track.timescale().per_second();
        let next = tracks.iter().map(|track| scale_of(now, 1_000_000, scale(track))).collect();
        Self { tracks, next, given: Vec::new(), bytes: 0 }
    }

    fn due(&self, n: usize) -> i64 {
        scale_of(self.next[n], self.tracks[n].timescale().per_second(), 1_000_000)
    }

    fn end(&self) -> i64 {
        (0..self.tracks.len()).map(|n| self.due(n)).max().unwrap_or(0)
    }

    fn pause(&mut self, micros: i64) {
        for (next, track) in self.next.iter_mut().zip(&self.tracks) {
            *next += scale_of(micros, 1_000_000, track.timescale().per_second());
        }
    }

    /// The next frame of the track that is behind, or of the other as long as that is not too far ahead.
    fn frame(&mut self, step: u8, steps: &mut Steps<'_>) {
        let behind = (0..self.tracks.len()).min_by_key(|n| self.due(*n)).unwrap_or(0);
        let other = (behind + 1) % self.tracks.len();
        let ahead = step & 0x80 != 0 && self.due(other) - self.due(behind) < STRAY / 2;
        let n = if ahead { other } else { behind };
        let (track, is_picture) = (&self.tracks[n], self.tracks[n].id == TrackId::VIDEO);
        let flags = step >> 3 & 15;
        let most = scale_of(STRAY / 2, 1_000_000, track.timescale().per_second());
        let usual = match &track.config {
            CodecConfig::Video(_) => 3_600,
            CodecConfig::Audio(audio) => i64::from(audio.frame_samples),
        };
        let lasts = if flags & 1 != 0 { i64::from(steps.short()).clamp(1, most) } else { usual };
        let cts = if is_picture && flags & 2 != 0 { i64::from(steps.short()) * 3 } else { 0 };
        let size = if flags & 8 != 0 { usize::from(steps.short()) } else { 1 + usize::from(step) };
        let hevc = matches!(&track.config, CodecConfig::Video(video) if video.codec == VideoCodec::Hevc);
        let (payload, units) =
            if is_picture { picture(step, size, hevc, steps) } else { (filled(size.max(1), step), None) };
        self.bytes = payload.len();
        let frame = Frame {
            track: track.id,
            dts: Ticks::new(self.next[n], track.timescale()),
            cts,
            duration: (flags & 1 == 0).then_some(lasts),
            key: !is_picture || flags & 4 != 0,
            payload: Bytes::from(payload),
            arrival: origin().mono,
        };
        self.next[n] += lasts;
        self.given.push(Given { frame, units });
    }
}

/// Bytes among which no start code can be.
fn filled(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|n| (n as u8).wrapping_mul(31).wrapping_add(seed) | 1).collect()
}

/// NAL units behind lengths of four bytes, a delimiter among them now and then; or what is none.
fn picture(step: u8, size: usize, hevc: bool, steps: &mut Steps<'_>) -> (Vec<u8>, Option<Vec<Vec<u8>>>) {
    let how = if step & 1 == 0 { 0 } else { steps.byte() };
    let delimiter = if hevc { 0x46 } else { 0x09 };
    let mut units = Vec::new();
    for n in 0..how & 3 {
        let head = if how & 4 != 0 && n == 0 { delimiter } else { if hevc { 0x4E } else { 0x06 } };
        units.push([&[head][..], &filled(usize::from(how), n)].concat());
    }
    if how & 8 == 0 {
        units.push([&[if hevc { 0x26 } else { 0x65 }][..], &filled(size, step)].concat());
    }
    let mut payload = Vec::new();
    for unit in &units {
        payload.extend((unit.len() as u32).to_be_bytes());
        payload.extend(unit);
    }
    // One more that is not as long as it says, or of no length at all.
    if how & 0xF0 == 0xF0 {
        payload.extend([0, 0, 0, if how & 1 == 0 { 0 } else { 9 }, 1]);
        return (payload, None);
    }
    (payload, Some(units))
}

/// Pictures and sound of all kinds, an epoch of others, jumps.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let some =
        [4_u8 << 3 | 4, 9 << 3 | 5, 0x24, 0x31, 7, 0x2A, 0, 9, 0x47, 3, 200, 6, 0, 40, 0xC0, 30 << 3 | 4];
    let of = |origin: u8, how: u8, then: u8| {
        [&[0, 3, origin, how][..], &some, &[0x0E, 20, 0, 0xFC, 0xFF, then], &some].concat()
    };
    let all = [
        (0, 0x60, 0x60),
        (1, 0x62, 0x6F),
        (2, 0x40, 0x45),
        (3, 0x8C, 0x20),
        (4, 0x7B, 0x60),
        (1, 0x90, 0x91),
    ];
    all.map(|(origin, how, then)| of(origin, how, then)).to_vec()
}
