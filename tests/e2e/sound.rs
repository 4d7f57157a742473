//! Sound of every codec comes out as it went in: each frame's bytes, decode time and length, and how it is declared.

use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::encoder::{finish, fixture, rillcast_publish, succeed};
use crate::flv;
use crate::http::Http;
use crate::player::{self, Rendition};
use crate::reference::{self, hex};
use crate::server::Server;

/// Fixture, CODECS, CHANNELS, rate, samples a frame, ffprobe's name of the codec.
const CLIPS: [(&str, &str, u32, i64, i64, &str); 7] = [
    ("enhanced_opus", "Opus", 2, 48_000, 960, "opus"),
    ("enhanced_opus_60ms", "Opus", 2, 48_000, 2_880, "opus"),
    ("enhanced_flac", "fLaC", 1, 44_100, 1_024, "flac"),
    ("enhanced_ac3", "ac-3", 2, 48_000, 1_536, "ac3"),
    ("enhanced_eac3_51", "ec-3", 6, 48_000, 1_536, "eac3"),
    ("legacy_mp3", "mp4a.40.34", 2, 48_000, 1_152, "mp3"),
    ("legacy_mp3_22k", "mp4a.40.34", 1, 22_050, 576, "mp3"),
];

/// Time in milliseconds and SHA-256 of every frame of sound, and the presentation time of the first picture.
fn read(file: &Path) -> (Vec<(i64, String)>, i64) {
    let (mut sound, mut picture) = (Vec::new(), None);
    for (kind, time, body) in flv::tags(&std::fs::read(file).unwrap()) {
        match (kind, body[0] >> 4, body[0] & 15) {
            (8, 9, 1) if body.len() > 5 => sound.push((time, hex(&Sha256::digest(&body[5..])))),
            (8, 2, _) => sound.push((time, hex(&Sha256::digest(&body[1..])))),
            (9, 1, 7) if body[1] == 1 => {
                let cts = i32::from_be_bytes([body[2], body[3], body[4], 0]) >> 8;
                picture.get_or_insert_with(|| time + i64::from(cts));
            }
            _ => {}
        }
    }
    (sound, picture.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_of_every_codec_comes_out_bit_exact() {
    let names: Vec<_> = CLIPS.iter().map(|(name, ..)| name.replace('_', "-")).collect();
    let mut server = Server::without_grace(&names).await;
    let cases = names.into_iter().zip(CLIPS).map(|(name, clip)| {
        let (at, url) = (server.http, server.publish_url(&name));
        let file = fixture(&format!("synthetic_{}.flv", clip.0));
        (clip.0, tokio::spawn(case(at, name, url, file, clip)))
    });
    let cases: Vec<_> = cases.collect();
    let mut failed = Vec::new();
    for (name, case) in cases {
        if let Err(error) = case.await {
            failed.push(format!("{name}: {:?}", error.into_panic().downcast_ref::<String>()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    server.assert_well();
}

async fn case(
    at: std::net::SocketAddr,
    name: String,
    url: String,
    file: std::path::PathBuf,
    (_, codecs, channels, rate, samples, probed): (&str, &str, u32, i64, i64, &str),
) {
    let limit = Duration::from_secs(40);
    let command = rillcast_publish(&file, &url);
    let published = tokio::spawn(async move { succeed(command, limit).await });
    let http = Http::new(at, name.len().is_multiple_of(2));
    let watched = tokio::time::timeout(limit, player::watch(&http, &name)).await.expect("it ends in time");
    published.await.unwrap();
    let said = |text: &str| assert!(watched.multivariant.contains(text), "{text}: {}", watched.multivariant);
    said(&format!(",{codecs}\""));
    said(&format!("CHANNELS=\"{channels}\""));
    let [video, sound] = &watched.renditions[..] else { panic!("{} renditions", watched.renditions.len()) };
    let init = sound.init();
    assert_eq!(init.timescale, rate);

    let (mut source, picture) = read(&file);
    let found = sound.samples();
    // What is over before the first picture is left out.
    let first = source.iter().position(|(_, hash)| *hash == found[0].hash).unwrap();
    assert!(
        source[..first].iter().all(|(time, _)| (time + 2) * rate <= (picture + 2) * rate - samples * 1_000)
    );
    source.drain(..first);
    assert_eq!(found.len(), source.len(), "as many frames as the source has");
    let (start, origin) = (found[0].dts, source[0].0);
    for (n, (sample, (time, hash))) in found.iter().zip(&source).enumerate() {
        assert_eq!(sample.hash, *hash, "bytes of frame {n}");
        assert!(sample.key && sample.cts == 0);
        assert_eq!(sample.dts - start, n as i64 * samples, "decode time of frame {n}");
        let off = (sample.dts - start) * 1_000 - (time - origin) * rate;
        assert!(off.abs() <= rate, "frame {n} is {off} / {rate} ms off");
        let last = n + 1 == found.len();
        assert!(sample.duration == samples || (last && sample.duration < samples), "length of frame {n}");
    }
    let pictures = video.samples();
    let seconds = |value: i64, scale: i64| value as f64 / scale as f64;
    let apart = seconds(start, rate) - seconds(pictures[0].dts + pictures[0].cts, video.init().timescale);
    let expected = seconds(origin - picture, 1_000);
    assert!((apart - expected).abs() <= 0.0011, "sound is {apart} s from the picture, not {expected}");
    decodes(sound, probed, rate, channels, &source).await;
}

/// Another reader finds the same in it, and another decoder has nothing to say against it.
async fn decodes(rendition: &Rendition, codec: &str, rate: i64, channels: u32, source: &[(i64, String)]) {
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    std::fs::write(file.path(), rendition.file()).unwrap();
    let tracks = reference::read(file.path()).await;
    let hashes = |packets: &[reference::Packet]| packets.iter().map(|p| p.hash.clone()).collect::<Vec<_>>();
    let sent: Vec<_> = source.iter().map(|(_, hash)| hash.clone()).collect();
    assert!(hashes(&tracks[0].packets) == sent, "ffprobe finds other frames in what came out");
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels", "-of", "csv=p=0"]);
    probe.arg(file.path());
    let found = succeed(probe, Duration::from_secs(20)).await.stdout;
    assert_eq!(
        String::from_utf8(found).unwrap().trim().trim_end_matches(','),
        format!("{codec},{rate},{channels}")
    );
    let mut decoder = Command::new("ffmpeg");
    decoder.args(["-v", "error", "-xerror", "-i"]).arg(file.path()).args(["-f", "null", "-"]);
    let output = finish(decoder, Duration::from_secs(20)).await;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaint.is_empty(), "{complaint}");
}
