//! The binary in a process of its own: signals, its bounds and what it costs, seen from outside.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::rig;

/// A running server, open to publish; dropping it kills it.
pub(crate) struct Process {
    pub(crate) rtmp: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: tokio::task::JoinHandle<()>,
    _data: tempfile::TempDir,
}

impl Process {
    /// Starts it with these flags and environment variables.
    pub(crate) async fn start(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_by(&[], flags, variables).await
    }

    /// The same, by another command.
    pub(crate) async fn start_by(by: &[&str], flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let binary = std::env::var("RILLCAST_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rillcast").into());
        let words = [by, &[&binary, "serve", "--open-publish"]].concat();
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(flags).arg("--data").arg(data.path().join("data"));
        for listener in ["--rtmp", "--http", "--admin"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        command.envs(variables.iter().copied()).current_dir(data.path()).kill_on_drop(true);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (log, mut lines) = (Arc::default(), BufReader::new(child.stderr.take().unwrap()).lines());
        let mut at = Vec::new();
        while at.len() < 3 {
            let line = lines.next_line().await.unwrap().expect("it starts");
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "listening" {
                at.push(line["address"].as_str().unwrap().parse().unwrap());
            }
        }
        let into: Arc<Mutex<Vec<String>>> = Arc::clone(&log);
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                into.lock().unwrap().push(line);
            }
        });
        Self { rtmp: at[0], http: at[1], admin: at[2], child, log, reader, _data: data }
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().expect("it runs").to_string()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Closes the pipe that it logs to.
    pub(crate) fn stop_reading_the_log(&self) {
        self.reader.abort();
    }

    /// Sends it a signal.
    pub(crate) async fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.pid()]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits for its end, and returns how it ended and when.
    pub(crate) async fn ended(&mut self, within: Duration) -> (ExitStatus, Instant) {
        let ended = tokio::time::timeout(within, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("it goes on: {}", self.log())).unwrap();
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
        (status, Instant::now())
    }

    /// The number behind `name` in the metrics.
    pub(crate) async fn metric(&self, name: &str) -> Option<u64> {
        let (_, metrics) = rig::get(self.admin, "/metrics", "").await;
        metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.parse().ok()
    }

    /// Waits until a metric is as it should be.
    pub(crate) async fn until(&self, name: &str, fits: impl Fn(u64) -> bool) {
        let began = Instant::now();
        loop {
            let value = self.metric(name).await;
            if value.is_some_and(&fits) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{name} is {value:?}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a stream can be played; returns the folder of its pictures.
    pub(crate) async fn playable(&self, name: &str) -> String {
        let began = Instant::now();
        loop {
            let (_, body) = rig::get(self.http, &format!("/live/{name}/index.m3u8"), "").await;
            if let Some(media) = body.lines().find(|line| line.ends_with("/v0/media.m3u8")) {
                return media.trim_end_matches("media.m3u8").to_owned();
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{name} is never playable: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Processor time that it has used.
    pub(crate) fn busy(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // After the name, which ends in the last parenthesis: utime and stime are the 12th and 13th, in hundredths.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(10 * ticks)
    }

    /// KiB of it that are in memory.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// File descriptors that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        self.descriptor_numbers().len()
    }

    /// The bound on descriptors under which it can open so many more: the system bounds their numbers, some of which are
    /// free below those in use.
    pub(crate) fn room_for(&self, more: usize) -> u64 {
        let used = self.descriptor_numbers();
        let last = (0..).filter(|number| !used.contains(number)).take(more).last().unwrap();
        last + 1
    }

    fn descriptor_numbers(&self) -> BTreeSet<u64> {
        let names = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        names.map(|name| name.unwrap().file_name().into_string().unwrap().parse().unwrap()).collect()
    }
}

/// The number of the segment that a playlist is at.
pub(crate) async fn open_msn(at: SocketAddr, folder: &str) -> u64 {
    let (head, playlist) = rig::get(at, &format!("{folder}media.m3u8"), "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let first = playlist.split("#EXT-X-MEDIA-SEQUENCE:").nth(1).unwrap().lines().next().unwrap();
    first.parse::<u64>().unwrap() + playlist.matches("#EXTINF").count() as u64
}
