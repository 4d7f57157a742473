//! Bit-exactness: every published access unit comes out once, in order, unchanged, with its time.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::compare::{self, Times};
use crate::encoder::{ffmpeg_publish, fixture, generate, rillcast_publish, succeed};
use crate::http::Http;
use crate::player;
use crate::reference;
use crate::server::Server;

const CLIPS: [&str; 2] = ["bbb_720p25_avc_aac.mp4", "bbb_720p25_gop132_aac51.mp4"];
/// Longer than any source here.
const LIMIT: Duration = Duration::from_secs(40);

/// Runs every case at once and names those that fail.
async fn all(cases: Vec<(String, impl Future<Output = ()> + Send + 'static)>) {
    let tasks: Vec<_> = cases.into_iter().map(|(name, case)| (name, tokio::spawn(case))).collect();
    let mut failed = Vec::new();
    for (name, task) in tasks {
        if let Err(error) = task.await {
            let panic = error.into_panic();
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
            failed.push(format!("{name}: {said}"));
        }
    }
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

/// Publishes by `command` as stream `name`, watches it whole, and compares it with `source`.
async fn exact(at: std::net::SocketAddr, name: String, source: PathBuf, command: Command, times: Times) {
    let published = tokio::spawn(succeed(command, LIMIT));
    // Half the players speak HTTP/2.
    let http = Http::new(at, name.len().is_multiple_of(2));
    let watched = tokio::time::timeout(LIMIT, player::watch(&http, &name)).await.expect("it ends in time");
    published.await.unwrap();
    compare::check(&reference::read(&source).await, &watched, times).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_clip_comes_out_bit_exact_from_every_publisher() {
    let names: Vec<_> = (0..CLIPS.len() * 2).map(|n| format!("clip{n}")).collect();
    let mut server = Server::without_grace(&names).await;
    let mut cases = Vec::new();
    for (n, name) in names.into_iter().enumerate() {
        let (clip, url) = (fixture(CLIPS[n / 2]), server.publish_url(&name));
        let command = if n % 2 == 0 { rillcast_publish(&clip, &url) } else { ffmpeg_publish(&clip, &url) };
        let what = format!("{} by {:?}", CLIPS[n / 2], command.as_std().get_program());
        cases.push((what, exact(server.http, name, clip, command, Times::Exact)));
    }
    all(cases).await;
    server.assert_well();
}

/// Name, testsrc2 options, ffmpeg options, and how close the times must come.
const SOURCES: [(&str, &str, &str, Times); 20] = [
    ("b-frames", "size=320x180:rate=25", "-bf 2 -g 50", Times::Exact),
    ("b-pyramid", "size=320x180:rate=30", "-bf 3 -g 60 -x264-params b-pyramid=normal", Times::Exact),
    ("23.976", "size=320x180:rate=24000/1001", "-bf 2 -g 48", Times::Exact),
    ("29.97", "size=320x180:rate=30000/1001", "-bf 2 -g 60", Times::Exact),
    ("59.94", "size=320x180:rate=60000/1001", "-bf 2 -g 120", Times::Exact),
    ("50", "size=320x180:rate=50", "-g 100", Times::Exact),
    ("15", "size=320x180:rate=15", "-g 30", Times::Exact),
    ("aac-44100", "size=320x180:rate=25", "-ar 44100 -g 50", Times::Exact),
    ("aac-mono", "size=320x180:rate=25", "-ac 1 -g 50", Times::Exact),
    ("holes", "size=320x180:rate=30", "-vf select=mod(n\\,11)-5 -vsync vfr -g 60", Times::Millisecond),
    ("vfr", "size=320x180:rate=30", "-vf select=gt(random(1)\\,0.4) -vsync vfr -g 30", Times::Millisecond),
    ("vfr-b", "size=320x180:rate=60", "-vf select=gt(random(3)\\,0.6) -vsync vfr -bf 2", Times::Millisecond),
    ("scene-cuts", "size=320x180:rate=25", "-force_key_frames 0,0.68,1.08,3.92,4,6.28 -bf 2", Times::Exact),
    ("gop-1", "size=320x180:rate=25", "-g 1", Times::Exact),
    ("gop-long", "size=320x180:rate=25", "-g 1000 -sc_threshold 0 -bf 2", Times::Exact),
    ("open-gop", "size=320x180:rate=25", "-bf 2 -g 40 -x264-params open-gop=1", Times::Exact),
    ("audio-only", "size=320x180:rate=25", "-vn", Times::Exact),
    ("video-only", "size=320x180:rate=25", "-an -g 50 -bf 2", Times::Exact),
    ("cropped", "size=638x358:rate=25", "-g 50", Times::Exact),
    ("wide-pixels", "size=360x288:rate=25", "-vf setsar=16/11 -g 50", Times::Exact),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_awkward_source_comes_out_bit_exact() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<_> = SOURCES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let mut files = Vec::new();
    for (name, picture, options, _) in SOURCES {
        files.push(generate(folder.path(), name, picture, 7, options).await);
    }
    let mut server = Server::without_grace(&names).await;
    let case = |((name, _, _, times), file): (&(&str, &str, &str, Times), &PathBuf)| {
        let command = ffmpeg_publish(file, &server.publish_url(name));
        ((*name).to_owned(), exact(server.http, (*name).to_owned(), file.clone(), command, *times))
    };
    all(SOURCES.iter().zip(&files).map(case).collect()).await;
    server.assert_well();
}

/// The encoder at work while it publishes: what it made is also written to a file, to compare with.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_encoder_comes_out_bit_exact() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::without_grace(&["encoder".to_owned()]).await;
    let file = folder.path().join("sent.mp4");
    let url = server.publish_url("encoder");
    let command = live_encoder(&file, &url);
    exact(server.http, "encoder".to_owned(), file, command, Times::Exact).await;
    server.assert_well();
}

fn live_encoder(file: &Path, url: &str) -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30"]);
    ffmpeg.args(["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "7"]);
    ffmpeg.args([
        "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "60",
    ]);
    ffmpeg.args(["-pix_fmt", "yuv420p", "-flags", "+global_header", "-c:a", "aac", "-f", "tee"]);
    ffmpeg.arg(format!("[f=flv]{url}|[f=mp4]{}", file.display()));
    ffmpeg
}
