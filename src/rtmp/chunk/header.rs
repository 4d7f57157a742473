//! Chunk headers: the basic header and the four message headers, read from a window of bytes.

use crate::base::ByteReader;

/// The 24-bit timestamp that says the real one follows in 32 bits.
pub(super) const EXTENDED: u32 = 0xFF_FFFF;

/// The longest header: 3 basic, 11 message, 4 extended timestamp.
pub(super) const LONGEST: usize = 18;

/// Which of the four message headers follows the basic one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Type 0: everything, with an absolute timestamp.
    Full,
    /// Type 1: no message stream id, timestamp as a delta.
    SameStream,
    /// Type 2: only the delta.
    SameShape,
    /// Type 3: nothing.
    Same,
}

/// The basic header (§5.3.1.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Basic {
    pub(super) format: Format,
    /// 2..=65599.
    pub(super) csid: u32,
}

impl Basic {
    /// `None` when there are too few bytes.
    pub(super) fn read(r: &mut ByteReader<'_>) -> Option<Self> {
        let first = r.u8()?;
        let format = match first >> 6 {
            0 => Format::Full,
            1 => Format::SameStream,
            2 => Format::SameShape,
            _ => Format::Same,
        };
        let csid = match first & 0x3F {
            0 => u32::from(r.u8()?).saturating_add(64),
            1 => {
                let [low, high] = r.array()?;
                u32::from(u16::from_le_bytes([low, high])).saturating_add(64)
            }
            id => u32::from(id),
        };
        Some(Self { format, csid })
    }
}

/// The fields of a type 0, 1 or 2 header; those it lacks are `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    /// Absolute for type 0, else a delta; the extended value where there is one.
    pub(super) time: u32,
    /// Whether `time` came as an extended timestamp.
    pub(super) extended: bool,
    /// Message length and type id.
    pub(super) shape: Option<(usize, u8)>,
    /// Message stream id.
    pub(super) stream: Option<u32>,
}

impl Fields {
    /// Reads the header that `format` announces, with its extended timestamp; `None` when there are too few bytes.
    pub(super) fn read(format: Format, r: &mut ByteReader<'_>) -> Option<Self> {
        let short = r.u24()?;
        let shape = match format {
            Format::Full | Format::SameStream => Some((r.u24()? as usize, r.u8()?)),
            Format::SameShape | Format::Same => None,
        };
        let stream = if format == Format::Full { Some(r.u32_le()?) } else { None };
        let extended = short == EXTENDED;
        let time = if extended { r.u32()? } else { short };
        Some(Self { time, extended, shape, stream })
    }
}

/// What the bytes after a type 3 header say about the extended timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// They are the expected value: the sender repeats it.
    Present,
    /// They differ: the sender does not, and they are payload.
    Absent,
    /// All bytes there are so far agree with it.
    Undecided,
}

impl Repeat {
    /// Compares what follows the header with `expected`, a byte at a time, so that a mismatch decides at once.
    pub(super) fn of(rest: &[u8], expected: u32) -> Self {
        let wanted = expected.to_be_bytes();
        if !rest.iter().zip(wanted.iter()).all(|(a, b)| a == b) {
            Self::Absent
        } else if rest.len() >= wanted.len() {
            Self::Present
        } else {
            Self::Undecided
        }
    }
}
