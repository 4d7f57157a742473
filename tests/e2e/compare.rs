//! What came out against what went in: every access unit's bytes, times and key flag.

use crate::fmp4::{Init, Sample};
use crate::player::{Rendition, Watched};
use crate::reference::{self, Track};

/// How close times must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    /// The source keeps a declared steady rate: exact on the 90 kHz grid.
    Exact,
    /// The source goes as it likes: RTMP carries milliseconds.
    Millisecond,
}

/// Checks a whole publish against its source.
pub(crate) async fn check(source: &[Track], watched: &Watched, times: Times) {
    assert_eq!(source.len(), watched.renditions.len(), "{}", watched.multivariant);
    let mut offsets = Vec::new();
    for rendition in &watched.renditions {
        assert!(rendition.last.segments.iter().all(|segment| !segment.discontinuity && !segment.gap));
        assert_eq!(rendition.last.discontinuity_sequence, 0);
        let init = rendition.init();
        let samples = rendition.samples();
        let of_kind = || source.iter().filter(|track| track.video == init.size.is_some());
        // Of several tracks of a kind it is the one that has its first access unit.
        let begins = |track: &&Track| track.packets.iter().any(|packet| packet.hash == samples[0].hash);
        let track = of_kind().find(begins).or_else(|| of_kind().next()).expect("the track");
        assert_eq!(init.record, track.record, "the decoder configuration is the source's");
        if let Some((width, height)) = init.size {
            assert_eq!((u64::from(width), u64::from(height)), track.size);
            let (h, v) = init.pixel_aspect.unwrap_or((1, 1));
            assert!(["N/A", ""].contains(&&*track.pixel_aspect) || track.pixel_aspect == format!("{h}:{v}"));
        }
        let track = &begun(track, source, &samples);
        units(track, &samples);
        offsets.push(clocks(track, &samples, init.timescale, times));
        second_opinion(rendition, &init, track).await;
    }
    let msns = |rendition: &Rendition| rendition.segments.keys().copied().collect::<Vec<_>>();
    for (offset, rendition) in offsets.iter().zip(&watched.renditions) {
        let apart = offset - offsets[0];
        assert!(apart.abs() <= 0.001, "{} is {apart} s from {}", rendition.path, watched.renditions[0].path);
        assert_eq!(msns(rendition), msns(&watched.renditions[0]), "renditions have the same segments");
    }
}

/// The track from where its stream begins. A stream begins with its first picture, and a player needs its
/// renditions to begin together: sound that is over before that picture is left out, and nothing else.
fn begun(track: &Track, source: &[Track], samples: &[Sample]) -> Track {
    let first = track.packets.iter().position(|packet| packet.hash == samples[0].hash).unwrap_or(0);
    let picture =
        source.iter().find(|track| track.video).map(|video| video.ticks(video.packets[0].pts, 1_000));
    if let Some(left_out) = first.checked_sub(1).map(|last| &track.packets[last]) {
        let end = track.ticks(left_out.pts, 1_000) + 21;
        assert!(!track.video && picture.is_some_and(|picture| end <= picture + 2), "sound is missing");
    }
    Track { packets: track.packets[first..].to_vec(), ..track.clone() }
}

/// Nothing lost, repeated, reordered or altered.
fn units(track: &Track, samples: &[Sample]) {
    let kind = if track.video { "video" } else { "audio" };
    let wrong = track.packets.iter().zip(samples).position(|(packet, sample)| packet.hash != sample.hash);
    if let Some(n) = wrong {
        let place = |hash: &String| track.packets.iter().position(|packet| packet.hash == *hash);
        panic!("{kind}: access unit {n} should not be the source's {:?}", place(&samples[n].hash));
    }
    assert_eq!(samples.len(), track.packets.len(), "{kind}: as many access units as the source has");
    for (n, (packet, sample)) in track.packets.iter().zip(samples).enumerate() {
        assert_eq!(sample.key, packet.key, "{kind}: key flag of access unit {n}");
    }
}

/// Checks decode times and composition offsets, each up to one constant; by how much, in seconds,
/// presentation is moved comes back.
///
/// Decode times of video are moved on by the first keyframe's composition offset, and every offset is
/// reduced by it; so presentation times are what stays.
fn clocks(track: &Track, samples: &[Sample], scale: i64, times: Times) -> f64 {
    let slack = match times {
        Times::Exact => 0,
        Times::Millisecond => scale / 1_000 + 1,
    };
    let (first, start) = (&track.packets[0], &samples[0]);
    let near = |what: &str, n: usize, found: i64, source: i64| {
        let expected = track.ticks(source, scale);
        assert!((found - expected).abs() <= slack, "{what} of access unit {n} is {found}, not {expected}");
    };
    for (n, (packet, sample)) in track.packets.iter().zip(samples).enumerate() {
        near("presentation", n, sample.dts + sample.cts - start.dts, packet.pts - first.pts);
        // A part that is out has ended, and the next one starts there even if its first picture comes after
        // a hole: that one is decoded early, and presented in time.
        let early = times == Times::Millisecond && sample.leads && {
            sample.dts - start.dts < track.ticks(packet.dts - first.dts, scale)
        };
        if !early {
            near("decode time", n, sample.dts - start.dts, packet.dts - first.dts);
        }
    }
    assert_eq!(start.cts, 0, "the first picture is presented when it is decoded");
    let seconds = |value: i64, num: i64, den: i64| value as f64 * num as f64 / den as f64;
    seconds(start.dts + start.cts, 1, scale) - seconds(first.pts, track.base.0, track.base.1)
}

/// What ffprobe finds in the received file: another reader than ours must see the same.
async fn second_opinion(rendition: &Rendition, init: &Init, track: &Track) {
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    std::fs::write(file.path(), rendition.file()).unwrap();
    let found = reference::read(file.path()).await;
    assert_eq!(found.len(), 1);
    // It knows no configuration of VP9.
    assert!(found[0].record == init.raw || init.entry == "vp09");
    let plain = |track: &Track| -> Vec<(String, bool)> {
        track.packets.iter().map(|packet| (packet.hash.clone(), packet.key)).collect()
    };
    assert!(plain(&found[0]) == plain(track), "ffprobe finds other access units in what came out");
}
