//! Opus: identification headers, and how long a packet lasts.
//!
//! ```text
//! OpusHead  "OpusHead"  version:8  channels:8  pre-skip:16 LE  rate:32 LE  gain:16 LE  family:8  [table]
//! dOps                  0:8        channels:8  pre-skip:16 BE  rate:32 BE  gain:16 BE  family:8  [table]
//! table     streams:8  coupled:8  mapping:8 × channels     (family 0 has none)
//! packet    configuration:5  stereo:1  frames:2   (3: variable:1  padding:1  frames:6)
//! ```
//! Spec: RFC 7845 §5.1, RFC 6716 §3.1, Opus in ISO-BMFF §4.3.2.

use bytes::{BufMut, Bytes, BytesMut};

use super::Error;
use crate::base::ByteReader;
use crate::media::{AudioCodec, AudioConfig, Timescale};

/// Opus counts in 48 kHz whatever was coded (RFC 7845 §4).
const RATE: Timescale = Timescale::OPUS;
const MAGIC: &[u8] = b"OpusHead";
/// A packet is at most 120 ms (RFC 6716 §3.2.5).
const MAX_SAMPLES: u32 = 5_760;
const MAX_CHANNELS: u8 = 8;
/// An output channel that is silent.
const SILENT: u8 = 255;

/// A checked identification header.
#[derive(Debug, Clone, Copy)]
struct Head<'a> {
    channels: u8,
    pre_skip: u16,
    rate: u32,
    gain: u16,
    family: u8,
    /// Stream counts and channel mapping; empty for family 0.
    table: &'a [u8],
}

/// The payload of a `dOps` box that says what `head`, an OpusHead, says.
pub(super) fn record(head: &[u8]) -> Result<Bytes, Error> {
    let body = head.strip_prefix(MAGIC).ok_or(Error::Missing { field: "OpusHead" })?;
    Ok(Head::parse(body, u16::from_le_bytes, u32::from_le_bytes)?.record())
}

/// An OpusHead that says what `record`, the payload of a `dOps` box, says.
///
/// # Errors
/// Names the field that is short, reserved or not supported.
pub fn head(record: &[u8]) -> Result<Bytes, Error> {
    let head = Head::parse(record, u16::from_be_bytes, u32::from_be_bytes)?;
    let mut out = BytesMut::with_capacity(32);
    out.put_slice(MAGIC);
    out.put_slice(&[1, head.channels]);
    out.put_u16_le(head.pre_skip);
    out.put_u32_le(head.rate);
    out.put_u16_le(head.gain);
    out.put_u8(head.family);
    out.put_slice(head.table);
    Ok(out.freeze())
}

/// Whether the streams of `record`, the payload of a `dOps` box, are those of its number of channels in Vorbis order,
/// in which fewer words say it (RFC 7845 §5.1.1.2).
///
/// # Errors
/// Names the field that is short, reserved or not supported.
pub fn is_vorbis_order(record: &[u8]) -> Result<bool, Error> {
    /// Streams, those of them that are coupled, and what each channel is made of, by the number of channels.
    const ORDERS: [&[u8]; 8] = [
        &[1, 0, 0],
        &[1, 1, 0, 1],
        &[2, 1, 0, 2, 1],
        &[2, 2, 0, 1, 2, 3],
        &[3, 2, 0, 4, 1, 2, 3],
        &[4, 2, 0, 4, 1, 2, 3, 5],
        &[5, 2, 0, 4, 1, 2, 3, 5, 6],
        &[5, 3, 0, 6, 1, 2, 3, 4, 5, 7],
    ];
    let head = Head::parse(record, u16::from_be_bytes, u32::from_be_bytes)?;
    let order = usize::from(head.channels).checked_sub(1).and_then(|index| ORDERS.get(index));
    Ok(head.family == 0 || order == Some(&head.table))
}

/// The track whose `dOps` payload is `record` and whose first packet is `packet`.
pub(super) fn config(record: Bytes, packet: &[u8]) -> Result<AudioConfig, Error> {
    let head = Head::parse(&record, u16::from_be_bytes, u32::from_be_bytes)?;
    Ok(AudioConfig {
        codec: AudioCodec::Opus,
        codecs: "Opus".to_owned(),
        sample_rate: RATE,
        channels: head.channels,
        frame_samples: samples(packet)?,
        record,
    })
}

/// Samples at 48 kHz in a packet. All streams of one last equally long (RFC 7845 §5.1.1).
pub(super) fn samples(packet: &[u8]) -> Result<u32, Error> {
    let mut reader = ByteReader::new(packet);
    let head = reader.u8().ok_or(Error::Truncated { field: "Opus packet" })?;
    let frame: u32 = match head >> 3 {
        // SILK: 10, 20, 40, 60 ms.
        silk @ 0..=11 => match silk % 4 {
            3 => 2_880,
            n => 480 << n,
        },
        // Hybrid: 10, 20 ms.
        hybrid @ 12..=15 => 480 << (hybrid % 2),
        // CELT: 2.5, 5, 10, 20 ms.
        celt => 120 << (celt % 4),
    };
    let frames = match head & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => reader.u8().ok_or(Error::Truncated { field: "Opus frame count" })? & 0x3F,
    };
    let samples = frame.saturating_mul(frames.into());
    if (1..=MAX_SAMPLES).contains(&samples) {
        return Ok(samples);
    }
    Err(Error::Value { field: "Opus frame count", value: frames.into() })
}

impl<'a> Head<'a> {
    /// Reads what both forms share but for the order of bytes.
    fn parse(body: &'a [u8], two: fn([u8; 2]) -> u16, four: fn([u8; 4]) -> u32) -> Result<Self, Error> {
        let field = "Opus header";
        let cut = Error::Truncated { field };
        let mut reader = ByteReader::new(body);
        let version = reader.u8().ok_or(cut)?;
        // The upper half is the incompatible part of the version (RFC 7845 §5.1).
        if version > 15 {
            return Err(Error::Value { field: "Opus header version", value: version.into() });
        }
        let channels = reader.u8().ok_or(cut)?;
        let pre_skip = two(reader.array().ok_or(cut)?);
        let rate = four(reader.array().ok_or(cut)?);
        let gain = two(reader.array().ok_or(cut)?);
        let family = reader.u8().ok_or(cut)?;
        let most = match family {
            0 => 2,
            1 => MAX_CHANNELS,
            _ => return Err(Error::Value { field: "Opus channel mapping family", value: family.into() }),
        };
        if !(1..=most).contains(&channels) {
            return Err(Error::Value { field: "Opus channel count", value: channels.into() });
        }
        let size = if family == 0 { 0 } else { usize::from(channels).saturating_add(2) };
        let table = reader.take(size).ok_or(Error::Truncated { field: "Opus channel mapping" })?;
        if let [streams, coupled, mapping @ ..] = table {
            mapped(*streams, *coupled, mapping)?;
        }
        Ok(Self { channels, pre_skip, rate, gain, family, table })
    }

    fn record(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(24);
        out.put_slice(&[0, self.channels]);
        out.put_u16(self.pre_skip);
        out.put_u32(self.rate);
        out.put_u16(self.gain);
        out.put_u8(self.family);
        out.put_slice(self.table);
        out.freeze()
    }
}

/// Whether every output channel comes from a decoded one, or is silent (RFC 7845 §5.1.1).
fn mapped(streams: u8, coupled: u8, mapping: &[u8]) -> Result<(), Error> {
    if streams == 0 || streams > MAX_CHANNELS {
        return Err(Error::Value { field: "Opus stream count", value: streams.into() });
    }
    if coupled > streams {
        return Err(Error::Value { field: "Opus coupled stream count", value: coupled.into() });
    }
    let decoded = streams.saturating_add(coupled);
    match mapping.iter().find(|&&channel| channel != SILENT && channel >= decoded) {
        Some(channel) => Err(Error::Value { field: "Opus channel mapping", value: (*channel).into() }),
        None => Ok(()),
    }
}
