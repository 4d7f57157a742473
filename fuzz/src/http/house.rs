//! A server with a stream that is live, one that is over, and one that nobody publishes.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::time::Duration;

use bytes::Bytes;
use rillcast::control::{DeclaredStream, KeyHash, Settings};
use rillcast::live::{Expect, Publisher};
use rillcast::media::{Frame, StreamName, Ticks, TrackId};
use rillcast::server::{Clock, Indoors};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::{Builder, Runtime};

use crate::steps::Cuts;
use crate::timeline::{sound, video};

/// What a network's buffers hold of one connection, each way.
const PIPE: usize = 64 * 1_024;
/// For how long something must have been said, or nothing more is: longer than a head may take, and than a hold.
const QUIET: Duration = Duration::from_secs(13);
/// Answers have no end where a file has none.
const MOST: usize = 4 << 20;
/// Of what is heard, where it may be any amount.
const LOOKED_AT: usize = 256 << 10;
/// Words of an input that stand for what only the server knows.
const GENERATION: &[u8] = b"GEN";
const VIEWER: &[u8] = b"VIEWER";
/// The key of the stream that nobody publishes, which nobody is told.
pub(crate) const SECRET: &str = "canary-stream-key";
/// Where who says something comes from, and the viewer who is there already.
const STRANGER: [u8; 4] = [198, 51, 100, 1];
const NEIGHBOUR: [u8; 4] = [198, 51, 100, 2];

/// After so many viewers there is another house: what each has seen of them is told to every operator.
const VIEWERS: u64 = 200;

thread_local! {
    // Not dropped with its thread: a runtime cannot end where threads do.
    static HOUSE: RefCell<ManuallyDrop<House>> = RefCell::new(ManuallyDrop::new(House::new()));
}

pub(crate) struct House {
    runtime: Runtime,
    indoors: Indoors,
    generation: String,
    /// How many viewers there have been, each with a name of its own.
    agents: Cell<u64>,
    _live: Publisher,
}

/// Where one comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Viewers.
    Public,
    /// The operator.
    Office,
}

impl House {
    /// The one of this thread; whatever one connection did to it the next one finds.
    pub(crate) fn with(work: impl FnOnce(&Self)) {
        HOUSE.with_borrow_mut(|house| {
            if house.agents.get() > VIEWERS {
                let old = std::mem::replace(house, ManuallyDrop::new(Self::new()));
                drop(ManuallyDrop::into_inner(old));
            }
            work(house);
        });
    }

    fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let (indoors, live) = runtime.block_on(async {
            let keys = vec![KeyHash::new(SECRET).expect("a key")];
            let quiet = DeclaredStream { name: StreamName::parse("quiet").expect("a name"), keys };
            let streams = vec![quiet];
            let indoors = Indoors::new(Settings { open_publish: true, streams, ..Settings::default() });
            publish(&indoors, "over").await.finish();
            let live = publish(&indoors, "cam").await;
            (indoors, live)
        });
        let generation = live.generation().id().as_str().to_owned();
        Self { runtime, indoors, generation, agents: Cell::new(0), _live: live }
    }

    /// `said` with what stands for the name of the generation, and for a viewer of it.
    pub(crate) fn named(&self, said: &[u8]) -> Vec<u8> {
        let said = replaced(said, GENERATION, self.generation.as_bytes());
        if !said.windows(VIEWER.len()).any(|word| word == VIEWER) {
            return said;
        }
        replaced(&said, VIEWER, self.viewer().as_bytes())
    }

    /// Somebody who watches, whom nobody has sent away.
    fn viewer(&self) -> String {
        let agent = self.agents.replace(self.agents.get() + 1);
        let said = format!(
            "GET /live/cam/{}/v0/media.m3u8 HTTP/1.1\r\nHost: t\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n",
            self.generation
        );
        let (heard, _) = self.says(Door::Public, NEIGHBOUR, said.as_bytes(), &mut Cuts::new(0xFF));
        assert!(heard.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&heard));
        let list = self.get(Door::Office, "/api/v1/viewers");
        let list: serde_json::Value = serde_json::from_slice(&list).expect("a document");
        let viewers = list["viewers"].as_array().expect("viewers");
        let one = viewers.iter().find(|one| one["agent"] == agent.to_string()).expect("who asked");
        one["id"].as_str().expect("an id").to_owned()
    }

    /// What comes of `said` on a connection of its own, and whether the server closed it.
    pub(crate) fn converse(&self, door: Door, said: &[u8], cuts: &mut Cuts) -> (Vec<u8>, bool) {
        self.says(door, STRANGER, said, cuts)
    }

    fn says(&self, door: Door, from: [u8; 4], said: &[u8], cuts: &mut Cuts) -> (Vec<u8>, bool) {
        self.runtime.block_on(async {
            let mut ours = self.connect(door, from);
            let (mut left, mut heard, mut buffer) = (said, Vec::new(), vec![0; PIPE]);
            while !left.is_empty() {
                let (now, rest) = left.split_at(cuts.next(left.len()));
                if ours.write_all(now).await.is_err() {
                    break;
                }
                left = rest;
                tokio::task::yield_now().await;
            }
            loop {
                match tokio::time::timeout(QUIET, ours.read(&mut buffer)).await {
                    Err(_) => return (heard, false),
                    Ok(Ok(0) | Err(_)) => return (heard, true),
                    Ok(Ok(count)) => heard.extend(&buffer[..count]),
                }
                assert!(heard.len() <= MOST, "an answer without an end");
            }
        })
    }

    fn connect(&self, door: Door, from: [u8; 4]) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let taken = match door {
            Door::Public => self.indoors.viewer(theirs, from.into()),
            Door::Office => self.indoors.operator(theirs, from.into()),
        };
        assert!(taken, "there is room for one");
        ours
    }

    /// What comes of `pieces`, each said so long after the one before, to whoever `reads`, or does not: as much of it as is
    /// looked at. Then nothing more is said, until the server ends the connection by itself or, where there is a `patience`,
    /// its peer does. All that was begun for it is over within `bound`.
    pub(crate) fn endures(
        &self,
        pieces: &[(Duration, Vec<u8>)],
        reads: bool,
        patience: Option<Duration>,
        bound: Duration,
    ) -> Vec<u8> {
        self.runtime.block_on(async {
            let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
            let before = tasks();
            let gone = || async {
                while tasks() > before {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            };
            let (mut from, mut to) = tokio::io::split(self.connect(Door::Public, STRANGER));
            let (mut heard, mut buffer) = (Vec::new(), vec![0; PIPE]);
            let says = async {
                for (pause, piece) in pieces {
                    tokio::time::sleep(*pause).await;
                    if to.write_all(piece).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                match patience {
                    Some(patience) => tokio::time::sleep(patience).await,
                    None => gone().await,
                }
            };
            let hears = async {
                while reads && let Ok(count @ 1..) = from.read(&mut buffer).await {
                    heard.extend(&buffer[..count.min(LOOKED_AT.saturating_sub(heard.len()))]);
                }
                if patience.is_some() {
                    std::future::pending::<()>().await;
                }
            };
            let talk = async {
                match patience {
                    Some(_) => tokio::select! { () = says => {}, () = hears => {} },
                    None => drop(tokio::join!(says, hears)),
                }
            };
            let pauses: Duration = pieces.iter().map(|(pause, _)| *pause).sum();
            let ended = tokio::time::timeout(pauses + bound, talk).await.is_ok();
            drop((from, to));
            let ended = ended && tokio::time::timeout(bound, gone()).await.is_ok();
            assert!(ended, "after {bound:?} there are {} tasks, and were {before}", tasks());
            assert_eq!(self.indoors.metrics().http_connections.get(), 0);
            heard
        })
    }

    /// The whole of what is at `target`.
    pub(crate) fn get(&self, door: Door, target: &str) -> Vec<u8> {
        let said = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let (heard, closed) = self.converse(door, said.as_bytes(), &mut Cuts::new(0xFF));
        assert!(
            closed && heard.starts_with(b"HTTP/1.1 200"),
            "{target}: {}",
            String::from_utf8_lossy(&heard)
        );
        let end = heard.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        heard[end..].to_vec()
    }
}

fn replaced(mut text: &[u8], word: &[u8], with: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(at) = text.windows(word.len()).position(|one| one == word) {
        all.extend([&text[..at], with].concat());
        text = &text[at + word.len()..];
    }
    [&all, text].concat()
}

/// Ten seconds of pictures and sound.
async fn publish(indoors: &Indoors, name: &str) -> Publisher {
    let name = StreamName::parse(name).expect("a name");
    let mut publisher = indoors.registry().publish(&name, Clock::now()).expect("nobody is there");
    publisher.expect(Expect { video: Some(true), audio: Some(true), ..Expect::default() });
    for track in [video(None), sound(48_000)] {
        publisher.configure(track, Clock::now());
    }
    for n in 0..250_i64 {
        tokio::time::advance(Duration::from_millis(40)).await;
        let now = Clock::now();
        publisher.tick(now);
        for track in [TrackId::VIDEO, TrackId::AUDIO, TrackId::AUDIO] {
            let key = track == TrackId::AUDIO || n % 50 == 0;
            let payload = Bytes::from(format!("{n} of {track} {:64}", ""));
            let (dts, arrival) = (Ticks::millis(n * 40), now.mono);
            let frame = Frame { track, dts, cts: 0, duration: None, key, payload, arrival };
            publisher.push(frame, now).expect("taken");
        }
    }
    publisher
}
