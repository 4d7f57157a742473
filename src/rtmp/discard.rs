//! What a session leaves out of a publish, and why.

use crate::codec;
use crate::flv::{self, FourCc};
use crate::media::TrackId;

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
    /// A track beyond the first of its kind.
    #[error("track {0} is left out: one track a kind is taken")]
    Extra(u8),
    /// A configuration that cannot be used; an earlier one stays in force.
    #[error("configuration refused: {0}")]
    Config(codec::Error),
    /// A frame whose bytes are not what its codec says.
    #[error("bad frame: {0}")]
    Frame(codec::Error),
    /// Frames without a configuration before them.
    #[error("frames came before their configuration")]
    NoConfig,
    /// A data message that cannot be read.
    #[error("metadata: {0}")]
    Metadata(flv::Error),
}
