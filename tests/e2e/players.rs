//! Other people's players, all on one stream at once, while its publisher dies and returns, and stalls.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::browser::{assert_content, node};
use crate::encoder::{generate, rillcast_publish, start};
use crate::http::Http;
use crate::play::first_segments;
use crate::server::{Lines, Server};

/// How long the players in the browser are watched.
const SECONDS: &str = "60";
/// Within this many seconds of the publisher's acts every player is done with them, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(180);

/// A player that is a program, and prints a line for each picture it decoded.
struct Program {
    name: &'static str,
    child: Child,
    said: Lines,
    complaints: Lines,
    /// Whether a line tells of a picture.
    picture: fn(&str) -> bool,
    /// Pictures at each look.
    seen: Vec<usize>,
}

impl Program {
    fn start(name: &'static str, picture: fn(&str) -> bool, command: Command) -> Self {
        let mut command = command;
        command.stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let said = Lines::of(child.stdout.take().unwrap());
        let complaints = Lines::of(child.stderr.take().unwrap());
        Self { name, child, said, complaints, picture, seen: Vec::new() }
    }

    fn look(&mut self) {
        let pictures = self.said.text().lines().filter(|line| (self.picture)(line)).count();
        self.seen.push(pictures);
    }

    /// Checks that it still runs, decoded pictures between all looks, and asked for nothing that is not there.
    fn assert_played(&mut self) {
        let (name, told) = (self.name, self.complaints.text());
        println!("{name}: pictures {:?}, {} lines of complaint", self.seen, told.lines().count());
        assert!(self.child.try_wait().unwrap().is_none(), "{name} ended: {told}");
        for pair in self.seen.windows(2) {
            assert!(pair[1] - pair[0] > 100, "{name}: pictures {:?}, {told}", self.seen);
        }
        for fault in ["HTTP error", "Failed to", "ERROR", "rror while decoding"] {
            assert!(!told.contains(fault), "{name}: {told}");
        }
    }
}

/// ffmpeg, decoding.
fn ffmpeg(url: &str) -> Program {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "warning", "-nostats", "-i", url, "-map", "0:v", "-map", "0:a"]);
    command.args(["-vsync", "passthrough", "-flush_packets", "1", "-f", "framecrc", "-"]);
    Program::start("ffmpeg", |line| line.starts_with("0,"), command)
}

/// GStreamer's player with its `hlsdemux`, decoding. `hlsdemux2` of 1.22 ends in an assertion of its own now and
/// then (`pending_cb_id == 0`), whatever it plays.
fn gstreamer(url: &str) -> Program {
    let mut command = Command::new("gst-launch-1.0");
    command.env("GST_PLUGIN_FEATURE_RANK", "hlsdemux2:NONE");
    command.args(["-v", "playbin", &format!("uri={url}")]);
    command.arg("video-sink=identity silent=false name=seen ! fakesink sync=true");
    command.arg("audio-sink=fakesink sync=true");
    Program::start("GStreamer", |line| line.contains("GstIdentity:seen: last-message = chain"), command)
}

async fn signal(process: &Child, name: &str) {
    let pid = process.id().expect("it runs").to_string();
    assert!(Command::new("kill").args([name, &pid]).status().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_player_plays_on_through_a_reconnect_and_a_stall() {
    let mut server = Server::with_streams(&["cam".to_owned()]).await;
    let folder = tempfile::tempdir().unwrap();
    let clip = generate(folder.path(), "clip", "size=320x180:rate=25", 20, "-g 32 -bf 0 -b:v 300k").await;
    let publish = || {
        let mut command = rillcast_publish(&clip, &server.publish_url("cam"));
        command.arg("--repeat");
        start(command)
    };
    let mut publisher = publish();
    first_segments(&Http::new(server.http, false), "cam").await;
    sleep(Duration::from_secs(6)).await;

    let url = format!("http://{}/live/cam/index.m3u8", server.http);
    let mut programs = [ffmpeg(&url), gstreamer(&url)];
    let mut browser = node("players.mjs", &[&url, SECONDS]);
    let mut lines = BufReader::new(browser.stdout.take().unwrap()).lines();
    let playing = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("they play in time");
    let playing = playing.unwrap().expect("they play");
    assert!(playing.contains("\"playing\""), "{playing}");

    programs.iter_mut().for_each(Program::look);
    sleep(Duration::from_secs(15)).await;
    publisher.kill().await.unwrap();
    programs.iter_mut().for_each(Program::look);
    sleep(Duration::from_secs(2)).await;
    publisher = publish();
    sleep(Duration::from_secs(20)).await;
    programs.iter_mut().for_each(Program::look);
    signal(&publisher, "-STOP").await;
    sleep(Duration::from_secs(2)).await;
    signal(&publisher, "-CONT").await;

    let mut told = Vec::new();
    let judged = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            println!("{line}");
            told.push(line);
        }
        browser.wait().await.unwrap()
    };
    let status = tokio::time::timeout(PATIENCE, judged).await.expect("it comes to an end");
    programs.iter_mut().for_each(Program::look);
    assert!(status.success() && told.len() == 4, "{}", told.join("\n"));
    programs.iter_mut().for_each(Program::assert_played);

    let [ffmpeg, _gstreamer] = &mut programs;
    ffmpeg.child.stdin.take().unwrap().write_all(b"q").await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, ffmpeg.child.wait()).await.expect("it ends when told to");
    assert!(ended.unwrap().success(), "{}", ffmpeg.complaints.text());
    server.assert_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_plays_every_endless_file_it_can_with_mpegts_js() {
    let server = Server::with_streams(&["cam".to_owned()]).await;
    let folder = tempfile::tempdir().unwrap();
    let clip = generate(folder.path(), "clip", "size=320x180:rate=25", 20, "-g 25 -bf 2 -b:v 300k").await;
    let mut command = rillcast_publish(&clip, &server.publish_url("cam"));
    command.arg("--repeat");
    let _publisher = start(command);
    first_segments(&Http::new(server.http, false), "cam").await;
    let urls = [("http", "flv"), ("ws", "flv"), ("http", "ts")];
    let urls = urls.map(|(scheme, ending)| format!("{scheme}://{}/live/cam.{ending}", server.http));
    let judge = node("endless.mjs", &["15", &urls[0], &urls[1], &urls[2]]);
    assert_content(judge, String::new()).await;
    server.stop().await;
}
