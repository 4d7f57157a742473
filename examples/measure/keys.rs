//! Keys: whether the time it takes to refuse a stream key tells how near it came to the right one.
//!
//! Wrong keys of four kinds, in the order of chance, and Welch's t-test between those that differ in nothing but how near
//! they came, as dudect does it (Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", 2017): of all samples
//! and of the fastest of them, where what the machine does besides weighs less. A |t| of 4.5 and more is a difference.
//!
//! Keys are made in batches before any is timed, and timed from one place: else the test sees how they were made. What a
//! guess's own length costs is known to whoever guesses; two of one length are compared.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use clap::Args;
use rillcast::base::Secret;
use rillcast::control::{Access, Claim, DeclaredStream, KeyHash, Settings, Verdict, generate_key};
use rillcast::media::StreamName;
use rillcast::server::House;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::Fault;

/// From where on two means are taken to differ.
const JUDGE: f64 = 4.5;
/// Which parts of the samples are looked at, the fastest so many in a hundred.
const PARTS: [usize; 4] = [100, 99, 90, 50];
/// In which ways a key is wrong.
const KINDS: [&str; 4] = ["first byte", "last byte", "length", "length, first"];
/// Keys that are made before they are timed.
const BATCH: usize = 1_024;
/// Room for a key.
const ROOM: usize = 64;
/// Addresses that are judged in turn.
const STRANGERS: usize = 2_048;
/// Attempts over sockets at once.
const AT_ONCE: usize = 256;

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Samples of the comparison, and of the whole judgement.
    #[arg(long, default_value_t = 800_000)]
    samples: usize,
    /// Attempts over a socket, each from an address of its own.
    #[arg(long, default_value_t = 20_000)]
    attempts: usize,
    /// What the order and the keys are drawn by.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    println!("seed {}; a |t| of {JUDGE} and more is a difference", options.seed);
    let right = generate_key()?.expose().to_owned();
    let mut guesses = Guesses { right: right.clone().into_bytes(), chance: options.seed };
    let plain = sample(options.samples / 10, &mut guesses, |guess, _| {
        let began = Instant::now();
        black_box(black_box(guess).bytes().zip(black_box(&right).bytes()).all(|(a, b)| a == b));
        began.elapsed()
    });
    told("byte by byte until one differs, to show that the test sees it", &plain);
    let hash = KeyHash::new(&right)?;
    let compared = sample(options.samples, &mut guesses, |guess, _| {
        let began = Instant::now();
        black_box(bool::from(black_box(&hash).matches(black_box(guess))));
        began.elapsed()
    });
    told("comparison", &compared);
    let access = Access::new(streams(&right)?, false);
    let start = Instant::now();
    let judged = sample(options.samples, &mut guesses, |guess, n| {
        let key = Secret::new(guess);
        // Nobody tries ten times a minute, and all of them are remembered.
        let now = start + Duration::from_secs(7 * (n / STRANGERS) as u64);
        let claim = Claim { path: "cam", key: Some(&key), address: stranger(n % STRANGERS), now };
        let began = Instant::now();
        let verdict = black_box(access.authorize(black_box(&claim)));
        let took = began.elapsed();
        assert!(matches!(verdict, Verdict::Refuse { .. }), "a wrong key is let in");
        took
    });
    told("judgement", &judged);
    told("over a socket", &over_sockets(options, &right, &mut guesses)?);
    Ok(())
}

/// Wrong keys by the kind.
struct Guesses {
    right: Vec<u8>,
    chance: u64,
}

impl Guesses {
    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A key that is wrong in one way of those there are.
    fn next(&mut self) -> Guess {
        // No key of ours has a capital letter.
        let (kind, byte) = ((self.draw() % 4) as usize, b'A' + (self.draw() % 26) as u8);
        let (mut bytes, last) = ([b'-'; ROOM], self.right.len() - 1);
        let at = if matches!(kind, 0 | 3) { 0 } else { last };
        for (n, (to, right)) in bytes.iter_mut().zip(&self.right).enumerate() {
            *to = if n == at { byte } else { *right };
        }
        Guess { kind, bytes, len: if kind < 2 { last + 1 } else { last } }
    }
}

struct Guess {
    kind: usize,
    bytes: [u8; ROOM],
    len: usize,
}

impl Guess {
    fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// Times by the kind.
type Samples = [Vec<f64>; 4];

fn sample(count: usize, guesses: &mut Guesses, mut time: impl FnMut(&str, usize) -> Duration) -> Samples {
    let (mut samples, mut times, mut place) = (Samples::default(), Vec::new(), guesses.next());
    for batch in 0..count.div_ceil(BATCH) + 1 {
        let keys: Vec<Guess> = (0..BATCH).map(|_| guesses.next()).collect();
        times.clear();
        for (n, key) in keys.iter().enumerate() {
            (place.bytes, place.len) = (key.bytes, key.len);
            times.push(time(black_box(&place).text(), batch * BATCH + n));
        }
        // The first are for caches and clocks.
        for (key, took) in keys.iter().zip(&times).filter(|_| batch > 0) {
            let took = took.as_secs_f64() * 1e9;
            samples.get_mut(key.kind).into_iter().for_each(|kind| kind.push(took));
        }
    }
    samples
}

/// So that nobody has tried too often.
fn stranger(n: usize) -> IpAddr {
    IpAddr::from(Ipv4Addr::from(0x7F01_0000 | (n as u32 & 0xFFFF)))
}

fn streams(key: &str) -> Result<Vec<DeclaredStream>, Fault> {
    let name = StreamName::parse("cam").map_err(|fault| fault.to_string())?;
    Ok(vec![DeclaredStream { name, keys: vec![KeyHash::new(key)?] }])
}

/// From a whole conversation being written to its refusal being there.
fn over_sockets(options: &Options, right: &str, guesses: &mut Guesses) -> Result<Samples, Fault> {
    let mut settings = Settings { streams: streams(right)?, ..Settings::default() };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    (settings.listen.rtmp, settings.listen.http, settings.listen.admin) = (any, any, any);
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let house = server.block_on(House::bind(settings))?;
    let at = house.addresses().rtmp;
    server.spawn(house.serve(std::future::pending()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let samples = runtime.block_on(async {
        let (mut samples, mut tries) = (Samples::default(), JoinSet::new());
        for n in 0..options.attempts {
            let guess = guesses.next();
            tries.spawn(async move {
                attempt(at, stranger(n), guess.text()).await.map(|took| (guess.kind, took))
            });
            if tries.len() >= AT_ONCE || n + 1 == options.attempts {
                let all = n + 1 == options.attempts;
                while let Some(done) = tries.join_next().await {
                    let (kind, took) = done??;
                    let took = took.as_secs_f64() * 1e9;
                    samples.get_mut(kind).into_iter().for_each(|kind| kind.push(took));
                    if !all {
                        break;
                    }
                }
            }
        }
        Ok::<_, Fault>(samples)
    })?;
    server.shutdown_background();
    Ok(samples)
}

async fn attempt(at: SocketAddr, from: IpAddr, key: &str) -> Result<Duration, Fault> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    let mut socket = socket.connect(at).await?;
    socket.set_nodelay(true)?;
    let words = words(key);
    let began = Instant::now();
    socket.write_all(&words).await?;
    let mut heard = Vec::new();
    while !heard.windows(7).any(|window| window == b"BadName") {
        if socket.read_buf(&mut heard).await? == 0 {
            return Err("the server said nothing of the key".into());
        }
    }
    let took = began.elapsed();
    match heard.windows(8).any(|window| window == b"too many") {
        true => Err("an address tried too often".into()),
        false => Ok(took),
    }
}

/// A whole conversation, without waiting for answers.
fn words(key: &str) -> Vec<u8> {
    let text = |text: &str| [&[2, 0, text.len() as u8], text.as_bytes()].concat();
    let number = |n: f64| [&[0][..], &n.to_be_bytes()].concat();
    let chunk = |stream: u8, body: &[u8]| {
        [&[3, 0, 0, 0, 0, 0, body.len() as u8, 20, stream, 0, 0, 0][..], body].concat()
    };
    let app = [&[3, 0, 3][..], b"app", &text("live"), &[0, 0, 9]].concat();
    let connect = [text("connect"), number(1.0), app].concat();
    let create = [text("createStream"), number(2.0), vec![5]].concat();
    let publish = [text("publish"), number(3.0), vec![5], text(key), text("live")].concat();
    [&[3][..], &[0; 3_072], &chunk(0, &connect), &chunk(0, &create), &chunk(1, &publish)].concat()
}

/// Welch's t of two sets of samples.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |all: &[f64]| {
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        (mean, all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
    };
    let ((a, va), (b, vb)) = (moments(a), moments(b));
    (a - b) / (va + vb).sqrt()
}

/// The fastest `part` in a hundred, by one bound for all kinds.
fn fastest(samples: &Samples, part: usize) -> Samples {
    let mut all = samples.concat();
    all.sort_unstable_by(f64::total_cmp);
    let bound = all.get((all.len() * part / 100).saturating_sub(1)).copied().unwrap_or(f64::MAX);
    samples.each_ref().map(|kind| kind.iter().copied().filter(|took| *took <= bound).collect())
}

fn told(what: &str, samples: &Samples) {
    println!("\n{what}:");
    for (kind, samples) in KINDS.iter().zip(samples) {
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        println!("  wrong {kind:13}  n {:7}  mean {mean:12.0} ns", samples.len());
    }
    for part in PARTS {
        let [first, last, length, both] = fastest(samples, part);
        let pairs = [
            ("first byte / last byte", welch(&first, &last)),
            ("length / length and first byte", welch(&length, &both)),
        ];
        let line = pairs.map(|(pair, t)| {
            format!("|t| {:5.2} {pair}{}", t.abs(), if t.abs() < JUDGE { "" } else { " DIFFERENT" })
        });
        println!("  fastest {part:3} %  {}", line.join("   "));
    }
}
