//! One server after another on the same listeners, while clients come without a pause: each of them is answered.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::{JoinHandle, JoinSet};

use crate::answers::{ask, hear, whole};
use crate::rig::{self, Encoder};

const SECOND: Duration = Duration::from_secs(1);
/// Connections a second.
const RATE: u32 = 200;
/// One of so many connections is an encoder's.
const ENCODERS: u64 = 8;

/// Where the servers listen, one after another.
#[derive(Clone, Copy)]
struct At {
    rtmp: SocketAddr,
    http: SocketAddr,
    admin: SocketAddr,
}

/// One server of several.
struct Server {
    child: Child,
    log: std::path::PathBuf,
}

impl Server {
    /// Starts it by `command`, which already says how, on `at`.
    fn spawn(mut command: Command, at: At, folder: &Path, flags: &[&str]) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let log = folder.join(format!("log-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        command.args(["serve", "--open-publish"]).args(flags).arg("--data").arg(folder.join("data"));
        for (listener, at) in [("--rtmp", at.rtmp), ("--http", at.http), ("--admin", at.admin)] {
            command.arg(listener).arg(at.to_string());
        }
        command.env("RILLCAST_LOG", "debug").current_dir(folder).kill_on_drop(true).stdin(Stdio::null());
        let child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
        Self { child, log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    async fn says(&self, words: &str) {
        let began = Instant::now();
        while !self.log().contains(words) {
            assert!(began.elapsed() < 20 * SECOND, "it never says {words}: {}", self.log());
            tokio::time::sleep(SECOND / 100).await;
        }
    }

    /// Waits for its end, which is an orderly one.
    async fn ends(mut self) -> Duration {
        let began = Instant::now();
        let ended = tokio::time::timeout(20 * SECOND, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("it goes on: {}", self.log())).unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        assert!(self.log().contains("\"drained\":true"), "{}", self.log());
        began.elapsed()
    }

    async fn told_to_stop(self) -> Duration {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        self.ends().await
    }
}

fn binary() -> String {
    std::env::var("RILLCAST_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rillcast").into())
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Clients that come all the time, each on a connection of its own.
struct Crowd {
    stop: Arc<AtomicBool>,
    task: JoinHandle<JoinSet<Result<Duration, String>>>,
}

impl Crowd {
    fn come(at: At) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut clients = JoinSet::new();
            let mut ticks = tokio::time::interval(SECOND / RATE);
            for n in 0_u64.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                ticks.tick().await;
                clients.spawn(async move {
                    let began = Instant::now();
                    let came =
                        if n.is_multiple_of(ENCODERS) { greet(at.rtmp).await } else { get(at.http, n).await };
                    came.map(|()| began.elapsed()).map_err(|error| format!("client {n}: {error}"))
                });
            }
            clients
        });
        Self { stop, task }
    }

    /// Every client was answered; how many there were, and how long the slowest waited.
    async fn were_all_answered(self) -> (usize, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        let ends = self.task.await.unwrap().join_all().await;
        let count = ends.len();
        let failed: Vec<_> = ends.iter().filter_map(|end| end.as_ref().err()).collect();
        assert!(failed.is_empty(), "{} of {count} were not answered: {failed:#?}", failed.len());
        (count, ends.into_iter().flatten().max().unwrap())
    }
}

/// Asks for something. Some take a moment before they do, as over a network.
async fn get(at: SocketAddr, n: u64) -> Result<(), String> {
    let mut socket = TcpStream::connect(at).await.map_err(|error| format!("connect: {error}"))?;
    if n.is_multiple_of(3) {
        tokio::time::sleep(SECOND / 20).await;
    }
    let head = b"GET /livez HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    socket.write_all(head).await.map_err(|error| format!("write: {error}"))?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.map_err(|error| format!("read: {error}"))?;
    match whole(&answer)?.as_slice() {
        [200] => Ok(()),
        other => Err(format!("{other:?}: {}", String::from_utf8_lossy(&answer))),
    }
}

/// Shakes hands as an encoder does: C0 and C1, then S0, S1 and S2.
async fn greet(at: SocketAddr) -> Result<(), String> {
    let mut socket = TcpStream::connect(at).await.map_err(|error| format!("rtmp connect: {error}"))?;
    let mut hello = [0; 1_537];
    hello[0] = 3;
    socket.write_all(&hello).await.map_err(|error| format!("rtmp write: {error}"))?;
    let mut answer = [0; 1 + 2 * 1_536];
    socket.read_exact(&mut answer).await.map_err(|error| format!("rtmp read: {error}"))?;
    Ok(())
}

/// Hostile case 91, by `--takeover`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_servers_take_over_from_one_another_and_no_client_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = At { rtmp: free(), http: free(), admin: free() };
    let mut running = Server::spawn(Command::new(binary()), at, folder.path(), &[]);
    rig_ready(at, &running).await;
    let crowd = Crowd::come(at);
    let mut slowest = Duration::ZERO;
    for n in 0..20 {
        let next = Server::spawn(Command::new(binary()), at, folder.path(), &["--takeover"]);
        running.says("handed_over").await;
        slowest = slowest.max(running.ends().await);
        running = next;
        tokio::time::sleep(SECOND / 4).await;
        assert!(running.log().contains("listening"), "{n}: {}", running.log());
    }
    let (clients, waited) = crowd.were_all_answered().await;
    eprintln!(
        "20 takeovers: {clients} clients answered, the slowest in {waited:?}; the slowest end {slowest:?}"
    );
    assert!(clients > 1_000, "{clients}");
    running.told_to_stop().await;
    assert!(!folder.path().join("data/takeover.sock").exists());
}

async fn rig_ready(at: At, server: &Server) {
    let began = Instant::now();
    while get(at.http, 0).await.is_err() {
        assert!(began.elapsed() < 20 * SECOND, "{}", server.log());
        tokio::time::sleep(SECOND / 50).await;
    }
}

/// A takeover moves what is asked from now on; what has been asked is answered where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_is_told_and_a_viewer_is_answered_to_the_end_while_the_next_server_serves() {
    let folder = tempfile::tempdir().unwrap();
    let at = At { rtmp: free(), http: free(), admin: free() };
    let first = Server::spawn(Command::new(binary()), at, folder.path(), &[]);
    rig_ready(at, &first).await;
    let encoder = Encoder::start_at(at.rtmp, "cam");
    let playlist = playable(at, "cam").await;
    let mut endless = TcpStream::connect(at.http).await.unwrap();
    ask(&mut endless, "/live/cam.ts").await;
    let endless = tokio::spawn(hear(endless, Vec::new()));
    // Nobody has heard from these two yet.
    let mut newcomer = TcpStream::connect(at.http).await.unwrap();
    let mut second_encoder = TcpStream::connect(at.rtmp).await.unwrap();
    tokio::time::sleep(SECOND / 4).await;

    let elsewhere = At { admin: free(), ..at };
    let next = Server::spawn(Command::new(binary()), elsewhere, folder.path(), &["--takeover"]);
    first.says("handed_over").await;
    ask(&mut newcomer, "/livez").await;
    assert_eq!(whole(&hear(newcomer, Vec::new()).await.bytes), Ok(vec![200]));
    let mut hello = [0; 1_537];
    hello[0] = 3;
    second_encoder.write_all(&hello).await.unwrap();
    second_encoder.read_exact(&mut [0; 3_073]).await.unwrap();
    let heard = endless.await.unwrap();
    assert!(heard.orderly);
    assert_eq!(whole(&heard.bytes), Ok(vec![200]), "the endless file is closed in order");
    assert!(encoder.refused().await.contains("the server is stopping"));
    first.ends().await;
    // The listener that is not wanted any more is closed, the other one is there instead.
    assert!(TcpStream::connect(at.admin).await.is_err());
    assert!(get(elsewhere.admin, 0).await.is_ok());
    // The stream is a new one, under the same name.
    let again = Encoder::start_at(at.rtmp, "cam");
    assert_ne!(playable(at, "cam").await, playlist);
    again.stop().await;
    next.told_to_stop().await;
}

/// The folder of a stream's pictures.
async fn playable(at: At, name: &str) -> String {
    let began = Instant::now();
    loop {
        let (_, body) = rig::get(at.http, &format!("/live/{name}/index.m3u8"), "").await;
        if let Some(media) = body.lines().find(|line| line.ends_with("/v0/media.m3u8")) {
            return media.to_owned();
        }
        assert!(began.elapsed() < 20 * SECOND, "{name} is never playable");
        tokio::time::sleep(SECOND / 20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_take_over_changes_nothing_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = At { rtmp: free(), http: free(), admin: free() };
    let nobody = Server::spawn(Command::new(binary()), at, folder.path(), &["--takeover"]);
    fails(nobody, 69, "no running server answers at").await;

    let running = Server::spawn(Command::new(binary()), at, folder.path(), &[]);
    rig_ready(at, &running).await;
    let crowd = Crowd::come(at);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = At { admin: taken.local_addr().unwrap(), ..at };
    for _ in 0..3 {
        let next = Server::spawn(Command::new(binary()), elsewhere, folder.path(), &["--takeover"]);
        fails(next, 69, "cannot listen for admin on").await;
        running.says("takeover_refused").await;
    }
    let second = Server::spawn(Command::new(binary()), at, folder.path(), &[]);
    fails(second, 69, "cannot listen for rtmp on").await;
    let next = Server::spawn(Command::new(binary()), at, folder.path(), &["--takeover"]);
    running.says("handed_over").await;
    running.ends().await;
    crowd.were_all_answered().await;
    next.told_to_stop().await;
}

async fn fails(mut server: Server, code: i32, words: &str) {
    let status = tokio::time::timeout(20 * SECOND, server.child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(code), "{}", server.log());
    assert!(server.log().contains(words), "{}", server.log());
}

/// What a service manager keeps: the sockets of a service, open across its restarts.
struct Manager {
    sockets: Vec<OwnedFd>,
    notified: UnixDatagram,
    path: std::path::PathBuf,
}

impl Manager {
    fn new(folder: &Path) -> (Self, At) {
        let mut addresses = Vec::new();
        let sockets = (0..3).map(|_| {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            addresses.push(socket.local_addr().unwrap());
            // Out of the way of the low numbers, and inherited by what is started.
            let high = rustix::io::fcntl_dupfd_cloexec(&socket, 200).unwrap();
            rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty()).unwrap();
            high
        });
        let (sockets, path) = (sockets.collect(), folder.join("notify"));
        let notified = UnixDatagram::bind(&path).unwrap();
        notified.set_read_timeout(Some(20 * SECOND)).unwrap();
        (Self { sockets, notified, path }, At { rtmp: addresses[0], http: addresses[1], admin: addresses[2] })
    }

    /// A command that gets the sockets as the third descriptor and on, under these names.
    fn command(&self, names: &str) -> Command {
        let mut moves = String::new();
        for (index, socket) in self.sockets.iter().enumerate() {
            moves += &format!("exec {}<&{number} {number}<&-; ", 3 + index, number = socket.as_raw_fd());
        }
        let mut command = Command::new("bash");
        let count = self.sockets.len();
        command.args(["-c", &format!("{moves} export LISTEN_PID=$$ LISTEN_FDS={count}; exec \"$0\" \"$@\"")]);
        command.arg(binary()).env("LISTEN_FDNAMES", names).env("NOTIFY_SOCKET", &self.path);
        command.env("WATCHDOG_USEC", "300000");
        command
    }

    fn hears(&self, words: &str) {
        let mut heard = [0; 256];
        loop {
            let count = tokio::task::block_in_place(|| self.notified.recv(&mut heard));
            let count = count.unwrap_or_else(|error| panic!("{words}: {error}"));
            if String::from_utf8_lossy(&heard[..count]).contains(words) {
                return;
            }
        }
    }
}

/// Hostile case 91, by a service manager that keeps the sockets open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_restarted_ten_times_on_the_sockets_of_its_manager_refuses_no_client() {
    let folder = tempfile::tempdir().unwrap();
    let (manager, at) = Manager::new(folder.path());
    // Known by their names, wherever they are configured to be; and without names, by their addresses.
    let anywhere = At { rtmp: ([127, 0, 0, 1], 1).into(), http: ([127, 0, 0, 1], 2).into(), ..at };
    let kinds =
        [("rtmp:http:admin", anywhere), ("", at), ("rillcast.socket:rillcast.socket:rillcast.socket", at)];
    let mut running = Server::spawn(manager.command(kinds[0].0), kinds[0].1, folder.path(), &[]);
    manager.hears("READY=1");
    let crowd = Crowd::come(at);
    let mut slowest = Duration::ZERO;
    for n in 1..=10 {
        manager.hears("WATCHDOG=1");
        tokio::time::sleep(SECOND / 2).await;
        slowest = slowest.max(running.told_to_stop().await);
        manager.hears("STOPPING=1");
        let (names, configured) = kinds[n % kinds.len()];
        running = Server::spawn(manager.command(names), configured, folder.path(), &[]);
        manager.hears("READY=1");
    }
    let (clients, waited) = crowd.were_all_answered().await;
    eprintln!(
        "10 restarts: {clients} clients answered, the slowest in {waited:?}; the slowest end {slowest:?}"
    );
    assert!(clients > 1_000, "{clients}");
    running.told_to_stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_of_a_manager_that_are_for_nothing_end_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (manager, at) = Manager::new(folder.path());
    for (names, configured, flags, words) in [
        ("rtmp:web:admin", At { http: free(), ..at }, &[][..], "socket 2 (\"web\") on 127.0.0.1"),
        ("rtmp:rtmp:admin", at, &[], "two sockets for listener rtmp"),
        ("rtmp:https:admin", at, &[], "socket 2 (\"https\")"),
        ("", at, &["--takeover"], "restart the service"),
    ] {
        fails(Server::spawn(manager.command(names), configured, folder.path(), flags), 78, words).await;
    }
}
