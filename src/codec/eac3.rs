//! E-AC-3: the headers of the synchronisation frames in an access unit, and the record made of the first unit.
//!
//! ```text
//! unit   independent 0 ─ dependent 0 ─ … ─ independent 1 ─ …
//! frame  0B77:16  type:2 (1: dependent)  substream:3  words-1:11  rate:2  [blocks:2, or 3: rate:2]
//!        channels:3  LFE:1  id:5  dialogue:5  [compression]  (dependent: [chanmap:16])  …
//! dec3   kbit/s:13  independents-1:3
//!        each: rate:2  id:5  0  ASVC:1  mode:3  channels:3  LFE:1  0:3  dependents:4  [locations:9, or 0:1]
//! ```
//! Spec: ETSI TS 102 366 §E.1.2, §E.1.3, §F.6.

use bytes::{BufMut, BytesMut};

use super::Error;
use super::ac3::{CHANNELS, RATES, SYNC};
use crate::base::BitReader;
use crate::media::{AudioCodec, AudioConfig, Timescale};

/// Samples of one block.
const BLOCK: u32 = 256;
/// Blocks of a frame by code (table E.1.4).
const BLOCKS: [u32; 4] = [1, 2, 3, 6];
const MAX_INDEPENDENT: usize = 8;
/// Types (table E.1.1): 0 and 2 are independent, 3 is reserved.
const DEPENDENT: u32 = 1;
const RESERVED: u32 = 3;
/// Identifications that are E-AC-3; 16 is what all write.
const IDS: std::ops::RangeInclusive<u32> = 11..=16;
/// Locations of a channel map from its top bit on (table E.1.5) that a record can name, in its order from the
/// lowest bit on, and how many channels each is.
const LOCATIONS: [(u32, u8); 9] =
    [(5, 2), (6, 2), (7, 1), (8, 1), (9, 2), (10, 2), (11, 2), (12, 1), (14, 1)];

struct Header {
    dependent: bool,
    substream: u32,
    rate_code: u32,
    rate: u32,
    blocks: u32,
    layout: u32,
    low: u32,
    id: u32,
    /// Channels that a dependent frame adds or replaces.
    map: u32,
    /// Bytes of the frame.
    size: usize,
}

/// An independent substream with those that depend on it.
struct Program {
    head: Header,
    dependents: u32,
    map: u32,
}

/// The track whose first access unit is `unit`.
pub(super) fn config(unit: &[u8]) -> Result<AudioConfig, Error> {
    let mut programs: Vec<Program> = Vec::new();
    let mut bytes = 0_usize;
    for header in frames(unit) {
        let header = header?;
        let room = programs.len() < MAX_INDEPENDENT;
        let size = header.size;
        match programs.last_mut() {
            // The next unit: some publishers send several at once.
            Some(_) if !header.dependent && header.substream == 0 => break,
            Some(program) if header.dependent => {
                program.dependents = program.dependents.saturating_add(1).min(15);
                program.map |= header.map;
            }
            _ if !room => break,
            _ => programs.push(Program { dependents: 0, map: 0, head: header }),
        }
        bytes = bytes.saturating_add(size);
    }
    let first = programs.first().ok_or(Error::Missing { field: "E-AC-3 frame" })?;
    let samples = first.head.blocks.saturating_mul(BLOCK);
    let bits = (bytes as u64).saturating_mul(8).saturating_mul(first.head.rate.into());
    let kilobits = bits.checked_div(u64::from(samples).saturating_mul(1_000)).unwrap_or(0);
    let mut record = BytesMut::with_capacity(16);
    let count = u16::try_from(programs.len().saturating_sub(1)).unwrap_or(7);
    record.put_u16((u16::try_from(kilobits.min(0x1FFF)).unwrap_or(0x1FFF) << 3) | count);
    programs.iter().for_each(|program| program.write(&mut record));
    Ok(AudioConfig {
        codec: AudioCodec::Eac3,
        codecs: "ec-3".to_owned(),
        sample_rate: Timescale::new(first.head.rate).ok_or(Error::Missing { field: "E-AC-3 rate" })?,
        channels: first.channels(),
        frame_samples: samples,
        record: record.freeze(),
    })
}

/// Samples in the access units of `payload`: what its first independent substream comes to.
pub(super) fn samples(payload: &[u8]) -> Result<u32, Error> {
    let mut samples = 0_u32;
    for header in frames(payload) {
        let header = header?;
        if !header.dependent && header.substream == 0 {
            samples = samples.saturating_add(header.blocks.saturating_mul(BLOCK));
        }
    }
    Ok(samples)
}

/// The frames of `payload`, the first of which must be a good one that begins a unit. What stands behind it and
/// is no whole frame is passed over.
fn frames(payload: &[u8]) -> impl Iterator<Item = Result<Header, Error>> {
    let mut rest = payload;
    let mut first = true;
    std::iter::from_fn(move || {
        let begins = std::mem::replace(&mut first, false);
        let parsed = Header::parse(rest);
        let header = match parsed {
            Err(fault) => return begins.then_some(Err(fault)),
            Ok(header) if begins && (header.dependent || header.substream != 0) => {
                return Some(Err(Error::Missing { field: "E-AC-3 independent substream" }));
            }
            Ok(header) => header,
        };
        match rest.get(header.size..) {
            Some(next) => rest = next,
            None if begins => return Some(Err(Error::Truncated { field: "E-AC-3 frame" })),
            None => return None,
        }
        Some(Ok(header))
    })
    .scan(false, |over, item| {
        let goes_on = !*over;
        *over = item.is_err();
        goes_on.then_some(item)
    })
}

impl Program {
    fn channels(&self) -> u8 {
        let base = CHANNELS.get(self.head.layout as usize).copied().unwrap_or(0);
        let base = base.saturating_add(u8::from(self.head.low == 1));
        // Left and right top surround have a place in the map and none in the record.
        let tops = if self.map >> 2 & 1 == 1 { 2 } else { 0 };
        self.places().fold(base.saturating_add(tops), |sum, (_, channels)| sum.saturating_add(channels))
    }

    /// The bit in the record and the channels of every location that dependent substreams add.
    fn places(&self) -> impl Iterator<Item = (u32, u8)> {
        let map = self.map;
        (0..).zip(LOCATIONS).filter_map(move |(bit, (from_top, channels))| {
            (map >> 15_u32.saturating_sub(from_top) & 1 == 1).then_some((bit, channels))
        })
    }

    fn write(&self, out: &mut BytesMut) {
        let Header { rate_code, id, layout, low, .. } = self.head;
        // Service type is behind mixing data in a frame; main audio, 0, is what all decoders take.
        let fields = (rate_code << 14) | (id << 9) | (layout << 1) | low;
        out.put_uint(fields.into(), 2);
        let locations = self.places().fold(0, |all, (bit, _)| all | (1_u32 << bit));
        match self.dependents {
            0 => out.put_u8(0),
            count => out.put_uint(u64::from((count << 9) | locations), 2),
        }
    }
}

impl Header {
    fn parse(frame: &[u8]) -> Result<Self, Error> {
        let mut bits = BitReader::new(frame);
        let mut read = |n| bits.bits(n).ok_or(Error::Truncated { field: "E-AC-3 frame header" });
        let refused = |field, value: u32| Error::Value { field, value: value.into() };
        let sync = read(16)?;
        if sync != SYNC {
            return Err(refused("E-AC-3 frame sync", sync));
        }
        let (kind, substream, words, rate_code, second) = (read(2)?, read(3)?, read(11)?, read(2)?, read(2)?);
        if kind == RESERVED {
            return Err(refused("E-AC-3 stream type", kind));
        }
        // Code 3: half the rate that the second code says, in frames of six blocks.
        let (rate, blocks) = match RATES.get(rate_code as usize) {
            Some(rate) => (*rate, BLOCKS.get(second as usize).copied().unwrap_or(6)),
            None => (RATES.get(second as usize).ok_or_else(|| refused("E-AC-3 rate code", second))? / 2, 6),
        };
        let (layout, low, id) = (read(3)?, read(1)?, read(5)?);
        if !IDS.contains(&id) {
            return Err(refused("E-AC-3 bit stream identification", id));
        }
        // Dialogue level and compression, twice where there are two mono programmes.
        for _ in 0..if layout == 0 { 2 } else { 1 } {
            read(5)?;
            if read(1)? == 1 {
                read(8)?;
            }
        }
        let dependent = kind == DEPENDENT;
        let map = if dependent && read(1)? == 1 { read(16)? } else { 0 };
        let size = words.saturating_add(1).saturating_mul(2) as usize;
        Ok(Self { dependent, substream, rate_code, rate, blocks, layout, low, id, map, size })
    }
}
