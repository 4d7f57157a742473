//! Client: HTTP/1.1 as its bytes, over a network with delays, stalls and breaks of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::ledger::Promise;
use crate::mutant;
use crate::random::Random;
use crate::world::{Turn, World};

/// A network.
pub(crate) struct Network {
    /// From one end to the other, in milliseconds.
    pub(crate) delay: u64,
    /// A response in so many stalls on its way.
    pub(crate) stalls: u64,
    /// A request in so many breaks off.
    pub(crate) breaks: u64,
}

/// One answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// From the request to the first byte of the answer.
    pub(crate) waited: Duration,
    /// When that was: the body may have taken its time since.
    pub(crate) at: Duration,
}

pub(crate) struct Client {
    pub(crate) world: Arc<World>,
    pub(crate) who: usize,
    pub(crate) random: Random,
    network: Network,
    stream: Option<DuplexStream>,
    heard: Vec<u8>,
}

/// Why there was no answer.
enum Gone {
    /// The player broke off.
    Broke,
    /// The server closed, so long after the request was written.
    Closed(Duration),
}

impl Client {
    pub(crate) fn new(world: Arc<World>, who: usize) -> Self {
        let mut random = Random::of(world.seed, 200 + who as u64);
        let network = Network {
            delay: random.pick(&[5, 20, 60, 150, 400]),
            stalls: random.pick(&[0, 10, 40, 200]),
            breaks: random.pick(&[0, 25, 100, 400]),
        };
        Self { world, who, random, network, stream: None, heard: Vec::new() }
    }

    pub(crate) async fn pause(&self, span: Duration) {
        self.world.pause(span, Turn::Player(self.who)).await;
    }

    /// Asks for `path`. `None` when there is no answer: the connection broke, or the server takes nobody any more.
    pub(crate) async fn get(&mut self, path: &str) -> Option<Reply> {
        let mut head = self.random.millis(0, self.network.delay);
        if self.stream.is_none() {
            head += Duration::from_millis(self.network.delay);
        }
        self.pause(head).await;
        let text =
            format!("GET {path} HTTP/1.1\r\nHost: cam.example\r\nUser-Agent: player {}\r\n\r\n", self.who);
        if !self.say(text.as_bytes()).await {
            return None;
        }
        let asked = self.world.now();
        let shown = path.rsplit('/').next().unwrap_or(path);
        let reply = match self.answer(asked).await {
            Ok(reply) => reply,
            Err(gone) => {
                self.stream = None;
                match gone {
                    Gone::Broke => self.world.event(self.who, &format!("{shown}: broke off")),
                    Gone::Closed(after) => {
                        self.world.event(self.who, &format!("{shown}: closed"));
                        if !after.is_zero() {
                            let what = format_args!("{} asked for {shown}, and was closed on", self.who);
                            self.world.ledger().breaks(Promise::Answered, what);
                        }
                    }
                }
                return None;
            }
        };
        let waited = reply.waited.as_millis();
        self.world.event(self.who, &format!("{shown}: {} {} after {waited}", reply.status, reply.body.len()));
        self.world.ledger().requests += 1;
        if reply.status >= 500 && reply.status != 503 {
            let what = format_args!("{shown}: {}", reply.status);
            self.world.ledger().breaks(Promise::Answered, what);
        }
        Some(reply)
    }

    /// Writes a request, on a new connection where there is none. Whether that could be done.
    async fn say(&mut self, text: &[u8]) -> bool {
        if self.stream.is_none() {
            self.heard.clear();
            self.stream = self.world.connect_viewer(1 + self.who as u8);
        }
        let split = if self.random.once_in(20) { self.random.below(text.len() as u64) as usize } else { 0 };
        let turn = Turn::Player(self.who);
        let Some(stream) = &mut self.stream else { return false };
        let mut written = true;
        if split > 0 {
            written = stream.write_all(&text[..split]).await.is_ok();
            self.world.pause(Duration::from_millis(1), turn).await;
        }
        // One that the server has closed meanwhile is no promise broken.
        written = written && stream.write_all(&text[split..]).await.is_ok();
        if !written {
            self.stream = None;
        }
        written
    }

    async fn answer(&mut self, asked: Duration) -> Result<Reply, Gone> {
        let broken = self.network.breaks > 0 && self.random.once_in(self.network.breaks);
        let longest = self.world.longest();
        let bound = if broken { self.random.millis(1, 3_000) } else { longest };
        let read = self.head();
        let Ok(end) = tokio::time::timeout(bound, read).await else {
            if !broken {
                let what = format_args!("{} was not answered in {longest:?}", self.who);
                self.world.ledger().breaks(Promise::Answered, what);
            }
            return Err(Gone::Broke);
        };
        let mut waited = self.world.now().saturating_sub(asked);
        let held = waited > Duration::from_millis(100);
        if end.is_none() || mutant::drops(self.world.mutant, self.who, held) {
            return Err(Gone::Closed(waited));
        }
        let late = mutant::delay(self.world.mutant, self.who, held);
        if !late.is_zero() {
            tokio::time::sleep(late).await;
            waited += late;
        }
        if waited > longest {
            let what = format_args!("{} was answered after {waited:?}", self.who);
            self.world.ledger().breaks(Promise::Answered, what);
        }
        let head: Vec<u8> = self.heard.drain(..end.unwrap_or(0)).collect();
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let body = self.body(length.unwrap_or(0)).await?;
        if head.contains("connection: close") {
            self.stream = None;
        }
        Ok(Reply { status, body, waited, at: asked + waited })
    }

    /// Reads to the end of a head; `None` when the connection ends before.
    async fn head(&mut self) -> Option<usize> {
        loop {
            if let Some(at) = self.heard.windows(4).position(|window| window == b"\r\n\r\n") {
                return Some(at + 4);
            }
            self.hear().await?;
        }
    }

    async fn body(&mut self, length: usize) -> Result<Vec<u8>, Gone> {
        if self.network.stalls > 0 && self.random.once_in(self.network.stalls) {
            let span = self.random.millis(50, 4_000);
            self.pause(span).await;
        }
        while self.heard.len() < length {
            if self.hear().await.is_none() {
                // It was being answered.
                return Err(Gone::Closed(Duration::MAX));
            }
        }
        Ok(self.heard.drain(..length).collect())
    }

    /// Whatever comes next.
    pub(crate) async fn hear(&mut self) -> Option<()> {
        let stream = self.stream.as_mut()?;
        self.heard.reserve(4_096);
        let count = stream.read_buf(&mut self.heard).await.unwrap_or(0);
        (count > 0).then_some(())
    }

    /// Asks for something without an end; whether it begins.
    pub(crate) async fn open(&mut self, path: &str) -> bool {
        self.stream = None;
        let text = format!("GET {path} HTTP/1.1\r\nHost: cam.example\r\n\r\n");
        if !self.say(text.as_bytes()).await {
            return false;
        }
        let head = tokio::time::timeout(self.world.longest(), self.head()).await;
        let Ok(end) = head else {
            self.world.ledger().breaks(Promise::Answered, format_args!("{path}: no head"));
            return false;
        };
        let Some(end) = end else { return false };
        let head: Vec<u8> = self.heard.drain(..end).collect();
        let status = String::from_utf8_lossy(&head[..head.len().min(12)]).into_owned();
        self.world.event(self.who, &format!("{path}: {status}"));
        status.ends_with("200")
    }

    /// What has been heard of it since.
    pub(crate) fn taken(&mut self) -> &mut Vec<u8> {
        &mut self.heard
    }

    pub(crate) fn hang_up(&mut self) {
        self.stream = None;
    }
}
