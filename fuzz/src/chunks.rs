//! The chunk reader, cut anywhere, against one that is plain, slow and has everything before it.

use std::collections::BTreeMap;

use bytes::Bytes;
use rillcast::media::RtmpLimits;
use rillcast::rtmp::chunk::{Fault, Message, Reader};

use crate::steps::Cuts;

/// What came out: messages, and what ended them.
type Heard = (Vec<Message>, Option<(u32, Fault)>);

/// Chunks behind a byte that says how they are cut, and whether the reader trusts their sender.
pub fn chunks(data: &[u8]) {
    let Some((&how, bytes)) = data.split_first() else { return };
    let (limits, trusted) = (RtmpLimits::default(), how & 1 != 0);
    let whole = read(bytes, &limits, trusted, |left| left);
    let mut cuts = Cuts::new(how);
    let cut = read(bytes, &limits, trusted, |left| cuts.next(left));
    same(&whole, &cut);
    same(&whole, &reference(bytes, &limits, trusted));
}

/// Both heard the same. A message in pieces reserves memory that a whole one does not: up to there, then.
fn same(one: &Heard, other: &Heard) {
    let full = |heard: &Heard| matches!(heard.1, Some((_, Fault::TooMuchUnfinished(_))));
    if full(one) || full(other) {
        let both = one.0.len().min(other.0.len());
        assert_eq!(one.0[..both], other.0[..both]);
    } else {
        assert_eq!(one, other);
    }
}

fn read(bytes: &[u8], limits: &RtmpLimits, trusted: bool, mut cut: impl FnMut(usize) -> usize) -> Heard {
    let mut reader = Reader::new(limits);
    let mut bound = limits.early_partial_bytes;
    if trusted {
        reader.trust(limits);
        bound = limits.partial_bytes;
    }
    let (mut left, mut messages) = (bytes, Vec::new());
    while !left.is_empty() {
        let (mut now, rest) = left.split_at(cut(left.len()).clamp(1, left.len()));
        left = rest;
        loop {
            match reader.next(&mut now) {
                Ok(Some(message)) => {
                    let obeyed = obey(&message, |size| reader.set_chunk_size(size));
                    if let Some(csid) = aborted(&message) {
                        reader.abort(csid);
                    }
                    messages.push(message);
                    if let Err(fault) = obeyed {
                        return (messages, Some((2, fault)));
                    }
                }
                Ok(None) => break,
                Err(fault) => return (messages, Some(fault)),
            }
            assert!(reader.reserved() <= bound);
        }
        assert!(now.is_empty() && reader.reserved() <= bound);
    }
    assert_eq!(reader.consumed(), bytes.len() as u64);
    (messages, None)
}

/// Set Chunk Size.
fn obey(message: &Message, set: impl FnOnce(u32) -> Result<(), Fault>) -> Result<(), Fault> {
    match (message.kind, message.payload.first_chunk()) {
        (1, Some(size)) => set(u32::from_be_bytes(*size)),
        _ => Ok(()),
    }
}

/// Abort Message.
fn aborted(message: &Message) -> Option<u32> {
    (message.kind == 2).then(|| message.payload.first_chunk().map(|id| u32::from_be_bytes(*id)))?
}

/// A chunk stream, as §5.3.1 has it.
#[derive(Default)]
struct Stream {
    time: u32,
    field: u32,
    extended: bool,
    length: usize,
    kind: u8,
    id: u32,
    /// The message under way.
    body: Option<Vec<u8>>,
}

/// Everything that is whole in `bytes`.
fn reference(bytes: &[u8], limits: &RtmpLimits, trusted: bool) -> Heard {
    let mut heard = (Vec::new(), None);
    let mut at = 0;
    let mut size = 128;
    let mut streams = BTreeMap::<u32, Stream>::new();
    loop {
        match step(bytes, &mut at, size, &mut streams, limits, trusted) {
            Step::Short => return heard,
            Step::Wrong(csid, fault) => {
                heard.1 = Some((csid, fault));
                return heard;
            }
            Step::Chunk => {}
            Step::Message(message) => {
                if let Some(csid) = aborted(&message)
                    && let Some(stream) = streams.get_mut(&csid)
                {
                    stream.body = None;
                }
                let obeyed = obey(&message, |wanted| match wanted {
                    0 | 0x8000_0000.. => Err(Fault::ChunkSize(wanted)),
                    wanted => {
                        size = wanted as usize;
                        Ok(())
                    }
                });
                heard.0.push(message);
                if let Err(fault) = obeyed {
                    heard.1 = Some((2, fault));
                    return heard;
                }
            }
        }
    }
}

enum Step {
    /// The rest is less than a chunk.
    Short,
    Wrong(u32, Fault),
    Chunk,
    Message(Message),
}

fn big_endian(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Reads one chunk from `at` on.
fn step(
    bytes: &[u8],
    at: &mut usize,
    size: usize,
    streams: &mut BTreeMap<u32, Stream>,
    limits: &RtmpLimits,
    trusted: bool,
) -> Step {
    let mut take = |count: usize| {
        let taken = bytes.get(*at..*at + count)?;
        *at += count;
        Some(taken)
    };
    let Some(&[first]) = take(1) else { return Step::Short };
    let csid = match first & 0x3F {
        0 => take(1).map(|id| 64 + u32::from(id[0])),
        1 => take(2).map(|id| 64 + u32::from(id[0]) + 256 * u32::from(id[1])),
        id => Some(id.into()),
    };
    let Some(csid) = csid else { return Step::Short };
    let format = first >> 6;
    let all = streams.len();
    if format > 0 && !streams.contains_key(&csid) {
        return Step::Wrong(csid, Fault::NoEarlierHeader);
    }
    let Some(header) = take([11, 7, 3, 0][usize::from(format)]) else { return Step::Short };
    let mut field = None;
    if format < 3 {
        field = Some(big_endian(&header[..3]));
        if field == Some(0xFF_FFFF) {
            let Some(extended) = take(4) else { return Step::Short };
            field = Some(big_endian(extended));
        }
        if !streams.contains_key(&csid) && all >= limits.chunk_streams {
            return Step::Wrong(csid, Fault::TooManyStreams(limits.chunk_streams));
        }
    }
    let stream = streams.entry(csid).or_default();
    let shape = (format < 2).then(|| (big_endian(&header[3..6]) as usize, header[6]));
    let id = (format == 0).then(|| u32::from_le_bytes([header[7], header[8], header[9], header[10]]));
    if let (Some(field), true) = (field, stream.body.is_some()) {
        let _ = field;
        let (length, kind) = shape.unwrap_or((stream.length, stream.kind));
        if (length, kind, id.unwrap_or(stream.id)) != (stream.length, stream.kind, stream.id) {
            return Step::Wrong(csid, Fault::HeaderInMessage { was: stream.length, is: length });
        }
    } else if let Some(field) = field {
        (stream.length, stream.kind) = shape.unwrap_or((stream.length, stream.kind));
        stream.id = id.unwrap_or(stream.id);
        stream.field = field;
        stream.extended = big_endian(&header[..3]) == 0xFF_FFFF;
        stream.time = if format == 0 { field } else { stream.time.wrapping_add(field) };
    } else {
        if stream.extended {
            // Repeated or not: what comes next is the field again, the time again, or payload.
            let next = &bytes[*at..bytes.len().min(*at + 4)];
            let agrees = |value: u32| value.to_be_bytes().starts_with(next);
            if agrees(stream.field) || (stream.body.is_some() && agrees(stream.time)) {
                if next.len() < 4 {
                    return Step::Short;
                }
                *at += 4;
            }
        }
        if stream.body.is_none() {
            stream.time = stream.time.wrapping_add(stream.field);
        }
    }
    if stream.body.is_none() {
        let large = [8, 9, 22].contains(&stream.kind);
        let limit = match (trusted, large) {
            (false, true) => limits.early_message,
            (false, false) => limits.early_message.min(limits.command_message),
            (true, true) => limits.media_message,
            (true, false) => limits.command_message,
        };
        let (kind, length) = (stream.kind, stream.length);
        if length > limit {
            return Step::Wrong(csid, Fault::MessageTooLong { kind, length, limit });
        }
    }
    let body = stream.body.get_or_insert_default();
    let count = size.min(stream.length - body.len());
    let Some(payload) = bytes.get(*at..*at + count) else { return Step::Short };
    *at += count;
    body.extend_from_slice(payload);
    if body.len() < stream.length {
        return Step::Chunk;
    }
    let payload = Bytes::from(stream.body.take().unwrap_or_default());
    Step::Message(Message { kind: stream.kind, stream: stream.id, timestamp: stream.time, payload })
}
