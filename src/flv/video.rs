//! Video tags: the legacy H.264 body, and the door to the enhanced one.
//!
//! ```text
//! legacy    frame type:4  codec:4 (7)   packet type:8 (0 start, 1 frame, 2 end)   composition time:24s   payload
//! enhanced  1:1  frame type:3  packet type:4   …
//! ```

use bytes::Bytes;

use crate::base::ByteReader;

use super::enhanced::{self, Media};
use super::error::Error;
use super::fourcc::FourCc;
use super::packet::{Packet, PacketKind, Packets};

/// Legacy codec id of H.264.
pub(super) const CODEC_AVC: u8 = 7;
/// Bit of the first byte that says the body is enhanced.
pub(super) const ENHANCED: u8 = 0x80;

const FRAME_KEY: u8 = 1;
/// A keyframe made by a server.
const FRAME_GENERATED_KEY: u8 = 4;
/// A command such as "start of seek" instead of a picture.
const FRAME_COMMAND: u8 = 5;

pub(super) fn parse(body: &Bytes) -> Result<Packets, Error> {
    let mut reader = ByteReader::new(body);
    let Some(head) = reader.u8() else { return Ok(Packets::default()) };
    let frame_type = (head & !ENHANCED) >> 4;
    let key = frame_type == FRAME_KEY || frame_type == FRAME_GENERATED_KEY;
    let command = frame_type == FRAME_COMMAND;
    if head & ENHANCED != 0 {
        return enhanced::parse(body, reader, Media::Video { key, command }, head & 0x0F);
    }
    if command {
        return Ok(Packets::default());
    }
    match head & 0x0F {
        CODEC_AVC => avc(body, reader, key),
        id => Err(Error::VideoCodec { id }),
    }
}

fn avc(body: &Bytes, mut reader: ByteReader<'_>, key: bool) -> Result<Packets, Error> {
    let packet_type = reader.u8().ok_or(Error::Truncated { field: "AVC packet type" })?;
    let cts = reader.i24();
    let payload = body.slice_ref(reader.rest());
    let kind = match (packet_type, cts) {
        (0, Some(_)) => PacketKind::SequenceStart(payload),
        (1, Some(_)) if payload.is_empty() => return Err(Error::Truncated { field: "video frame" }),
        (1, Some(cts)) => PacketKind::Frames { cts, nanos: 0, key, payload },
        // Some encoders leave the composition time out here, where it has no meaning.
        (2, _) => PacketKind::SequenceEnd,
        (0 | 1, None) => return Err(Error::Truncated { field: "composition time" }),
        (kind, _) => return Err(Error::PacketType { media: "video", kind }),
    };
    let mut packets = Packets::default();
    packets.push(Packet { track: 0, codec: FourCc::AVC, kind });
    Ok(packets)
}
