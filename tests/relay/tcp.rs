//! A way to a TCP server along which everything can go wrong.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::fates::{Fates, Impairment, Piece};

/// Bytes read at once.
const READ: usize = 16 * 1024;
/// Reads that may be on their way: past it whoever sends is held up, as by a real window.
const WINDOW: usize = 32;

/// What flows in one direction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flow {
    /// How bad the way is.
    pub(crate) impairment: Impairment,
    /// Nothing gets through, nobody is told, and what is sent is lost.
    pub(crate) swallow: bool,
    /// Nothing gets through for now: what is sent waits.
    pub(crate) stall: bool,
    /// An end is passed on although nobody has come to one: the other direction goes on.
    pub(crate) end: bool,
}

/// Both directions: towards the server, and from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// A way to a server; dropping it closes every connection along it.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Where to connect instead.
    pub(crate) at: SocketAddr,
    up: watch::Sender<Flow>,
    down: watch::Sender<Flow>,
    reset: watch::Sender<u64>,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

/// Bytes that were passed on.
#[derive(Debug, Default)]
struct Counts {
    up: AtomicU64,
    down: AtomicU64,
}

impl Relay {
    /// A perfect way to `to`; `seed` says what becomes of it later.
    ///
    /// # Errors
    /// When the system gives no port.
    pub(crate) async fn to(to: SocketAddr, seed: u64) -> io::Result<Self> {
        Self::until(to, seed, None).await
    }

    /// The same; once the server has said `word`, nothing gets through towards it any more.
    ///
    /// # Errors
    /// As [`Relay::to`].
    pub(crate) async fn until(to: SocketAddr, seed: u64, word: Option<&'static str>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let at = listener.local_addr()?;
        let (up, down) = (watch::Sender::new(Flow::default()), watch::Sender::new(Flow::default()));
        let reset = watch::Sender::new(0);
        let counts = Arc::new(Counts::default());
        let ways = Ways { up: up.clone(), down: down.clone(), reset: reset.clone(), counts: counts.clone() };
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for number in 0_u64.. {
                let Ok((peer, _)) = listener.accept().await else { return };
                let (ways, seed) = (ways.clone(), seed.wrapping_add(number.wrapping_mul(2)));
                connections.spawn(async move {
                    if let Ok(server) = TcpStream::connect(to).await {
                        ways.between(peer, server, seed, word).await;
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { at, up, down, reset, counts, task })
    }

    /// Changes what flows in one direction, for connections there are and those to come.
    pub(crate) fn set(&self, direction: Direction, change: impl FnOnce(&mut Flow)) {
        self.way(direction).send_modify(change);
    }

    /// Makes both directions as bad as this.
    pub(crate) fn impair(&self, impairment: &Impairment) {
        for direction in [Direction::Up, Direction::Down] {
            self.set(direction, |flow| flow.impairment = impairment.clone());
        }
    }

    /// From now on nothing gets through, either way; connections stay as they are.
    pub(crate) fn swallow(&self) {
        for direction in [Direction::Up, Direction::Down] {
            self.set(direction, |flow| flow.swallow = true);
        }
    }

    /// From now on the server's peers hear nothing of it any more, while what they send gets through.
    pub(crate) fn deafen(&self) {
        self.set(Direction::Down, |flow| flow.swallow = true);
    }

    /// Resets every connection there is, on both sides.
    pub(crate) fn reset(&self) {
        self.reset.send_modify(|count| *count += 1);
    }

    /// Everything is well again. What was cut off stays so.
    pub(crate) fn heal(&self) {
        for direction in [Direction::Up, Direction::Down] {
            self.set(direction, |flow| *flow = Flow::default());
        }
    }

    /// Bytes passed on in a direction, of all connections.
    pub(crate) fn passed(&self, direction: Direction) -> u64 {
        self.counts.of(direction).load(Ordering::Relaxed)
    }

    fn way(&self, direction: Direction) -> &watch::Sender<Flow> {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Counts {
    fn of(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

/// What every connection is told of.
#[derive(Clone)]
struct Ways {
    up: watch::Sender<Flow>,
    down: watch::Sender<Flow>,
    reset: watch::Sender<u64>,
    counts: Arc<Counts>,
}

impl Ways {
    async fn between(
        self,
        mut peer: TcpStream,
        mut server: TcpStream,
        seed: u64,
        word: Option<&'static str>,
    ) {
        // What is sent alone arrives alone, as far as the system can be made to.
        let _ = (peer.set_nodelay(true), server.set_nodelay(true));
        let mut reset = self.reset.subscribe();
        let pump = |direction, word| Pump {
            flow: self.way(direction).subscribe(),
            ways: self.clone(),
            direction,
            word,
        };
        let (upwards, downwards) = (pump(Direction::Up, None), pump(Direction::Down, word));
        let broken = {
            let ((from_peer, to_peer), (from_server, to_server)) = (peer.split(), server.split());
            let both = async {
                tokio::try_join!(
                    upwards.run(from_peer, to_server, seed),
                    downwards.run(from_server, to_peer, seed.wrapping_add(1))
                )
            };
            tokio::select! {
                ended = both => ended.is_err(),
                _ = reset.changed() => true,
            }
        };
        if broken {
            // Closed with a reset, on both sides.
            for socket in [&peer, &server] {
                let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
            }
        }
    }

    fn way(&self, direction: Direction) -> &watch::Sender<Flow> {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

/// One direction of one connection.
struct Pump {
    flow: watch::Receiver<Flow>,
    ways: Ways,
    direction: Direction,
    /// After which nothing more gets through.
    word: Option<&'static str>,
}

/// What was read, or the end, and when.
type Read = (Instant, Vec<u8>);

impl Pump {
    /// Passes on what comes, until it ends; an error is for both directions.
    async fn run(self, mut from: ReadHalf<'_>, to: WriteHalf<'_>, seed: u64) -> io::Result<()> {
        let (sender, receiver) = mpsc::channel(WINDOW);
        let reading = async move {
            loop {
                let mut bytes = vec![0; READ];
                let count = from.read(&mut bytes).await?;
                bytes.truncate(count);
                if sender.send((Instant::now(), bytes)).await.is_err() || count == 0 {
                    return Ok(());
                }
            }
        };
        tokio::try_join!(reading, self.write(receiver, to, seed)).map(drop)
    }

    async fn write(
        mut self,
        mut reads: mpsc::Receiver<Read>,
        mut to: WriteHalf<'_>,
        seed: u64,
    ) -> io::Result<()> {
        let mut line = Line::new(seed);
        let (mut ended, mut tail) = (false, Vec::new());
        while let Some((arrived, bytes)) = self.next(&mut reads, &mut to, &mut ended).await? {
            if bytes.is_empty() {
                // That somebody has gone is lost on the way too.
                let _ = self.flow.wait_for(|flow| !flow.swallow && !flow.stall).await;
                return if ended { Ok(()) } else { to.shutdown().await };
            }
            line.fates.change(&self.flow.borrow().impairment);
            for piece in line.fates.pieces(&bytes) {
                let due = line.due(arrived, &piece);
                if due > Instant::now() {
                    tokio::time::sleep_until(due.into()).await;
                }
                let _ = self.flow.wait_for(|flow| !flow.stall).await;
                if ended || self.flow.borrow().swallow {
                    continue;
                }
                to.write_all(&piece.bytes).await?;
                let passed = self.ways.counts.of(self.direction);
                passed.fetch_add(piece.bytes.len() as u64, Ordering::Relaxed);
            }
            self.listen(&bytes, &mut tail);
        }
        Ok(())
    }

    /// What comes next; meanwhile an end may be made.
    async fn next(
        &mut self,
        reads: &mut mpsc::Receiver<Read>,
        to: &mut WriteHalf<'_>,
        ended: &mut bool,
    ) -> io::Result<Option<Read>> {
        loop {
            if self.flow.borrow_and_update().end && !*ended {
                *ended = true;
                to.shutdown().await?;
            }
            tokio::select! {
                read = reads.recv() => return Ok(read),
                changed = self.flow.changed() => if changed.is_err() { return Ok(reads.recv().await) },
            }
        }
    }

    /// Once the word has been said, the way is cut.
    fn listen(&self, bytes: &[u8], tail: &mut Vec<u8>) {
        let Some(word) = self.word else { return };
        tail.extend_from_slice(bytes);
        if tail.windows(word.len()).any(|window| window == word.as_bytes()) {
            for direction in [Direction::Up, Direction::Down] {
                self.ways.way(direction).send_modify(|flow| flow.swallow = true);
            }
        }
        tail.drain(..tail.len().saturating_sub(word.len()));
    }
}

/// When what arrives, in one direction of one connection.
struct Line {
    fates: Fates,
    /// Nothing arrives before what was sent before it.
    last: Instant,
    /// When the last byte is through, at the rate there is.
    free: Instant,
}

impl Line {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        Self { fates: Fates::new(seed, Impairment::default()), last: now, free: now }
    }

    /// When a piece arrives that was sent at `sent`.
    fn due(&mut self, sent: Instant, piece: &Piece) -> Instant {
        let mut due = (sent + piece.late).max(self.last) + piece.stall;
        if let Some(rate) = self.fates.impairment().rate {
            let takes = Duration::from_secs_f64(piece.bytes.len() as f64 / rate.max(1) as f64);
            self.free = self.free.max(sent) + takes;
            due = due.max(self.free);
        }
        self.last = due;
        due
    }
}
