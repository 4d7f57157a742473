//! Encoder reports: what an encoder says of itself inside the pictures it sends.

use super::wall::WallTime;

/// What one picture tells of how it was made. All of it is hearsay, by the encoder's own clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EncoderReport {
    /// When the picture was composed of its sources: the nearest there is to when it was captured.
    pub composed: Option<WallTime>,
    /// When the encoder was asked to encode it.
    pub requested: Option<WallTime>,
    /// When that was done.
    pub encoded: Option<WallTime>,
    /// When it was put in line with the sound, ready to be sent.
    pub queued: Option<WallTime>,
    /// Counted for the whole publish. Each track tells the same by itself.
    pub session: Option<SessionFrames>,
    /// Counted for the picture's track.
    pub rendition: Option<RenditionFrames>,
}

/// Frames of a whole publish since the track's report before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionFrames {
    /// Composed.
    pub rendered: u32,
    /// Composed too late to be new.
    pub lagged: u32,
    /// Thrown away since the network did not take them.
    pub dropped: u32,
    /// Sent, of all tracks together.
    pub output: u32,
}

/// Frames of one track since its report before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RenditionFrames {
    /// Offered to the encoder.
    pub input: u32,
    /// Left out since the encoder was behind.
    pub skipped: u32,
    /// Encoded.
    pub output: u32,
}

impl EncoderReport {
    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Either's word; `other`'s where both have one.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            composed: other.composed.or(self.composed),
            requested: other.requested.or(self.requested),
            encoded: other.encoded.or(self.encoded),
            queued: other.queued.or(self.queued),
            session: other.session.or(self.session),
            rendition: other.rendition.or(self.rendition),
        }
    }
}
