//! A way to a UDP server along which datagrams are late, lost, doubled, damaged and out of order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::fates::{Fates, Impairment};
use super::post::Post;
use super::tcp::Direction;

/// The largest datagram there is.
const DATAGRAM: usize = 65_536;

/// A way to a server; dropping it closes it.
#[derive(Debug)]
pub(crate) struct UdpRelay {
    /// Where to send instead.
    pub(crate) at: SocketAddr,
    up: watch::Sender<Impairment>,
    down: watch::Sender<Impairment>,
    task: JoinHandle<()>,
}

impl UdpRelay {
    /// A perfect way to `to`; `seed` says what becomes of it later.
    ///
    /// # Errors
    /// When the system gives no port.
    pub(crate) async fn to(to: SocketAddr, seed: u64) -> io::Result<Self> {
        let door = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let at = door.local_addr()?;
        let (up, down) =
            (watch::Sender::new(Impairment::default()), watch::Sender::new(Impairment::default()));
        let task = tokio::spawn(serve(door, to, seed, up.subscribe(), down.subscribe()));
        Ok(Self { at, up, down, task })
    }

    /// Makes one direction as bad as this, for everybody.
    pub(crate) fn set(&self, direction: Direction, impairment: Impairment) {
        match direction {
            Direction::Up => self.up.send_replace(impairment),
            Direction::Down => self.down.send_replace(impairment),
        };
    }
}

impl Drop for UdpRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One direction of one peer.
struct Line {
    fates: Fates,
    impairment: watch::Receiver<Impairment>,
    post: Post,
    /// When the last byte is through, at the rate there is.
    free: Instant,
}

impl Line {
    fn new(seed: u64, impairment: watch::Receiver<Impairment>, post: Post) -> Self {
        let fates = Fates::new(seed, impairment.borrow().clone());
        Self { fates, impairment, post, free: Instant::now() }
    }

    fn pass(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        self.fates.change(&self.impairment.borrow());
        let rate = self.fates.impairment().rate;
        for (bytes, late) in self.fates.datagram(bytes) {
            let takes = rate.map_or(0.0, |rate| bytes.len() as f64 / rate.max(1) as f64);
            self.free = self.free.max(now) + Duration::from_secs_f64(takes);
            self.post.hand_in(self.free + late, bytes);
        }
    }
}

async fn serve(
    door: Arc<UdpSocket>,
    to: SocketAddr,
    seed: u64,
    up: watch::Receiver<Impairment>,
    down: watch::Receiver<Impairment>,
) {
    let (mut peers, mut buffer) = (HashMap::new(), vec![0; DATAGRAM]);
    let mut answers = tokio::task::JoinSet::new();
    while let Ok((count, peer)) = door.recv_from(&mut buffer).await {
        let seed = seed.wrapping_add(2 * peers.len() as u64);
        let line = match peers.entry(peer) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let line = meet(&door, peer, to, seed, (&up, &down), &mut answers).await;
                let Ok(line) = line else { return };
                new.insert(line)
            }
        };
        line.pass(buffer.get(..count).unwrap_or_default());
    }
}

/// A socket towards the server for a new peer; what comes back on it goes to that peer.
async fn meet(
    door: &Arc<UdpSocket>,
    peer: SocketAddr,
    to: SocketAddr,
    seed: u64,
    (up, down): (&watch::Receiver<Impairment>, &watch::Receiver<Impairment>),
    answers: &mut tokio::task::JoinSet<()>,
) -> io::Result<Line> {
    let server = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
    server.connect(to).await?;
    let (out, back) = (server.clone(), door.clone());
    let upwards = Post::new(move |bytes| {
        let out = out.clone();
        async move { drop(out.send(&bytes).await) }
    });
    let downwards = Post::new(move |bytes| {
        let back = back.clone();
        async move { drop(back.send_to(&bytes, peer).await) }
    });
    let mut line = Line::new(seed.wrapping_add(1), down.clone(), downwards);
    answers.spawn(async move {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            // That nobody listens at the server is no end: somebody may later.
            match server.recv(&mut buffer).await {
                Ok(count) => line.pass(buffer.get(..count).unwrap_or_default()),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    Ok(Line::new(seed, up.clone(), upwards))
}
