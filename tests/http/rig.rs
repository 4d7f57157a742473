//! A real server on free ports, and raw sockets to talk to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rillcast::control::Settings;
use rillcast::server::{Addresses, House, publish};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server; dropping it stops it.
pub(crate) struct Server {
    pub(crate) at: Addresses,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Settings on free loopback ports, open to publish.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings { open_publish: true, ..Settings::default() };
    settings.listen.rtmp = ([127, 0, 0, 1], 0).into();
    settings.listen.http = ([127, 0, 0, 1], 0).into();
    settings.listen.admin = ([127, 0, 0, 1], 0).into();
    settings.drain = Duration::from_secs(3);
    settings
}

impl Server {
    pub(crate) async fn start(settings: Settings) -> Self {
        let house = House::bind(settings).await.unwrap();
        let at = house.addresses();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            house
                .serve(async {
                    let _ = stopped.await;
                })
                .await;
        });
        Self { at, stop: Some(stop), task }
    }

    /// Tells it to stop and returns how long it took.
    pub(crate) async fn stop(mut self) -> Duration {
        // Whatever the test was about, no playlist that was sent broke a rule.
        assert_eq!(metric(&self, "rillcast_hls_lint_violations_total").await, Some(0));
        let began = Instant::now();
        let _ = self.stop.take().unwrap().send(());
        self.task.await.unwrap();
        began.elapsed()
    }
}

/// Sends `bytes` and reads until the server closes or says nothing for `quiet`. Whether it closed comes back.
pub(crate) async fn raw(at: SocketAddr, bytes: &[u8], quiet: Duration) -> (String, bool) {
    let mut socket = TcpStream::connect(at).await.unwrap();
    // A server that refuses early may close before it has read everything.
    let _ = socket.write_all(bytes).await;
    hear(&mut socket, quiet).await
}

/// Reads until the peer closes or says nothing for `quiet`.
pub(crate) async fn hear(socket: &mut TcpStream, quiet: Duration) -> (String, bool) {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match tokio::time::timeout(quiet, socket.read(&mut buffer)).await {
            Err(_) => return (String::from_utf8_lossy(&heard).into_owned(), false),
            Ok(Ok(0) | Err(_)) => return (String::from_utf8_lossy(&heard).into_owned(), true),
            Ok(Ok(n)) => heard.extend_from_slice(&buffer[..n]),
        }
    }
}

/// A connection with little room for what is not read.
pub(crate) async fn narrow(at: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket.connect(at).await.unwrap()
}

/// One GET on a connection of its own: status line and headers, and the body.
pub(crate) async fn get(at: SocketAddr, target: &str, headers: &str) -> (String, String) {
    request(at, "GET", target, headers).await
}

/// One request on a connection of its own.
pub(crate) async fn request(at: SocketAddr, method: &str, target: &str, headers: &str) -> (String, String) {
    let text = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    let (heard, closed) = raw(at, text.as_bytes(), Duration::from_secs(20)).await;
    assert!(closed, "{method} {target}: {heard}");
    let (head, body) = heard.split_once("\r\n\r\n").unwrap_or((&heard, ""));
    (head.to_ascii_lowercase(), body.to_owned())
}

/// An encoder that publishes the built-in clip in a loop.
pub(crate) struct Encoder {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), publish::Error>>,
}

impl Encoder {
    /// Publishes to `rtmp://SERVER/live/PATH`.
    pub(crate) fn start(server: &Server, path: &str) -> Self {
        Self::start_at(server.at.rtmp, path)
    }

    /// Publishes to `rtmp://AT/live/PATH`.
    pub(crate) fn start_at(at: SocketAddr, path: &str) -> Self {
        Self::start_file(at, path, "bbb_720p25_avc_aac.mp4")
    }

    /// The same with another clip, of the fixtures where its path is relative.
    pub(crate) fn start_file(at: SocketAddr, path: &str, clip: &str) -> Self {
        let file = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")).join(clip);
        Self::of(vec![file], at, path)
    }

    /// Publishes `files` as the tracks of one publish.
    pub(crate) fn of(files: Vec<PathBuf>, at: SocketAddr, path: &str) -> Self {
        let url = format!("rtmp://{at}/live/{path}");
        let options = publish::Options { files, url, ca: None, repeat: true };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(publish::run(options, async {
            let _ = stopped.await;
        }));
        Self { stop: Some(stop), task }
    }

    /// Unpublishes.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.task.await.unwrap().unwrap();
    }

    /// Breaks the connection without a word, as a crash does.
    pub(crate) async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Waits until one of two is refused; returns why, and the other, which is not.
    pub(crate) async fn against(mut self, mut other: Self) -> (String, Self) {
        let (told, winner) = tokio::select! {
            told = &mut self.task => (told, other),
            told = &mut other.task => (told, self),
        };
        assert!(!winner.task.is_finished(), "both were refused");
        (told.unwrap().unwrap_err().to_string(), winner)
    }

    /// Waits until the server ends it, and returns what it was told.
    pub(crate) async fn refused(self) -> String {
        self.task.await.unwrap().unwrap_err().to_string()
    }
}

/// Waits until stream `name` can be played; returns the folder of its video rendition.
pub(crate) async fn playable(server: &Server, name: &str) -> String {
    let began = Instant::now();
    loop {
        let (head, body) = get(server.at.http, &format!("/live/{name}/index.m3u8"), "").await;
        if head.starts_with("http/1.1 200") {
            let (folder, _) = body.lines().find_map(|line| line.split_once("/v0/media.m3u8")).unwrap();
            return format!("{folder}/v0/");
        }
        assert!(head.starts_with("http/1.1 404"), "{head}");
        assert!(began.elapsed() < Duration::from_secs(10), "never playable");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The number behind `name` in the metrics.
pub(crate) async fn metric(server: &Server, name: &str) -> Option<u64> {
    let (_, metrics) = get(server.at.admin, "/metrics", "").await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}

/// Waits until the number behind `name` in the metrics is `count`.
pub(crate) async fn until_counted(server: &Server, name: &str, count: u64) {
    let began = Instant::now();
    while metric(server, name).await != Some(count) {
        assert!(began.elapsed() < Duration::from_secs(20), "{name} is {:?}", metric(server, name).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
