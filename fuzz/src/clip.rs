//! Files that `rillcast publish` reads: MP4 and FLV, whole, damaged, or nothing of the kind.

mod flv;
mod movie;
mod plain;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rillcast::media::{Timescale, TrackKind};
use rillcast::push::{Clip, ClipError, ClipTrack, Pace};

use crate::heap;
use crate::steps::Steps;
use crate::timeline::origin;

use self::plain::{Plain, Sample};

/// Bytes of memory that a byte of a file may cost: a sample of one byte is one of some 64, in a list that doubles as it
/// grows, in two tracks, between two of its forms.
const COSTS: usize = 640;
/// Whatever the file.
const BASE: usize = 64 * 1_024;
/// Times past this are cut off as they are moved, which nobody is told.
const FAR: i128 = 1 << 60;

/// A file as it stands where it begins as one, else one that is built by steps: its samples are those that a plain
/// reader finds, memory is bounded by the length of the file, and what is read can be sent.
pub fn clip(data: &[u8]) {
    let is_file = data.starts_with(b"FLV") || matches!(data.get(4..8), Some(b"ftyp" | b"moov" | b"styp"));
    if is_file {
        return judge(data, false);
    }
    let mut steps = Steps(data);
    let how = steps.byte();
    let mut file = if how & 1 == 0 { movie::built(how, &mut steps) } else { flv::built(&mut steps) };
    // What is left is damage.
    let whole = steps.is_empty();
    while !steps.is_empty() {
        let at = usize::from(steps.short()) % file.len();
        file[at] = steps.byte();
    }
    judge(&file, whole && how & 0x21 == 0);
}

fn judge(file: &[u8], whole: bool) {
    let bytes = Bytes::copy_from_slice(file);
    let (read, most) = heap::of(|| Clip::parse(bytes.clone()));
    assert!(most <= BASE + file.len() * COSTS, "{most} bytes of memory for a file of {}", file.len());
    let plain = if file.starts_with(b"FLV") { flv::plain(file) } else { movie::plain(file) };
    let clip = match read {
        Ok(clip) => clip,
        Err(error) => {
            let known = Clip::parse(bytes).expect_err("refused before").to_string();
            assert_eq!(error.to_string(), known, "twice the same");
            assert!(!known.contains(char::is_control));
            // Nothing shown, next to nothing, or what is in it is no Opus.
            let poor = matches!(error, ClipError::Empty | ClipError::Damaged { place: "file", .. });
            assert!(!whole || poor || matches!(error, ClipError::Config { .. }), "refused: {error}");
            return;
        }
    };
    assert!(clip.period().micros() >= 1_000);
    for track in clip.tracks() {
        let places: Vec<_> = track.samples.iter().map(|sample| place(&bytes, &sample.payload)).collect();
        let all: usize = places.iter().map(|(_, len)| len).sum();
        assert!(all <= file.len(), "{all} bytes of samples in a file of {}", file.len());
        assert!(track.samples.iter().all(|sample| sample.cts >= 0 && sample.duration >= 0));
        let sound = track.track.id.kind == TrackKind::Audio;
        assert!(!sound || track.samples.iter().all(|sample| sample.key));
        let Some(plain) = &plain else { continue };
        let found = plain.iter().find(|plain| (plain.sound, plain.index) == (sound, track.track.id.index));
        same(track, &places, found.expect("a track that a plain reader finds as well"));
    }
    sent(clip);
}

/// Where in the file a sample lies, whose bytes are the file's own.
fn place(file: &Bytes, payload: &Bytes) -> (usize, usize) {
    let at = (payload.as_ptr() as usize).checked_sub(file.as_ptr() as usize).expect("in the file");
    assert!(!payload.is_empty() && at + payload.len() <= file.len());
    (at, payload.len())
}

/// The samples that are left of a track are a run of those in the file, shown when they were; without an edit list none
/// is left out but what nobody needs to begin at zero.
fn same(track: &ClipTrack, places: &[(usize, usize)], plain: &Plain) {
    assert!(plain.scale.is_none_or(|scale| scale == track.scale.per_second()));
    let there: Vec<_> = plain.samples.iter().map(|sample| (sample.at, sample.size)).collect();
    let matches =
        |start: &usize| there[*start..].starts_with(places) && shown(track, &plain.samples[*start..], plain);
    let start = (0..=there.len().saturating_sub(places.len())).find(matches);
    let start = start.unwrap_or_else(|| panic!("{places:?} at {:?} of {plain:?}", track.samples));
    if !plain.edited {
        assert_eq!(start + places.len(), there.len(), "the end is left out");
        // Pictures begin with the last key frame at or before the beginning, sound a frame before it.
        let first = &plain.samples[start..];
        let led = if plain.sound { first.get(1) } else { first.first().filter(|first| first.key) };
        assert!(start == 0 || led.is_some_and(|led| led.dts + led.cts <= 0), "{start} are left out");
    }
}

/// Whether the samples of `track` are those, with their key flags, shown when they were.
fn shown(track: &ClipTrack, samples: &[Sample], plain: &Plain) -> bool {
    let mut moved = None;
    samples.iter().zip(&track.samples).all(|(plain_one, sample)| {
        let pts = plain_one.dts + plain_one.cts;
        let lasts = plain_one.duration.is_none_or(|lasts| lasts == i128::from(sample.duration));
        let same = lasts && sample.key == plain_one.key;
        if pts.abs() > FAR || plain_one.dts.abs() > FAR {
            return same;
        }
        let shown = i128::from(sample.dts) + i128::from(sample.cts);
        let timed = match plain.scale {
            // In milliseconds, on whatever grid explains them.
            None => nearest(shown * 1_000, track.scale) == pts,
            Some(_) if plain.edited => *moved.get_or_insert(shown - pts) == shown - pts,
            Some(_) => shown == pts,
        };
        same && timed
    })
}

/// To the nearest, halves away from zero.
fn nearest(value: i128, scale: Timescale) -> i128 {
    let scale = i128::from(scale.per_second());
    (value.abs() + scale / 2) / scale * value.signum()
}

/// Once, and the beginning of a loop: times never fall, nothing is sent twice, and it comes to an end.
fn sent(clip: Clip) {
    let samples: usize = clip.tracks().iter().map(|track| track.samples.len()).sum();
    let (messages, clip) = (clip.messages().len(), Arc::new(clip));
    let mut last = [i64::MIN; 2];
    let (mut pace, mut count, mut said) = (Pace::new(clip.clone(), false, origin().mono), 0, 0);
    // In two hundred years most things are due.
    let then = origin().mono + Duration::from_secs(1 << 33);
    loop {
        while pace.message(then).is_some() {
            said += 1;
        }
        let Some(due) = pace.next(then) else { break };
        let kind = usize::from(due.track.kind == TrackKind::Audio);
        assert!(due.dts >= last[kind] && due.cts >= 0, "{} after {}", due.dts, last[kind]);
        last[kind] = due.dts;
        count += 1;
        assert!(count <= samples);
    }
    let late = pace.due().is_some();
    assert!(late || (count, said) == (samples, messages), "{count} of {samples}, {said} of {messages}");
    let mut round = Pace::new(clip, true, origin().mono);
    for _ in 0..(samples * 3).min(1_000) {
        for _ in 0..=messages * 4 {
            _ = round.message(then);
        }
        let Some(due) = round.next(then) else { break };
        assert!(due.cts >= 0);
    }
}

/// Files by steps with everything in them once, as steps and as they are.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let steps = [movie::seeds(), flv::seeds()].concat();
    let built = steps.iter().map(|seed| {
        let mut steps = Steps(seed);
        let how = steps.byte();
        if how & 1 == 0 { movie::built(how, &mut steps) } else { flv::built(&mut steps) }
    });
    let built: Vec<_> = built.collect();
    [steps, built].concat()
}

/// As much of a file as an input may be.
pub(crate) fn cut(file: &[u8]) -> Option<Vec<u8>> {
    let is_flv = file.starts_with(b"FLV");
    (is_flv || file.len() <= 8_192).then(|| file[..file.len().min(8_192)].to_vec())
}
