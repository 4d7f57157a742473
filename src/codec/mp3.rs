//! MP3: the header that every frame begins with.
//!
//! ```text
//! sync:11  version:2 (3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5)  layer:2 (1: III)  no CRC:1
//! bit rate:4  sample rate:2  padding:1  private:1  mode:2 (3: mono)  …
//! ```
//! Spec: ISO/IEC 11172-3 §2.4.1.3, ISO/IEC 13818-3 §2.4.2.3; MPEG-2.5 is as everybody has it.

use bytes::Bytes;

use super::Error;
use crate::base::BitReader;
use crate::media::{AudioCodec, AudioConfig, Timescale};

/// kbit/s by index, from 1.
const MPEG_1: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const MPEG_2: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const RATES: [u32; 3] = [44_100, 48_000, 32_000];

struct Header {
    rate: u32,
    channels: u8,
    samples: u32,
    /// Bytes of the frame.
    size: usize,
}

/// The track whose first frame is `frame`.
pub(super) fn config(frame: &[u8]) -> Result<AudioConfig, Error> {
    let header = Header::parse(frame)?;
    Ok(AudioConfig {
        codec: AudioCodec::Mp3,
        codecs: "mp4a.40.34".to_owned(),
        sample_rate: Timescale::new(header.rate)
            .ok_or(Error::Value { field: "MP3 sample rate", value: 0 })?,
        channels: header.channels,
        frame_samples: header.samples,
        record: Bytes::new(),
    })
}

/// Samples in the frames of `payload`. What stands behind the first and is no whole frame is not counted.
pub(super) fn samples(payload: &[u8]) -> Result<u32, Error> {
    let mut header = Header::parse(payload)?;
    let (mut samples, mut rest) = (header.samples, payload);
    while let Some(next) = rest.get(header.size..).filter(|next| !next.is_empty()) {
        rest = next;
        match Header::parse(rest) {
            Ok(next) if next.size <= rest.len() => header = next,
            _ => break,
        }
        samples = samples.saturating_add(header.samples);
    }
    Ok(samples)
}

impl Header {
    fn parse(frame: &[u8]) -> Result<Self, Error> {
        let mut bits = BitReader::new(frame);
        let mut read = |n| bits.bits(n).ok_or(Error::Truncated { field: "MP3 frame header" });
        let refused = |field, value: u32| Error::Value { field, value: value.into() };
        let sync = read(11)?;
        if sync != 0x7FF {
            return Err(refused("MP3 frame sync", sync));
        }
        let (version, layer) = (read(2)?, read(2)?);
        // A quarter of the rates for MPEG-2.5, half for MPEG-2.
        let shift = match version {
            3 => 0,
            2 => 1,
            0 => 2,
            _ => return Err(refused("MPEG audio version", version)),
        };
        if layer != 1 {
            return Err(refused("MPEG audio layer code", layer));
        }
        read(1)?;
        let (bit_rate, rate, padding) = (read(4)?, read(2)?, read(1)?);
        read(1)?;
        let mode = read(2)?;
        let table = if shift == 0 { MPEG_1 } else { MPEG_2 };
        let kilobits = bit_rate.checked_sub(1).and_then(|index| table.get(index as usize));
        let kilobits = *kilobits.ok_or_else(|| refused("MP3 bit rate index", bit_rate))?;
        let rate = RATES.get(rate as usize).ok_or_else(|| refused("MP3 sample rate index", rate))? >> shift;
        let samples: u32 = if shift == 0 { 1_152 } else { 576 };
        let size = kilobits.saturating_mul(1_000).saturating_mul(samples / 8).checked_div(rate).unwrap_or(0);
        Ok(Self {
            rate,
            channels: if mode == 3 { 1 } else { 2 },
            samples,
            size: size.saturating_add(padding) as usize,
        })
    }
}
