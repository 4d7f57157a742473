//! A storm: five hundred encoders that lose their connections in one moment, and all come back within a second.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::rig::{Encoder, Server, get, metric, playable, settings};

#[path = "../transcripts/kit/wire.rs"]
#[allow(dead_code, reason = "shared with the transcripts")]
mod wire;
#[path = "../transcripts/kit/writer.rs"]
#[allow(dead_code, reason = "shared with the transcripts")]
mod writer;

use wire::Wire;
use writer::{Dialect, Writer};

const SECOND: Duration = Duration::from_secs(1);
const MANY: usize = 500;
/// Milliseconds from picture to picture: many encoders are the matter here, and not many pictures.
const PICTURE: u32 = 500;

/// Publishes `name` until it is dropped; counts when it is let in, and how often it was not.
async fn encode(at: SocketAddr, name: String, live: Arc<AtomicUsize>, refused: Arc<AtomicUsize>) {
    loop {
        if let Some((mut socket, mut writer)) = let_in(at, &name).await {
            live.fetch_add(1, Ordering::Relaxed);
            let mut bytes = writer.write(&wire::avc_config(0));
            for n in 0.. {
                bytes.extend(writer.write(&wire::key_frame(n * PICTURE, &[n as u8; 200])));
                socket.write_all(&bytes).await.unwrap();
                bytes.clear();
                tokio::time::sleep(Duration::from_millis(PICTURE.into())).await;
            }
        }
        // As encoders do.
        refused.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(SECOND / 10).await;
    }
}

/// A connection that may publish; `None` when it is refused.
async fn let_in(at: SocketAddr, name: &str) -> Option<(TcpStream, Writer)> {
    let mut socket = TcpStream::connect(at).await.ok()?;
    let mut writer = Writer::new(Dialect::PLAIN);
    let mut words = vec![3; 1];
    words.extend([0; 2 * 1_536]);
    for message in [wire::connect("live"), wire::create_stream(2.0), wire::publish(1, name)] {
        words.extend(writer.write(&message));
    }
    socket.write_all(&words).await.ok()?;
    let (mut heard, mut bytes) = (Vec::new(), [0; 4_096]);
    loop {
        let count = socket.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
        heard.extend_from_slice(&bytes[..count]);
        if heard.windows(13).any(|window| window == b"Publish.Start") {
            return Some((socket, writer));
        }
    }
}

/// All of them begin within a second; how long until all are live.
async fn storm(server: &Server) -> (JoinSet<()>, Duration, usize) {
    let (live, refused) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (began, mut all) = (Instant::now(), JoinSet::new());
    for n in 0..MANY {
        all.spawn(encode(server.at.rtmp, format!("cam-{n}"), live.clone(), refused.clone()));
        if n % 5 == 4 {
            tokio::time::sleep(SECOND * 5 / MANY as u32).await;
        }
    }
    while live.load(Ordering::Relaxed) < MANY {
        assert!(began.elapsed() < 20 * SECOND, "{live:?} are live, {refused:?} times one was refused");
        tokio::time::sleep(SECOND / 100).await;
    }
    (all, began.elapsed(), refused.load(Ordering::Relaxed))
}

/// Hostile case 42: all are live again within five seconds, in the playlists they had, and who comes meanwhile, to
/// publish or to watch, does not wait for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_encoders_that_return_within_a_second_are_live_in_five_and_starve_nobody() {
    let server = Server::start(settings()).await;
    let calm = Encoder::start(&server, "calm");
    playable(&server, "calm").await;
    let (mut first, began, _) = storm(&server).await;
    let mut folders = Vec::new();
    for name in ["cam-0", "cam-250", "cam-499"] {
        folders.push((name, playable(&server, name).await));
    }
    first.abort_all();
    while first.join_next().await.is_some() {}

    let others = async {
        let mut longest = Duration::ZERO;
        for n in 0..10 {
            let asked = Instant::now();
            let (head, _) = get(server.at.http, "/live/calm/index.m3u8", "").await;
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let come = let_in(server.at.rtmp, &format!("newcomer-{n}")).await;
            assert!(come.is_some(), "newcomer {n} is refused");
            longest = longest.max(asked.elapsed());
            tokio::time::sleep(SECOND / 10).await;
        }
        longest
    };
    let ((second, again, refused), longest) = tokio::join!(storm(&server), others);
    println!("live in {began:?}, again in {again:?}, {refused} refused, others wait {longest:?}");
    assert!(again < 5 * SECOND, "only after {again:?}");
    assert!(longest < SECOND, "somebody else waited for {longest:?}");
    for (name, folder) in folders {
        assert_eq!(playable(&server, name).await, folder, "it goes on in the same playlist");
    }
    assert_eq!(metric(&server, "rillcast_panics_total").await, Some(0));
    drop(second);
    calm.stop().await;
    server.stop().await;
}
