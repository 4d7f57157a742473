//! The server stands still for a while, as on a machine that is suspended or starved.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::answers::ask;
use crate::process::Process;
use crate::rig::{self, Encoder};

const SECOND: Duration = Duration::from_secs(1);

/// What a rendition's playlist says: the part that comes next, and how many seconds of media it has told of, without gaps.
async fn look(server: &Process, folder: &str) -> (String, f64, String) {
    let (_, playlist) = rig::get(server.http, &format!("{folder}media.m3u8"), "").await;
    let hinted = playlist.split("TYPE=PART,URI=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let seconds = |from: &str, after: &str| -> f64 {
        let values = from.split(after).skip(1);
        values.map(|rest| rest.split([',', '\n']).next().unwrap().parse::<f64>().unwrap()).sum()
    };
    let open = playlist.rsplit("#EXTINF").next().unwrap();
    let told = seconds(&playlist, "#EXTINF:") + seconds(open, "#EXT-X-PART:DURATION=")
        - seconds(&playlist, "#EXT-X-GAP\n#EXTINF:");
    (hinted, told, playlist)
}

/// Hostile case 95: five seconds are missing. Deadlines that passed meanwhile do not all fall due at once: the encoder is
/// heard first, connections stay, and parts come at their pace again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stood_still_for_five_seconds_is_back_at_its_pace_within_two() {
    let mut server = Process::start(&[], &[]).await;
    let encoder = Encoder::start_at(server.rtmp, "cam");
    let folder = server.playable("cam").await;
    tokio::time::sleep(3 * SECOND).await;
    let (_, before, _) = look(&server, &folder).await;
    let looked = Instant::now();
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
    let (mut hinted, after, playlist) = look(&server, &folder).await;
    let (told, passed) = (after - before, looked.elapsed().as_secs_f64());
    // Parts of about half a second, each seen as it is hinted.
    let (mut seen, mut last, mut longest) = (0, Instant::now(), Duration::ZERO);
    while woken.elapsed() < 8 * SECOND {
        let (now, ..) = look(&server, &folder).await;
        if now != hinted {
            (seen, hinted, longest) = (seen + 1, now, longest.max(last.elapsed()));
            last = Instant::now();
        }
        tokio::time::sleep(SECOND / 50).await;
    }
    let busy = server.busy().saturating_sub(used);
    eprintln!(
        "{told:.1} s of media in {passed:.1} s, {seen} parts in 6 s, {longest:?} apart at most, {busy:?} of CPU"
    );
    // What came meanwhile is there, once; before it there may be gaps for the time that nothing was heard.
    assert!((told - passed).abs() < 2.0, "{told} s of media in {passed} s:\n{playlist}");
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
