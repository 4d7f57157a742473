//! Writer: one message as chunks around bytes that are shared, the same for whoever it is sent to.

use bytes::{BufMut, Bytes, BytesMut};

use super::header::EXTENDED;
use crate::base::Rope;

/// Bytes of a message in one chunk of what is played: nearly every message is one chunk.
pub const PLAY_CHUNK: u32 = 65_536;

/// The message stream that is played on: a connection's first, which is the one that every player asks for.
pub const PLAY_STREAM: u32 = 1;

/// The longest message there can be: its length is 24 bits.
const LONGEST: u64 = 0xFF_FFFF;

/// A message of type `kind` at `time` milliseconds on [`PLAY_STREAM`], in chunks of [`PLAY_CHUNK`], which the peer was
/// told of before. `None` when its length does not fit the field.
///
/// Its header is a whole one with an absolute timestamp (type 0, §5.3.1.2.1), so that it says the same to every peer,
/// whatever that got before; each kind of message has a chunk stream of its own, which nothing else is written to.
pub fn write(kind: u8, time: u32, body: &Rope) -> Option<Rope> {
    let len = u32::try_from(body.len()).ok().filter(|_| body.len() <= LONGEST)?;
    let csid = chunk_stream(kind);
    let extended = time >= EXTENDED;
    let mut head = BytesMut::with_capacity(16);
    head.put_u8(csid);
    head.put_uint(u64::from(time.min(EXTENDED)), 3);
    head.put_uint(u64::from(len), 3);
    head.put_u8(kind);
    head.put_u32_le(PLAY_STREAM);
    // A type 3 header, and the extended timestamp again with it (§5.3.1.3).
    let mut next = BytesMut::with_capacity(5);
    next.put_u8(0xC0 | csid);
    if extended {
        head.put_u32(time);
        next.put_u32(time);
    }
    let (next, mut out) = (next.freeze(), Rope::with_capacity(body.runs().len().saturating_add(1)));
    out.push(head.freeze());
    let (mut at, size) = (0_u64, u64::from(PLAY_CHUNK));
    if body.len() <= size {
        out.append(body);
        return Some(out);
    }
    while at < body.len() {
        if at > 0 {
            out.push(Bytes::clone(&next));
        }
        let end = at.saturating_add(size);
        out.append(&body.slice(at..end));
        at = end;
    }
    Some(out)
}

/// The chunk stream of a type of message: 2, 3 and 6 are the session's own.
fn chunk_stream(kind: u8) -> u8 {
    match kind {
        8 => 4,
        9 => 7,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::RtmpLimits;
    use crate::rtmp::chunk::{Message, Reader};

    /// What our own reader, cut anywhere, makes of it.
    fn read(bytes: &[u8], step: usize) -> Vec<Message> {
        let limits = RtmpLimits::default();
        let mut reader = Reader::new(&limits);
        reader.trust(&limits);
        reader.set_chunk_size(PLAY_CHUNK).unwrap();
        let mut messages = Vec::new();
        for mut input in bytes.chunks(step) {
            while let Some(message) = reader.next(&mut input).unwrap() {
                messages.push(message);
            }
        }
        messages
    }

    #[test]
    fn a_message_is_read_back_at_every_length_around_a_chunk_and_every_time_around_the_extended_one() {
        for len in [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 300_000] {
            let payload = Bytes::from((0..len).map(|n| n as u8).collect::<Vec<_>>());
            for time in [0, 40, 0xFF_FFFE, 0xFF_FFFF, 0x100_0000, u32::MAX] {
                let mut body = Rope::from(Bytes::from_static(b"head"));
                body.push(payload.clone());
                let written = write(9, time, &body).unwrap();
                let message =
                    Message { kind: 9, stream: 1, timestamp: time, payload: body.runs().concat().into() };
                let bytes = [written.runs().concat(), write(8, 7, &body).unwrap().runs().concat()].concat();
                for step in [1_000_000, 65_537, 4_097] {
                    let heard = read(&bytes, step);
                    assert_eq!(heard[0], message, "{len} at {time}");
                    assert_eq!((heard[1].kind, heard[1].timestamp, heard.len()), (8, 7, 2));
                }
            }
        }
    }

    #[test]
    fn another_implementation_reads_the_same() {
        let body = Rope::from(Bytes::from(vec![5; 200_000]));
        let mut ears = rml_rtmp::chunk_io::ChunkDeserializer::new();
        ears.set_max_chunk_size(PLAY_CHUNK as usize).unwrap();
        let bytes = write(8, 0x123_4567, &body).unwrap().runs().concat();
        let heard = ears.get_next_message(&bytes).unwrap().unwrap();
        assert_eq!((heard.type_id, heard.message_stream_id, heard.timestamp.value), (8, 1, 0x123_4567));
        assert_eq!(heard.data, body.runs()[0]);
    }

    #[test]
    fn payloads_are_shared_and_what_is_too_long_is_refused() {
        let payload = Bytes::from(vec![7; 70_000]);
        let written = write(9, 1, &payload.clone().into()).unwrap();
        let runs = written.runs();
        assert_eq!((runs[1].as_ptr(), runs[3].as_ptr()), (payload.as_ptr(), payload[65_536..].as_ptr()));
        assert!(write(9, 0, &Bytes::from(vec![0; 0x100_0000]).into()).is_none());
    }
}
