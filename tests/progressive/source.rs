//! Sources: the fixtures on a generation's clock, and awkward streams made of a seed.

#[path = "../chance/splitmix.rs"]
mod splitmix;

use std::time::Instant;

use bytes::Bytes;
use rillcast::media::{CodecConfig, Frame, Ticks, Track, TrackId, TrackKind, rescale};
use rillcast::push::Clip;

/// Tracks, and their frames in the order of arrival.
pub(crate) struct Source {
    pub(crate) tracks: Vec<Track>,
    pub(crate) frames: Vec<Frame>,
}

pub(crate) const FIXTURES: [&str; 16] = [
    "av1_main10_pq_aac.flv",
    "bbb_720p25_avc_aac.mp4",
    "bbb_720p25_gop132_aac51.mp4",
    "hevc_main10_hlg_opengop_aac.flv",
    "hevc_main_bframes_aac.flv",
    "synthetic_enhanced_ac3.flv",
    "synthetic_enhanced_eac3_51.flv",
    "synthetic_enhanced_flac.flv",
    "synthetic_enhanced_opus.flv",
    "synthetic_enhanced_opus_60ms.flv",
    "synthetic_heaac_explicit.flv",
    "synthetic_heaac_implicit.flv",
    "synthetic_heaac_v2_compatible.flv",
    "synthetic_legacy_mp3.flv",
    "synthetic_legacy_mp3_22k.flv",
    "vp9_altref_aac.flv",
];

pub(crate) fn fits_ts(name: &str) -> bool {
    !["av1", "vp9", "flac"].iter().any(|codec| name.contains(codec))
}

#[expect(clippy::disallowed_methods, reason = "nothing looks at the arrival")]
fn arrival() -> Instant {
    Instant::now()
}

/// A fixture as a generation has it: a second of lead-in, each track in its own timescale, by decode time.
pub(crate) fn fixture(name: &str) -> Source {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let clip = Clip::parse(Bytes::from(std::fs::read(path).unwrap())).unwrap();
    let mut frames = Vec::new();
    for track in clip.tracks() {
        let scale = track.track.timescale();
        let at = |ticks| rescale(ticks, track.scale, scale) + i64::from(scale.per_second());
        for sample in &track.samples {
            let dts = at(sample.dts);
            let lasts = at(sample.dts + sample.duration) - dts;
            frames.push(Frame {
                track: track.track.id,
                dts: Ticks::new(dts, scale),
                cts: at(sample.dts + sample.cts) - dts,
                duration: Some(lasts),
                key: sample.key,
                payload: sample.payload.clone(),
                arrival: arrival(),
            });
        }
    }
    // Pictures come first where times are equal; the leading picture before everything else.
    frames.sort_by_key(|frame| (frame.dts.micros(), frame.track));
    let first = frames.iter().position(|frame| frame.track == TrackId::VIDEO).unwrap_or(0);
    frames[..=first].rotate_right(1);
    Source { tracks: clip.tracks().iter().map(|track| track.track.clone()).collect(), frames }
}

/// A small random source (SplitMix64). Its seed is printed, and shown when the test fails.
pub(crate) struct Random(u64);

impl Random {
    /// Seeded by `MUX_TEST_SEED`, else by the clock.
    pub(crate) fn new() -> Self {
        Self(splitmix::seed("MUX_TEST_SEED"))
    }

    fn next(&mut self) -> u64 {
        splitmix::next(&mut self.0)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Bytes among which no start code can be.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(255) as u8 + 1).collect()
    }
}

/// Decode times at which an awkward stream begins: at once, and shortly before time stamps of 32 bits of milliseconds
/// and of 33 bits of 90 kHz wrap, once and several times.
const ORIGINS: [i64; 5] = [90_000, (1 << 33) - 90_000, (1 << 34) - 45_000, (1 << 32) * 90 - 90_000, 1 << 45];

/// A stream of the tracks of `like`: frames of every size from next to nothing up, B-frames, uneven steps, sometimes
/// without durations, with or without one of the kinds.
pub(crate) fn awkward(random: &mut Random, like: &Source) -> Source {
    let kinds = random.below(4);
    let wanted = |kind| !matches!((kinds, kind), (0, TrackKind::Audio) | (1, TrackKind::Video));
    let tracks: Vec<Track> = like.tracks.iter().filter(|track| wanted(track.id.kind)).cloned().collect();
    let origin = ORIGINS[random.below(5) as usize];
    let mut frames = Vec::new();
    for track in &tracks {
        let scale = track.timescale();
        let mut dts = Ticks::new(origin, rillcast::media::Timescale::VIDEO).to(scale).value;
        for n in 0..120 {
            let (key, step, cts, payload) = match &track.config {
                CodecConfig::Video(_) => {
                    let key = n == 0 || random.below(20) == 0;
                    let cts = if key { 0 } else { random.below(4) as i64 * 3_600 - 3_600 };
                    (key, 1 + random.below(20_000) as i64, cts, picture(random, key))
                }
                CodecConfig::Audio(audio) => {
                    let len = random.below(400) as usize + usize::from(n > 0);
                    (true, i64::from(audio.frame_samples), 0, random.bytes(len.max(1)))
                }
            };
            let (duration, payload) = ((random.below(3) > 0).then_some(step), Bytes::from(payload));
            let dts_ticks = Ticks::new(dts, scale);
            frames.push(Frame {
                track: track.id,
                dts: dts_ticks,
                cts,
                duration,
                key,
                payload,
                arrival: arrival(),
            });
            dts += step;
        }
    }
    frames.sort_by_key(|frame| (frame.dts.micros(), frame.track));
    let lead = tracks[0].id;
    let first = frames.iter().position(|frame| frame.track == lead).unwrap();
    frames[..=first].rotate_right(1);
    Source { tracks, frames }
}

/// NAL units behind lengths of four bytes; a delimiter among them now and then.
fn picture(random: &mut Random, key: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut unit = |head: u8, body: &[u8]| {
        payload.extend((body.len() as u32 + 1).to_be_bytes());
        payload.push(head);
        payload.extend(body);
    };
    if random.below(5) == 0 {
        unit(9, &[0xF0]);
    }
    for _ in 0..random.below(3) {
        let len = random.below(30) as usize;
        unit(6, &random.bytes(len));
    }
    let len = if random.below(10) == 0 { random.below(70_000) } else { random.below(200) } as usize;
    unit(if key { 0x65 } else { 0x41 }, &random.bytes(len));
    payload
}
