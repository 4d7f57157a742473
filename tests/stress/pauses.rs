//! The server stands still for a while, as on a machine that is suspended or starved.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::answers::ask;
use crate::process::{Process, open_msn};
use crate::rig::{self, Encoder};

const SECOND: Duration = Duration::from_secs(1);

/// How many parts a playlist has told of so far: those of whole segments that it lists no more are not counted.
async fn newest(server: &Process, folder: &str) -> String {
    let (_, playlist) = rig::get(server.http, &format!("{folder}media.m3u8"), "").await;
    playlist.split("TYPE=PART,URI=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Hostile case 95: five seconds are missing. Deadlines that passed meanwhile do not all fall due at once: the encoder is
/// heard first, connections stay, and parts come at their pace again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stood_still_for_five_seconds_is_back_at_its_pace_within_two() {
    let mut server = Process::start(&[], &[]).await;
    let encoder = Encoder::start_at(server.rtmp, "cam");
    let folder = server.playable("cam").await;
    tokio::time::sleep(3 * SECOND).await;
    let before = open_msn(server.http, &folder).await;
    let mut idle = TcpStream::connect(server.http).await.unwrap();
    ask(&mut idle, "/livez").await;
    let mut answer = [0; 4_096];
    assert!(tokio::io::AsyncReadExt::read(&mut idle, &mut answer).await.unwrap() > 0);
    let used = server.busy();

    server.signal("-STOP").await;
    tokio::time::sleep(5 * SECOND).await;
    server.signal("-CONT").await;
    let woken = Instant::now();
    tokio::time::sleep(2 * SECOND).await;
    let after = open_msn(server.http, &folder).await;
    // Parts of about half a second, each seen as it is hinted.
    let (mut seen, mut last, mut longest) = (0, Instant::now(), Duration::ZERO);
    let mut hinted = newest(&server, &folder).await;
    while woken.elapsed() < 8 * SECOND {
        let now = newest(&server, &folder).await;
        if now != hinted {
            (seen, hinted, longest) = (seen + 1, now, longest.max(last.elapsed()));
            last = Instant::now();
        }
        tokio::time::sleep(SECOND / 50).await;
    }
    let busy = server.busy().saturating_sub(used);
    eprintln!(
        "{} segments while it stood still, {seen} parts in 6 s, {longest:?} apart at most, {busy:?} of CPU",
        after - before
    );
    assert!(
        (2..=5).contains(&(after - before)),
        "from segment {before} to {after}: what is missing is made up for"
    );
    assert!((9..=16).contains(&seen), "{seen} parts in six seconds");
    assert!(longest < SECOND * 3 / 2, "{longest:?} without a part");
    assert_eq!(
        server.metric("rillcast_publishers").await,
        Some(1),
        "the encoder was heard before it was given up"
    );
    assert_eq!(server.metric("rillcast_publishes_total").await, Some(1));
    assert_eq!(server.metric("rillcast_hls_lint_violations_total").await, Some(0));
    ask(&mut idle, "/livez").await;
    assert!(tokio::io::AsyncReadExt::read(&mut idle, &mut answer).await.unwrap() > 0, "connections stay");
    assert!(busy < 4 * SECOND, "{busy:?} of CPU");
    encoder.stop().await;
    server.signal("-TERM").await;
    assert!(server.ended(10 * SECOND).await.0.success());
}
