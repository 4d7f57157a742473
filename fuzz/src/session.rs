//! Conversations: what an encoder does, step by step, with a driver that does as it is asked.
//!
//! ```text
//! step   kind:8  arguments of the kind    body  length:16  bytes
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use rillcast::flv::amf0::{Value, command};
use rillcast::media::{Limits, TrackId};
use rillcast::rtmp::{Output, Rejection, Session};

use crate::steps::Steps;

/// Most steps of one conversation.
const STEPS: usize = 400;

/// Steps of an encoder: whatever they are, what comes out is bounded, in order, and ends when it says so.
pub fn session(data: &[u8]) {
    let mut peer = Peer::new();
    peer.says(&[&[3][..], &[0; 1_536 * 2]].concat());
    let mut steps = Steps(data);
    for _ in 0..STEPS {
        if peer.over || steps.is_empty() {
            return;
        }
        peer.step(&mut steps);
    }
}

struct Peer {
    session: Session,
    limits: Arc<Limits>,
    now: Instant,
    chunk_size: usize,
    /// How the next bytes are cut.
    reads: usize,
    time: u32,
    asked: bool,
    known: BTreeSet<TrackId>,
    said: usize,
    over: bool,
}

impl Peer {
    fn new() -> Self {
        let (now, limits) = (Instant::now(), Arc::new(Limits::default()));
        Self {
            session: Session::new(now, limits.clone()),
            limits,
            now,
            chunk_size: 128,
            reads: 4_096,
            time: 0,
            asked: false,
            known: BTreeSet::new(),
            said: 0,
            over: false,
        }
    }

    fn step(&mut self, steps: &mut Steps<'_>) {
        let kind = steps.byte();
        match kind {
            0 => self.says(steps.body()),
            1 => {
                let (app, url, extras) = (steps.text(), steps.text(), f64::from(steps.byte()));
                let mut object = vec![("app", Value::String(app)), ("tcUrl", Value::String(url))];
                object.push(("capsEx", Value::Number(extras)));
                object.push(("fourCcList", Value::StrictArray(vec![Value::String(app)])));
                self.commands(0, "connect", &[Value::Object(object)]);
            }
            2 => self.commands(0, "createStream", &[Value::Null]),
            3 => {
                let (stream, name) = (u32::from(steps.byte()), steps.text());
                self.commands(stream, "publish", &[Value::Null, Value::String(name), Value::String("live")]);
            }
            4 | 5 if self.asked => {
                self.asked = false;
                match kind {
                    4 => self.session.accept(),
                    _ => self.session.reject(&Rejection::bad_name("No.")),
                }
                self.drain();
            }
            6 => self.media(8, steps),
            7 => self.media(9, steps),
            8 => self.media(22, steps),
            9 => self.media(18, steps),
            10 => {
                let size = steps.number() >> (steps.byte() & 31);
                self.sends(1, 0, &size.to_be_bytes());
                self.chunk_size = (size as usize).max(1);
            }
            11 => self.sends(2, 0, &steps.number().to_be_bytes()),
            12 => self.waits(Duration::from_millis(u64::from(steps.byte()) * 40)),
            13 => {
                let (name, body) = (steps.text(), steps.body());
                let head = command(name, 7.0, &[]);
                self.sends(20, u32::from(name.len() as u8 & 1), &[&head[..], body].concat());
            }
            14 => {
                self.session.retire(&Rejection::bad_name("Away."));
                self.drain();
            }
            15 => self.commands(0, "FCUnpublish", &[Value::Null, Value::String("main")]),
            16 => self.commands(0, "deleteStream", &[Value::Null, Value::Number(steps.byte().into())]),
            17 => self.reads = usize::from(steps.byte()) * 16 + 1,
            kind => self.sends(kind & 7, 0, steps.body()),
        }
    }

    fn media(&mut self, kind: u8, steps: &mut Steps<'_>) {
        self.time = self.time.wrapping_add(steps.byte().into());
        self.sends(kind, 1, steps.body());
    }

    fn commands(&mut self, stream: u32, name: &str, values: &[Value<'_>]) {
        self.sends(20, stream, &command(name, 5.0, values));
    }

    /// A message, in chunks of the size that was set.
    fn sends(&mut self, kind: u8, stream: u32, body: &[u8]) {
        let csid = 3 + (kind & 7);
        let mut out = BytesMut::with_capacity(body.len() + 64);
        out.put_u8(csid);
        out.put_uint(u64::from(self.time & 0x7F_FFFF), 3);
        out.put_uint(body.len() as u64, 3);
        out.put_u8(kind);
        out.put_u32_le(stream);
        for (n, chunk) in body.chunks(self.chunk_size).enumerate() {
            if n > 0 {
                out.put_u8(0xC0 | csid);
            }
            out.put_slice(chunk);
        }
        self.says(&out);
    }

    fn says(&mut self, bytes: &[u8]) {
        for read in bytes.chunks(self.reads) {
            if self.over {
                return;
            }
            self.said += read.len();
            let result = self.session.handle_input(self.now, read);
            self.drain();
            self.over |= result.is_err();
            assert!(self.over || self.session.deadline().is_some(), "no conversation waits without end");
        }
    }

    fn waits(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.session.deadline().filter(|at| *at <= end && !self.over) {
            self.now = self.now.max(at);
            let result = self.session.handle_timeout(self.now);
            self.drain();
            self.over |= result.is_err();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let mut sent = 0;
        while let Some(output) = self.session.poll_output() {
            assert!(!self.over, "a close is the last output");
            match output {
                Output::Send(bytes) => sent += bytes.len(),
                Output::PublishRequested(_) => self.asked = true,
                Output::Track(track) => {
                    self.known.insert(track.id);
                    assert!(self.known.len() <= self.limits.codec.tracks);
                }
                Output::Frame(frame) => {
                    assert!(self.known.contains(&frame.track), "a frame comes behind its track");
                    assert!(!frame.payload.is_empty() && frame.payload.len() <= self.said);
                }
                Output::Close(_) => self.over = true,
                _ => {}
            }
        }
        assert!(sent <= self.limits.rtmp.outbound, "answers to one read are bounded: {sent}");
    }
}

/// A publish of tags: their kinds and bodies.
pub(crate) fn publish(tags: &[(u8, Bytes)]) -> Vec<u8> {
    let body = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let mut steps = vec![1];
    steps.extend(
        [body(b"live"), body(b"rtmp://localhost/live"), vec![15, 2, 3, 1], body(b"main"), vec![4]].concat(),
    );
    for (kind, tag) in tags {
        let step = match kind {
            8 => 6,
            9 => 7,
            _ => 9,
        };
        steps.extend([vec![step, 20], body(tag)].concat());
    }
    steps.extend([15, 12, 255]);
    steps
}

/// The messages of tags as chunks, behind a byte that says how they are cut.
pub(crate) fn chunked(tags: &[(u8, Bytes)]) -> Vec<u8> {
    let mut out = vec![7_u8];
    for (n, (kind, tag)) in tags.iter().enumerate() {
        let csid = 4 + (kind & 3);
        if n == 3 {
            out.extend(b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x01\0");
        }
        let size = if n < 3 { 128 } else { 256 };
        out.extend([csid, 0, 0, n as u8]);
        out.extend(&(tag.len() as u32).to_be_bytes()[1..]);
        out.extend([*kind, 1, 0, 0, 0]);
        for (n, chunk) in tag.chunks(size).enumerate() {
            out.extend((n > 0).then_some(0xC0 | csid));
            out.extend(chunk);
        }
    }
    out
}
