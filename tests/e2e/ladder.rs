//! Ladders: several tracks of one publish, each bit-exact, cut together, and changed between without a seam.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::browser::{assert_content, node};
use crate::compare::{self, Times};
use crate::encoder::{fixture, generate, rillcast_publish_all, start, succeed};
use crate::http::Http;
use crate::player::{self, Rendition, media_playlists};
use crate::playlist::attributes;
use crate::reference;
use crate::server::{Server, binary};

const LIMIT: Duration = Duration::from_secs(60);

/// Pictures from the largest to the smallest, a keyframe every two seconds: what 1080p60 down to 240p30 are, scaled down.
const RUNGS: [(&str, &str); 5] = [
    ("size=480x270:rate=60", "-g 120 -keyint_min 120 -sc_threshold 0 -bf 2"),
    ("size=320x180:rate=60", "-g 120 -keyint_min 120 -sc_threshold 0 -bf 2 -an"),
    ("size=256x144:rate=30", "-g 60 -keyint_min 60 -sc_threshold 0 -bf 2 -an"),
    ("size=192x108:rate=30", "-g 60 -keyint_min 60 -sc_threshold 0 -an"),
    ("size=128x72:rate=30", "-g 60 -keyint_min 60 -sc_threshold 0 -bf 1 -an"),
];

/// The files of a ladder: pictures, and a second sound last.
async fn clips(folder: &Path, seconds: u32) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (n, (picture, options)) in RUNGS.iter().enumerate() {
        files.push(generate(folder, &format!("rung{n}"), picture, seconds, options).await);
    }
    let sound = "-vn -af volume=0.5 -b:a 64k";
    files.push(generate(folder, "sound", "size=64x64:rate=30", seconds, sound).await);
    files
}

/// Which track each variant plays, in order.
fn variants(multivariant: &str) -> Vec<&str> {
    let uris = multivariant.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    uris.map(|uri| uri.rsplit('/').nth(1).unwrap()).collect()
}

/// Start of every part, in order.
fn edges(rendition: &Rendition) -> Vec<i64> {
    rendition.samples().iter().filter(|sample| sample.leads).map(|sample| sample.dts).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_rungs_and_two_sounds_come_out_bit_exact_and_cut_together() {
    let folder = tempfile::tempdir().unwrap();
    let files = clips(folder.path(), 13).await;
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let publish = rillcast_publish_all(&files, &server.publish_url("cam"));
    let published = tokio::spawn(succeed(publish, LIMIT));
    let http = Http::new(server.http, true);
    let watching = tokio::spawn({
        let http = http.clone();
        async move { player::watch(&http, "cam").await }
    });
    let at = "/live/cam/index.m3u8";
    let multivariant = http.appear(at).await.text();
    let inspected = tokio::spawn(inspect(server.http));
    plays(server.http, &multivariant, at).await;
    inspected.await.unwrap();
    let watched = tokio::time::timeout(LIMIT, watching).await.expect("it ends in time").unwrap();
    published.await.unwrap();

    described(&watched.multivariant);
    let mut source = Vec::new();
    for (n, file) in files.iter().enumerate() {
        let tracks = reference::read(file).await;
        // The sound of further files is left out.
        source.extend(tracks.into_iter().filter(|track| track.video || n == 0 || n == 5));
    }
    compare::check(&source, &watched, Times::Exact).await;
    let pictures: Vec<_> =
        watched.renditions.iter().filter(|rendition| rendition.init().size.is_some()).map(edges).collect();
    assert_eq!(pictures.len(), 5);
    for other in &pictures[1..] {
        assert_eq!(pictures[0].len(), other.len(), "every rung has as many parts");
        let apart = pictures[0].iter().zip(other).map(|(a, b)| (a - b).abs()).max();
        assert!(apart <= Some(1), "part edges are up to {apart:?} ticks apart");
    }
    server.assert_well();
}

/// Five variants in order, one group of two, I-frames of every rung.
fn described(text: &str) {
    let rungs = variants(text);
    let mut sorted = rungs.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["v0", "v1", "v2", "v3", "v4"], "{text}");
    let lines = |tag: &str| -> Vec<_> {
        text.lines().filter_map(|line| line.strip_prefix(tag)).map(attributes).collect()
    };
    for line in lines("#EXT-X-STREAM-INF:") {
        assert!(line["CODECS"].starts_with("avc1.") && line["CODECS"].ends_with(",mp4a.40.2"), "{text}");
        assert_eq!(line["AUDIO"], "audio");
    }
    let sounds = lines("#EXT-X-MEDIA:");
    assert_eq!(sounds.iter().map(|sound| &*sound["NAME"]).collect::<Vec<_>>(), ["Audio 1", "Audio 2"]);
    let i_frames = lines("#EXT-X-I-FRAME-STREAM-INF:");
    let sizes: Vec<&str> = i_frames.iter().map(|line| &*line["RESOLUTION"]).collect();
    assert_eq!(sizes, ["480x270", "320x180", "256x144", "192x108", "128x72"]);
}

/// The product's own judge finds nothing.
async fn inspect(at: SocketAddr) {
    let mut inspect = Command::new(binary());
    inspect.args(["inspect", &format!("http://{at}/live/cam/index.m3u8"), "--for", "6s", "--json"]);
    let output = succeed(inspect, LIMIT).await;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["errors"], 0, "{report}");
    assert_eq!(report["playlists"].as_array().unwrap().len(), 7, "{report}");
}

/// ffmpeg plays the smallest rung.
async fn plays(at: SocketAddr, multivariant: &str, base: &str) {
    let path = media_playlists(multivariant, base).into_iter().find(|path| path.contains("/v4/")).unwrap();
    // It knows nothing shorter than a segment.
    Http::new(at, false).take(&format!("{path}?_HLS_msn=1")).await;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-live_start_index", "0", "-i", &format!("http://{at}{path}"), "-t", "2"]);
    ffmpeg.args(["-map", "0:v", "-vsync", "passthrough", "-f", "framemd5", "-"]);
    let output = succeed(ffmpeg, LIMIT).await;
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().filter(|line| !line.starts_with('#')).count() >= 59, "{text}");
}

/// Hands on what a publisher sends, with `from` replaced by `to`.
async fn altered(to_server: SocketAddr, from: [u8; 4], to: [u8; 4]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (mut client_reads, mut client_writes) = client.into_split();
        let (mut reads, mut writes) = TcpStream::connect(to_server).await.unwrap().into_split();
        tokio::spawn(async move { tokio::io::copy(&mut reads, &mut client_writes).await });
        let (mut held, mut buffer) = (Vec::new(), vec![0; 64 * 1_024]);
        loop {
            // What is held back must not be waited for: the handshake is answered before more comes.
            let soon = if held.is_empty() { LIMIT } else { Duration::from_millis(20) };
            match tokio::time::timeout(soon, client_reads.read(&mut buffer)).await {
                Ok(Ok(count @ 1..)) => held.extend_from_slice(&buffer[..count]),
                Ok(_) => break,
                Err(_) => {
                    writes.write_all(&std::mem::take(&mut held)).await.unwrap();
                    continue;
                }
            }
            while let Some(found) = held.windows(4).position(|four| four == from) {
                held[found..found + 4].copy_from_slice(&to);
            }
            // The end may be the beginning of what is looked for.
            let part = (1..4).rev().find(|len| held.ends_with(&from[..*len])).unwrap_or(0);
            let rest = held.split_off(held.len() - part);
            writes.write_all(&held).await.unwrap();
            held = rest;
        }
        let _ = writes.write_all(&held).await;
    });
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rung_that_cannot_be_used_is_left_out_by_name_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let good = clips(folder.path(), 9).await;
    let keys = "-force_key_frames 0,1.2,3.2,5.2,7.2 -g 1000 -sc_threshold 0 -an";
    let astray = generate(folder.path(), "astray", "size=320x180:rate=30", 9, keys).await;
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    // The third file's codec becomes one that nobody knows.
    let alien = fixture("hevc_main_bframes_aac.flv");
    let files = [&good[0], &astray, &alien, &good[3]];
    let relay = altered(server.rtmp, *b"hvc1", *b"zzzz").await;
    let url = server.publish_url("cam").replace(&server.rtmp.to_string(), &relay.to_string());
    let published = tokio::spawn(succeed(rillcast_publish_all(files, &url), LIMIT));
    let http = Http::new(server.http, false);
    let watching = tokio::spawn({
        let http = http.clone();
        async move { player::watch(&http, "cam").await }
    });
    let reason = |line: &serde_json::Value| line["reason"].as_str().is_some_and(|said| said.contains("zzzz"));
    server.log().wait(reason).await;
    let notice = |line: &serde_json::Value| {
        line["notice"].as_str().is_some_and(|said| said.contains("keyframes of v1"))
    };
    server.log().wait(notice).await;
    let multivariant = http.take("/live/cam/index.m3u8").await.text();
    let mut rungs = variants(&multivariant);
    rungs.sort_unstable();
    assert_eq!(rungs, ["v0", "v3"], "{multivariant}");
    let watched = tokio::time::timeout(LIMIT, watching).await.expect("it ends in time").unwrap();
    published.await.unwrap();
    // What is offered is whole, whatever became of the others.
    for (track, file) in [("/v0/", &good[0]), ("/v3/", &good[3])] {
        let rendition = watched.renditions.iter().find(|rendition| rendition.path.contains(track)).unwrap();
        let source = reference::read(file).await.into_iter().find(|track| track.video).unwrap();
        let hashes: Vec<_> =
            rendition.samples().into_iter().map(|sample| (sample.hash, sample.key)).collect();
        let sent: Vec<_> = source.packets.into_iter().map(|packet| (packet.hash, packet.key)).collect();
        assert!(hashes == sent, "{track}");
    }
    server.assert_well();
}

/// Every five seconds another rung is chosen by hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_changes_rungs_by_hand_without_a_stall_or_a_jump_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let files = clips(folder.path(), 20).await;
    let server = Server::with_streams(&["cam".to_owned()]).await;
    let mut publish = rillcast_publish_all(&files, &server.publish_url("cam"));
    publish.arg("--repeat");
    let _publisher = start(publish);
    Http::new(server.http, false).appear("/live/cam/index.m3u8").await;
    let url = format!("http://{}/live/cam/index.m3u8", server.http);
    let seconds = std::env::var("RILLCAST_LADDER_SECONDS").unwrap_or_else(|_| "30".to_owned());
    assert_content(node("ladder.mjs", &[&url, &seconds]), String::new()).await;
    server.stop().await;
}
