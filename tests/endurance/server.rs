//! The server: the real binary in a process of its own, seen from outside.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Options;
use super::secure::Door;
use crate::Fault;

const LISTENERS: [&str; 5] = ["rtmp", "rtmps", "http", "https", "admin"];
/// How long a start and a stop may take.
const START: Duration = Duration::from_secs(20);

/// A running server; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) rtmp: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) secure: Door,
    pub(crate) pid: u32,
    child: Child,
    log: Arc<Log>,
    _data: tempfile::TempDir,
}

/// What it logged.
#[derive(Debug, Default)]
struct Log {
    /// Lines that tell of a mistake of the program.
    mistakes: Mutex<Vec<String>>,
    lines: std::sync::atomic::AtomicU64,
}

impl Server {
    /// Starts it with keys for `names`, on free ports.
    pub(crate) async fn start(options: &Options, names: &[String]) -> Result<Self, Fault> {
        let data = tempfile::tempdir()?;
        let mut command = Command::new(&options.server);
        command.arg("serve").arg("--data").arg(data.path().join("data"));
        for listener in LISTENERS {
            command.args([format!("--{listener}"), "127.0.0.1:0".to_owned()]);
        }
        command.args(["--tls", "self-signed"]);
        for name in names {
            command.arg("--stream").arg(format!("{name}={}", key(name)));
        }
        let time = |span: Duration| format!("{}ms", span.as_millis());
        command.env("RILLCAST__LIVE__WINDOW", time(options.window));
        command.env("RILLCAST__LIVE__GRACE", time(options.grace));
        command.current_dir(data.path()).kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let pid = child.id().ok_or("the server did not start")?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
        let mut file = options.log.as_deref().map(create).transpose()?;
        let mut at = HashMap::new();
        while at.len() < LISTENERS.len() {
            let line = tokio::time::timeout(START, lines.next_line()).await??;
            let line = line.ok_or("the server ended as it started")?;
            let value: serde_json::Value = serde_json::from_str(&line).map_err(|_| line.clone())?;
            let text = |field| value.get(field).and_then(|text| text.as_str());
            if text("message") == Some("listening") {
                let listener = text("listener").ok_or("no listener")?.to_owned();
                at.insert(listener, text("address").ok_or("no address")?.parse::<SocketAddr>()?);
            }
        }
        let log = Arc::new(Log::default());
        let into = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                into.take(&line);
                if let Some(file) = &mut file {
                    let _ = writeln!(file, "{line}");
                }
            }
        });
        let at = |listener| at.get(listener).copied().ok_or("a listener is missing");
        let (rtmp, http, admin, https) = (at("rtmp")?, at("http")?, at("admin")?, at("https")?);
        let secure = Door::new(https, &data.path().join("data/self-signed.crt"))?;
        Ok(Self { rtmp, http, admin, secure, pid, child, log, _data: data })
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Fault> {
        let pid = Pid::from_raw(i32::try_from(self.pid)?).ok_or("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Bytes of it in memory.
    pub(crate) fn resident(&self) -> Result<u64, Fault> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// File descriptors it has open.
    pub(crate) fn descriptors(&self) -> Result<u64, Fault> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.pid))?.count() as u64)
    }

    /// Processor time it has used.
    pub(crate) fn busy(&self) -> Result<Duration, Fault> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // After the name, which ends in the last parenthesis, utime and stime are the 12th and 13th, in hundredths.
        let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
        let ticks: Result<Vec<u64>, _> = fields.split_whitespace().skip(11).take(2).map(str::parse).collect();
        Ok(Duration::from_millis(10 * ticks?.iter().sum::<u64>()))
    }

    /// Lines it logged, and those that tell of a mistake of its own.
    pub(crate) fn logged(&self) -> (u64, Vec<String>) {
        let mistakes = self.log.mistakes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.log.lines.load(std::sync::atomic::Ordering::Relaxed), mistakes)
    }

    /// Tells it to stop, and whether it ended in order.
    pub(crate) async fn stop(mut self) -> Result<bool, Fault> {
        self.signal(Signal::TERM)?;
        let ended = tokio::time::timeout(START, self.child.wait()).await;
        Ok(ended.is_ok_and(|status| status.is_ok_and(|status| status.success())))
    }
}

impl Log {
    fn take(&self, line: &str) {
        self.lines.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if line.contains("panicked") || line.contains("\"level\":\"ERROR\"") {
            let mut mistakes = self.mistakes.lock().unwrap_or_else(PoisonError::into_inner);
            if mistakes.len() < 10 {
                mistakes.push(line.to_owned());
            }
        }
    }
}

fn create(path: &Path) -> std::io::Result<std::io::BufWriter<std::fs::File>> {
    Ok(std::io::BufWriter::new(std::fs::File::create(path)?))
}

/// The key of a stream.
pub(crate) fn key(name: &str) -> String {
    format!("soak-key-of-{name}")
}
