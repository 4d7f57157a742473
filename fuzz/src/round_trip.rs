//! Messages to chunks and back: three writers, one reader, any chunk sizes, any cuts.

use std::collections::{BTreeMap, VecDeque};

use bytes::{BufMut, Bytes, BytesMut};
use rillcast::base::Rope;
use rillcast::media::RtmpLimits;
use rillcast::rtmp::chunk::{Message, PLAY_CHUNK, PLAY_STREAM, Reader, write};
use rml_rtmp::chunk_io::ChunkSerializer;
use rml_rtmp::messages::MessagePayload;
use rml_rtmp::time::RtmpTimestamp;

use crate::steps::{Cuts, Steps};

/// Types of messages that mean nothing to chunks.
const KINDS: [u8; 8] = [8, 9, 18, 20, 22, 15, 4, 9];
/// Most messages, and most bytes of them together.
const MOST: usize = 64;
const BYTES: usize = 512 * 1_024;

/// Messages of any length and time come back as they were: as what is played is written, as what is published is, and
/// with their chunks interleaved, under every form of header that says the same.
pub fn chunk_roundtrip(data: &[u8]) {
    let mut steps = Steps(data);
    let how = steps.byte();
    let mut plan = Plan::read(&mut steps);
    same(&plan.interleaved(), &plan.messages, 128, how);
    let of = |message: &Message, stream| Message { stream, ..message.clone() };
    let published = plan.messages.iter().map(|one| of(one, if one.kind == 1 { 0 } else { one.stream }));
    // A publisher has no message without a body, and what writes for it would leave that out.
    let published: Vec<_> = published.filter(|one| !one.payload.is_empty()).collect();
    same(&by_publisher(&published), &published, 128, how);
    let played = plan.messages.iter().filter(|one| one.kind != 1).map(|one| of(one, PLAY_STREAM));
    let played: Vec<_> = played.collect();
    same(&as_played(&played), &played, PLAY_CHUNK, how);
}

/// Chunks of messages whose Set Chunk Size are among them.
fn same(bytes: &[u8], messages: &[Message], size: u32, how: u8) {
    let limits = RtmpLimits::default();
    let mut reader = Reader::new(&limits);
    reader.trust(&limits);
    reader.set_chunk_size(size).expect("a size there can be");
    let (mut left, mut cuts, mut heard) = (bytes, Cuts::new(how), Vec::new());
    while !left.is_empty() {
        let (mut now, rest) = left.split_at(cuts.next(left.len()));
        left = rest;
        while let Some(message) = reader.next(&mut now).expect("what was written can be read") {
            if let (1, Some(size)) = (message.kind, message.payload.first_chunk()) {
                reader.set_chunk_size(u32::from_be_bytes(*size)).expect("a size there can be");
            }
            heard.push(message);
        }
        assert!(now.is_empty() && reader.reserved() <= limits.partial_bytes);
    }
    assert_eq!(reader.consumed(), bytes.len() as u64);
    assert_eq!(reader.reserved(), 0, "nothing is left over");
    if heard != *messages {
        let at = heard.iter().zip(messages).position(|(heard, sent)| heard != sent);
        let told =
            |one: Option<&Message>| one.map(|one| (one.kind, one.stream, one.timestamp, one.payload.len()));
        let at = at.unwrap_or(heard.len().min(messages.len()));
        panic!("message {at} is {:?}, and was {:?}", told(heard.get(at)), told(messages.get(at)));
    }
}

fn as_played(messages: &[Message]) -> Vec<u8> {
    let mut out = Vec::new();
    for Message { kind, timestamp, payload, .. } in messages {
        // In two runs, as a tag's head and its frame are.
        let mut body = Rope::from(payload.slice(..payload.len() / 3));
        body.push(payload.slice(payload.len() / 3..));
        let chunks = write(*kind, *timestamp, &body).expect("short enough");
        out.extend(chunks.runs().concat());
    }
    out
}

fn by_publisher(messages: &[Message]) -> Vec<u8> {
    let (mut writer, mut out) = (ChunkSerializer::new(), Vec::new());
    for Message { kind, stream, timestamp, payload } in messages {
        if let (1, Some(size)) = (*kind, payload.first_chunk()) {
            let time = RtmpTimestamp::new(*timestamp);
            let packet = writer.set_max_chunk_size(u32::from_be_bytes(*size), time);
            out.extend(packet.expect("a size there can be").bytes);
            continue;
        }
        let payload = MessagePayload {
            timestamp: RtmpTimestamp::new(*timestamp),
            type_id: *kind,
            message_stream_id: *stream,
            data: payload.clone(),
        };
        out.extend(writer.serialize(&payload, false, false).expect("a message there can be").bytes);
    }
    out
}

/// Messages in the order they become whole, and how their chunks go out.
struct Plan {
    messages: Vec<Message>,
    /// The chunk stream of each message.
    ids: Vec<u32>,
    /// What decides which chunk comes next, and under which header.
    choices: VecDeque<u8>,
}

impl Plan {
    fn read(steps: &mut Steps<'_>) -> Self {
        let (mut messages, mut ids, mut bytes) = (Vec::<Message>::new(), Vec::new(), 0);
        let choices = steps.body().iter().copied().collect();
        while !steps.is_empty() && messages.len() < MOST {
            let step = steps.byte();
            let before = messages.last().map_or(0, |message| message.timestamp);
            let timestamp = match step >> 3 & 3 {
                0 => before,
                1 => before.wrapping_add(u32::from(steps.byte())),
                2 => before.wrapping_sub(u32::from(steps.byte())),
                _ => steps.number(),
            };
            let id = match step >> 5 {
                0 => 64 + u32::from(steps.short() & 0x7FFF),
                id => 2 + u32::from(id),
            };
            let first = steps.byte();
            let (kind, payload) = if step & 7 == 7 {
                // Few chunks a message, or whoever writes them has all the work.
                let size = (steps.number() >> (first & 31)).clamp(1 + bytes as u32 / 4_096, 0x7FFF_FFFF);
                (1, Bytes::copy_from_slice(&size.to_be_bytes()))
            } else {
                let kind = KINDS[usize::from(step & 7)];
                let large = first & 1 == 1 && [8, 9, 22].contains(&kind);
                let length = usize::from(steps.short()) * if large { 3 } else { 1 };
                let length = length.min(BYTES.saturating_sub(bytes));
                let payload: Vec<_> = (0..length).map(|n| first.wrapping_add((n ^ n >> 8) as u8)).collect();
                (kind, Bytes::from(payload))
            };
            bytes += payload.len();
            let stream = u32::from(first & 3) * 0x0101;
            messages.push(Message { kind, stream, timestamp, payload });
            ids.push(id);
        }
        Self { messages, ids, choices }
    }

    fn choice(&mut self) -> u8 {
        let choice = self.choices.pop_front().unwrap_or(0);
        self.choices.push_back(choice);
        choice
    }

    /// All messages as chunks of the size that is set by then, those on several chunk streams between each other.
    /// Afterwards `messages` are in the order in which they became whole.
    fn interleaved(&mut self) -> Vec<u8> {
        let (mut out, mut size) = (BytesMut::new(), 128);
        let mut known = BTreeMap::<u32, Last>::new();
        let mut waiting: VecDeque<_> = self.ids.drain(..).zip(std::mem::take(&mut self.messages)).collect();
        let mut open: Vec<Open> = Vec::new();
        while !waiting.is_empty() || !open.is_empty() {
            let choice = self.choice();
            // A chunk size holds from the next chunk on: nothing else is under way when it changes.
            let changing = open.first().is_some_and(|open| open.message.kind == 1);
            let next = waiting.pop_front_if(|(id, message)| {
                let free = open.iter().all(|open| open.id != *id) && !changing;
                open.is_empty() || free && message.kind != 1 && choice & 1 == 0
            });
            let at = if let Some((id, message)) = next {
                let last = known.get(&id).copied();
                head(&mut out, id, &message, last, choice >> 1);
                known.insert(id, Last::after(&message, last, choice >> 1));
                open.push(Open { id, message, at: 0 });
                open.len() - 1
            } else {
                let at = usize::from(choice >> 4) % open.len();
                let id = open[at].id;
                basic(&mut out, 3, id);
                if known[&id].field >= 0xFF_FFFF {
                    out.put_u32(known[&id].field);
                }
                at
            };
            let one = &mut open[at];
            let end = one.message.payload.len().min(one.at + size);
            out.put_slice(&one.message.payload[one.at..end]);
            one.at = end;
            if end == one.message.payload.len() {
                let message = open.remove(at).message;
                if let (1, Some(wanted)) = (message.kind, message.payload.first_chunk()) {
                    size = u32::from_be_bytes(*wanted) as usize;
                }
                self.messages.push(message);
            }
        }
        out.to_vec()
    }
}

/// A message under way.
struct Open {
    id: u32,
    message: Message,
    at: usize,
}

/// What a chunk stream's last header said.
#[derive(Clone, Copy)]
struct Last {
    kind: u8,
    stream: u32,
    time: u32,
    length: usize,
    /// The field of time, extended or not, and whether it was a difference.
    field: u32,
}

impl Last {
    fn after(message: &Message, last: Option<Self>, choice: u8) -> Self {
        let field = match (last, form(message, last, choice)) {
            (Some(last), 1 | 2) => message.timestamp.wrapping_sub(last.time),
            (Some(last), 3) => last.field,
            _ => message.timestamp,
        };
        let Message { kind, stream, timestamp, ref payload } = *message;
        Self { kind, stream, time: timestamp, length: payload.len(), field }
    }
}

/// The shortest form of header that says it, or a longer one where `choice` would have it.
fn form(message: &Message, last: Option<Last>, choice: u8) -> u8 {
    let Some(last) = last else { return 0 };
    let shape = (last.kind, last.length) == (message.kind, message.payload.len());
    let shortest = match message.timestamp.wrapping_sub(last.time) {
        _ if last.stream != message.stream => 0,
        _ if !shape => 1,
        step if step == last.field => 3,
        _ => 2,
    };
    shortest.min(choice & 3)
}

fn head(out: &mut BytesMut, id: u32, message: &Message, last: Option<Last>, choice: u8) {
    let form = form(message, last, choice);
    let field = Last::after(message, last, choice).field;
    basic(out, form, id);
    if form < 3 {
        out.put_uint(u64::from(field.min(0xFF_FFFF)), 3);
    }
    if form < 2 {
        out.put_uint(message.payload.len() as u64, 3);
        out.put_u8(message.kind);
    }
    if form == 0 {
        out.put_u32_le(message.stream);
    }
    if field >= 0xFF_FFFF {
        out.put_u32(field);
    }
}

fn basic(out: &mut BytesMut, form: u8, id: u32) {
    match id {
        0..64 => out.put_u8(form << 6 | id as u8),
        64..320 => out.put_slice(&[form << 6, (id - 64) as u8]),
        _ => out.put_slice(&[form << 6 | 1, (id - 64) as u8, ((id - 64) >> 8) as u8]),
    }
}

/// Messages of the lengths and times around which something changes.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let message =
        |step: u8, times: &[u8], length: u16| [&[step][..], times, &[1], &length.to_be_bytes()].concat();
    let sizes = [7 | 3 << 5, 4, 0, 1, 0, 0];
    let some = [
        message(3 << 5 | 1, &[], 127),
        message(3 << 5 | 1 | 8, &[40], 300),
        sizes.to_vec(),
        message(4 << 5 | 3 << 3, &[0, 0xFF, 0xFF, 0xFF], 5_000),
        message(1 | 8, &[40, 0, 200], 60_000),
        message(4 << 5 | 2 << 3, &[9], 20),
    ];
    [0_u8, 3, 250].map(|how| [&[how, 0, 4, 0x01, 0x13, 0xF6, 0x2C][..], &some.concat()].concat()).to_vec()
}
