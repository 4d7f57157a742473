//! What a server of HTTP/2 says, as a plain reader of frames has it (RFC 9113), and what it may say by what it was told.

use std::collections::BTreeMap;

use crate::http::PREFACE;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The window that everything begins with (§6.9.2), and the largest frame (§4.2).
const INITIAL: u64 = 65_535;
const LARGEST: u64 = 16_384;

#[derive(Debug, Clone, Copy)]
struct Frame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'a [u8],
}

/// Whole frames, one behind the other (§4.1).
fn frames(mut bytes: &[u8]) -> Vec<Frame<'_>> {
    let mut all = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, after)) = rest.split_at_checked(length) else { break };
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7FFF_FFFF;
        all.push(Frame { kind: head[3], flags: head[4], stream, payload });
        bytes = after;
    }
    all
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(4).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What the peer has given, at most: in whatever order it took effect.
#[derive(Debug, Default)]
struct Given {
    settings: usize,
    pings: Vec<Vec<u8>>,
    /// Of the connection (0) and of streams.
    windows: BTreeMap<u32, u64>,
    window: u64,
    largest: u64,
}

impl Given {
    fn by(said: &[u8]) -> Self {
        let mut given = Self { window: INITIAL, largest: LARGEST, ..Self::default() };
        for frame in frames(said.strip_prefix(PREFACE).unwrap_or_default()) {
            match (frame.kind, frame.flags & 1) {
                (SETTINGS, 0) => {
                    given.settings += 1;
                    for one in frame.payload.chunks_exact(6) {
                        match number(&one[..2]) {
                            4 => given.window = given.window.max(number(&one[2..])),
                            5 => given.largest = given.largest.max(number(&one[2..])),
                            _ => {}
                        }
                    }
                }
                (PING, 0) => given.pings.push(frame.payload.to_vec()),
                (WINDOW, _) => {
                    *given.windows.entry(frame.stream).or_default() += number(frame.payload) & 0x7FFF_FFFF;
                }
                _ => {}
            }
        }
        given
    }

    fn more(&self, stream: u32) -> u64 {
        self.windows.get(&stream).copied().unwrap_or_default()
    }
}

/// What is heard of a stream.
#[derive(Debug, Default)]
struct Stream {
    heads: usize,
    data: u64,
    ended: bool,
    reset: bool,
}

/// Nothing is heard but what may be: settings first, frames of their sizes, answers to what was asked and no more than
/// the windows let through, nothing on a stream behind its end, acknowledgements of what was said.
pub(crate) fn judge(said: &[u8], heard: &[u8]) {
    let mut given = Given::by(said);
    let (mut streams, mut data, mut last) = (BTreeMap::<u32, Stream>::new(), 0, u64::MAX);
    let mut open: Option<u32> = None;
    for (n, frame) in frames(heard).iter().enumerate() {
        let Frame { kind, flags, stream, payload } = *frame;
        let length = payload.len() as u64;
        assert!(length <= given.largest, "{length} bytes in a frame");
        assert!(n > 0 || (kind, flags) == (SETTINGS, 0), "settings come first");
        assert!(open.is_none_or(|open| (kind, stream) == (CONTINUATION, open)), "a head in pieces");
        assert_eq!(stream == 0, matches!(kind, SETTINGS | PING | GOAWAY) || (kind == WINDOW && stream == 0));
        let one = streams.entry(stream).or_default();
        match kind {
            HEADERS => {
                assert!(stream % 2 == 1 && !one.ended && !one.reset && one.heads < 2, "{stream}: {one:?}");
                // The one word for it (RFC 7541, appendix A): that something in the server went wrong.
                assert!(payload.first() != Some(&0x8E), "500");
                (one.heads, one.ended) = (one.heads + 1, flags & END_STREAM != 0);
                open = (flags & END_HEADERS == 0).then_some(stream);
            }
            CONTINUATION => {
                assert!(open.is_some(), "a piece of nothing");
                open = (flags & END_HEADERS == 0).then_some(stream);
            }
            DATA => {
                assert!(one.heads > 0 && !one.ended && !one.reset, "{stream}: {one:?}");
                (one.data, one.ended) = (one.data + length, flags & END_STREAM != 0);
                data += length;
                assert!(one.data <= given.window + given.more(stream), "more than the window of {stream}");
                assert!(data <= INITIAL + given.more(0), "more than the window of all");
            }
            RESET => {
                assert!(length == 4 && number(payload) <= 13);
                one.reset = true;
            }
            SETTINGS if flags & 1 != 0 => {
                assert!(length == 0 && given.settings > 0, "settings that nobody made");
                given.settings -= 1;
            }
            SETTINGS => assert!(length % 6 == 0 && n == 0),
            PING if flags & 1 != 0 => {
                let made = given.pings.iter().position(|ping| ping == payload).expect("a ping");
                given.pings.remove(made);
            }
            PING => assert_eq!(length, 8),
            GOAWAY => {
                assert!(length >= 8 && number(&payload[4..]) <= 13);
                let now = number(payload) & 0x7FFF_FFFF;
                assert!(now <= last, "taken back");
                last = now;
            }
            WINDOW => assert!(length == 4 && (1..=0x7FFF_FFFF).contains(&number(payload))),
            _ => panic!("a frame of type {kind}"),
        }
    }
}

/// Each of the streams `asked` has a head.
pub(super) fn answered(heard: &[u8], asked: &[u32]) {
    let frames = frames(heard);
    for stream in asked {
        let head = frames.iter().any(|frame| frame.stream == *stream && frame.kind == HEADERS);
        assert!(head, "{stream} is not answered");
    }
}
