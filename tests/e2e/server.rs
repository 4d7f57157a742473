//! The binary under test, started on free ports; dropping it kills it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// Begins the key of every stream that these tests declare; it must never be seen in a log or a playlist.
pub(crate) const CANARY: &str = "canary-7Yq3-never-to-be-seen";

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("RILLCAST_BIN").map_or_else(|| env!("CARGO_BIN_EXE_rillcast").into(), PathBuf::from)
}

/// The key of stream `name`.
pub(crate) fn key(name: &str) -> String {
    format!("{CANARY}-{name}")
}

/// A running server.
pub(crate) struct Server {
    pub(crate) rtmp: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
    log: Lines,
    out: Lines,
    _data: tempfile::TempDir,
}

/// Flags that declare streams of these names, each with its [`key`].
fn declared(names: &[String]) -> Vec<String> {
    names.iter().flat_map(|name| ["--stream".to_owned(), format!("{name}={}", key(name))]).collect()
}

impl Server {
    /// Starts it with these flags besides the listeners', and waits until it listens.
    pub(crate) async fn start(flags: &[String]) -> Self {
        Self::start_with(flags, &[]).await
    }

    /// The same, with these environment variables.
    pub(crate) async fn start_with(flags: &[String], variables: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary());
        command.args(["serve", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.arg("--data").arg(data.path().join("data")).args(flags).current_dir(data.path());
        command
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the binary starts");
        let (log, out) = (Lines::of(child.stderr.take().unwrap()), Lines::of(child.stdout.take().unwrap()));
        let mut at = Vec::new();
        for listener in ["rtmp", "http", "admin"] {
            let line = log.wait(|line| line["message"] == "listening" && line["listener"] == listener).await;
            at.push(line["address"].as_str().unwrap().parse().unwrap());
        }
        Self { rtmp: at[0], http: at[1], admin: at[2], child, log, out, _data: data }
    }

    /// A server with streams of these names, each with its [`key`].
    pub(crate) async fn with_streams(names: &[String]) -> Self {
        Self::start(&declared(names)).await
    }

    /// The same, and no stream outlives its publisher.
    pub(crate) async fn without_grace(names: &[String]) -> Self {
        Self::start_with(&declared(names), &[("RILLCAST__LIVE__GRACE", "0s")]).await
    }

    /// Where to publish `name`.
    pub(crate) fn publish_url(&self, name: &str) -> String {
        format!("rtmp://{}/live/{name}?key={}", self.rtmp, key(name))
    }

    /// The log so far.
    pub(crate) fn log(&self) -> &Lines {
        &self.log
    }

    /// What it printed so far.
    pub(crate) fn printed(&self) -> &Lines {
        &self.out
    }

    /// Tells it to stop, as a service manager does, and waits until it has; in good order.
    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().expect("it runs").to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        assert!(told.success());
        let ended = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("it does not stop: {}", self.log.text())).unwrap();
        assert!(status.success(), "{status}: {}", self.log.text());
    }

    /// Checks that it is alive and has given nothing away.
    pub(crate) fn assert_well(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "the server ended: {}", self.log.text());
        let log = self.log.text();
        assert!(!log.contains(CANARY), "the log holds a key");
        assert!(!log.contains("panicked"), "{log}");
    }
}

/// Lines that a process writes, as they come.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub(crate) fn of(pipe: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let lines = Self(Arc::default());
        let into = lines.clone();
        tokio::spawn(async move {
            let mut pipe = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = pipe.next_line().await {
                into.0.lock().unwrap().push(line);
            }
        });
        lines
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    /// The first JSON line that `wanted` accepts, waiting for it.
    pub(crate) async fn wait(&self, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let began = Instant::now();
        loop {
            let found = self.0.lock().unwrap().iter().find_map(|line| {
                let value = serde_json::from_str(line).ok()?;
                wanted(&value).then_some(value)
            });
            if let Some(found) = found {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "not logged in time: {}", self.text());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the text holds `wanted`.
    pub(crate) async fn wait_for(&self, wanted: &str) {
        let began = Instant::now();
        while !self.text().contains(wanted) {
            assert!(began.elapsed() < Duration::from_secs(10), "no {wanted:?} in {}", self.text());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
