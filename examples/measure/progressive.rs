//! Progressive: very many readers of one endless FLV file: whether each gets every picture or a counted skip, and what
//! that costs the server. Beside it, nginx sends a static file to as many connections at the same rate.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};

use crate::process::look;
use crate::publish::{Reel, publish};
use crate::{Fault, Source, http};

/// What is left out while everybody comes.
const WARM_UP: Duration = Duration::from_secs(5);
/// Bytes read at once, into one buffer for all.
const READ: usize = 256 * 1024;

#[derive(Args, Clone)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// The endless FLV file.
    #[arg(long)]
    play: String,
    /// How many readers.
    #[arg(long, default_value_t = 1_000)]
    readers: usize,
    /// Of these, how many ask and then read nothing.
    #[arg(long, default_value_t = 0)]
    stalled: usize,
    /// Seconds to measure.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// The server's process.
    #[arg(long)]
    pid: u32,
    /// nginx for comparison: its process, and a large file that it sends at the stream's rate.
    #[arg(long, num_args = 2, value_names = ["PID", "URL"])]
    nginx: Option<Vec<String>>,
}

/// What one reader got while it was measured.
#[derive(Default, Clone)]
struct Got {
    bytes: u64,
    pictures: u64,
    /// Times of the first and the last picture, in milliseconds, and of what is missing between.
    first: Option<u32>,
    last: u32,
    missing: u64,
    skips: u64,
    ended: bool,
}

pub(crate) fn run(options: Options) -> Result<(), Fault> {
    let reel = Arc::new(Reel::load(&options.source)?);
    println!("{} readers, {:.2} Mbit/s", options.readers, reel.bit_rate() as f64 / 1e6);
    let url = options.source.rtmp.replace("{n}", "0");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let ended = runtime.map(|runtime| runtime.block_on(publish(&url, &reel, None)));
        println!("the publish ended: {ended:?}");
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let ours = crowd(&options, &options.play, options.pid, true).await?;
        if let Some([pid, url]) = options.nginx.as_deref() {
            let theirs = crowd(&options, url, pid.parse()?, false).await?;
            println!("ratio: {:.2}", ours / theirs);
        }
        Ok(())
    })
}

/// Processor time for each byte that came, in nanoseconds.
async fn crowd(options: &Options, url: &str, pid: u32, live: bool) -> Result<f64, Fault> {
    let (authority, path) = http::split(url)?;
    let empty = look(pid)?;
    let scratch = Rc::new(RefCell::new(vec![0; READ]));
    let all: Vec<_> = (0..options.readers).map(|_| Rc::new(RefCell::new(Got::default()))).collect();
    let mut tasks = Vec::new();
    for (n, got) in all.iter().enumerate() {
        let (authority, path) = (authority.to_owned(), path.to_owned());
        let (got, scratch, stalls) = (got.clone(), scratch.clone(), live && n < options.stalled);
        tasks.push(spawn_local(async move {
            let read = follow(&authority, &path, &got, &scratch, live, stalls).await;
            got.borrow_mut().ended = true;
            read
        }));
        // The listener's queue is not what is measured.
        if n % 50 == 49 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    tokio::time::sleep(WARM_UP).await;
    for got in &all {
        let ended = got.borrow().ended;
        *got.borrow_mut() = Got { ended, ..Got::default() };
    }
    let (before, start) = (look(pid)?, Instant::now());
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let (after, took) = (look(pid)?, start.elapsed());
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let cpu = after.cpu.saturating_sub(before.cpu);
    let good: Vec<Got> =
        all.iter().skip(if live { options.stalled } else { 0 }).map(|got| got.borrow().clone()).collect();
    let bytes: u64 = good.iter().map(|got| got.bytes).sum();
    println!(
        "{}: {:.1} % of a core, {:.0} us a reader and second, {:.1} ns a KiB; {:.1} Mbit/s each; {} ended; +{:.1} MiB",
        if live { "rillcast" } else { "nginx" },
        cpu.as_secs_f64() / took.as_secs_f64() * 100.0,
        cpu.as_secs_f64() * 1e6 / options.readers as f64 / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e9 * 1024.0 / bytes.max(1) as f64,
        bytes as f64 * 8.0 / 1e6 / took.as_secs_f64() / good.len().max(1) as f64,
        good.iter().filter(|got| got.ended).count(),
        after.rss.saturating_sub(empty.rss) as f64 / f64::from(1 << 20),
    );
    if live {
        let whole = good.iter().filter(|got| got.missing == 0 && got.pictures > 0).count();
        let least = good.iter().map(|got| got.pictures).min().unwrap_or(0);
        let most = good.iter().map(|got| got.pictures).max().unwrap_or(0);
        let skips: u64 = good.iter().map(|got| got.skips).sum();
        let missing: u64 = good.iter().map(|got| got.missing).sum();
        println!(
            "{whole} of {} had every picture, {least} to {most}; {skips} skips of {missing} ms in all",
            good.len()
        );
    }
    Ok(cpu.as_secs_f64() * 1e9 / bytes.max(1) as f64)
}

async fn follow(
    authority: &str,
    path: &str,
    got: &RefCell<Got>,
    scratch: &RefCell<Vec<u8>>,
    live: bool,
    stalls: bool,
) -> Result<(), Fault> {
    let mut scan = Scan::default();
    loop {
        let mut stream = TcpStream::connect(authority).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n").as_bytes()).await?;
        if stalls {
            std::future::pending::<()>().await;
        }
        loop {
            stream.readable().await?;
            let mut scratch = scratch.borrow_mut();
            match stream.try_read(&mut scratch) {
                Ok(0) if live => return Ok(()),
                // A file has an end; the next one follows.
                Ok(0) => break,
                Ok(count) => {
                    let mut got = got.borrow_mut();
                    got.bytes += count as u64;
                    if live {
                        scan.take(scratch.get(..count).unwrap_or_default(), &mut got);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Where a reader is in the response, its chunks, and the tags in them.
#[derive(Default)]
struct Scan {
    part: Part,
    /// Of the head: its last four bytes. Of a chunk: its size so far, or what is left of it.
    value: usize,
    tag: Vec<u8>,
    /// Bytes of the file to pass over.
    skip: usize,
    begun: bool,
    step: u32,
}

#[derive(Default, Clone, Copy)]
enum Part {
    #[default]
    Head,
    Size,
    Data,
    End,
}

impl Scan {
    fn take(&mut self, mut bytes: &[u8], got: &mut Got) {
        while let Some((first, rest)) = bytes.split_first() {
            match self.part {
                Part::Head => {
                    self.value = (self.value << 8 | usize::from(*first)) & 0xFFFF_FFFF;
                    if self.value == 0x0D0A_0D0A {
                        (self.part, self.value) = (Part::Size, 0);
                    }
                    bytes = rest;
                }
                Part::Size => {
                    match char::from(*first).to_digit(16) {
                        Some(digit) => self.value = self.value << 4 | digit as usize,
                        None if *first == b'\n' => self.part = Part::Data,
                        None => {}
                    }
                    bytes = rest;
                }
                Part::Data => {
                    let (data, rest) = bytes.split_at(self.value.min(bytes.len()));
                    self.file(data, got);
                    self.value -= data.len();
                    bytes = rest;
                    if self.value == 0 {
                        (self.part, self.value) = (Part::End, 2);
                    }
                }
                Part::End => {
                    self.value -= 1;
                    bytes = rest;
                    if self.value == 0 {
                        self.part = Part::Size;
                    }
                }
            }
        }
    }

    /// FLV: a header of nine bytes and four, then tags: eleven bytes, their body, and four.
    fn file(&mut self, mut bytes: &[u8], got: &mut Got) {
        if !self.begun {
            (self.begun, self.skip) = (true, 13);
        }
        while !bytes.is_empty() {
            let passed = self.skip.min(bytes.len());
            bytes = bytes.get(passed..).unwrap_or_default();
            self.skip -= passed;
            if self.skip > 0 {
                return;
            }
            // The first byte of the body says whether a video tag holds a picture.
            let (taken, rest) = bytes.split_at((13 - self.tag.len()).min(bytes.len()));
            self.tag.extend(taken);
            bytes = rest;
            if let [kind, a, b, c, t1, t2, t3, t4, _, _, _, _, packet] = *self.tag.as_slice() {
                let size = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                if kind == 9 && packet == 1 {
                    self.picture(u32::from_be_bytes([t4, t1, t2, t3]), got);
                }
                self.skip = (size + 4).saturating_sub(2);
                self.tag.clear();
            }
        }
    }

    fn picture(&mut self, time: u32, got: &mut Got) {
        if got.first.is_some() {
            let step = time.saturating_sub(got.last);
            self.step = if self.step == 0 { step } else { self.step.min(step.max(1)) };
            if step > self.step * 3 {
                got.skips += 1;
                got.missing += u64::from(step - self.step);
            }
        }
        got.first.get_or_insert(time);
        got.last = time;
        got.pictures += 1;
    }
}
