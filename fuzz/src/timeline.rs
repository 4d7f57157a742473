//! The great room's clock: whatever times a source says, what is published keeps every promise.

mod stage;
mod watch;

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::live::View;
use rillcast::media::{
    AudioCodec, AudioConfig, CodecConfig, FrameRate, Now, Timescale, Track, TrackId, VideoCodec, VideoConfig,
    WallTime,
};

use self::stage::Stage;
use crate::steps::Steps;

/// avcC of a picture of 1280x720, as x264 wrote it.
pub(crate) const AVCC: &[u8] = &[
    1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 0x1A, 0x67, 0x64, 0, 0x1F, 0xAC, 0xD9, 0x40, 0x50, 0x05, 0xBB, 0x01,
    0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0x20, 0xF1, 0x83, 0x19, 0x60, 1, 0, 6, 0x68, 0xEB, 0xE3, 0xCB, 0x22,
    0xC0,
];
/// Most frames of one input, and the longest it may take.
const MOST: usize = 1_500;
const LONGEST: Duration = Duration::from_secs(600);

/// The instant that simulated time is counted from.
pub(crate) fn origin() -> Now {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    Now { mono: *ORIGIN, wall: WallTime { unix_micros: 1_800_000_000_000_000 } }
}

pub(crate) fn video(frame_rate: Option<FrameRate>) -> Track {
    let (codec, record) = (VideoCodec::Avc, Bytes::from_static(AVCC));
    let (codecs, pixel_aspect, colour) = ("avc1.64001f".into(), (1, 1), None);
    let config =
        VideoConfig { codec, record, codecs, width: 1_280, height: 720, pixel_aspect, frame_rate, colour };
    Track { id: TrackId::VIDEO, config: CodecConfig::Video(config) }
}

pub(crate) fn sound(rate: u32) -> Track {
    let config = AudioConfig {
        codec: AudioCodec::Aac,
        record: Bytes::from_static(if rate == 48_000 { &[0x11, 0x90] } else { &[0x12, 0x10] }),
        codecs: "mp4a.40.2".into(),
        sample_rate: Timescale::new(rate).expect("not zero"),
        channels: 2,
        frame_samples: 1_024,
    };
    Track { id: TrackId::AUDIO, config: CodecConfig::Audio(config) }
}

/// A source by steps: what is published of it is whole, in order, in time, bounded, and the same for ever.
pub fn timeline(data: &[u8]) {
    let mut steps = Steps(data);
    let mut stage = Stage::new(&mut steps);
    while !steps.is_empty() && stage.goes_on() {
        stage.step(&mut steps);
    }
    stage.finish();
}

/// Ten seconds of pictures and sound as they should be: the views of them.
pub(crate) fn steady() -> Vec<Arc<View>> {
    well_behaved().views()
}

/// The same, and then its end.
pub(crate) fn ended() -> Vec<Arc<View>> {
    let mut stage = well_behaved();
    stage.end();
    stage.views()
}

fn well_behaved() -> Stage {
    let mut stage = Stage::new(&mut Steps(&[7]));
    (0..700).for_each(|n| stage.honest(n % 120 == 0));
    stage
}

/// A picture and sound for a while; then everything that can go wrong.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let start = [0x08, 0xFA, 0xFA];
    let cue = rillcast::flv::amf0::command("onTextData", 0.0, &[]);
    let cue = [&[0x17, 0, 0, 0, 9, 0, cue.len() as u8][..], &cue].concat();
    let faults: [&[u8]; 9] = [
        &[0xF9, 4, 0x27, 0x10, 0xFA],
        &[5, 0, 0, 0x40, 0, 0xFA, 0xFA],
        &[5, 0xFF, 0xF0, 0, 0, 0xFA, 0xFA],
        &[11, 0xFF, 0xC0, 0x7F, 0xFF, 40, 3, 11, 0, 0, 0x80, 0, 0, 9, 0xFA],
        &[7, 0xF9, 8, 0xFA],
        &[15, 30, 0xF9, 8, 0xFA],
        &[31, 4, 0x07, 0xD0, 31, 8, 0xFA, 0xFA],
        &[0xFE, 1, 0xFE, 0, 0xFE, 0, 0xFA],
        &cue,
    ];
    let all = |how: u8| faults.iter().map(move |fault| [&[how][..], &start, fault, &[0xFA]].concat());
    [7, 3, 35, 1, 2, 39, 15, 23].into_iter().flat_map(all).collect()
}
