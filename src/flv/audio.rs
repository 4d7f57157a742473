//! Audio tags: the legacy AAC and MP3 bodies, and the door to the enhanced one.
//!
//! ```text
//! legacy    sound format:4 (10)  rate:2  size:1  type:1   packet type:8 (0 start, 1 frame)   payload
//!           sound format:4 (2, or 14 for 8 kHz)  rate:2  size:1  type:1   MP3 frame
//! enhanced  sound format:4 (9)   packet type:4   …
//! ```

use bytes::Bytes;

use crate::base::ByteReader;

use super::enhanced::{self, Media};
use super::error::Error;
use super::fourcc::FourCc;
use super::packet::{Packet, PacketKind, Packets};

/// Legacy sound format of AAC.
pub(super) const FORMAT_AAC: u8 = 10;
/// Legacy sound format of MP3.
pub(super) const FORMAT_MP3: u8 = 2;
/// MP3 at 8 kHz, which the two bits of rate cannot say.
const FORMAT_MP3_8K: u8 = 14;
/// Sound format that says the body is enhanced.
pub(super) const FORMAT_ENHANCED: u8 = 9;

pub(super) fn parse(body: &Bytes) -> Result<Packets, Error> {
    let mut reader = ByteReader::new(body);
    let Some(head) = reader.u8() else { return Ok(Packets::default()) };
    match head >> 4 {
        FORMAT_ENHANCED => enhanced::parse(body, reader, Media::Audio, head & 0x0F),
        FORMAT_AAC => aac(body, reader),
        FORMAT_MP3 | FORMAT_MP3_8K => mp3(body, reader),
        id => Err(Error::SoundFormat { id }),
    }
}

/// Rate, size and type in the first byte mean nothing for AAC (FLV §E.4.2.1): the configuration record says them.
fn aac(body: &Bytes, mut reader: ByteReader<'_>) -> Result<Packets, Error> {
    let packet_type = reader.u8().ok_or(Error::Truncated { field: "AAC packet type" })?;
    let payload = body.slice_ref(reader.rest());
    let kind = match packet_type {
        0 => PacketKind::SequenceStart(payload),
        1 if payload.is_empty() => return Err(Error::Truncated { field: "audio frame" }),
        1 => PacketKind::Frames { cts: 0, nanos: 0, key: true, payload },
        kind => return Err(Error::PacketType { media: "audio", kind }),
    };
    Ok(one(FourCc::AAC, kind))
}

/// Every frame has a header of its own, which says more than the first byte can: that one knows no 48 kHz.
fn mp3(body: &Bytes, reader: ByteReader<'_>) -> Result<Packets, Error> {
    if reader.is_empty() {
        return Err(Error::Truncated { field: "audio frame" });
    }
    let payload = body.slice_ref(reader.rest());
    Ok(one(FourCc::MP3, PacketKind::Frames { cts: 0, nanos: 0, key: true, payload }))
}

fn one(codec: FourCc, kind: PacketKind) -> Packets {
    let mut packets = Packets::default();
    packets.push(Packet { track: 0, codec, kind });
    packets
}
