//! Error: why a stream cannot be had in a format, in words that a viewer is shown.

use super::format::Format;
use crate::media::TrackId;

/// Why a stream cannot be had in a format: what an answer of 406 says.
#[derive(Debug, thiserror::Error)]
pub enum Incompatible {
    /// The format has no place for any track of a kind.
    #[error("{format} cannot carry track {track} ({codecs}): {reason}")]
    Codec {
        /// The format.
        format: Format,
        /// The first track of its kind.
        track: TrackId,
        /// Its codec string.
        codecs: String,
        /// Why not.
        reason: &'static str,
    },
    /// A configuration record does not fit where the format wants it.
    #[error("{format} cannot carry the configuration of track {track}: {reason}")]
    Record {
        /// The format.
        format: Format,
        /// The track.
        track: TrackId,
        /// What is wrong with it, or not to be expressed.
        reason: crate::codec::Error,
    },
    /// The head of an MP4 file cannot be written.
    #[error("MP4: {0}")]
    Boxes(#[from] crate::cmaf::Error),
    /// There is nothing to carry.
    #[error("the stream has neither pictures nor sound")]
    Nothing,
    /// The format cannot go on under another configuration, or with tracks that were not there at its start.
    #[error("{format} cannot go on: the stream has other tracks than before")]
    Changed {
        /// The format.
        format: Format,
    },
}
