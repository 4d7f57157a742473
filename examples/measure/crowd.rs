//! Crowd: very many viewers of one stream, each on one connection: a blocking reload, the newest part, and again.
//!
//! Beside it, the same number of connections asks nginx for static files of the same sizes, at the same pace.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};

use crate::playlist::Next;
use crate::process::{Look, look};
use crate::publish::{Journal, Reel, Tail, publish};
use crate::stats::Summary;
use crate::viewer::{Keep, Scratch, Viewer, scratch};
use crate::watch::{Media, open};
use crate::{Fault, Source, http};

/// What is left out while everybody gets into step, and the server learns how far keyframes are apart.
const WARM_UP: Duration = Duration::from_secs(6);
/// A reader that takes nothing is closed after six seconds, once the system's buffers are full.
const STALLED: Duration = Duration::from_secs(10);

#[derive(Args, Clone)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// The multivariant playlist.
    #[arg(long)]
    play: String,
    /// How many viewers.
    #[arg(long, default_value_t = 1_000)]
    viewers: usize,
    /// Seconds to measure, each time.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// How many times.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The server's process.
    #[arg(long)]
    pid: u32,
    /// In every second round: how many besides ask for the stream as an endless file and read nothing of it.
    #[arg(long, default_value_t = 0)]
    stalled: usize,
    /// nginx for comparison: its process, the folder it serves, its `http://host:port`.
    #[arg(long, num_args = 3, value_names = ["PID", "FOLDER", "URL"])]
    nginx: Option<Vec<String>>,
}

/// One state of the playlist, read once for all.
#[derive(Default)]
struct State {
    /// Compressed, as the server sent it.
    body: Vec<u8>,
    position: (u64, u64),
    /// The next blocking reload, and the newest part.
    reload: Rc<[u8]>,
    part: Rc<[u8]>,
    /// How long that part is and how it ends, once somebody has it.
    media: Option<(usize, Tail)>,
}

/// One viewer's reload and part.
struct Seen {
    state: usize,
    listed: Instant,
    fetched: Instant,
}

/// What the viewers know together.
#[derive(Default)]
struct Shared {
    states: Vec<Rc<RefCell<State>>>,
    seen: Vec<Seen>,
    failures: HashMap<String, usize>,
}

pub(crate) fn run(options: Options) -> Result<(), Fault> {
    let reel = Arc::new(Reel::load(&options.source)?);
    let journal = Arc::new(Journal::default());
    let (url, notes) = (options.source.rtmp.replace("{n}", "0"), journal.clone());
    let rate = reel.bit_rate();
    // The publisher has a thread of its own: viewers that are busy must not make it late.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let ended = runtime.map(|runtime| runtime.block_on(publish(&url, &reel, Some(&notes))));
        println!("the publish ended: {ended:?}");
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let media = open(&options.play, Duration::from_secs(15)).await?;
        for round in 0..options.rounds {
            let stalled = if round % 2 == 1 { options.stalled } else { 0 };
            println!(
                "-- {} viewers beside {stalled} that read nothing, round {}",
                options.viewers,
                round + 1
            );
            let stalls: Vec<_> = (0..stalled).map(|n| spawn_local(stall(options.play.clone(), n))).collect();
            tokio::time::sleep(WARM_UP / 2).await;
            let live = live(&options, &media, rate).await?;
            stalls.iter().for_each(tokio::task::JoinHandle::abort);
            let sizes = live.report(&options, &journal);
            if let Some([pid, folder, url]) = options.nginx.as_deref() {
                let theirs = files(&options, pid.parse()?, Path::new(folder), url, sizes).await?;
                println!("ratio: {:.2}", live.cost() / theirs);
            }
        }
        Ok(())
    })
}

/// One measurement of the server.
struct Live {
    shared: Rc<RefCell<Shared>>,
    cpu: Duration,
    /// What the viewers used meanwhile, and whoever publishes.
    own: Duration,
    lists: usize,
    took: Duration,
    /// Resident bytes a connection.
    memory: f64,
    /// The state in which the measurement began.
    from: usize,
}

async fn live(options: &Options, media: &Media, bit_rate: u64) -> Result<Live, Fault> {
    let (shared, scratch) = (Rc::new(RefCell::new(Shared::default())), scratch());
    let (empty, since) = (look(options.pid)?, Instant::now());
    let until = Instant::now() + WARM_UP + Duration::from_secs(options.seconds);
    for n in 0..options.viewers {
        let (media, shared, scratch) = (media.clone(), shared.clone(), scratch.clone());
        spawn_local(async move {
            if let Err(fault) = follow(&media, &shared, scratch, until).await {
                *shared.borrow_mut().failures.entry(fault.to_string()).or_default() += 1;
            }
        });
        // The listener's queue is not what is measured.
        if n % 50 == 49 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    tokio::time::sleep(WARM_UP).await;
    let (before, start, from) = (look(options.pid)?, Instant::now(), shared.borrow().states.len());
    let (done, own) = (shared.borrow().seen.len(), look(std::process::id())?);
    // What was published meanwhile is kept too, and is not the viewers'.
    let kept = bit_rate as f64 / 8.0 * since.elapsed().as_secs_f64();
    let memory = (before.rss.saturating_sub(empty.rss) as f64 - kept) / options.viewers as f64;
    tokio::time::sleep_until(until.into()).await;
    let (after, at_end, took) = (look(options.pid)?, look(std::process::id())?, start.elapsed());
    let lists = shared.borrow().seen.len() - done;
    // Everybody ends with the answer that is being waited for.
    tokio::time::sleep(WARM_UP / 4).await;
    let own = used(own, at_end);
    Ok(Live { shared, cpu: used(before, after), own, lists, took, memory, from })
}

/// One that asks for an endless file and reads nothing of it, again and again since it is closed for that.
async fn stall(play: String, n: usize) -> Result<(), Fault> {
    let (authority, path) = http::split(&play)?;
    let stream = path.trim_end_matches("/index.m3u8");
    let request = format!("GET {stream}.flv HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    // They do not come all at once.
    tokio::time::sleep(Duration::from_millis(n as u64 * 5)).await;
    loop {
        let mut reader = TcpStream::connect(authority).await?;
        reader.write_all(request.as_bytes()).await?;
        tokio::time::sleep(STALLED).await;
    }
}

async fn follow(
    media: &Media,
    shared: &Rc<RefCell<Shared>>,
    scratch: Scratch,
    until: Instant,
) -> Result<(), Fault> {
    let mut viewer = Viewer::connect(&media.authority, scratch).await?;
    let mut body = Vec::new();
    let mut reload = request(&media.authority, &media.path);
    while Instant::now() < until {
        body.clear();
        let (_, listed) = viewer.get(&reload, Keep::Whole(&mut body)).await?;
        let (state, known) = shared.borrow_mut().state(media, &body)?;
        let part = known.borrow().part.clone();
        let mut tail = [0; 32];
        let (length, fetched) = viewer.get(&part, Keep::End(&mut tail)).await?;
        let mut known = known.borrow_mut();
        if *known.media.get_or_insert((length, tail)) != (length, tail) {
            return Err("a part that others have otherwise".into());
        }
        reload = known.reload.clone();
        shared.borrow_mut().seen.push(Seen { state, listed, fetched });
    }
    Ok(())
}

fn request(authority: &str, path: &str) -> Rc<[u8]> {
    let text = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nAccept-Encoding: gzip\r\n\r\n");
    text.into_bytes().into()
}

impl Shared {
    /// The state that `body` is, and its number.
    fn state(&mut self, media: &Media, body: &[u8]) -> Result<(usize, Rc<RefCell<State>>), Fault> {
        let known = self.states.iter().enumerate().rev().take(8);
        if let Some((n, state)) = known.into_iter().find(|(_, state)| state.borrow().body == body) {
            return Ok((n, state.clone()));
        }
        let mut text = String::new();
        flate2::read::GzDecoder::new(body).read_to_string(&mut text)?;
        let next = Next::read(&text);
        let part = next.last.as_deref().ok_or("a playlist without a part")?;
        let state = State {
            body: body.to_vec(),
            position: (next.msn, next.part),
            reload: request(&media.authority, &format!("{}?{}", media.path, next.query())),
            part: request(&media.authority, &http::resolve(&media.path, part)),
            media: None,
        };
        self.states.push(Rc::new(RefCell::new(state)));
        Ok((self.states.len() - 1, self.states.last().cloned().unwrap_or_default()))
    }
}

/// Mean lengths of the bodies, and what a viewer's turn takes.
struct Sizes {
    list: usize,
    part: usize,
    turn: Duration,
}

impl Live {
    /// Processor time a request, in microseconds.
    fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / (self.lists * 2).max(1) as f64
    }

    fn report(&self, options: &Options, journal: &Journal) -> Sizes {
        let shared = self.shared.borrow();
        let sent: HashMap<Tail, Vec<Instant>> = journal.all().iter().fold(HashMap::new(), |mut sent, one| {
            one.tail.into_iter().for_each(|tail| sent.entry(tail).or_default().push(one.at));
            sent
        });
        let states: Vec<_> = shared.states.iter().map(|state| state.borrow()).collect();
        let mut first: HashMap<usize, Instant> = HashMap::new();
        for seen in &shared.seen {
            first.entry(seen.state).and_modify(|at| *at = seen.listed.min(*at)).or_insert(seen.listed);
        }
        // The last time that the part's last picture was sent before anybody had it.
        let published = |state: usize| {
            let before = first.get(&state)?;
            let times = sent.get(&states.get(state)?.media?.1)?;
            times.iter().rev().find(|at| *at <= before).copied()
        };
        let published: Vec<_> = (0..states.len()).map(published).collect();
        // The last state is cut off by the end, some of those before were met by viewers who came.
        let all =
            || shared.seen.iter().filter(|seen| seen.state >= self.from && seen.state + 1 < states.len());
        let since = |from: &dyn Fn(&Seen) -> Option<Instant>, to: fn(&Seen) -> Instant| {
            Summary::of(
                all().filter_map(|seen| Some(to(seen).saturating_duration_since(from(seen)?))).collect(),
            )
        };
        let sent = |seen: &Seen| published.get(seen.state).copied().flatten();
        let early = |seen: &Seen| first.get(&seen.state).copied();
        let lines = [
            ("last frame sent -> playlist      ", since(&sent, |seen| seen.listed)),
            ("last frame sent -> part          ", since(&sent, |seen| seen.fetched)),
            ("first viewer's playlist -> others", since(&early, |seen| seen.listed)),
        ];
        for (what, summary) in lines {
            summary.into_iter().for_each(|summary| println!("{what} {summary}"));
        }
        let positions: std::collections::HashSet<_> = states.iter().map(|state| state.position).collect();
        let in_full = states.len().saturating_sub(self.from + 1);
        println!(
            "{} bodies of {} states; {:.2} % of {in_full} states missed by a viewer; failures {:?}",
            states.len(),
            positions.len(),
            100.0 * (1.0 - all().count() as f64 / (in_full * options.viewers).max(1) as f64),
            shared.failures
        );
        let count = states.len().max(1);
        let sizes = Sizes {
            list: states.iter().map(|state| state.body.len()).sum::<usize>() / count,
            part: states.iter().map(|state| state.media.map_or(0, |media| media.0)).sum::<usize>() / count,
            turn: self.took.mul_f64(options.viewers as f64 / self.lists.max(1) as f64),
        };
        println!(
            "server: {:.1} us a request, {:.0} % of a core, {:.0} requests a second, {} and {} bytes; {:.1} KiB a viewer",
            self.cost(),
            100.0 * self.cpu.as_secs_f64() / self.took.as_secs_f64(),
            (self.lists * 2) as f64 / self.took.as_secs_f64(),
            sizes.list,
            sizes.part,
            self.memory / 1024.0,
        );
        println!("viewers: {:.0} % of a core", 100.0 * self.own.as_secs_f64() / self.took.as_secs_f64());
        sizes
    }
}

fn used(before: Look, after: Look) -> Duration {
    after.cpu.saturating_sub(before.cpu)
}

/// Has nginx serve files of these sizes at this pace, and answers its processor time a request in microseconds.
async fn files(options: &Options, pid: u32, folder: &Path, url: &str, sizes: Sizes) -> Result<f64, Fault> {
    // Names of their own each time: nginx keeps files open, and one that shrinks is an error to it.
    let named = |name| format!("{name}-{}-{}", sizes.list, sizes.part);
    let names = [named("list"), named("part")];
    for (name, len) in names.iter().zip([sizes.list, sizes.part]) {
        std::fs::write(folder.join(name), vec![b'x'; len])?;
    }
    let (authority, _) = http::split(url)?;
    let authority = Rc::new(authority.to_owned());
    let (scratch, done) = (scratch(), Rc::new(RefCell::new((0, HashMap::<String, usize>::new()))));
    let start = tokio::time::Instant::now() + Duration::from_secs(1);
    let until = start + Duration::from_secs(options.seconds + 1);
    for _ in 0..options.viewers {
        let (authority, scratch, done) = (authority.clone(), scratch.clone(), done.clone());
        let names = names.clone();
        spawn_local(async move {
            let turns = async {
                let mut viewer = Viewer::connect(&authority, scratch).await?;
                let both = names.map(|name| request(&authority, &format!("/{name}")));
                let mut turn = start;
                while turn < until {
                    tokio::time::sleep_until(turn).await;
                    for request in &both {
                        viewer.get(request, Keep::End(&mut [0; 32])).await?;
                        done.borrow_mut().0 += 1;
                    }
                    turn += sizes.turn;
                }
                Ok::<_, Fault>(())
            };
            if let Err(fault) = turns.await {
                *done.borrow_mut().1.entry(fault.to_string()).or_default() += 1;
            }
        });
    }
    tokio::time::sleep_until(start + Duration::from_secs(1)).await;
    let (before, had, at) = (look(pid)?, done.borrow().0, Instant::now());
    tokio::time::sleep_until(until).await;
    let (after, count, took) = (look(pid)?, done.borrow().0 - had, at.elapsed());
    let cost = used(before, after).as_secs_f64() * 1e6 / count.max(1) as f64;
    println!(
        "nginx: {cost:.1} us a request, {:.0} % of a core, {:.0} requests a second; failures {:?}",
        100.0 * used(before, after).as_secs_f64() / took.as_secs_f64(),
        count as f64 / took.as_secs_f64(),
        done.borrow().1
    );
    tokio::time::sleep(sizes.turn * 2).await;
    Ok(cost)
}
