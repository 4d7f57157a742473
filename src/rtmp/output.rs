//! Output: what a session asks its driver to do.

use bytes::Bytes;

use crate::codec;
use crate::flv::{self, FourCc, Metadata};
use crate::media::{Captions, Cue, EncoderReport, Frame, Limit, Track, TrackId};
use crate::rtmp::request::{CloseReason, PlayRequest, PublishRequest};

/// One thing to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Write these bytes to the peer.
    Send(Bytes),
    /// Somebody asks to publish: answer with `Session::accept` or `Session::reject`.
    PublishRequested(Box<PublishRequest>),
    /// Somebody asks to play: answer with `Session::accept_play` or `Session::reject`.
    PlayRequested(Box<PlayRequest>),
    /// What the encoder says it will send: hearsay. May come again.
    Announced(Metadata),
    /// A track's configuration, before its first frame and again whenever it changes.
    Track(Track),
    /// Captions that a track was not known to carry; they come with the frame behind this.
    Captions(TrackId, Captions),
    /// What the encoder tells of itself in the frame of the track that comes behind this.
    Encoder(TrackId, Box<EncoderReport>),
    /// A frame of a track that was announced by `Track`.
    Frame(Frame),
    /// Something that happens at a moment of the stream, by the clock of the frames.
    Cue(Box<Cue>),
    /// Something of the publisher's was left out; the publish goes on.
    Discarded(Discarded),
    /// The publisher said that it is done. Comes once, and never without an accepted publish.
    Unpublished,
    /// The player said that it is done. Comes once, and never without an accepted play.
    Stopped,
    /// Write what there is to write, then close the connection. The last output.
    Close(CloseReason),
}

/// Something of the publisher's that was left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Discarded {
    /// Of which track; `None` when it is of none, or the track could not be told.
    pub track: Option<TrackId>,
    /// Why.
    pub reason: Discard,
}

/// Why something was left out. Refusals of a whole track are told once, bad frames each time.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Discard {
    /// A tag that cannot be read, or of a legacy codec we do not take.
    #[error("{0}")]
    Tag(flv::Error),
    /// A codec we do not take.
    #[error("codec {0} is not supported")]
    Codec(FourCc),
    /// A track beyond the most that are taken of one publish.
    #[error("track {0} is left out: there are as many as are taken already")]
    Extra(u8),
    /// A configuration that cannot be used; an earlier one stays in force.
    #[error("configuration refused: {0}")]
    Config(codec::Error),
    /// A frame whose bytes are not what its codec says.
    #[error("bad frame: {0}")]
    Frame(codec::Error),
    /// A multichannel configuration that contradicts the bitstream, which is believed.
    #[error("{declared} channels were declared and {coded} are coded")]
    Channels {
        /// By the multichannel configuration.
        declared: u8,
        /// By the codec's own configuration.
        coded: u8,
    },
    /// Sound of another codec than the track's, without what would make it the track's.
    #[error("{0} comes without a configuration amid sound of another codec")]
    Stray(FourCc),
    /// Frames without a configuration before them.
    #[error("frames came before their configuration")]
    NoConfig,
    /// A data message that cannot be read.
    #[error("metadata: {0}")]
    Metadata(flv::Error),
    /// A timed event that cannot be told.
    #[error("timed metadata: {0}")]
    Cue(flv::Error),
}

impl Discard {
    /// Which limit was run into, if it was one.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Extra(_) => Some(Limit::CodecTracks),
            Self::Config(fault) | Self::Frame(fault) => fault.limit(),
            Self::Tag(fault) | Self::Metadata(fault) | Self::Cue(fault) => fault.limit(),
            Self::Codec(_) | Self::Channels { .. } | Self::Stray(_) | Self::NoConfig => None,
        }
    }
}
