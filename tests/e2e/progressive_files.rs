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
    command.args(["-v", "error", "-xerror"]);
    if file.extension().is_some_and(|extension| extension == "mp4") {
        command.args(["-ignore_editlist", "1"]);
    }
    command.arg("-i").arg(file).args(["-map", map, "-vsync", "passthrough"]).args(options);
    command.args(["-f", "framemd5", "-"]);
    let out = succeed(command, LIMIT).await;
    let text = String::from_utf8(out.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// Whether every ffmpeg reads the fixture: what came with Enhanced RTMP is not in FLV before version 6.1, and is
/// compared with what it makes of our MP4 file.
fn reads_itself(name: &str) -> bool {
    !name.contains("enhanced") && !name.contains("hevc")
}

/// A transport stream holds access units in other clothes (see tests/progressive), so they are compared decoded; but
/// for Opus, of which it does not say how much of the beginning is to be thrown away.
fn comparable(name: &str, format: Format, kind: TrackKind, copied: bool) -> bool {
    let opus = kind == TrackKind::Audio && name.contains("opus");
    format != Format::Ts || !(copied || opus)
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
        let enhanced = !reads_itself(name);
        let mut source = fixture(name);
        for (format, ending) in [(Format::Mp4, "mp4"), (Format::Flv, "flv"), (Format::Ts, "ts")] {
            if enhanced && format == Format::Flv {
                continue;
            }
            let file = folder.path().join(format!("{name}.{ending}"));
            std::fs::write(&file, mux(format, &fixture(name))).unwrap();
            if enhanced && format == Format::Mp4 {
                source = file;
                continue;
            }
            for kind in [TrackKind::Video, TrackKind::Audio] {
                println!("{name} as {ending}, {kind:?}");
                for options in [&[][..], &["-c", "copy"]] {
                    if !comparable(name, format, kind, !options.is_empty()) {
                        continue;
                    }
                    let (was, is) =
                        (hashes(&source, kind, options).await, hashes(&file, kind, options).await);
                    assert_eq!(was.len(), is.len(), "{name} as {ending}, {kind:?} {options:?}");
                    let first = was.iter().zip(&is).position(|(was, is)| was != is);
                    assert_eq!(first, None, "{name} as {ending}, {kind:?} {options:?}");
                }
            }
        }
    }
}
