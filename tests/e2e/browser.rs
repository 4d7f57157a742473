//! The player page in a real browser: headless Chromium, hls.js in low-latency mode.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::encoder::{fixture, start};
use crate::http::Http;
use crate::server::Server;

/// A judge looks three times at most, for half a minute.
const PATIENCE: Duration = Duration::from_secs(240);

/// One of the programs of `tests/web`, with these arguments.
pub(crate) fn node(program: &str, arguments: &[&str]) -> Child {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web").join(program);
    let mut command = Command::new("node");
    command.arg(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    command.spawn().expect("node is on the PATH")
}

/// ffmpeg publishing `file` over and over.
fn endless(file: &Path, url: &str) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-stream_loop", "-1", "-i"]).arg(file);
    command.args(["-c", "copy", "-f", "flv", url]);
    command
}

/// Waits for a page's judge, and for its verdict to be good.
pub(crate) async fn assert_content(mut judge: Child, mut said: String) {
    let mut rest = judge.stdout.take();
    let ended = async {
        if let Some(rest) = &mut rest {
            rest.read_to_string(&mut said).await.unwrap();
        }
        judge.wait().await.unwrap()
    };
    let status = tokio::time::timeout(PATIENCE, ended).await.expect("it comes to an end");
    println!("{said}");
    assert!(status.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_plays_the_demo_in_low_latency_without_a_stall() {
    let server = Server::start(&["--demo".to_owned()]).await;
    Http::new(server.http, false).appear("/live/demo/index.m3u8").await;
    let url = format!("http://{}/watch/demo", server.http);
    assert_content(node("watch.mjs", &[&url, "30"]), String::new()).await;
    // The page is one viewer by its session: nothing of it asks without. The test itself asked by its address.
    let stream = Http::new(server.admin, false).take("/api/v1/streams/demo").await.text();
    let stream: serde_json::Value = serde_json::from_str(&stream).unwrap();
    assert_eq!(stream["viewers"]["hls_by_session"], 1, "{stream:#}");
    let listing = Http::new(server.admin, false).take("/api/v1/viewers").await.text();
    let listing: serde_json::Value = serde_json::from_str(&listing).unwrap();
    let of_browser =
        |viewer: &&serde_json::Value| viewer["agent"].as_str().is_some_and(|a| a.contains("Mozilla"));
    let counted: Vec<_> = listing["viewers"].as_array().unwrap().iter().filter(of_browser).collect();
    assert!(counted.len() == 1 && counted[0]["counted_by"] == "session", "{listing:#}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_opened_before_its_stream_says_so_and_starts_by_itself() {
    let server = Server::with_streams(&["cam".to_owned()]).await;
    let url = format!("http://{}/watch/cam", server.http);
    let mut judge = node("early.mjs", &[&url, "5"]);
    let mut lines = BufReader::new(judge.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await;
    let first = first.expect("it waits for the stream").unwrap().expect("it says so");
    assert!(first.contains("\"waiting\""), "{first}");
    let clip = fixture("bbb_720p25_avc_aac.mp4");
    let _publisher = start(endless(&clip, &server.publish_url("cam")));
    let mut said = String::new();
    lines.into_inner().read_to_string(&mut said).await.unwrap();
    assert_content(judge, said).await;
    server.stop().await;
}
