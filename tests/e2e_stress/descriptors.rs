//! More connections than there are descriptors for, and connections that only stand there.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::answers::ask;
use crate::process::{Process, open_msn};
use crate::rig::{Encoder, get};

const SECOND: Duration = Duration::from_secs(1);
const CLIENTS: usize = 400;
const IDLE: usize = 2_000;

/// Lets this process have as many descriptors as it may.
pub(crate) fn raise() {
    let bound = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: bound.maximum, ..bound }).unwrap();
}

/// Connects and asks; whether there is an answer within `within`, and the connection.
async fn knock(at: SocketAddr, within: Duration) -> (bool, Option<TcpStream>) {
    // Where the system keeps no more that are not accepted, one tries for a minute and more.
    let connected = tokio::time::timeout(within, TcpStream::connect(at)).await;
    let Ok(Ok(mut socket)) = connected else { return (false, None) };
    let head = b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n";
    if tokio::io::AsyncWriteExt::write_all(&mut socket, head).await.is_err() {
        return (false, None);
    }
    let mut answer = vec![0; 4_096];
    match tokio::time::timeout(within, socket.read(&mut answer)).await {
        Ok(Ok(n @ 1..)) => (answer[..n].starts_with(b"HTTP/1.1 200"), Some(socket)),
        // It was closed.
        Ok(_) => (false, None),
        // It waits to be accepted.
        Err(_) => (false, Some(socket)),
    }
}

/// `CLIENTS` that keep their connections; how many were answered, and those that are still open.
async fn crowd(at: SocketAddr) -> (usize, Vec<TcpStream>) {
    let (mut answered, mut open) = (0, Vec::new());
    let knocks: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(knock(at, SECOND))).collect();
    for knock in knocks {
        let (served, socket) = knock.await.unwrap();
        answered += usize::from(served);
        open.extend(socket);
    }
    (answered, open)
}

/// What a read gives, which is not long in coming.
async fn soon(read: impl Future<Output = std::io::Result<usize>>) -> usize {
    tokio::time::timeout(5 * SECOND, read).await.expect("an answer").unwrap()
}

/// Processor time that the server uses in `span`.
async fn busy(server: &Process, span: Duration) -> Duration {
    let before = server.busy();
    tokio::time::sleep(span).await;
    server.busy().saturating_sub(before)
}

/// Waits until somebody new is answered and the server says that it is ready; returns how long it took.
async fn recovers(server: &Process) -> Duration {
    let began = Instant::now();
    while !knock(server.http, SECOND / 4).await.0
        || !get(server.admin, "/readyz", "").await.0.contains(" 200")
    {
        assert!(began.elapsed() < 5 * SECOND, "nobody is let in: {}", server.log());
        tokio::time::sleep(SECOND / 50).await;
    }
    began.elapsed()
}

/// Hostile cases 52 and 53: what there are descriptors for is shared out, so that none runs out of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_few_descriptors_viewers_past_them_are_turned_away_and_the_operator_gets_in() {
    raise();
    let mut server = Process::start_by(&["prlimit", "--nofile=256"], &[], &[]).await;
    let encoder = Encoder::start_at(server.rtmp, "cam");
    let folder = server.playable("cam").await;
    let alone = busy(&server, 3 * SECOND).await;
    let (answered, open) = crowd(server.http).await;
    assert!((50..200).contains(&answered), "{answered} of {CLIENTS} are answered");
    let (head, body) = get(server.admin, "/readyz", "").await;
    assert!(head.starts_with("http/1.1 503") && body == "full\n", "{head} {body}");
    let crowded = busy(&server, 3 * SECOND).await;
    assert_eq!(server.metric("rillcast_publishers").await, Some(1));
    assert_eq!(server.metric("rillcast_panics_total").await, Some(0));
    drop(open);
    let took = recovers(&server).await;
    let before = open_msn(server.http, &folder).await;
    tokio::time::sleep(5 * SECOND / 2).await;
    assert!(open_msn(server.http, &folder).await > before, "media goes on");
    eprintln!(
        "{answered} answered, {alone:?} of 3 s before and {crowded:?} with them, room again after {took:?}"
    );
    assert!(crowded < alone + SECOND * 3 / 20, "{crowded:?} of 3 s instead of {alone:?}");
    assert!(took < 2 * SECOND, "{took:?}");
    encoder.stop().await;
    server.signal("-TERM").await;
    assert!(server.ended(10 * SECOND).await.0.success());
}

/// Hostile case 52: the system has none left, whoever has taken them. Accepting pauses and does not spin; what is
/// connected goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_system_has_no_descriptor_accepting_pauses_and_recovers_at_once() {
    raise();
    let mut server = Process::start(&[], &[]).await;
    let encoder = Encoder::start_at(server.rtmp, "cam");
    let folder = server.playable("cam").await;
    let alone = busy(&server, 3 * SECOND).await;
    let mut probe = TcpStream::connect(server.admin).await.unwrap();
    let mut viewer = TcpStream::connect(server.http).await.unwrap();
    ask(&mut probe, "/livez").await;
    ask(&mut viewer, &format!("{folder}media.m3u8")).await;
    let mut answer = vec![0; 65_536];
    assert!(probe.read(&mut answer).await.unwrap() > 0 && viewer.read(&mut answer).await.unwrap() > 0);

    let pid = Pid::from_raw(server.pid().parse().unwrap());
    let few = server.descriptors() as u64 + 20;
    let before = prlimit(pid, Resource::Nofile, Rlimit { current: Some(few), maximum: Some(20_000) });
    let before = before.unwrap();
    let (answered, open) = crowd(server.http).await;
    assert!(answered < 30, "{answered} are answered");
    assert_eq!(open.len(), CLIENTS, "the others are connected, and wait to be accepted");
    ask(&mut probe, "/readyz").await;
    let n = soon(probe.read(&mut answer)).await;
    assert!(answer[..n].starts_with(b"HTTP/1.1 503") && answer[..n].ends_with(b"full\n"));
    let starved = busy(&server, 3 * SECOND).await;
    ask(&mut viewer, &format!("{folder}media.m3u8")).await;
    let n = soon(viewer.read(&mut answer)).await;
    assert!(answer[..n].starts_with(b"HTTP/1.1 200"), "who is connected is served");
    drop(open);
    let took = recovers(&server).await;
    prlimit(pid, Resource::Nofile, before).unwrap();
    let pauses = server.metric("rillcast_limit_hits_total{limit=\"descriptors\"}").await.unwrap();
    eprintln!("{alone:?} of 3 s before and {starved:?} without, {pauses} pauses, room again after {took:?}");
    assert!((1..200).contains(&pauses), "{pauses} pauses");
    assert!(starved < alone + SECOND * 3 / 20, "{starved:?} of 3 s instead of {alone:?}");
    assert!(took < 2 * SECOND, "{took:?}");
    assert_eq!(server.metric("rillcast_publishers").await, Some(1));
    encoder.stop().await;
    server.signal("-TERM").await;
    assert!(server.ended(10 * SECOND).await.0.success());
}

/// The limit `descriptors`, below it, at it and above: whoever takes the last one is served; it is hit with that already,
/// for the system refuses to accept without one whether or not anybody waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_descriptor_is_used_and_the_one_past_it_is_a_pause() {
    const ROOM: usize = 3;
    raise();
    for (clients, hit) in [(ROOM - 1, false), (ROOM, true), (ROOM + 1, true)] {
        let server = Process::start(&[], &[]).await;
        let mut probe = TcpStream::connect(server.admin).await.unwrap();
        ask(&mut probe, "/livez").await;
        let mut answer = vec![0; 65_536];
        assert!(soon(probe.read(&mut answer)).await > 0);
        // What it opens as it starts is open.
        tokio::time::sleep(SECOND / 4).await;
        let pid = Pid::from_raw(server.pid().parse().unwrap());
        let few = server.room_for(ROOM);
        prlimit(pid, Resource::Nofile, Rlimit { current: Some(few), maximum: Some(20_000) }).unwrap();
        let (mut inside, mut answered) = (Vec::new(), 0);
        for _ in 0..clients {
            let (served, socket) = knock(server.http, SECOND).await;
            answered += usize::from(served);
            inside.extend(socket);
        }
        assert_eq!(answered, clients.min(ROOM), "{clients} of {ROOM}");
        let mut text = String::new();
        ask(&mut probe, "/metrics").await;
        while !text.contains("# EOF") {
            let count = soon(probe.read(&mut answer)).await;
            text += std::str::from_utf8(&answer[..count]).unwrap();
        }
        let none = text.contains("rillcast_limit_hits_total{limit=\"descriptors\"} 0\n");
        assert_eq!(!none, hit, "{clients} of {ROOM}");
    }
}

/// Hostile case 51: connections that were used once and are kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_only_stand_there_cost_little_and_newcomers_get_in() {
    raise();
    let server = Process::start(&[], &[]).await;
    // Once around, so that what is made once is there.
    let (answered, open) = crowd(server.http).await;
    assert_eq!(answered, CLIENTS);
    drop(open);
    server.until("rillcast_http_connections", |count| count <= 1).await;
    let before = server.resident();
    let mut open = Vec::new();
    for _ in 0..IDLE {
        let (served, socket) = knock(server.http, 5 * SECOND).await;
        assert!(served);
        open.extend(socket);
    }
    let each = server.resident().saturating_sub(before) as f64 / IDLE as f64;
    eprintln!("{each:.1} KiB a connection");
    assert!(each < 20.0, "{each:.1} KiB a connection");
    assert!(knock(server.http, SECOND).await.0);
}
