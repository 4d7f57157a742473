//! AC-3: the header that every synchronisation frame begins with, and the record made of the first one.
//!
//! ```text
//! frame  0B77:16  CRC:16  rate:2  size:6  id:5  mode:3  channels:3
//!        [centre:2, mode & 1 and not 1]  [surround:2, mode & 4]  [Dolby Surround:2, mode 2]  LFE:1
//! dac3   rate:2  id:5  mode:3  channels:3  LFE:1  bit rate:5  0:5
//! ```
//! Spec: ETSI TS 102 366 §4.3, §4.4.1, §F.4.

use super::Error;
use crate::base::BitReader;
use crate::media::{AudioCodec, AudioConfig, Timescale};

pub(super) const SYNC: u32 = 0x0B77;
/// Sample rates by code (table 4.1).
pub(super) const RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Channels by `acmod`, the low-frequency one left out (table 4.3).
pub(super) const CHANNELS: [u8; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// kbit/s by half the size code (table 4.13).
const KILOBITS: [u32; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// Six blocks of 256.
const SAMPLES: u32 = 1_536;
/// Identifications past this are variants that decoders of AC-3 need not know.
const MAX_ID: u32 = 8;

struct Header {
    /// The fields of `dac3`, at its top.
    record: u32,
    rate: u32,
    channels: u8,
    /// Bytes of the frame.
    size: usize,
}

/// The track whose first frame is `frame`.
pub(super) fn config(frame: &[u8]) -> Result<AudioConfig, Error> {
    let header = Header::parse(frame)?;
    let [_, record @ ..] = header.record.to_be_bytes();
    Ok(AudioConfig {
        codec: AudioCodec::Ac3,
        codecs: "ac-3".to_owned(),
        sample_rate: Timescale::new(header.rate).ok_or(Error::Value { field: "AC-3 rate code", value: 0 })?,
        channels: header.channels,
        frame_samples: SAMPLES,
        record: record.to_vec().into(),
    })
}

/// Samples in the frames of `payload`. What stands behind the first and is no whole frame is not counted.
pub(super) fn samples(payload: &[u8]) -> Result<u32, Error> {
    let mut header = Header::parse(payload)?;
    let (mut samples, mut rest) = (SAMPLES, payload);
    while let Some(next) = rest.get(header.size..).filter(|next| !next.is_empty()) {
        rest = next;
        match Header::parse(rest) {
            Ok(next) if next.size <= rest.len() => header = next,
            _ => break,
        }
        samples = samples.saturating_add(SAMPLES);
    }
    Ok(samples)
}

impl Header {
    fn parse(frame: &[u8]) -> Result<Self, Error> {
        let mut bits = BitReader::new(frame);
        let mut read = |n| bits.bits(n).ok_or(Error::Truncated { field: "AC-3 frame header" });
        let refused = |field, value: u32| Error::Value { field, value: value.into() };
        let sync = read(16)?;
        if sync != SYNC {
            return Err(refused("AC-3 frame sync", sync));
        }
        read(16)?;
        let (rate_code, size_code, id, mode) = (read(2)?, read(6)?, read(5)?, read(3)?);
        if id > MAX_ID {
            return Err(refused("AC-3 bit stream identification", id));
        }
        let rate = *RATES.get(rate_code as usize).ok_or_else(|| refused("AC-3 rate code", rate_code))?;
        let kilobits = KILOBITS.get((size_code / 2) as usize);
        let kilobits = *kilobits.ok_or_else(|| refused("AC-3 frame size code", size_code))?;
        let layout = read(3)?;
        if layout & 1 == 1 && layout != 1 {
            read(2)?;
        }
        if layout & 4 == 4 {
            read(2)?;
        }
        if layout == 2 {
            read(2)?;
        }
        let low = read(1)?;
        let fields = [(rate_code, 22), (id, 17), (mode, 14), (layout, 11), (low, 10), (size_code / 2, 5)];
        let channels = CHANNELS.get(layout as usize).copied().unwrap_or(0);
        // Where a frame is no whole number of 16-bit words, every other one is a word longer.
        let bits = kilobits.saturating_mul(1_000).saturating_mul(SAMPLES / 16);
        let words = bits.checked_div(rate).unwrap_or(0);
        let odd = if rate_code == 1 { size_code & 1 } else { 0 };
        Ok(Self {
            record: fields.iter().fold(0, |record, (value, shift)| record | (value << shift)),
            rate,
            channels: channels.saturating_add(u8::from(low == 1)),
            size: words.saturating_add(odd).saturating_mul(2) as usize,
        })
    }
}
