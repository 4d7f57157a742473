//! The end of a server, in the middle of its work: what is asked is answered whole, and nobody can keep it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::answers::{Heard, ask, hear, narrow, whole};
use crate::process::{Process, open_msn};
use crate::relay::Relay;
use crate::rig::Encoder;

const SECOND: Duration = Duration::from_secs(1);
const PUBLISHERS: usize = 20;
const HOLDS: usize = 500;

/// Asks for `path`, and hears what comes as it comes.
async fn listen(at: SocketAddr, path: String) -> JoinHandle<Heard> {
    let mut socket = TcpStream::connect(at).await.unwrap();
    ask(&mut socket, &path).await;
    tokio::spawn(hear(socket, Vec::new()))
}

/// Asks for `path` again and again on one connection.
async fn poll(at: SocketAddr, path: String) -> Heard {
    let mut socket = TcpStream::connect(at).await.unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 65_536]);
    loop {
        let head = format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
        if tokio::io::AsyncWriteExt::write_all(&mut socket, head.as_bytes()).await.is_err() {
            return Heard { bytes, at: Instant::now(), orderly: true };
        }
        let answers = whole(&bytes).unwrap().len();
        while whole(&bytes).map_or(true, |statuses| statuses.len() == answers) {
            match socket.read(&mut buffer).await {
                Ok(n @ 1..) => bytes.extend_from_slice(&buffer[..n]),
                // The server had closed as this was asked.
                _ => return Heard { bytes, at: Instant::now(), orderly: true },
            }
        }
        if bytes.len() > 1 << 18 {
            bytes.clear();
        }
        tokio::time::sleep(SECOND / 20).await;
    }
}

/// The newest whole segment of a rendition.
async fn segment(at: SocketAddr, folder: &str) -> String {
    let began = Instant::now();
    loop {
        let (_, playlist) = crate::rig::get(at, &format!("{folder}media.m3u8"), "").await;
        if let Some(name) = playlist.lines().rfind(|line| line.starts_with("seg-")) {
            return format!("{folder}{name}");
        }
        assert!(began.elapsed() < 30 * SECOND, "no segment in {folder}");
        tokio::time::sleep(SECOND / 10).await;
    }
}

/// Hostile case 90: publishers, held requests, downloads and endless readers when the server is told to stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_stop_under_load_cuts_no_answer_short() {
    crate::descriptors::raise();
    let mut server = Process::start(&["--segment", "6s"], &[]).await;
    let names: Vec<_> = (0..PUBLISHERS).map(|n| format!("cam{n}")).collect();
    let encoders: Vec<_> = names.iter().map(|name| Encoder::start_at(server.rtmp, name)).collect();
    let mut folders = Vec::new();
    for name in &names {
        folders.push(server.playable(name).await);
    }
    let mut downloads = Vec::new();
    for folder in folders.iter().cycle().take(50) {
        let path = segment(server.http, folder).await;
        let mut socket = narrow(server.http);
        ask(&mut socket, &path).await;
        let mut first = vec![0; 1_000];
        socket.read_exact(&mut first).await.unwrap();
        downloads.push((socket, first));
    }
    let mut endless = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let ending = ["mp4", "flv", "ts"][n % 3];
        endless.push(listen(server.http, format!("/live/{name}.{ending}")).await);
    }
    let polls: Vec<_> =
        folders.iter().map(|folder| tokio::spawn(poll(server.http, format!("{folder}media.m3u8")))).collect();
    let mut holds = Vec::new();
    for folder in &folders {
        let msn = open_msn(server.http, folder).await;
        for _ in 0..HOLDS / PUBLISHERS {
            let path = format!("{folder}media.m3u8?_HLS_msn={}&_HLS_part=0", msn + 1);
            holds.push(listen(server.http, path).await);
        }
    }
    let held = server.metric("rillcast_held_requests").await.unwrap();
    assert!(held > HOLDS as u64 / 2, "only {held} are held");

    let told = Instant::now();
    server.signal("-TERM").await;
    while TcpStream::connect(server.http).await.is_ok() {
        assert!(told.elapsed() < 3 * SECOND, "it still listens");
        tokio::time::sleep(SECOND / 200).await;
    }
    let closed = told.elapsed();
    let mut slowest = Duration::ZERO;
    for hold in holds {
        let heard = hold.await.unwrap();
        assert_eq!(whole(&heard.bytes).map(|statuses| statuses.len()), Ok(1));
        assert!(heard.orderly);
        slowest = slowest.max(heard.at.saturating_duration_since(told));
    }
    for (n, reader) in endless.into_iter().enumerate() {
        let heard = reader.await.unwrap();
        assert_eq!(whole(&heard.bytes), Ok(vec![200]), "{}", names[n]);
        assert!(heard.bytes.len() > 10_000, "{} of {}", heard.bytes.len(), names[n]);
    }
    for poll in polls {
        whole(&poll.await.unwrap().bytes).unwrap();
    }
    // They read on only now: until then the server has waited for them.
    for (socket, first) in downloads {
        let heard = hear(socket, first).await;
        assert_eq!(whole(&heard.bytes), Ok(vec![200]));
    }
    let (status, ended) = server.ended(30 * SECOND).await;
    let took = ended.saturating_duration_since(told);
    eprintln!("listeners closed after {closed:?}, {held} holds answered in {slowest:?}, ended in {took:?}");
    assert!(status.success(), "{status}: {}", server.log());
    assert!(slowest < 2 * SECOND, "the last held request was answered after {slowest:?}");
    assert!(server.log().contains("\"drained\":true"), "{}", server.log());
    for encoder in encoders {
        encoder.crash().await;
    }
}

/// A server with a stream, and a reader that asked for more than is on its way and takes none of it.
async fn with_a_deaf_reader(variables: &[(&str, &str)]) -> (Process, Encoder, TcpStream) {
    let server = Process::start(&[], variables).await;
    let encoder = Encoder::start_at(server.rtmp, "cam");
    server.playable("cam").await;
    let mut deaf = narrow(server.http);
    for _ in 0..60 {
        ask(&mut deaf, "/assets/hls-1.7.4.min.js").await;
    }
    // Until the systems' buffers are full.
    tokio::time::sleep(SECOND / 2).await;
    (server, encoder, deaf)
}

/// Hostile case 90: a reader that does not read is given up when the time is over, and that is no failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_does_not_read_cannot_keep_a_server_that_stops() {
    let (mut server, encoder, _deaf) = with_a_deaf_reader(&[("RILLCAST__DRAIN", "2s")]).await;
    let told = Instant::now();
    server.signal("-TERM").await;
    let (status, ended) = server.ended(10 * SECOND).await;
    let took = ended.saturating_duration_since(told);
    assert!(took > SECOND * 3 / 2 && took < 5 * SECOND, "{took:?}");
    assert!(status.success(), "{status}");
    assert!(server.log().contains("\"drained\":false"), "{}", server.log());
    encoder.crash().await;
}

/// Hostile case 90: whoever says it twice means it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_process_at_once() {
    for signals in [["-TERM", "-TERM"], ["-INT", "-TERM"]] {
        let (mut server, encoder, _deaf) = with_a_deaf_reader(&[]).await;
        server.signal(signals[0]).await;
        tokio::time::sleep(SECOND).await;
        let told = Instant::now();
        server.signal(signals[1]).await;
        let (status, ended) = server.ended(5 * SECOND).await;
        let took = ended.saturating_duration_since(told);
        assert!(took < SECOND, "{took:?}");
        assert_eq!(status.code(), Some(143), "{status}");
        encoder.crash().await;
    }
}

/// Hostile case 90: an encoder that does not hear that it must go keeps nobody waiting, on whatever stream; meanwhile
/// the server says that it is not ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_held_because_an_encoder_of_another_stream_does_not_close() {
    let mut server = Process::start(&["--segment", "6s"], &[]).await;
    let way = Relay::to(server.rtmp, 1).await.unwrap();
    let (stuck, away) = (Encoder::start_at(way.at, "stuck"), Encoder::start_at(server.rtmp, "away"));
    server.playable("stuck").await;
    let folder = server.playable("away").await;
    away.crash().await;
    server.until("rillcast_publishers", |count| count == 1).await;
    way.swallow();
    way.deafen();
    let msn = open_msn(server.http, &folder).await;
    let held = listen(server.http, format!("{folder}media.m3u8?_HLS_msn={}", msn + 1)).await;
    server.until("rillcast_held_requests", |count| count == 1).await;
    let mut probe = TcpStream::connect(server.admin).await.unwrap();
    ask(&mut probe, "/readyz").await;
    let mut answer = [0; 12];
    probe.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");

    let told = Instant::now();
    server.signal("-TERM").await;
    tokio::time::sleep(SECOND / 10).await;
    ask(&mut probe, "/readyz").await;
    let heard = held.await.unwrap();
    let took = heard.at.saturating_duration_since(told);
    assert_eq!(whole(&heard.bytes), Ok(vec![200]));
    assert!(String::from_utf8_lossy(&heard.bytes).contains("#EXT-X-ENDLIST"), "the stream is over");
    let rest = hear(probe, answer.to_vec()).await;
    let heard = String::from_utf8_lossy(&rest.bytes).into_owned();
    assert_eq!(whole(&rest.bytes), Ok(vec![200, 503]), "{heard}");
    assert!(heard.ends_with("draining\n"), "{heard}");
    let (status, ended) = server.ended(10 * SECOND).await;
    eprintln!("answered after {took:?}, ended after {:?}", ended.saturating_duration_since(told));
    assert!(status.success(), "{status}");
    assert!(took < SECOND, "answered after {took:?}");
    stuck.crash().await;
}

/// What a server has to say is its own affair: where nobody hears it any more, it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_any_more_ends_nothing() {
    let mut server = Process::start(&[], &[]).await;
    server.stop_reading_the_log();
    let encoder = Encoder::start_at(server.rtmp, "cam");
    server.playable("cam").await;
    assert_eq!(server.metric("rillcast_panics_total").await, Some(0));
    assert_eq!(server.metric("rillcast_publishers").await, Some(1));
    encoder.stop().await;
    server.signal("-TERM").await;
    let (status, _) = server.ended(10 * SECOND).await;
    assert!(status.success(), "{status}");
}
