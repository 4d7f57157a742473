//! One chunk stream: the header the next one builds on, and the message under way.

use super::message::{Fault, Misread};

/// Audio, video and aggregate messages: those that may be large.
pub(super) const LARGE_KINDS: [u8; 3] = [8, 9, 22];

/// What a message may reserve before any message of its size was delivered.
pub(super) const FIRST_RESERVE: usize = 64 * 1_024;

/// What the peer may make us hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) large: usize,
    pub(super) small: usize,
    pub(super) unfinished: usize,
    pub(super) streams: usize,
}

/// What is remembered of one chunk stream.
#[derive(Debug)]
pub(super) struct ChunkStream {
    pub(super) csid: u32,
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) timestamp: u32,
    /// Timestamp field of the last type 0, 1 or 2 header: what a type 3 that starts a message adds.
    /// After a type 0 that is the absolute timestamp, as §5.3.1.2.4 says and ffmpeg and librtmp write.
    pub(super) time_field: u32,
    pub(super) extended: bool,
    pub(super) length: usize,
    /// Whether a message is under way.
    pub(super) started: bool,
    pub(super) buffer: Vec<u8>,
}

impl ChunkStream {
    pub(super) fn new(csid: u32) -> Self {
        Self {
            csid,
            kind: 0,
            stream: 0,
            timestamp: 0,
            time_field: 0,
            extended: false,
            length: 0,
            started: false,
            buffer: Vec::new(),
        }
    }

    /// Begins a message, if its declared length is within bounds.
    pub(super) fn start(&mut self, bounds: Bounds) -> Result<(), Fault> {
        let limit = if LARGE_KINDS.contains(&self.kind) { bounds.large } else { bounds.small };
        if self.length > limit {
            return Err(Fault::MessageTooLong { kind: self.kind, length: self.length, limit });
        }
        self.started = true;
        Ok(())
    }

    pub(super) fn missing(&self) -> usize {
        self.length.saturating_sub(self.buffer.len())
    }

    /// Appends payload, within what all chunk streams together may reserve.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        largest: usize,
        reserved: &mut usize,
        bound: usize,
    ) -> Result<(), Misread> {
        let needed = self.buffer.len().saturating_add(bytes.len());
        let held = self.buffer.capacity();
        if needed > held {
            let earned = FIRST_RESERVE.max(largest.saturating_mul(2));
            let grown = held.saturating_mul(2).max(earned).max(needed).min(self.length);
            let others = reserved.saturating_sub(held);
            if others.saturating_add(grown) > bound {
                return Err((self.csid, Fault::TooMuchUnfinished(bound)));
            }
            self.buffer.reserve_exact(grown.saturating_sub(self.buffer.len()));
            *reserved = others.saturating_add(self.buffer.capacity());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }
}
