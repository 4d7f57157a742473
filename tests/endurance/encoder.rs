//! Encoders: clips published in a loop, by those that connect again when they lose their connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::push::{Client, Clip, Output, Pace, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

use super::book::Book;
use super::server::key;
use crate::Fault;

/// Small pictures of every codec, and a real one now and then.
const CLIPS: &[&str] = &[
    "bbb_720p25_avc_aac.mp4",
    "synthetic_enhanced_opus.flv",
    "hevc_main_bframes_aac.flv",
    "synthetic_heaac_explicit.flv",
    "av1_main10_pq_aac.flv",
    "synthetic_legacy_mp3.flv",
    "vp9_altref_aac.flv",
    "synthetic_enhanced_flac.flv",
];
/// From a lost connection to the next.
const AGAIN: Duration = Duration::from_secs(1);

/// What an encoder is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Publish,
    /// Break the connection without a word.
    Vanish,
    /// Say goodbye.
    Leave,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) number: usize,
    pub(crate) name: String,
    /// Where it connects to: the server, or a relay.
    pub(crate) at: SocketAddr,
}

/// The clips there are.
pub(crate) fn clips() -> Result<Vec<Arc<Clip>>, Fault> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let load = |name: &&str| Ok(Arc::new(Clip::parse(Bytes::from(std::fs::read(folder.join(name))?))?));
    CLIPS.iter().map(load).collect()
}

impl Encoder {
    /// Publishes whenever it is told to, until nobody tells it any more.
    pub(crate) async fn run(self, clip: Arc<Clip>, mut orders: watch::Receiver<Order>, book: Arc<Book>) {
        let url = format!("rtmp://{}/live/{}?key={}", self.at, self.name, key(&self.name));
        loop {
            let order = *orders.borrow_and_update();
            if order != Order::Publish {
                if orders.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let began = Instant::now();
            let leaving = orders.clone();
            tokio::select! {
                ended = publish(&url, None, clip.clone(), left(leaving)) => match ended {
                    Ok(()) => {}
                    Err(error) => {
                        book.count("publishes lost");
                        if book.calm.holds(self.number, began.max(Instant::now() - AGAIN), Instant::now()) {
                            book.breach("an encoder was lost without a fault", format!("{}: {error}", self.name));
                        }
                        tokio::time::sleep(AGAIN).await;
                    }
                },
                gone = vanished(orders.clone()) => if gone { return },
            }
        }
    }
}

/// Completes when it is told to leave, or nobody tells it any more.
async fn left(mut orders: watch::Receiver<Order>) {
    let _ = orders.wait_for(|order| *order == Order::Leave).await;
}

async fn vanished(mut orders: watch::Receiver<Order>) -> bool {
    let vanish = orders.wait_for(|order| *order == Order::Vanish).await.is_ok();
    if !vanish {
        // Nobody tells it any more: it says goodbye first.
        std::future::pending::<()>().await;
    }
    !vanish
}

/// Publishes a clip in a loop until `leave`, then says goodbye.
pub(crate) async fn publish(
    url: &str,
    from: Option<SocketAddr>,
    clip: Arc<Clip>,
    leave: impl Future<Output = ()>,
) -> Result<(), Fault> {
    let target = Target::parse(url)?;
    let to: SocketAddr = format!("{}:{}", target.host(), target.port()).parse()?;
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = from {
        socket.bind(from)?;
    }
    let mut socket = socket.connect(to).await?;
    socket.set_nodelay(true)?;
    let mut client = Client::new(target, clip.clone(), Instant::now())?;
    let (mut pace, mut buffer) = (None::<Pace>, [0; 4_096]);
    tokio::pin!(leave);
    loop {
        if drain(&mut client, &mut socket).await? {
            pace = Some(Pace::new(clip.clone(), true, Instant::now()));
        }
        let far = Instant::now() + Duration::from_secs(5);
        let wake = pace.as_ref().and_then(Pace::due).or_else(|| client.deadline()).unwrap_or(far);
        tokio::select! {
            () = &mut leave => {
                client.unpublish()?;
                drain(&mut client, &mut socket).await?;
                socket.shutdown().await?;
                // What the server still says is taken before the connection is closed.
                let farewell = async { while let Ok(1..) = socket.read(&mut buffer).await {} };
                let _ = tokio::time::timeout(Duration::from_millis(500), farewell).await;
                return Ok(());
            }
            got = socket.read(&mut buffer) => match got? {
                0 => return Err("the server closed the connection".into()),
                got => client.handle_input(Instant::now(), buffer.get(..got).unwrap_or_default())?,
            },
            () = tokio::time::sleep_until(wake.into()) => {
                client.handle_timeout(Instant::now())?;
                let Some(pace) = &mut pace else { continue };
                while let Some(due) = pace.next(Instant::now()) {
                    client.send(&due)?;
                    drain(&mut client, &mut socket).await?;
                }
            }
        }
    }
}

/// Sends what is to be sent; whether the publish has gone live.
async fn drain(client: &mut Client, socket: &mut TcpStream) -> Result<bool, Fault> {
    let mut live = false;
    while let Some(output) = client.poll_output() {
        match output {
            Output::Send(bytes) => socket.write_all(&bytes).await?,
            Output::Live => live = true,
        }
    }
    Ok(live)
}
