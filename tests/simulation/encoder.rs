//! Encoder: RTMP as its bytes, over a connection that breaks when and where the seed says.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

use crate::history::Publish;
use crate::plan::{Ending, Stint};
use crate::random::Random;
use crate::reel::{Due, reel};
use crate::wire;
use crate::world::{Turn, World};
use crate::writer::{Dialect, Writer};

/// How long an encoder waits to be let in: as long as another may take to make room.
const PATIENCE: Duration = Duration::from_secs(4);
/// S0, S1 and S2.
const GREETING: usize = 3_073;

/// What the server has said.
#[derive(Default)]
struct Heard {
    count: usize,
    started: bool,
    refused: bool,
    closed: bool,
}

/// One encoder with all it does.
pub(crate) async fn run(world: Arc<World>, which: u8, script: Vec<(Duration, Stint)>) {
    let mut random = Random::of(world.seed, 100 + u64::from(which));
    let turn = Turn::Encoder(which);
    for (away, stint) in script {
        world.pause(away, turn).await;
        let Some(stream) = world.connect_encoder(1 + which) else { return };
        let publish = {
            let mut ledger = world.ledger();
            ledger.publishes.push(Publish::default());
            ledger.publishes.len() - 1
        };
        let mut line = Line::new(&world, stream, which, &mut random, stint.chunk);
        let how = line.stint(&stint, publish).await;
        world.event(40 + usize::from(which), &format!("publish {publish}: {how:?}"));
        // Whoever was turned away tries again when that does not depend on chance any more.
        world.pause(Duration::from_millis(500), turn).await;
        if world.over() {
            return;
        }
    }
}

/// How a publish went.
#[derive(Debug, PartialEq, Eq)]
enum Went {
    Refused,
    /// The server ended it.
    Closed,
    AsPlanned,
}

struct Line<'a> {
    world: &'a World,
    which: u8,
    random: &'a mut Random,
    output: Option<WriteHalf<DuplexStream>>,
    heard: Arc<Mutex<Heard>>,
    writer: Writer,
    chunk: u32,
}

impl<'a> Line<'a> {
    fn new(world: &'a World, stream: DuplexStream, which: u8, random: &'a mut Random, chunk: u32) -> Self {
        let (input, output) = tokio::io::split(stream);
        let heard = Arc::<Mutex<Heard>>::default();
        tokio::spawn(listen(input, heard.clone()));
        let dialect = random.pick(&[Dialect::PLAIN, Dialect::FFMPEG, Dialect::ADOBE]);
        Self { world, which, random, output: Some(output), heard, writer: Writer::new(dialect), chunk }
    }

    fn turn(&self) -> Turn {
        Turn::Encoder(self.which)
    }

    async fn stint(&mut self, stint: &Stint, publish: usize) -> Went {
        if !self.let_in().await {
            return Went::Refused;
        }
        {
            let mut ledger = self.world.ledger();
            let turn = ledger.publishes.iter().filter(|publish| publish.turn.is_some()).count();
            ledger.publishes[publish].turn = Some(turn);
        }
        self.world.event(40 + usize::from(self.which), &format!("publish {publish} is let in"));
        let began = self.world.now();
        for due in reel(stint, publish as u16) {
            let wait = (began + due.at).saturating_sub(self.world.now());
            if !wait.is_zero() {
                self.world.pause(wait, self.turn()).await;
            }
            self.world.ledger().publishes[publish].damaged |= due.flips;
            if !self.send(&due).await {
                return Went::Closed;
            }
            if let Some((mark, clean)) = due.frame {
                let sent = &mut self.world.ledger().publishes[publish].sent[usize::from(mark.track)];
                sent.push((mark.number, clean));
            }
        }
        self.end(stint.ends).await;
        Went::AsPlanned
    }

    /// Greets, connects, and asks to publish.
    async fn let_in(&mut self) -> bool {
        let mut hello = vec![3, 0, 0, 0, 9, 0, 0, 0, 0];
        hello.extend((0..1_528_u32).map(|n| (n % 251) as u8));
        if !self.write(&hello).await || !self.wait(|heard| heard.count >= GREETING).await {
            return false;
        }
        let mut words = vec![7; 1_536];
        words.extend(self.writer.write(&wire::set_chunk_size(self.chunk)));
        self.writer.chunk_size = self.chunk as usize;
        words.extend(self.writer.write(&wire::connect("live")));
        words.extend(self.writer.write(&wire::create_stream(2.0)));
        words.extend(self.writer.write(&wire::publish(1, "cam")));
        self.write(&words).await
            && self.wait(|heard| heard.started || heard.refused).await
            && self.heard(|heard| heard.started && !heard.closed)
    }

    async fn wait(&self, until: impl Fn(&Heard) -> bool) -> bool {
        let patience = self.world.now() + PATIENCE;
        while self.world.now() < patience {
            if self.heard(&until) {
                return true;
            }
            if self.heard(|heard| heard.closed) {
                return false;
            }
            self.world.pause(Duration::from_millis(1), self.turn()).await;
        }
        false
    }

    fn heard<T>(&self, look: impl Fn(&Heard) -> T) -> T {
        look(&self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn send(&mut self, due: &Due) -> bool {
        let mut bytes = self.writer.write(&due.message);
        if due.flips {
            let at = self.random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.random.below(8);
        }
        let crumb = match (due.drips, self.random.below(12)) {
            (true, _) => 48,
            (false, 0) => self.random.between(1, bytes.len() as u64) as usize,
            _ => bytes.len(),
        };
        for crumb in bytes.chunks(crumb.max(1)) {
            if !self.write(crumb).await {
                return false;
            }
            if crumb.len() < bytes.len() {
                self.world.pause(Duration::from_millis(1), self.turn()).await;
            }
        }
        true
    }

    /// Whether the connection is still there.
    async fn write(&mut self, bytes: &[u8]) -> bool {
        let Some(output) = self.output.as_mut() else { return false };
        output.write_all(bytes).await.is_ok() && !self.heard(|heard| heard.closed)
    }

    async fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Broken => {}
            Ending::MidFrame => {
                let message = self.writer.write(&wire::key_frame(u32::MAX, &[0xBB; 900]));
                let some = self.random.between(1, message.len() as u64 - 1) as usize;
                self.write(&message[..some]).await;
            }
            Ending::Unpublished => {
                let mut words = self.writer.write(&wire::fc_unpublish("cam"));
                words.extend(self.writer.write(&wire::delete_stream(1)));
                self.write(&words).await;
                self.world.pause(Duration::from_millis(20), self.turn()).await;
            }
            Ending::Silent(span) => {
                let until = self.world.now() + span;
                while self.world.now() < until && !self.heard(|heard| heard.closed) {
                    self.world.pause(Duration::from_millis(100), self.turn()).await;
                }
            }
        }
        // Both halves must go for the connection to break: the listener's goes with the server's answer to it.
        if let Some(mut output) = self.output.take() {
            let _ = output.shutdown().await;
        }
    }
}

async fn listen(mut input: ReadHalf<DuplexStream>, heard: Arc<Mutex<Heard>>) {
    let mut buffer = [0; 4_096];
    let mut words = Vec::new();
    loop {
        let count = input.read(&mut buffer).await.unwrap_or(0);
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        if count == 0 {
            heard.closed = true;
            return;
        }
        heard.count += count;
        words.extend_from_slice(&buffer[..count]);
        let says = |what: &[u8]| words.windows(what.len()).any(|window| window == what);
        heard.started |= says(b"Publish.Start");
        heard.refused |= says(b"Publish.BadName") || says(b"Publish.Denied") || says(b"Rejected");
        if heard.started {
            words.clear();
        }
    }
}
