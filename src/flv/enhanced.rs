//! Enhanced bodies: FourCC codecs, modifiers and several tracks in one tag (Enhanced RTMP v2).
//!
//! ```text
//! packet type ─┬─ ModEx:       size-1:8 [size-1:16]  data  modifier:4  packet type:4 ─▶ again
//!              ├─ command:     command:8, no body (video frame type 5, packet type not Metadata)
//!              ├─ Multitrack:  form:4  packet type:4  [FourCC, unless form 2]
//!              │                 then per track: [FourCC, form 2]  id:8  [size:24, not form 0]  body
//!              └─ else:        FourCC  body
//! ```

use bytes::Bytes;

use crate::base::ByteReader;

use super::error::Error;
use super::fourcc::FourCc;
use super::packet::{Packet, PacketKind, Packets};

/// Most tracks in one tag: twice what any encoder sends; the session's own bound is `CodecLimits::tracks`.
pub(super) const MAX_TRACKS: usize = 32;
/// Most modifiers in front of one packet: one kind is defined, and each may stand once.
pub(super) const MAX_MODIFIERS: usize = 8;

pub(super) const MODIFIER_NANO_OFFSET: u8 = 0;
pub(super) const MAX_NANOS: u32 = 999_999;

/// Types of multitrack, besides one track.
pub(super) const MANY_TRACKS: u8 = 1;
pub(super) const MANY_CODECS: u8 = 2;

/// Packet types, of video where audio differs.
pub(super) mod packet_type {
    pub(crate) const SEQUENCE_START: u8 = 0;
    pub(crate) const CODED_FRAMES: u8 = 1;
    pub(crate) const SEQUENCE_END: u8 = 2;
    pub(crate) const CODED_FRAMES_X: u8 = 3;
    pub(crate) const METADATA: u8 = 4;
    pub(crate) const MPEG2_TS_START: u8 = 5;
    pub(crate) const VIDEO_MULTITRACK: u8 = 6;
    pub(crate) const AUDIO_MULTICHANNEL: u8 = 4;
    pub(crate) const AUDIO_MULTITRACK: u8 = 5;
    pub(crate) const MOD_EX: u8 = 7;
}

/// What the first byte of the tag said.
#[derive(Debug, Clone, Copy)]
pub(super) enum Media {
    Audio,
    Video { key: bool, command: bool },
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video { .. } => "video",
        }
    }

    fn multitrack(self) -> u8 {
        match self {
            Self::Audio => packet_type::AUDIO_MULTITRACK,
            Self::Video { .. } => packet_type::VIDEO_MULTITRACK,
        }
    }
}

/// How several tracks share a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OneTrack,
    ManyTracks,
    ManyTracksManyCodecs,
}

/// Reads what follows the first byte; `reader` stands behind it and borrows `body`.
pub(super) fn parse(
    body: &Bytes,
    mut reader: ByteReader<'_>,
    media: Media,
    first: u8,
) -> Result<Packets, Error> {
    let (packet_type, nanos) = modifiers(&mut reader, first)?;
    if let Media::Video { command: true, .. } = media
        && packet_type != packet_type::METADATA
    {
        return Ok(Packets::default());
    }
    let context = Context { body, media, nanos };
    if packet_type == media.multitrack() {
        return context.tracks(reader);
    }
    let codec = fourcc(&mut reader)?;
    let mut packets = Packets::default();
    packets.push(Packet { track: 0, codec, kind: context.kind(packet_type, codec, reader)? });
    Ok(packets)
}

/// Skips modifiers; gives the packet type behind them and the nanosecond offset, if one was set.
fn modifiers(reader: &mut ByteReader<'_>, first: u8) -> Result<(u8, u32), Error> {
    let mut packet_type = first;
    let mut nanos = 0;
    for _ in 0..MAX_MODIFIERS {
        if packet_type != packet_type::MOD_EX {
            return Ok((packet_type, nanos));
        }
        let short = reader.u8().ok_or(Error::Truncated { field: "modifier size" })?;
        let less_one = match short {
            u8::MAX => reader.u16().ok_or(Error::Truncated { field: "modifier size" })?,
            short => u16::from(short),
        };
        let size = usize::from(less_one).saturating_add(1);
        let data = reader.take(size).ok_or(Error::Truncated { field: "modifier" })?;
        let next = reader.u8().ok_or(Error::Truncated { field: "packet type" })?;
        if next >> 4 == MODIFIER_NANO_OFFSET {
            nanos = ByteReader::new(data).u24().ok_or(Error::Truncated { field: "timestamp offset" })?;
            if nanos > MAX_NANOS {
                return Err(Error::NanoOffset { nanos });
            }
        }
        packet_type = next & 0x0F;
    }
    if packet_type == packet_type::MOD_EX {
        return Err(Error::Modifiers { max: MAX_MODIFIERS });
    }
    Ok((packet_type, nanos))
}

fn fourcc(reader: &mut ByteReader<'_>) -> Result<FourCc, Error> {
    reader.array().map(FourCc).ok_or(Error::Truncated { field: "FourCC" })
}

/// What holds for every track of one tag.
struct Context<'a> {
    body: &'a Bytes,
    media: Media,
    nanos: u32,
}

impl Context<'_> {
    fn tracks(&self, mut reader: ByteReader<'_>) -> Result<Packets, Error> {
        let head = reader.u8().ok_or(Error::Truncated { field: "multitrack type" })?;
        let form = match head >> 4 {
            0 => Form::OneTrack,
            MANY_TRACKS => Form::ManyTracks,
            MANY_CODECS => Form::ManyTracksManyCodecs,
            kind => return Err(Error::MultitrackType { kind }),
        };
        let packet_type = head & 0x0F;
        let shared = match form {
            Form::ManyTracksManyCodecs => None,
            Form::OneTrack | Form::ManyTracks => Some(fourcc(&mut reader)?),
        };
        let mut packets = Packets::default();
        loop {
            if packets.len() >= MAX_TRACKS {
                return Err(Error::Tracks { max: MAX_TRACKS });
            }
            let codec = match shared {
                Some(codec) => codec,
                None => fourcc(&mut reader)?,
            };
            let track = reader.u8().ok_or(Error::Truncated { field: "track id" })?;
            let part = if form == Form::OneTrack {
                let rest = reader.rest();
                reader.take(rest.len());
                rest
            } else {
                let size = reader.u24().ok_or(Error::Truncated { field: "track size" })?;
                reader.take(size as usize).ok_or(Error::Truncated { field: "track body" })?
            };
            let kind = self.kind(packet_type, codec, ByteReader::new(part))?;
            packets.push(Packet { track, codec, kind });
            if reader.is_empty() {
                return Ok(packets);
            }
        }
    }

    /// One track's body; a nested multitrack or modifier is no packet type here.
    fn kind(&self, packet_type: u8, codec: FourCc, mut reader: ByteReader<'_>) -> Result<PacketKind, Error> {
        let key = match self.media {
            Media::Audio => true,
            Media::Video { key, .. } => key,
        };
        let cts = match self.media {
            Media::Video { .. }
                if packet_type == packet_type::CODED_FRAMES && codec.has_composition_time() =>
            {
                reader.i24().ok_or(Error::Truncated { field: "composition time" })?
            }
            _ => 0,
        };
        let bytes = self.body.slice_ref(reader.rest());
        Ok(match (self.media, packet_type) {
            (_, packet_type::SEQUENCE_START) => PacketKind::SequenceStart(bytes),
            (_, packet_type::CODED_FRAMES) | (Media::Video { .. }, packet_type::CODED_FRAMES_X) => {
                if bytes.is_empty() {
                    return Err(Error::Truncated { field: "coded frames" });
                }
                PacketKind::Frames { cts, nanos: self.nanos, key, payload: bytes }
            }
            (_, packet_type::SEQUENCE_END) => PacketKind::SequenceEnd,
            (Media::Video { .. }, packet_type::METADATA) => PacketKind::Metadata(bytes),
            (Media::Video { .. }, packet_type::MPEG2_TS_START) => PacketKind::Mpeg2TsStart(bytes),
            (Media::Audio, packet_type::AUDIO_MULTICHANNEL) => PacketKind::MultichannelConfig(bytes),
            (media, kind) => return Err(Error::PacketType { media: media.name(), kind }),
        })
    }
}
