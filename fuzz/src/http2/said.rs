//! What a peer says, by steps.

use std::time::Duration;

use crate::http::PREFACE;
use crate::steps::Steps;

/// All that is said at most, of frames that come again and again.
const MOST: usize = 512 * 1_024;
/// The longest pause.
const PAUSE: Duration = Duration::from_millis(100);
/// Paths that are asked for.
const TARGETS: [&str; 12] = [
    "/livez",
    "/readyz",
    "/live/cam/index.m3u8",
    "/watch/cam",
    "/assets/player.css",
    "/assets/hls-1.7.4.min.js",
    "/live/over/index.m3u8",
    "/api/obs/multitrack",
    "/nothing",
    "/live/cam.flv",
    "/live/cam.mp4",
    "/live/cam.ts",
];
/// Those of them that have an end.
const FINITE: usize = 9;

#[derive(Debug, Default)]
pub(super) struct Said {
    /// Each so long after the one before.
    pub(super) pieces: Vec<(Duration, Vec<u8>)>,
    /// Nothing but good requests, and answers to what is asked.
    pub(super) sound: bool,
    /// Their streams.
    pub(super) asked: Vec<u32>,
    length: usize,
    /// The stream of the next request.
    next: u32,
}

impl Said {
    /// Behind settings of no settings, if it is `proper`.
    pub(super) fn by(proper: bool, steps: &mut Steps<'_>) -> Self {
        let mut said = Self { sound: proper, next: 1, ..Self::default() };
        said.say(PREFACE.to_vec());
        if proper {
            said.say(frame(4, 0, 0, &[]));
        }
        while !steps.is_empty() && said.length < MOST {
            said.step(steps);
        }
        said
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, piece)| piece).copied().collect()
    }

    fn say(&mut self, piece: Vec<u8>) {
        self.length += piece.len();
        self.pieces.push((Duration::ZERO, piece));
    }

    fn step(&mut self, steps: &mut Steps<'_>) {
        let step = steps.byte() % 16;
        let frame = match step {
            0 => frame(4, 0, 0, &settings(steps)),
            1 => self.request(TARGETS[usize::from(steps.byte()) % FINITE]),
            2 => self.request(TARGETS[usize::from(steps.byte()) % TARGETS.len()]),
            3 => {
                let (stream, flags) = (stream(steps), steps.byte());
                frame(1, flags, stream, &block(steps))
            }
            4 => {
                let (stream, flags) = (stream(steps), steps.byte());
                frame(9, flags, stream, &block(steps))
            }
            5 => {
                let (stream, flags) = (stream(steps), steps.byte());
                frame(0, flags, stream, steps.body())
            }
            6 => frame(3, 0, stream(steps), &u32::from(steps.byte()).to_be_bytes()),
            7 => frame(6, steps.byte(), 0, &[steps.byte(); 8]),
            8 => frame(8, 0, stream(steps), &steps.number().to_be_bytes()),
            9 => frame(2, 0, stream(steps), &[&steps.number().to_be_bytes()[..], &[steps.byte()]].concat()),
            10 => frame(7, 0, 0, &[steps.number().to_be_bytes(), steps.number().to_be_bytes()].concat()),
            11 => {
                let (kind, flags, stream) = (steps.byte(), steps.byte(), steps.number());
                frame(kind, flags, stream, steps.body())
            }
            12 => steps.body().to_vec(),
            13 => {
                let pause = PAUSE * u32::from(steps.byte());
                self.pieces.push((pause, Vec::new()));
                // Whoever is there for long is asked whether it is, and does not answer.
                let pauses: Duration = self.pieces.iter().map(|(pause, _)| *pause).sum();
                self.sound &= pauses < Duration::from_secs(10);
                return;
            }
            14 => frame(4, 1, 0, &[]),
            _ => {
                let again = self.pieces.last().map(|(_, piece)| piece.clone()).unwrap_or_default();
                let most = (MOST - self.length) / again.len().max(1);
                again.repeat(most.min(4 * usize::from(steps.byte())))
            }
        };
        // Of windows and settings each may stand in the way of an answer.
        self.sound &= matches!(step, 1 | 13) || (step == 7 && self.pieces.len() < 50);
        self.say(frame);
    }

    fn request(&mut self, path: &str) -> Vec<u8> {
        let (stream, length) = (self.next, path.len() as u8);
        self.next += 2;
        self.asked.push(stream);
        // As many as may be at once.
        self.sound &= self.asked.len() <= 60;
        let block = [&[0x82, 0x86, 0x01, 1, b't', 0x04, length][..], path.as_bytes()].concat();
        frame(1, 5, stream, &block)
    }
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Few, so that frames meet.
fn stream(steps: &mut Steps<'_>) -> u32 {
    u32::from(steps.byte() % 16)
}

fn settings(steps: &mut Steps<'_>) -> Vec<u8> {
    let count = steps.byte() % 5;
    let one = |_| [&[0, steps.byte() % 9][..], &steps.number().to_be_bytes()].concat();
    (0..count).flat_map(one).collect()
}

/// A piece of a header block (RFC 7541 §6), of which little need be right.
fn block(steps: &mut Steps<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    for _ in 0..steps.byte() % 12 {
        let how = steps.byte();
        match how % 6 {
            0 => block.extend([0x82, 0x86, 0x01, 1, b't']),
            1 => {
                let path = TARGETS[usize::from(how / 6) % TARGETS.len()];
                block.extend([0x04, path.len() as u8]);
                block.extend(path.as_bytes());
            }
            // One of a table, one that is put into it, another size of it.
            2 => block.push(0x80 | steps.byte()),
            3 | 4 => {
                let (name, value) = (steps.body(), steps.body());
                block.push(if how % 6 == 3 { 0x40 } else { 0 });
                for text in [name, value] {
                    let text = &text[..text.len().min(126)];
                    block.push(text.len() as u8 | (how & 0x80));
                    block.extend(text);
                }
            }
            _ => block.push(0x20 | steps.byte() % 32),
        }
    }
    block
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let number = u32::to_be_bytes;
    let setting = |id: u8, value: u32| [&[id][..], &number(value)].concat();
    let settings = |all: &[Vec<u8>]| [&[0, all.len() as u8][..], &all.concat()].concat();
    let plain = settings(&[]);
    let asks = |n: u8| [1, n];
    let body = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let mut seeds: Vec<Vec<Vec<u8>>> =
        (0..12).map(|n| vec![plain.clone(), if n < 9 { asks(n).to_vec() } else { vec![2, n] }]).collect();
    seeds.extend([
        vec![asks(0).to_vec(), asks(3).to_vec(), vec![7, 0, 9], asks(5).to_vec()],
        vec![
            settings(&[setting(4, 0), setting(3, 1)]),
            asks(5).to_vec(),
            [&[8, 1][..], &number(70_000)].concat(),
        ],
        vec![settings(&[setting(5, 1 << 20), setting(1, 0)]), asks(5).to_vec(), vec![14]],
        // Windows that overflow, streams that are reset as they open, floods.
        vec![plain.clone(), asks(5).to_vec(), [&[8, 1][..], &number(0x7FFF_FFFF)].concat(), vec![15, 2]],
        vec![plain.clone(), asks(0).to_vec(), vec![6, 1, 8], asks(0).to_vec(), vec![6, 3, 8]],
        vec![plain.clone(), vec![7, 0, 1], vec![15, 255], vec![15, 255]],
        vec![plain.clone(), vec![15, 255], asks(0).to_vec()],
        vec![plain.clone(), [&[11, 0x55, 0][..], &number(0), &body(&[0; 64])].concat(), vec![15, 255]],
        vec![plain.clone(), vec![3, 1, 0, 2, 0, 1], vec![4, 1, 0, 1, 2], vec![15, 60], vec![4, 1, 4, 0]],
        vec![
            plain.clone(),
            [&[3, 1, 4, 2, 0, 3][..], &body(b"x"), &body(b"y")].concat(),
            vec![3, 3, 5, 2, 0, 2, 0xBE],
        ],
        vec![plain.clone(), vec![3, 1, 4, 2, 0, 43], [&[5, 1, 1][..], &body(b"{\n}")].concat()],
        vec![plain.clone(), vec![3, 1, 4, 2, 0, 43], vec![13, 100], [&[5, 1, 0][..], &body(b"{")].concat()],
        vec![
            plain.clone(),
            [&[9, 1][..], &number(1), &[200]].concat(),
            [&[10][..], &number(0), &number(0)].concat(),
        ],
        vec![plain.clone(), asks(0).to_vec(), vec![13, 255], vec![13, 255], asks(0).to_vec()],
        vec![plain, [&[12][..], &body(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n")].concat()],
    ]);
    let seeds = seeds.into_iter().map(|steps| steps.concat());
    seeds
        .zip(0_u8..)
        .map(|(steps, n)| [&[u8::from(n % 5 == 4) | (n % 3) << 2][..], &steps].concat())
        .collect()
}
