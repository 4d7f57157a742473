//! Encoders whose bytes are damaged on the way.

use std::time::Duration;

use crate::process::{Process, open_msn};
use crate::relay::{Direction, Relay};
use crate::rig::{self, Encoder};

const SECOND: Duration = Duration::from_secs(1);
const ENCODERS: u64 = 6;

/// One bit in a thousand bytes is turned over, of every encoder another. Each is ended, or heard on, with what was wrong
/// in the log; the one beside them loses nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_encoders_are_told_apart_by_what_is_wrong_and_nobody_else_loses_anything() {
    let mut server = Process::start(&[], &[]).await;
    let well = Encoder::start_at(server.rtmp, "well");
    let folder = server.playable("well").await;
    let mut damaged = Vec::new();
    for seed in 0..ENCODERS {
        let way = Relay::to(server.rtmp, seed).await.unwrap();
        let encoder = Encoder::start_at(way.at, &format!("damaged-{seed}"));
        server.playable(&format!("damaged-{seed}")).await;
        damaged.push((way, encoder));
    }
    let before = open_msn(server.http, &folder).await;
    for (way, _) in &damaged {
        way.set(Direction::Up, |flow| flow.impairment.flips = 1e-3);
    }
    tokio::time::sleep(5 * SECOND).await;
    let log = server.log();
    for seed in 0..ENCODERS {
        let stream = format!("\"stream\":\"damaged-{seed}\"");
        let told = log.lines().filter(|line| line.contains(&stream));
        let words = ["input_discarded", "input_notice", "publish_lost", "publish_ended"];
        let named = told.filter(|line| words.iter().any(|word| line.contains(word))).count();
        assert!(named > 0, "what is wrong with {stream} is not said (the seed is its number): {log}");
    }
    assert_eq!(server.metric("rillcast_panics_total").await, Some(0));
    let (_, playlist) = rig::get(server.http, &format!("{folder}media.m3u8"), "").await;
    assert!(!playlist.contains("GAP") && !playlist.contains("DISCONTINUITY\n"), "{playlist}");
    let (after, ended) = (open_msn(server.http, &folder).await, playlist.contains("ENDLIST"));
    assert!(!ended && after >= before + 2, "from {before} to {after}");
    for (way, encoder) in damaged {
        drop(way);
        encoder.crash().await;
    }
    well.stop().await;
    server.signal("-TERM").await;
    assert!(server.ended(15 * SECOND).await.0.success());
}
