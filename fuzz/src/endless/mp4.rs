//! Fragmented MP4 of all tracks together.

use rillcast::live::Entry as _;
use rillcast::progressive::Format;

use super::made;
use super::source::Epoch;
use crate::judge;

/// How long a fragment of what leads may be, in microseconds, and how much it may hold.
const SHORT: i64 = 200_000;
const SAMPLES: usize = 1_024;

/// `mp4-atom` finds every frame with its bytes, times and key flag; fragments are short, and begin where they say.
pub(super) fn judge(epochs: &[Epoch]) {
    let Some(made) = made(Format::Mp4, epochs, |_| true) else { return };
    let there = &epochs[..made.begins.len()];
    let Some(first) = there.first() else { return };
    let mut found = vec![Vec::new(); first.tracks.len()];
    for chunk in &made.chunks {
        let tracks = judge::samples(&chunk.body.runs().concat());
        assert!(tracks.iter().map(|(_, samples)| samples.len()).sum::<usize>() <= SAMPLES);
        let leads = tracks.iter().find(|(track, _)| *track == 1).map(|(_, samples)| &samples[..]);
        let key = leads.and_then(<[_]>::first).is_some_and(|first| first.key);
        assert_eq!(chunk.start(), key, "one joins at a key frame of what leads");
        if let Some([head, .., last]) = leads {
            let span = i128::from(last.dts - head.dts) * 1_000_000;
            let scale = i128::from(first.tracks[0].timescale().per_second());
            assert!(span / scale <= i128::from(SHORT), "a fragment is held back for {span}");
        }
        for (track, samples) in tracks {
            found[track as usize - 1].extend(samples);
        }
    }
    for (n, (track, found)) in first.tracks.iter().zip(found).enumerate() {
        let frames = there.iter().flat_map(|epoch| &epoch.frames).map(|given| &given.frame);
        let mut frames = frames.filter(|frame| frame.track == track.id);
        for (place, sample) in found.iter().enumerate() {
            let frame = frames.next().expect("each frame once");
            let told = (sample.dts, sample.cts, sample.key);
            assert_eq!(told, (frame.dts.value, frame.cts, frame.key), "sample {place} of track {n}");
            assert!(sample.payload == frame.payload && sample.duration >= 0);
            assert!(frame.duration.is_none() || sample.duration > 0);
        }
        assert!(frames.next().is_none(), "none is missing of track {n}");
    }
}
