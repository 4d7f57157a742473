//! ffmpeg and ffprobe as players, while the stream is live.

use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::encoder::{ffmpeg_publish, fixture, rillcast_publish, start, succeed};
use crate::http::Http;
use crate::player::media_playlists;
use crate::playlist::Playlist;
use crate::reference;
use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(40);

/// Waits until every rendition of `name` lists a whole segment: ffmpeg knows nothing shorter.
async fn first_segments(http: &Http, name: &str) {
    let at = format!("/live/{name}/index.m3u8");
    let multivariant = http.appear(&at).await.text();
    for path in media_playlists(&multivariant, &at) {
        let state = Playlist::parse(&http.take(&format!("{path}?_HLS_msn=1")).await.text());
        assert!(state.segments.iter().any(|segment| segment.uri.is_some()));
    }
}

/// The hash column of what ffmpeg's framehash and framemd5 write, by stream.
fn hashes(text: &str, stream: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let columns = lines.map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
    columns
        .filter(|columns| columns[0] == stream)
        .map(|columns| columns.last().unwrap().to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_plays_every_frame_of_a_live_stream() {
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let clip = fixture("bbb_720p25_avc_aac.mp4");
    let published = tokio::spawn(succeed(ffmpeg_publish(&clip, &server.publish_url("cam")), LIMIT));
    let http = Http::new(server.http, false);
    first_segments(&http, "cam").await;

    let folder = tempfile::tempdir().unwrap();
    let (copied, decoded) = (folder.path().join("copied"), folder.path().join("decoded"));
    let mut player = Command::new("ffmpeg");
    player.args(["-v", "error", "-live_start_index", "0", "-i"]);
    player.arg(format!("http://{}/live/cam/index.m3u8", server.http));
    player
        .args(["-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "framehash", "-hash", "sha256"])
        .arg(&copied);
    player.args(["-map", "0:v", "-vsync", "passthrough", "-f", "framemd5"]).arg(&decoded);
    let played = succeed(player, LIMIT).await;
    assert!(played.stderr.is_empty(), "{}", String::from_utf8_lossy(&played.stderr));
    published.await.unwrap();

    let copied = std::fs::read_to_string(copied).unwrap();
    for (index, track) in reference::read(&clip).await.iter().enumerate() {
        let source: Vec<_> = track.packets.iter().map(|packet| packet.hash.clone()).collect();
        assert!(hashes(&copied, &index.to_string()) == source, "track {index} came to ffmpeg altered");
    }
    let mut decode = Command::new("ffmpeg");
    decode.args(["-v", "error", "-i"]).arg(&clip);
    decode.args(["-map", "0:v", "-vsync", "passthrough", "-f", "framemd5", "-"]);
    let expected = String::from_utf8(succeed(decode, LIMIT).await.stdout).unwrap();
    let (expected, seen) = (hashes(&expected, "0"), hashes(&std::fs::read_to_string(decoded).unwrap(), "0"));
    assert_eq!(expected.len(), 128);
    assert!(expected == seen, "ffmpeg shows {} pictures, not the source's", seen.len());
    server.assert_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn ffprobe_finds_codecs_and_size_of_a_live_stream() {
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let mut publish = rillcast_publish(&fixture("bbb_720p25_gop132_aac51.mp4"), &server.publish_url("cam"));
    publish.arg("--repeat");
    let _publisher = start(publish);
    first_segments(&Http::new(server.http, false), "cam").await;

    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-show_streams", "-of", "json"]);
    probe.arg(format!("http://{}/live/cam/index.m3u8", server.http));
    let found: Value = serde_json::from_slice(&succeed(probe, LIMIT).await.stdout).unwrap();
    let one = |kind: &str| {
        let mut all = found["streams"].as_array().unwrap().iter();
        all.find(|stream| stream["codec_type"] == kind).unwrap_or_else(|| panic!("no {kind} in {found}"))
    };
    let (video, audio) = (one("video"), one("audio"));
    assert_eq!((&video["codec_name"], &video["profile"]), (&"h264".into(), &"Main".into()));
    assert_eq!((video["width"].as_u64(), video["height"].as_u64()), (Some(1_280), Some(720)));
    assert_eq!(video["r_frame_rate"], "25/1");
    assert_eq!((&audio["codec_name"], &audio["sample_rate"]), (&"aac".into(), &"48000".into()));
    assert_eq!((&audio["profile"], audio["channels"].as_u64()), (&"LC".into(), Some(6)));
    server.assert_well();
}
