//! Every video codec from an enhanced FLV file to the player: access units, times, key flags, and what is said of them.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::compare::{self, Times};
use crate::encoder::{fixture, rillcast_publish, succeed};
use crate::flv;
use crate::fmp4::Init;
use crate::http::{Http, resolve};
use crate::player::{self, Watched};
use crate::playlist::attributes;
use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(30);

/// What must be said of a clip of 320x180 at 25 frames a second, 100 pictures long.
struct Clip {
    file: &'static str,
    codecs: &'static str,
    range: Option<&'static str>,
    entry: &'static str,
    pixel_aspect: &'static str,
    /// The size to display.
    resolution: &'static str,
    /// Primaries, transfer, matrix.
    colour: (u16, u16, u16),
    keys: &'static [usize],
}

const CLIPS: [Clip; 4] = [
    Clip {
        file: "hevc_main_bframes_aac.flv",
        codecs: "hvc1.1.6.L60.90",
        range: None,
        entry: "hvc1",
        pixel_aspect: "1:1",
        resolution: "320x180",
        colour: (1, 1, 1),
        keys: &[0, 50],
    },
    Clip {
        file: "hevc_main10_hlg_opengop_aac.flv",
        codecs: "hvc1.2.4.L60.90",
        range: Some("HLG"),
        entry: "hvc1",
        pixel_aspect: "4:3",
        resolution: "427x180",
        colour: (9, 18, 9),
        keys: &[0, 39, 77],
    },
    Clip {
        file: "av1_main10_pq_aac.flv",
        codecs: "av01.0.00M.10.0.110.09.16.09.0",
        range: Some("PQ"),
        entry: "av01",
        pixel_aspect: "1:1",
        resolution: "320x180",
        colour: (9, 16, 9),
        keys: &[0, 50],
    },
    Clip {
        file: "vp9_altref_aac.flv",
        codecs: "vp09.00.11.08",
        range: None,
        entry: "vp09",
        pixel_aspect: "1:1",
        resolution: "320x180",
        colour: (1, 1, 1),
        keys: &[0, 50],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn hevc_av1_and_vp9_come_out_bit_exact_and_are_described_to_the_letter() {
    let names: Vec<_> = CLIPS.iter().map(|clip| clip.entry_name()).collect();
    let mut server = Server::without_grace(&names).await;
    let mut running = Vec::new();
    for (clip, name) in CLIPS.iter().zip(&names) {
        let publish = rillcast_publish(&fixture(clip.file), &server.publish_url(name));
        running.push((clip, tokio::spawn(case(clip, name.clone(), server.http, publish))));
    }
    for (clip, case) in running {
        assert!(case.await.is_ok(), "{} failed", clip.file);
    }
    server.assert_well();
}

async fn case(clip: &'static Clip, name: String, at: std::net::SocketAddr, publish: Command) {
    let published = tokio::spawn(succeed(publish, LIMIT));
    let http = Http::new(at, name.len().is_multiple_of(2));
    let watching = tokio::spawn({
        let (http, name) = (http.clone(), name.clone());
        async move { player::watch(&http, &name).await }
    });
    let still = http.appear(&format!("/live/{name}/thumb.mp4")).await;
    assert_eq!(decoded(&still.body).await, 1, "{name}: the thumbnail is one picture");
    let iframes = iframe_entry(&http, &name).await;
    assert_eq!(decoded(&iframes).await, 1, "{name}: an entry of the I-frame playlist is one picture");
    let watched = tokio::time::timeout(LIMIT, watching).await.expect("it ends in time").unwrap();
    published.await.unwrap();
    described(clip, &watched);
    let source = flv::read(&fixture(clip.file), (320, 180), clip.pixel_aspect);
    let keys = source[0].packets.iter().enumerate().filter(|(_, packet)| packet.key).map(|(n, _)| n);
    assert_eq!(keys.collect::<Vec<_>>(), clip.keys, "{name}");
    compare::check(&source, &watched, Times::Exact).await;
    assert_eq!(decoded(&watched.renditions[0].file()).await, 100, "{name}: every picture is decoded");
}

impl Clip {
    fn entry_name(&self) -> String {
        Path::new(self.file).file_stem().unwrap().to_str().unwrap().replace('_', "-")
    }
}

/// CODECS, VIDEO-RANGE, RESOLUTION and FRAME-RATE, and the sample entry.
fn described(clip: &Clip, watched: &Watched) {
    let lines = watched.multivariant.lines();
    let lines: Vec<_> =
        lines.filter_map(|line| Some(line.split_once("STREAM-INF:")?.1)).map(attributes).collect();
    assert_eq!(lines.len(), 2, "{}", watched.multivariant);
    for (n, line) in lines.iter().enumerate() {
        let codecs = if n == 0 { format!("{},mp4a.40.2", clip.codecs) } else { clip.codecs.to_owned() };
        assert_eq!(line["CODECS"], codecs);
        assert_eq!(line["RESOLUTION"], clip.resolution);
        assert_eq!(line.get("VIDEO-RANGE").map(String::as_str), clip.range);
    }
    assert_eq!(lines[0]["FRAME-RATE"], "25.000");
    let init: Init = watched.renditions[0].init();
    assert_eq!((&*init.entry, init.colour), (clip.entry, Some(clip.colour)));
}

/// The init section and the range of the first entry of the I-frame playlist.
async fn iframe_entry(http: &Http, name: &str) -> Vec<u8> {
    let at = format!("/live/{name}/index.m3u8");
    loop {
        let multivariant = http.take(&at).await.text();
        let line = multivariant.lines().find_map(|line| line.strip_prefix("#EXT-X-I-FRAME-STREAM-INF:"));
        let list = resolve(&at, &attributes(line.expect("there are I-frames"))["URI"]);
        let text = http.take(&list).await.text();
        let value = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag));
        let (Some(map), Some(range)) = (value("#EXT-X-MAP:"), value("#EXT-X-BYTERANGE:")) else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let uri = text.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap();
        let (length, start) =
            range.split_once('@').map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).unwrap();
        let (length, start): (usize, usize) = (length, start);
        let init = http.take(&resolve(&list, &attributes(map)["URI"])).await.body;
        let segment = http.take(&resolve(&list, uri)).await.body;
        return [&init[..], &segment[start..start + length]].concat();
    }
}

/// How many pictures ffmpeg decodes of a file.
async fn decoded(bytes: &[u8]) -> usize {
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "fatal", "-i"]).arg(file.path());
    ffmpeg.args(["-map", "0:v", "-vsync", "passthrough", "-f", "framemd5", "-"]);
    let output = succeed(ffmpeg, LIMIT).await;
    String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.starts_with('#')).count()
}
