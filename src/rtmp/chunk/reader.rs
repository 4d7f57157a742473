//! The chunk reader: many interleaved chunk streams in, whole messages out, each payload byte copied once.
//!
//! ```text
//!              bytes               header complete              payload complete
//!   (between) ───────▶ (header) ──────────────────▶ (payload) ──────────────────▶ Message
//!        ▲                                              │ chunk ends, message does not
//!        └──────────────────────────────────────────────┘
//! ```

use bytes::Bytes;

use super::carry::Carry;
use super::header::{Basic, Fields, Format, Repeat};
use super::message::{Fault, Message, Misread};
use super::stream::{Bounds, ChunkStream};
use crate::base::ByteReader;
use crate::media::RtmpLimits;

/// No message is longer than 24 bits can say, so no chunk needs to be.
const MAX_CHUNK: usize = 0xFF_FFFF;

/// Demultiplexes the inbound half of one RTMP connection, from after the handshake.
///
/// Memory: a message reserves what this connection has earned by earlier messages (twice the largest one
/// delivered, at least 64 KiB, at most the declared length) and doubles from there, so nothing is allocated
/// on a promise and a steady stream needs one allocation a message. All reservations together stay within
/// `RtmpLimits::early_partial_bytes`, or `partial_bytes` after [`Reader::trust`].
#[derive(Debug)]
pub struct Reader {
    chunk_size: usize,
    bounds: Bounds,
    streams: Vec<ChunkStream>,
    /// The chunk whose payload is being read.
    open: Option<OpenChunk>,
    /// Header bytes of a chunk that reads have cut.
    carry: Carry,
    /// Capacity of all unfinished messages.
    reserved: usize,
    /// Length of the largest message delivered.
    largest: usize,
    /// Where the last lookup ended: chunks of one stream come in runs.
    recent: usize,
    /// Bytes taken in.
    consumed: u64,
}

#[derive(Debug, Clone, Copy)]
struct OpenChunk {
    /// Index of its stream.
    slot: usize,
    /// Payload bytes still to come in this chunk.
    left: usize,
}

impl Reader {
    /// A reader in its early, distrustful state: every message is held to `early_message`.
    pub fn new(limits: &RtmpLimits) -> Self {
        let bounds = Bounds {
            large: limits.early_message,
            small: limits.early_message.min(limits.command_message),
            unfinished: limits.early_partial_bytes,
            streams: limits.chunk_streams,
        };
        Self {
            chunk_size: 128,
            bounds,
            streams: Vec::new(),
            open: None,
            carry: Carry::default(),
            reserved: 0,
            largest: 0,
            recent: 0,
            consumed: 0,
        }
    }

    /// Raises the bounds to those of an accepted publisher.
    pub fn trust(&mut self, limits: &RtmpLimits) {
        self.bounds.large = limits.media_message;
        self.bounds.small = limits.command_message;
        self.bounds.unfinished = limits.partial_bytes;
    }

    /// Obeys a Set Chunk Size message (§5.4.1), from the next chunk on.
    ///
    /// # Errors
    /// [`Fault::ChunkSize`] for 0 and for a set top bit.
    pub fn set_chunk_size(&mut self, size: u32) -> Result<(), Fault> {
        if size == 0 || size > i32::MAX as u32 {
            return Err(Fault::ChunkSize(size));
        }
        self.chunk_size = (size as usize).min(MAX_CHUNK);
        Ok(())
    }

    /// Obeys an Abort message (§5.4.2): forgets what has come of the message under way on `csid`.
    pub fn abort(&mut self, csid: u32) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.csid == csid) {
            self.reserved = self.reserved.saturating_sub(stream.buffer.capacity());
            stream.buffer = Vec::new();
            stream.started = false;
        }
    }

    /// Bytes taken in so far.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Capacity of the buffers of all unfinished messages, in bytes.
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    /// The next whole message, taken from the front of `input`; `None` when all of `input` is used up.
    ///
    /// Set Chunk Size and Abort messages are returned like any other: the caller obeys them before it
    /// calls again.
    ///
    /// # Errors
    /// The chunk stream id and the fault. The reader is of no more use then.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Message>, (u32, Fault)> {
        let before = input.len();
        let result = self.advance(input);
        self.consumed = self.consumed.saturating_add(before.saturating_sub(input.len()) as u64);
        result
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Misread> {
        loop {
            if let Some(open) = self.open {
                match self.fill(open, input)? {
                    Some(message) => return Ok(Some(message)),
                    None if self.open.is_some() => return Ok(None),
                    None => {}
                }
            }
            if !self.read_header(input)? {
                return Ok(None);
            }
        }
    }

    /// Reads one chunk header off `carry` and `input`; `false` when it is not whole yet.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<bool, Misread> {
        if self.carry.len == 0 {
            if let Some(used) = self.take_header(input)? {
                *input = input.get(used..).unwrap_or_default();
                return Ok(true);
            }
            self.carry.push(input);
            return Ok(false);
        }
        // The window is as long as the longest header, so what does not fit in it is never needed.
        let mut window = self.carry;
        let mut rest = *input;
        window.push(&mut rest);
        match self.take_header(window.as_slice())? {
            None => {
                self.carry = window;
                *input = rest;
                Ok(false)
            }
            Some(used) => {
                let fresh = used.saturating_sub(self.carry.len);
                self.carry.drop_front(used);
                *input = input.get(fresh..).unwrap_or_default();
                Ok(true)
            }
        }
    }

    /// Parses one header from `window` and opens its chunk; answers how many bytes it took.
    fn take_header(&mut self, window: &[u8]) -> Result<Option<usize>, Misread> {
        let mut r = ByteReader::new(window);
        let Some(basic) = Basic::read(&mut r) else { return Ok(None) };
        let slot = self.find(basic.csid);
        let done = match (basic.format, slot) {
            (Format::Full, _) => match Fields::read(basic.format, &mut r) {
                None => return Ok(None),
                Some(fields) => self.open_with(basic, slot, fields)?,
            },
            (_, None) => return Err((basic.csid, Fault::NoEarlierHeader)),
            (Format::Same, Some(slot)) => {
                self.open_same(slot, &mut r).map_err(|fault| (basic.csid, fault))?
            }
            (_, Some(_)) => match Fields::read(basic.format, &mut r) {
                None => return Ok(None),
                Some(fields) => self.open_with(basic, slot, fields)?,
            },
        };
        Ok(done.then(|| window.len().saturating_sub(r.remaining())))
    }

    /// Opens a chunk that has a header of type 0, 1 or 2.
    fn open_with(&mut self, basic: Basic, slot: Option<usize>, fields: Fields) -> Result<bool, Misread> {
        let fail = |fault| (basic.csid, fault);
        let bounds = self.bounds;
        let slot = match slot {
            Some(slot) => slot,
            None if self.streams.len() >= bounds.streams => {
                return Err(fail(Fault::TooManyStreams(bounds.streams)));
            }
            None => {
                self.streams.push(ChunkStream::new(basic.csid));
                self.streams.len().saturating_sub(1)
            }
        };
        self.recent = slot;
        let Some(stream) = self.streams.get_mut(slot) else { return Ok(false) };
        if stream.started {
            // Some senders repeat the whole header on every chunk of a message; the header must then
            // say the same, and its timestamp is the message's own.
            let (length, kind) = fields.shape.unwrap_or((stream.length, stream.kind));
            let same_stream = fields.stream.is_none_or(|id| id == stream.stream);
            if (length, kind) != (stream.length, stream.kind) || !same_stream {
                return Err(fail(Fault::HeaderInMessage { was: stream.length, is: length }));
            }
        } else {
            if let Some((length, kind)) = fields.shape {
                stream.length = length;
                stream.kind = kind;
            }
            stream.stream = fields.stream.unwrap_or(stream.stream);
            stream.time_field = fields.time;
            stream.extended = fields.extended;
            stream.timestamp = match basic.format {
                Format::Full => fields.time,
                _ => stream.timestamp.wrapping_add(fields.time),
            };
            stream.start(bounds).map_err(fail)?;
        }
        self.open_payload(slot);
        Ok(true)
    }

    /// Opens a chunk that has a header of type 3; `false` when its extended timestamp cannot be told yet.
    fn open_same(&mut self, slot: usize, r: &mut ByteReader<'_>) -> Result<bool, Fault> {
        self.recent = slot;
        let bounds = self.bounds;
        let Some(stream) = self.streams.get_mut(slot) else { return Ok(false) };
        if stream.extended {
            // Adobe's own encoders leave the repetition out, most others write it: both are in the field,
            // and some repeat the absolute time where the header had a delta.
            let by_field = Repeat::of(r.rest(), stream.time_field);
            let by_time = match stream.started {
                true => Repeat::of(r.rest(), stream.timestamp),
                false => Repeat::Absent,
            };
            match (by_field, by_time) {
                (Repeat::Present, _) | (_, Repeat::Present) => {
                    r.u32();
                }
                (Repeat::Absent, Repeat::Absent) => {}
                _ => return Ok(false),
            }
        }
        if !stream.started {
            stream.timestamp = stream.timestamp.wrapping_add(stream.time_field);
            stream.start(bounds)?;
        }
        self.open_payload(slot);
        Ok(true)
    }

    fn open_payload(&mut self, slot: usize) {
        if let Some(stream) = self.streams.get(slot) {
            let left = stream.missing().min(self.chunk_size);
            self.open = Some(OpenChunk { slot, left });
        }
    }

    /// Moves payload into the open chunk's message; the message, if that was its last byte.
    fn fill(&mut self, open: OpenChunk, input: &mut &[u8]) -> Result<Option<Message>, Misread> {
        let Some(stream) = self.streams.get_mut(open.slot) else { return Ok(None) };
        // A message that lies whole before us needs no buffer under way. It is copied all the same: a slice
        // would keep the whole read buffer alive for as long as the frame is.
        let whole = (self.carry.len == 0 && open.left == stream.length && stream.buffer.is_empty())
            .then(|| input.split_at_checked(open.left))
            .flatten();
        let payload = if let Some((payload, rest)) = whole {
            *input = rest;
            Bytes::copy_from_slice(payload)
        } else {
            let mut left = open.left;
            let carried = left.min(self.carry.len);
            if carried > 0 {
                let head = self.carry.as_slice().get(..carried).unwrap_or_default();
                stream.take(head, self.largest, &mut self.reserved, self.bounds.unfinished)?;
                self.carry.drop_front(carried);
                left = left.saturating_sub(carried);
            }
            let (now, rest) = input.split_at_checked(left).unwrap_or((input, &[]));
            stream.take(now, self.largest, &mut self.reserved, self.bounds.unfinished)?;
            *input = rest;
            left = left.saturating_sub(now.len());
            if left > 0 {
                self.open = Some(OpenChunk { left, ..open });
                return Ok(None);
            }
            self.open = None;
            if stream.missing() > 0 {
                return Ok(None);
            }
            self.reserved = self.reserved.saturating_sub(stream.buffer.capacity());
            Bytes::from(std::mem::take(&mut stream.buffer))
        };
        self.open = None;
        stream.started = false;
        self.largest = self.largest.max(payload.len());
        Ok(Some(Message { kind: stream.kind, stream: stream.stream, timestamp: stream.timestamp, payload }))
    }

    fn find(&self, csid: u32) -> Option<usize> {
        match self.streams.get(self.recent) {
            Some(stream) if stream.csid == csid => Some(self.recent),
            _ => self.streams.iter().position(|stream| stream.csid == csid),
        }
    }
}
