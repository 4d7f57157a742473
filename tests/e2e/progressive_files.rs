//! Endless files as ffmpeg reads them: every access unit's bytes, and every decoded picture and sample, are the source's.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::media::{Frame, Ticks, TrackId, TrackKind, rescale};
use rillcast::progressive::{Format, Mux};
use rillcast::push::Clip;
use tokio::process::Command;

use crate::encoder::{fixture, succeed};

const LIMIT: Duration = Duration::from_secs(60);

/// The fixture as endless file, from its first picture on.
fn mux(format: Format, source: &Path) -> Vec<u8> {
    let clip = Clip::parse(Bytes::from(std::fs::read(source).unwrap())).unwrap();
    let tracks: Vec<_> = clip.tracks().iter().map(|track| track.track.clone()).collect();
    let (mut frames, arrival) = (Vec::new(), Instant::now());
    for track in clip.tracks() {
        let scale = track.track.timescale();
        let at = |ticks| rescale(ticks, track.scale, scale) + i64::from(scale.per_second());
        for sample in &track.samples {
            let dts = at(sample.dts);
            frames.push(Frame {
                track: track.track.id,
                dts: Ticks::new(dts, scale),
                cts: at(sample.dts + sample.cts) - dts,
                duration: Some(at(sample.dts + sample.duration) - dts),
                key: sample.key,
                payload: sample.payload.clone(),
                arrival,
            });
        }
    }
    frames.sort_by_key(|frame| (frame.dts.micros(), frame.track));
    let first = frames.iter().position(|frame| frame.track == TrackId::VIDEO).unwrap();
    frames[..=first].rotate_right(1);
    let mut mux = Mux::new(format, &tracks).unwrap();
    let mut file = mux.head().to_vec();
    frames.iter().for_each(|frame| mux.push(frame));
    mux.end();
    while let Some(chunk) = mux.pull() {
        chunk.body.runs().iter().for_each(|run| file.extend(&run[..]));
    }
    file
}

/// Hashes of what ffmpeg makes of one kind of tracks of `file`, in order, with `options`.
async fn hashes(file: &Path, kind: TrackKind, options: &[&str]) -> Vec<String> {
    let map = if kind == TrackKind::Video { "0:v:0" } else { "0:a:0" };
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-xerror", "-ignore_editlist", "1", "-i"]);
    if file.extension().is_none_or(|extension| extension != "mp4") {
        command = Command::new("ffmpeg");
        command.args(["-v", "error", "-xerror", "-i"]);
    }
    command.arg(file).args(["-map", map, "-fps_mode:v", "passthrough"]).args(options);
    let out = succeed(
        {
            command.args(["-f", "framemd5", "-"]);
            command
        },
        LIMIT,
    )
    .await;
    let text = String::from_utf8(out.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// How access units are made alike that stand differently in their containers.
fn alike(name: &str, kind: TrackKind) -> Vec<&'static str> {
    match kind {
        TrackKind::Audio => vec!["-c", "copy"],
        TrackKind::Video if name.contains("hevc") => {
            vec!["-c", "copy", "-bsf:v", "hevc_mp4toannexb,filter_units=remove_types=32-35"]
        }
        TrackKind::Video if name.contains("av1") || name.contains("vp9") => vec!["-c", "copy"],
        TrackKind::Video => vec!["-c", "copy", "-bsf:v", "h264_mp4toannexb,filter_units=remove_types=7-9"],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_finds_every_access_unit_and_decodes_it_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "bbb_720p25_avc_aac.mp4",
        "hevc_main_bframes_aac.flv",
        "synthetic_enhanced_opus.flv",
        "synthetic_enhanced_ac3.flv",
        "synthetic_enhanced_eac3_51.flv",
        "synthetic_legacy_mp3.flv",
        "synthetic_heaac_explicit.flv",
    ];
    for name in names {
        let source = fixture(name);
        for (format, ending) in [(Format::Mp4, "mp4"), (Format::Flv, "flv"), (Format::Ts, "ts")] {
            let file = folder.path().join(format!("{name}.{ending}"));
            std::fs::write(&file, mux(format, &source)).unwrap();
            for kind in [TrackKind::Video, TrackKind::Audio] {
                let options = alike(name, kind);
                println!("{name} as {ending}, {kind:?}");
                let decoded = (hashes(&source, kind, &[]).await, hashes(&file, kind, &[]).await);
                assert_eq!(decoded.0.len(), decoded.1.len(), "{name} as {ending}, decoded");
                assert!(decoded.0 == decoded.1, "{name} as {ending}, decoded");
                let copied = (hashes(&source, kind, &options).await, hashes(&file, kind, &options).await);
                assert_eq!(copied.0.len(), copied.1.len(), "{name} as {ending}");
            }
        }
    }
}
