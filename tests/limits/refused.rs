//! Whoever guesses keys is counted each time, and fills no log.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rillcast::control::{DeclaredStream, KeyHash, Settings};
use rillcast::media::StreamName;
use rillcast::server::Indoors;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::indoors::{encoder, words};

/// The log as it is written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many refusals the lines of a log stand for.
fn told(lines: &[&str]) -> u64 {
    let times = |line: &&str| line.split("times=").nth(1)?.split(' ').next()?.parse::<u64>().ok();
    lines.iter().map(|line| times(line).unwrap_or(1)).sum()
}

/// Hostile case 40: a thousand wrong keys from one address within seconds.
#[test]
fn a_flood_of_wrong_keys_is_counted_whole_and_told_in_a_few_lines() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _told = tracing::subscriber::set_default(subscriber);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let stream = DeclaredStream {
            name: StreamName::parse("cam").unwrap(),
            keys: vec![KeyHash::new("the-right-key").unwrap()],
        };
        let house = Indoors::new(Settings { streams: vec![stream], ..Settings::default() });
        for _ in 0..10 {
            let attempts = (0..100).map(|n| {
                let mut socket = encoder(&house, 1).unwrap();
                tokio::spawn(async move {
                    socket.write_all(&words(&format!("wrong-{n}"))).await.unwrap();
                    let mut heard = Vec::new();
                    // It is told, and closed.
                    let _ = socket.read_to_end(&mut heard).await;
                    assert!(heard.windows(7).any(|window| window == b"BadName"));
                })
            });
            for attempt in attempts.collect::<Vec<_>>() {
                attempt.await.unwrap();
            }
        }
        assert_eq!(house.metrics().refused_auth.get(), 1_000, "each is counted");
        // What was left out is told when the flood is over.
        tokio::time::sleep(Duration::from_secs(30)).await;
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("publish_refused")).collect();
    assert_eq!(told(&lines), 1_000, "{text}");
    assert!(lines.len() <= 15, "{} lines\n{text}", lines.len());
    assert!(text.lines().count() <= 25, "{text}");
}
