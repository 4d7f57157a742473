//! Memory runs out while some readers are slow.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;

use crate::answers::{ask, narrow};
use crate::process::Process;
use crate::rig::Encoder;

const SECOND: Duration = Duration::from_secs(1);
const PUBLISHERS: usize = 12;
const SLOW: usize = 16;

/// Reads an endless file, so many bytes every so often, until it is closed.
async fn reader(server: &Process, bytes: usize, every: Duration) -> JoinHandle<u64> {
    let mut socket = narrow(server.http);
    socket.writable().await.unwrap();
    ask(&mut socket, "/live/cam0.flv").await;
    tokio::spawn(async move {
        let (mut buffer, mut all) = (vec![0; bytes], 0);
        while let Ok(read @ 1..) = socket.read(&mut buffer).await {
            all += read as u64;
            tokio::time::sleep(every).await;
        }
        all
    })
}

/// Hostile case 93, with a bound of its own in place of a control group's: what publishers send fills the memory, newcomers
/// are refused, then the slowest readers go; encoders, and who keeps up, stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_memory_runs_out_the_slowest_readers_go_and_encoders_stay() {
    let bounds = [
        ("RILLCAST__LIMITS__MEMORY", "64MiB"),
        ("RILLCAST__LIMITS__RING__BLOCKED", "5m"),
        ("RILLCAST__LIMITS__HTTP__BODY_TIME", "5m"),
        ("RILLCAST__LIMITS__RING__HISTORY", "30s"),
        ("RILLCAST__LIVE__WINDOW", "5m"),
    ];
    let server = Process::start(&[], &bounds).await;
    let encoders: Vec<_> =
        (0..PUBLISHERS).map(|n| Encoder::start_at(server.rtmp, &format!("cam{n}"))).collect();
    server.playable("cam0").await;
    let good = reader(&server, 1 << 16, Duration::ZERO).await;
    let mut slow = Vec::new();
    for n in 0..SLOW {
        // Half of them crawl, and half stand still.
        let every = if n % 2 == 0 { SECOND / 2 } else { 300 * SECOND };
        slow.push(reader(&server, 4_096, every).await);
    }
    server.until("rillcast_readers{protocol=\"Flv\"}", |count| count == SLOW as u64 + 1).await;

    let gone = "rillcast_readers_closed_total{protocol=\"Flv\",reason=\"slow_client_lagged\"}";
    let began = Instant::now();
    while server.metric(gone).await.unwrap_or(0) < SLOW as u64 {
        assert!(began.elapsed() < 90 * SECOND, "{:?}: {}", server.metric(gone).await, server.log());
        tokio::time::sleep(SECOND / 4).await;
    }
    let log = server.log();
    assert!(log.contains("\"strain\":\"shedding\""), "{log}");
    assert_eq!(server.metric("rillcast_readers{protocol=\"Flv\"}").await, Some(1), "who keeps up stays");
    assert!(!good.is_finished());
    assert_eq!(server.metric("rillcast_publishers").await, Some(PUBLISHERS as u64));
    let (head, _) = crate::rig::get(server.http, "/live/cam1.flv", "").await;
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after"), "{head}");
    good.abort();
    for encoder in encoders {
        encoder.stop().await;
    }
}
