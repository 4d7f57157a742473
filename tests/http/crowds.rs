//! Many viewers at once on one stream: held together, answered together, given up together; and one that is slow.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::relay::Relay;
use crate::rig::{Encoder, Server, get, metric, playable, settings};
use crate::transports::open_msn;

const SECOND: Duration = Duration::from_secs(1);
const MANY: u64 = 2_000;

/// One keep-alive connection, its response's status and body.
async fn answer(socket: &mut TcpStream) -> (u16, String, Vec<u8>) {
    let mut heard = Vec::new();
    loop {
        let mut bytes = [0; 4_096];
        let n = socket.read(&mut bytes).await.unwrap();
        assert!(n > 0, "closed after {}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&bytes[..n]);
        let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&heard[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        if heard.len() >= end + 4 + length.parse::<usize>().unwrap() {
            return (head[9..12].parse().unwrap(), head, heard.split_off(end + 4));
        }
    }
}

/// `MANY` connections that ask for `path`, once all of them are held.
async fn crowd(server: &Server, path: &str) -> Vec<TcpStream> {
    let ask = format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
    let mut all = Vec::new();
    for _ in 0..MANY {
        let mut socket = TcpStream::connect(server.at.http).await.unwrap();
        socket.write_all(ask.as_bytes()).await.unwrap();
        all.push(socket);
    }
    let sent = Instant::now();
    while metric(server, "rillcast_held_requests").await != Some(MANY) {
        assert!(sent.elapsed() < 2 * SECOND, "not all of them wait");
        tokio::time::sleep(SECOND / 50).await;
    }
    all
}

/// When each is answered, and what all of them hear.
async fn hear_all(crowd: Vec<TcpStream>) -> (Vec<Instant>, Vec<(u16, String, Vec<u8>)>) {
    let tasks: Vec<_> = crowd
        .into_iter()
        .map(|mut socket| {
            tokio::spawn(async move {
                let answer = answer(&mut socket).await;
                (Instant::now(), answer)
            })
        })
        .collect();
    let (mut times, mut answers) = (Vec::new(), Vec::new());
    for task in tasks {
        let (at, answer) = task.await.unwrap();
        times.push(at);
        answers.push(answer);
    }
    times.sort();
    (times, answers)
}

/// Hostile case 56: everybody who waits for a part has it soon after it is there, and all have the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_held_requests_are_answered_together() {
    let mut settings = settings();
    // Long enough to gather them all before what they wait for is there.
    settings.segment = 6 * SECOND;
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let (_, state) = get(server.at.http, &format!("{folder}media.m3u8"), "").await;
    let crowd =
        crowd(&server, &format!("{folder}media.m3u8?_HLS_msn={}&_HLS_part=0", open_msn(&state) + 1)).await;
    let (times, answers) = hear_all(crowd).await;
    let spread = *times.last().unwrap() - times[0];
    // Within a part, and five times that for a machine that builds something else meanwhile.
    assert!(spread < 5 * SECOND / 2, "{spread:?} from the first to the last");
    let (status, _, body) = &answers[0];
    assert_eq!(*status, 200);
    let other = answers.iter().filter(|(_, _, one)| one != body).count();
    assert!(other < answers.len() / 2, "{other} got a later state");
    assert_eq!(metric(&server, "rillcast_held_requests").await, Some(0));
    encoder.stop().await;
    server.stop().await;
}

/// Hostile case 57: everybody who waits for a stream that stalls is told to come back within three target durations,
/// and not all in the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_held_in_vain_are_given_up_one_after_the_other() {
    let server = Server::start(settings()).await;
    let way = Relay::until(server.at.rtmp, 1, Some("has started")).await.unwrap();
    let encoder = Encoder::start_at(way.at, "cam");
    let began = Instant::now();
    while metric(&server, "rillcast_publishers").await != Some(1) {
        assert!(began.elapsed() < 5 * SECOND, "nobody publishes");
        tokio::time::sleep(SECOND / 50).await;
    }
    let first = Instant::now();
    let crowd = crowd(&server, "/live/cam/index.m3u8").await;
    let last = Instant::now();
    let (times, answers) = hear_all(crowd).await;
    for (status, head, _) in &answers {
        assert_eq!(*status, 503, "{head}");
        assert!(head.contains("retry-after: 1") && head.contains("cache-control: no-store"), "{head}");
    }
    // Six seconds each, or up to a quarter less; a second and a half for a busy machine.
    let (soonest, latest) = (times[0] - first, *times.last().unwrap() - last);
    assert!(soonest > 11 * SECOND / 2, "{soonest:?}");
    assert!(latest < 15 * SECOND / 2, "{latest:?}");
    assert!(*times.last().unwrap() - times[0] > SECOND / 5, "all at once");
    assert_eq!(metric(&server, "rillcast_held_requests").await, Some(0), "nothing is left behind");
    encoder.crash().await;
}

/// Hostile case 63: a reader at a fraction of the rate it asked for, whose segment leaves memory meanwhile. What it
/// gets is that segment as far as it goes, and then the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_of_a_segment_that_is_gone_gets_no_other_bytes() {
    let mut settings = settings();
    (settings.segment, settings.window, settings.part) = (SECOND, 4 * SECOND, Some(SECOND / 4));
    settings.limits.http.body_time = 13 * SECOND;
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let began = Instant::now();
    let path = loop {
        let (_, state) = get(server.at.http, &format!("{folder}media.m3u8"), "").await;
        if let Some(name) = state.lines().rfind(|line| line.starts_with("seg-")) {
            break format!("{folder}{name}");
        }
        assert!(began.elapsed() < 10 * SECOND, "no segment");
        tokio::time::sleep(SECOND / 20).await;
    };
    let ask = format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
    let mut fast = TcpStream::connect(server.at.http).await.unwrap();
    fast.write_all(ask.as_bytes()).await.unwrap();
    let (status, _, whole) = answer(&mut fast).await;
    assert_eq!(status, 200);

    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    // Small segments: both systems keep little of what is not taken.
    socket.set_tcp_mss(536).unwrap();
    socket.connect(&server.at.http.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut slow = TcpStream::from_std(socket.into()).unwrap();
    slow.write_all(ask.as_bytes()).await.unwrap();
    let asked = Instant::now();
    let (mut heard, mut gone) = (Vec::new(), None);
    loop {
        // 10 kB/s by the clock, however late this task is woken.
        let due = asked.elapsed().as_millis() as usize * 10;
        let mut bytes = vec![0; due.saturating_sub(heard.len()).clamp(1, 4_096)];
        match slow.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(n) => heard.extend_from_slice(&bytes[..n]),
        }
        if gone.is_none() && asked.elapsed() > 5 * SECOND {
            let (head, _) = get(server.at.http, &path, "").await;
            gone = head.starts_with("http/1.1 404").then(|| asked.elapsed());
        }
        assert!(asked.elapsed() < 30 * SECOND, "it is never given up");
        tokio::time::sleep(SECOND / 40).await;
    }
    assert!(gone.is_some(), "the segment was gone while it was read");
    let end = heard.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = &heard[end..];
    assert!(body.len() < whole.len() && whole.starts_with(body), "{} of {} bytes", body.len(), whole.len());
    assert!(body.len() > 10_000, "{} bytes in {:?}", body.len(), asked.elapsed());
    assert_eq!(metric(&server, "rillcast_limit_hits_total{limit=\"http.body_time\"}").await, Some(1));
    encoder.stop().await;
    server.stop().await;
}
