//! A captured conversation, damaged at random: nothing panics, and memory stays within its bounds.

use std::time::{Duration, Instant};

use rillcast::flv::amf0::Value;
use rillcast::media::RtmpLimits;
use rillcast::rtmp::Output;
use rillcast::rtmp::chunk::Reader;

use crate::kit::*;

/// How long to go on.
const SPAN: Duration = Duration::from_secs(2);

#[test]
fn a_damaged_conversation_never_panics_and_stays_within_bounds() {
    let mut random = Random::new();
    let messages = conversation();
    let end = start() + SPAN;
    let mut rounds = 0_u32;
    let mut survivors = 0_u32;
    while start() < end {
        rounds += 1;
        let mut bytes = messages.clone();
        for _ in 0..1 + random.below(6) {
            damage(&mut random, &mut bytes);
        }
        let mut peer = Session::new(random.below(4) != 0);
        for read in bytes.chunks(1 + random.below(3_000)) {
            if !peer.handles(&mut random, read) {
                break;
            }
        }
        survivors += u32::from(peer.alive);
    }
    eprintln!("{rounds} rounds, {survivors} to their end");
    assert!(rounds > 20);
}

/// What unfinished messages reserve stays within its bound, whatever the bytes say.
#[test]
fn damaged_chunks_never_reserve_more_than_they_may() {
    let mut random = Random::new();
    let messages = conversation();
    for _ in 0..400 {
        let mut bytes = messages[3_073..].to_vec();
        (0..1 + random.below(20)).for_each(|_| damage(&mut random, &mut bytes));
        let limits = RtmpLimits::default();
        let mut reader = Reader::new(&limits);
        let mut input = &bytes[..];
        while let Ok(Some(message)) = reader.next(&mut input) {
            assert!(message.payload.len() <= limits.early_message);
            assert!(reader.reserved() <= limits.early_partial_bytes);
        }
        assert!(reader.reserved() <= limits.early_partial_bytes);
    }
}

/// A session and a driver that does as it is asked.
struct Session {
    inner: rillcast::rtmp::Session,
    now: Instant,
    accepts: bool,
    alive: bool,
}

impl Session {
    fn new(accepts: bool) -> Self {
        let now = start();
        Self { inner: rillcast::rtmp::Session::new(now, Default::default()), now, accepts, alive: true }
    }

    fn handles(&mut self, random: &mut Random, read: &[u8]) -> bool {
        self.now += Duration::from_millis(random.below(3) as u64);
        let result = self.inner.handle_input(self.now, read);
        let mut sent = 0;
        let mut asked = false;
        while let Some(output) = self.inner.poll_output() {
            match output {
                Output::Send(bytes) => sent += bytes.len(),
                Output::PublishRequested(_) => asked = true,
                Output::Close(_) => self.alive = false,
                _ => {}
            }
        }
        assert!(sent <= 65_536, "answers to one read are bounded: {sent}");
        if asked && self.accepts {
            self.inner.accept();
            while self.inner.poll_output().is_some() {}
        }
        self.alive &= result.is_ok();
        self.alive
    }
}

/// Everything an encoder might say, as bytes.
fn conversation() -> Vec<u8> {
    let mut writer = Writer::new(Dialect::FFMPEG);
    let mut bytes = [c0_c1(), vec![0; 1_536]].concat();
    let object = Value::Object(vec![
        ("app", Value::String("live/a?x=1")),
        ("capsEx", Value::Number(15.0)),
        ("fourCcList", Value::StrictArray(vec![Value::String("avc1"), Value::Date { millis: 0.0, zone: 0 }])),
    ]);
    for wire in [
        connect("live"),
        command("connect", 1.0, &[object]),
        window_size(100),
        user_control(6, 7),
        release_stream(2.0, "main"),
        fc_publish(3.0, "main"),
        create_stream(4.0),
        publish(1, "main?key=%4B"),
        metadata(),
        avc_config(0xFF_FFF0),
        aac_config(0xFF_FFF0),
        set_chunk_size(256),
    ] {
        bytes.extend(writer.write(&wire));
    }
    writer.chunk_size = 256;
    for n in 0..20 {
        bytes.extend(writer.write(&key_frame(0xFF_FFF0 + n * 40, &[n as u8; 700])));
        bytes.extend(writer.write(&sound(0xFF_FFF5 + n * 40, &[n as u8; 90])));
        if n == 10 {
            bytes.extend(writer.write(&abort(6)));
            bytes.extend(writer.write(&message(22, vec![8; 400]).csid(9).on(1)));
        }
    }
    bytes.extend(writer.write(&delete_stream(1)));
    bytes
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    // Mostly behind the handshake, where there is more to break.
    if bytes.is_empty() {
        return;
    }
    let floor = if random.below(20) == 0 { 0 } else { 3_073.min(bytes.len() - 1) };
    let at = floor + random.below(bytes.len() - floor);
    match random.below(6) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = [0, 0xFF, 0x7F, 0x80, 0xC3][random.below(5)],
        2 => bytes.truncate(at.max(1)),
        3 => {
            let len = random.below(40);
            let run = random.bytes(len);
            bytes.splice(at..at, run);
        }
        4 => {
            let end = bytes.len().min(at + random.below(300));
            bytes.drain(at..end.max(at + 1));
        }
        _ => {
            let end = bytes.len().min(at + random.below(500));
            let run = bytes[at..end].to_vec();
            bytes.splice(at..at, run);
        }
    }
}
