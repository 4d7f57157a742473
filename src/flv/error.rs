//! Error: why bytes are not FLV or AMF0. The blame is always the peer's.

use crate::media::Limit;

/// What is wrong with a tag, a script value or a file; `at` counts bytes from the start of what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A script value ends before it is whole.
    #[error("AMF0 value at byte {at} is cut short")]
    AmfTruncated {
        /// Where the bytes ran out.
        at: usize,
    },
    /// An object or array without its end marker.
    #[error("AMF0 object is not terminated at byte {at}")]
    AmfUnterminated {
        /// Where the end marker was missing.
        at: usize,
    },
    /// Values nested deeper than allowed.
    #[error("AMF0 value at byte {at} is nested deeper than {max}")]
    AmfDepth {
        /// Where the value that is too deep starts.
        at: usize,
        /// The ceiling.
        max: usize,
    },
    /// More values in one message than allowed.
    #[error("AMF0 message holds more than {max} values")]
    AmfValues {
        /// The ceiling.
        max: usize,
    },
    /// A string longer than allowed.
    #[error("AMF0 string at byte {at} is {len} bytes, more than {max}")]
    AmfString {
        /// Where the string starts.
        at: usize,
        /// Its declared length in bytes.
        len: usize,
        /// The ceiling.
        max: usize,
    },
    /// A property name longer than allowed.
    #[error("AMF0 property name at byte {at} is {len} bytes, more than {max}")]
    AmfKey {
        /// Where the name starts.
        at: usize,
        /// Its declared length in bytes.
        len: usize,
        /// The ceiling.
        max: usize,
    },
    /// A property name that is not UTF-8.
    #[error("AMF0 property name at byte {at} is not UTF-8")]
    AmfKeyText {
        /// Where the name starts.
        at: usize,
    },
    /// A reference to an earlier object: a message could refer to itself.
    #[error("AMF0 reference at byte {at} is not accepted")]
    AmfReference {
        /// Where it stands.
        at: usize,
    },
    /// The marker that switches to AMF3.
    #[error("AMF3 value at byte {at} where AMF0 is expected")]
    AmfSwitch {
        /// Where it stands.
        at: usize,
    },
    /// A type marker that is reserved or unknown.
    #[error("AMF0 marker {marker:#04x} at byte {at} is unknown")]
    AmfMarker {
        /// Where it stands.
        at: usize,
        /// The marker.
        marker: u8,
    },
    /// A tag, a track of one, or a file that ends before a field.
    #[error("FLV ends before its {field}")]
    Truncated {
        /// The field that is missing or short.
        field: &'static str,
    },
    /// A legacy video codec other than H.264.
    #[error("FLV video codec {id} ({}) is not supported", video_codec_name(*.id))]
    VideoCodec {
        /// CodecID of the tag (FLV §E.4.3.1).
        id: u8,
    },
    /// A legacy audio codec other than AAC.
    #[error("FLV sound format {id} ({}) is not supported", sound_format_name(*.id))]
    SoundFormat {
        /// SoundFormat of the tag (FLV §E.4.2.1).
        id: u8,
    },
    /// A packet type that is reserved, or that may not stand where it does.
    #[error("FLV {media} packet type {kind} is not known here")]
    PacketType {
        /// "video" or "audio".
        media: &'static str,
        /// The packet type.
        kind: u8,
    },
    /// More modifiers in front of one packet than allowed.
    #[error("FLV packet carries more than {max} modifiers")]
    Modifiers {
        /// The ceiling.
        max: usize,
    },
    /// A nanosecond offset of a millisecond or more.
    #[error("FLV timestamp offset of {nanos} ns is more than 999999")]
    NanoOffset {
        /// The offset in nanoseconds.
        nanos: u32,
    },
    /// A reserved kind of multitrack packet.
    #[error("FLV multitrack type {kind} is unknown")]
    MultitrackType {
        /// The type.
        kind: u8,
    },
    /// More tracks in one packet than allowed.
    #[error("FLV packet carries more than {max} tracks")]
    Tracks {
        /// The ceiling.
        max: usize,
    },
    /// A reserved order of channels.
    #[error("FLV channel order {order} is unknown")]
    ChannelOrder {
        /// The order.
        order: u8,
    },
    /// A map of speakers that is not one of so many channels.
    #[error("FLV multichannel configuration does not map {channels} channels")]
    Speakers {
        /// The declared count.
        channels: u8,
    },
    /// An encrypted tag.
    #[error("FLV tag is encrypted")]
    Encrypted,
    /// A cue message of something other than an object.
    #[error("{message} without an object")]
    CueObject {
        /// The message's name.
        message: &'static str,
    },
    /// A cue of too many or too long values.
    #[error("cue of more than {attributes} values or {bytes} bytes of them")]
    CueSize {
        /// The ceiling of names and values together.
        bytes: usize,
        /// The ceiling of values.
        attributes: usize,
    },
    /// A splice that is neither base64 nor hexadecimal.
    #[error("splice is neither base64 nor hexadecimal")]
    CueText,
    /// A splice whose section is refused.
    #[error("splice: {0}")]
    CueSplice(crate::codec::Error),
    /// A file that does not start with `FLV`, version 1.
    #[error("not an FLV file: its first bytes are not FLV version 1")]
    Signature,
}

impl Error {
    /// Which limit was run into, if it was one.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::AmfDepth { .. } => Some(Limit::RtmpAmfDepth),
            Self::AmfValues { .. } => Some(Limit::RtmpAmfValues),
            Self::AmfString { .. } => Some(Limit::RtmpAmfString),
            Self::AmfKey { .. } => Some(Limit::RtmpAmfKey),
            Self::Tracks { .. } => Some(Limit::CodecTracks),
            Self::CueSize { .. } => Some(Limit::Cues),
            _ => None,
        }
    }
}

fn video_codec_name(id: u8) -> &'static str {
    match id {
        2 => "Sorenson H.263",
        3 => "Screen video",
        4 => "On2 VP6",
        5 => "On2 VP6 with alpha",
        6 => "Screen video 2",
        12 => "HEVC without a FourCC",
        13 => "AV1 without a FourCC",
        _ => "unknown",
    }
}

fn sound_format_name(id: u8) -> &'static str {
    match id {
        0 => "PCM, platform endian",
        1 => "ADPCM",
        3 => "PCM, little endian",
        4 => "Nellymoser 16 kHz",
        5 => "Nellymoser 8 kHz",
        6 => "Nellymoser",
        7 => "G.711 A-law",
        8 => "G.711 mu-law",
        11 => "Speex",
        15 => "device-specific",
        _ => "unknown",
    }
}
