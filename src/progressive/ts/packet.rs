//! Packet: 188 bytes, the last of a unit filled up in its adaptation field.
//!
//! ```text
//! 47:8   error:1 unit start:1 priority:1 PID:13   scrambling:2 field:1 payload:1 counter:4
//! [field length:8  [discontinuity:1 random access:1 …:1 PCR:1 …:4  [base:33 1:6 extension:9]  FF…]]   payload
//! ```
//! Spec: ISO/IEC 13818-1 §2.4.3.2 to §2.4.3.5.

use bytes::{BufMut, BytesMut};

pub(super) const SIZE: usize = 188;
/// What a packet has besides its header.
const ROOM: usize = 184;
/// Clock references and time stamps are 33 bits of 90 kHz.
pub(super) const CLOCK: i64 = 1 << 33;

/// What the adaptation field of a packet says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Field {
    /// Clock reference, in 90 kHz.
    pub(super) pcr: Option<i64>,
    /// Decoding can start with this unit.
    pub(super) random_access: bool,
    /// What comes does not follow from what was before.
    pub(super) discontinuity: bool,
}

/// One PID, and what its packets have been numbered so far.
#[derive(Debug)]
pub(super) struct Pid {
    pub(super) number: u16,
    /// Counter of the next packet that has a payload.
    counter: u8,
}

impl Field {
    /// Bytes with the length in front; 0 when there is nothing to say.
    fn len(self) -> usize {
        match self {
            Self { pcr: Some(_), .. } => 8,
            Self { random_access: false, discontinuity: false, .. } => 0,
            _ => 2,
        }
    }

    /// Writes `size` bytes, which is at least what it needs: stuffing follows what there is to say.
    fn put(self, out: &mut BytesMut, size: usize) {
        let Some(after) = size.checked_sub(1) else { return };
        out.put_u8(u8::try_from(after).unwrap_or(u8::MAX));
        let Some(mut stuffing) = after.checked_sub(1) else { return };
        let flag = |set, bit| if set { bit } else { 0_u8 };
        out.put_u8(
            flag(self.discontinuity, 0x80) | flag(self.random_access, 0x40) | flag(self.pcr.is_some(), 0x10),
        );
        if let Some(pcr) = self.pcr {
            let base = u64::try_from(pcr.rem_euclid(CLOCK)).unwrap_or(0);
            // The extension counts 27 MHz between two ticks; ours is always 0, behind six reserved bits.
            out.put_uint(base << 15 | 0x3F << 9, 6);
            stuffing = stuffing.saturating_sub(6);
        }
        out.put_bytes(0xFF, stuffing);
    }
}

impl Pid {
    pub(super) fn new(number: u16) -> Self {
        Self { number, counter: 0 }
    }

    /// The packets of one unit, a PES packet or a section with its pointer, given in pieces. `field` stands in the
    /// first one; the last one is filled up.
    pub(super) fn put(&mut self, out: &mut BytesMut, field: Field, pieces: &[&[u8]]) {
        let mut left = pieces.iter().fold(0, |sum: usize, piece| sum.saturating_add(piece.len()));
        let mut pieces = pieces.iter().copied();
        let mut piece: &[u8] = &[];
        let mut field = Some(field);
        while left > 0 {
            let (said, first) = (field.unwrap_or_default(), field.is_some());
            let take = left.min(ROOM.saturating_sub(said.len()));
            let adaptation = ROOM.saturating_sub(take);
            self.head(out, first, adaptation > 0, true);
            self.advance();
            said.put(out, adaptation);
            let mut room = take;
            while room > 0 {
                if piece.is_empty() {
                    let Some(next) = pieces.next() else { break };
                    piece = next;
                }
                let (now, later) = piece.split_at_checked(room).unwrap_or((piece, &[]));
                out.put_slice(now);
                room = room.saturating_sub(now.len());
                piece = later;
            }
            left = left.saturating_sub(take);
            field = None;
        }
    }

    /// A packet of nothing but `field`, mostly a clock reference, which leaves the counter as it is.
    pub(super) fn put_clock(&self, out: &mut BytesMut, field: Field) {
        self.head(out, false, true, false);
        field.put(out, ROOM);
    }

    /// A packet that holds `section`, filled up behind it as sections are (§2.4.4): at most 181 bytes.
    pub(super) fn put_section(&mut self, out: &mut BytesMut, field: Field, section: &[u8]) {
        let adaptation = field.len();
        self.head(out, true, adaptation > 0, true);
        self.advance();
        field.put(out, adaptation);
        out.put_u8(0); // it begins right here
        let room = ROOM.saturating_sub(adaptation).saturating_sub(1);
        let section = section.get(..room).unwrap_or(section);
        out.put_slice(section);
        out.put_bytes(0xFF, room.saturating_sub(section.len()));
    }

    /// The same PID one packet ago: what is numbered by it is what the next packet follows.
    pub(super) fn before(&self) -> Self {
        Self { number: self.number, counter: self.counter.wrapping_sub(1) & 0x0F }
    }

    fn head(&self, out: &mut BytesMut, first: bool, adaptation: bool, payload: bool) {
        let start = if first { 0x4000 } else { 0 };
        let counter = if payload { self.counter } else { self.counter.wrapping_sub(1) & 0x0F };
        out.put_u8(0x47);
        out.put_u16(start | self.number);
        out.put_u8(u8::from(adaptation) << 5 | u8::from(payload) << 4 | counter);
    }

    fn advance(&mut self) {
        self.counter = self.counter.wrapping_add(1) & 0x0F;
    }
}
