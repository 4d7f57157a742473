//! Readers in processes of their own that are stopped, and go on.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::film::{begins_anew_after_holes, pictures};
use crate::process::Process;
use crate::rig::Encoder;

/// How long they sleep: many times what is kept for them.
const ASLEEP: Duration = Duration::from_secs(60);
/// The clip has 25 pictures a second, and its last one lasts into the next lap.
const HOLE_MS: i64 = 450;

async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args([name, &pid]).status().await.unwrap().success());
}

/// Hostile case 65 with real processes: the kernel's buffers fill, the server writes to nobody, and nothing of the past
/// comes between what is new when they wake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_are_stopped_for_a_minute_resume_at_a_keyframe() {
    let server = Process::start(&[], &[("RILLCAST__LIMITS__RING__BLOCKED", "2m")]).await;
    let encoder = Encoder::start_at(server.rtmp, "cam");
    server.playable("cam").await;
    let folder = tempfile::tempdir().unwrap();
    let mut readers = Vec::new();
    for ending in ["flv", "ts", "mp4"] {
        let mut command = Command::new("curl");
        command.args(["--silent", "--no-buffer", "--output"]).arg(folder.path().join(ending));
        command.arg(format!("http://{}/live/cam.{ending}", server.http));
        readers.push((ending, command.stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap()));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for (_, reader) in &readers {
        signal(reader, "-STOP").await;
    }
    tokio::time::sleep(ASLEEP).await;
    for (_, reader) in &readers {
        signal(reader, "-CONT").await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    for (ending, mut reader) in readers {
        assert!(reader.try_wait().unwrap().is_none(), "{ending}: it was closed: {}", server.log());
        reader.kill().await.unwrap();
        let bytes = std::fs::read(folder.path().join(ending)).unwrap();
        let pictures = pictures(ending, &bytes.into(), false);
        let holes = begins_anew_after_holes(&pictures, HOLE_MS);
        let span = pictures.last().unwrap().time - pictures[0].time;
        eprintln!("{ending}: {} pictures over {span} ms, {holes} holes", pictures.len());
        assert!(holes >= 1, "{ending}: nothing was kept of a minute, and nothing is missing");
        assert!(span > 60_000, "{ending}: it is back where the stream is, {span} ms on");
    }
    encoder.stop().await;
    assert_eq!(server.metric("rillcast_hls_lint_violations_total").await, Some(0));
}
