//! Errors: why a clip cannot be read, and why a publish ended.

use std::fmt;

use crate::codec;
use crate::flv;
use crate::flv::amf0::Value;
use crate::rtmp::chunk;

/// Why a clip file cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// Neither an MP4 nor an FLV file.
    #[error("neither an MP4 nor an FLV file")]
    Unrecognised,
    /// Larger than what is read into memory.
    #[error("file is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// A box that must be there is not.
    #[error("{0}: missing")]
    Missing(&'static str),
    /// A box or field contradicts the rest of the file.
    #[error("{place}: {fault}")]
    Damaged {
        /// The box or field.
        place: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A box whose inside cannot be decoded.
    #[error("{place}: {source}")]
    Undecodable {
        /// The box.
        place: &'static str,
        /// What the decoder says.
        source: mp4_atom::Error,
    },
    /// The track's codec cannot be published over RTMP by this version.
    #[error("{place}: codec '{codec}' is not supported")]
    Codec {
        /// The box or field.
        place: &'static str,
        /// The sample entry's four characters, or the FLV codec number.
        codec: FourChars,
    },
    /// The codec configuration is refused.
    #[error("{place}: {source}")]
    Config {
        /// The box or field.
        place: &'static str,
        /// What the codec says.
        source: codec::Error,
    },
    /// A tag of an FLV file that cannot be read.
    #[error("{place}: {source}")]
    Tag {
        /// Which kind of tag.
        place: &'static str,
        /// What is wrong with it.
        source: flv::Error,
    },
    /// More tracks of one kind than can be numbered.
    #[error("there are more than 256 tracks of one kind")]
    Tracks,
    /// Nothing to send.
    #[error("file has no video and no audio sample")]
    Empty,
}

impl ClipError {
    pub(super) const fn damaged(place: &'static str, fault: &'static str) -> Self {
        Self::Damaged { place, fault }
    }
}

/// A four-character code as it is printed: what is not printable ASCII shows as `.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FourChars(pub [u8; 4]);

impl fmt::Display for FourChars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&b| {
            let printable = b == b' ' || b.is_ascii_graphic();
            fmt::Write::write_char(f, if printable { char::from(b) } else { '.' })
        })
    }
}

/// Why a publish ended in error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The server said no, or that it is over.
    #[error("{0}")]
    Refused(Refusal),
    /// The server took too long; says what was being waited for.
    #[error("no answer from the server while {0}")]
    Timeout(&'static str),
    /// What came is not the handshake of RTMP.
    #[error("the server does not speak RTMP (its handshake is malformed)")]
    Handshake,
    /// A malformed chunk.
    #[error("the server sent a malformed chunk on stream {csid}: {fault}")]
    Chunk {
        /// The chunk stream.
        csid: u32,
        /// What was wrong.
        fault: chunk::Fault,
    },
    /// A control message too short for its field.
    #[error("the server sent a control message of type {0} that is too short")]
    Control(u8),
    /// A command whose values cannot be read.
    #[error("the server sent a malformed command: {0}")]
    Command(flv::Error),
    /// createStream was answered without a usable stream number.
    #[error("the server gave no usable message stream id")]
    StreamId,
    /// Media was to be sent outside of a publish.
    #[error("media cannot be sent before the server has accepted the publish")]
    NotLive,
    /// A message cannot be expressed in RTMP.
    #[error("a message is too large for RTMP")]
    Unsendable,
}

/// A server's refusal in its own words, free of control characters and cut to a readable length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the conversation was doing.
    pub during: &'static str,
    /// `NetStream.Publish.BadName`, …; empty when the server gave none.
    pub code: String,
    /// The server's description; empty when it gave none.
    pub description: String,
}

impl Refusal {
    const MAX: usize = 300;

    /// Takes the words out of an information object (Adobe RTMP 1.0 §7.2.2), with `***` in place of `secrets`.
    pub(super) fn new<'a>(
        during: &'static str,
        info: &Value<'_>,
        secrets: impl Iterator<Item = &'a str> + Clone,
    ) -> Self {
        let text = |name| {
            let text = info.get(name).and_then(Value::as_str).unwrap_or_default();
            let text = secrets.clone().fold(text.to_owned(), |text, secret| text.replace(secret, "***"));
            text.chars().filter(|c| !c.is_control()).take(Self::MAX).collect()
        };
        Self { during, code: text("code"), description: text("description") }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused by the server while {}", self.during)?;
        match (self.code.as_str(), self.description.as_str()) {
            ("", "") => Ok(()),
            ("", text) | (text, "") => write!(f, ": {text}"),
            (code, description) => write!(f, ": {description} ({code})"),
        }
    }
}
