//! Endless files from the server, as ffmpeg plays them: every picture from a keyframe to the end of the stream is the
//! source's, and so is the sound.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::encoder::{fixture, rillcast_publish, succeed};
use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(60);
const CLIP: &str = "bbb_720p25_avc_aac.mp4";

/// Hashes of the decoded pictures, or of the sound's access units, in order.
async fn hashes(input: &str, sound: bool) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-xerror", "-ignore_editlist", "1"]);
    if !input.contains(".mp4") {
        command = Command::new("ffmpeg");
        command.args(["-v", "error", "-xerror"]);
    }
    command.args(["-i", input, "-map", if sound { "0:a:0" } else { "0:v:0" }, "-vsync", "passthrough"]);
    if sound {
        command.args(["-c", "copy"]);
    }
    command.args(["-f", "framemd5", "-"]);
    let out = succeed(command, LIMIT).await;
    let text = String::from_utf8(out.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

async fn playable(at: SocketAddr, path: &str) {
    loop {
        let mut command = Command::new("curl");
        command.args(["-sfI", "-o", "/dev/null", &format!("http://{at}{path}")]);
        if command.status().await.unwrap().success() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_plays_every_endless_file_to_the_end_as_it_was_sent() {
    let mut server = Server::without_grace(&["live".to_owned()]).await;
    let source = fixture(CLIP);
    let publish = tokio::spawn(succeed(rillcast_publish(&source, &server.publish_url("live")), LIMIT));
    tokio::time::timeout(LIMIT, playable(server.http, "/live/live.flv")).await.unwrap();
    let mut readers = Vec::new();
    for (ending, sound) in [("mp4", false), ("mp4", true), ("flv", false), ("flv", true), ("ts", false)] {
        let url = format!("http://{}/live/live.{ending}", server.http);
        readers.push((ending, sound, tokio::spawn(async move { hashes(&url, sound).await })));
    }
    publish.await.unwrap();
    let whole = Path::to_str(&source).unwrap();
    let (pictures, units) = (hashes(whole, false).await, hashes(whole, true).await);
    for (ending, sound, reader) in readers {
        let (had, got) = (if sound { &units } else { &pictures }, reader.await.unwrap());
        let least = had.len() * 2 / 3;
        assert!(got.len() >= least, "{ending} sound {sound}: {} of {}", got.len(), had.len());
        assert!(had.ends_with(&got), "{ending} sound {sound}: {} of {} differ", got.len(), had.len());
    }
    server.assert_well();
}
