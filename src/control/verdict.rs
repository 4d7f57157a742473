//! Verdicts: what a publisher's claim is answered with.

use std::time::Duration;

use crate::media::StreamName;

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// May publish.
    Allow(Grant),
    /// May not; the driver waits `delay` before it says so.
    Refuse {
        /// What to tell the peer.
        reason: Refused,
        /// 200 to 400 ms, so that guessing is slow and timing says nothing.
        delay: Duration,
    },
}

/// The right to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// To this stream.
    pub stream: StreamName,
    /// Fingerprint of the key it was given for, to tell whether two publishers came with the same one; 0
    /// where none was needed. It cannot be turned back into the key.
    pub credential: u64,
}

/// Why a claim is refused, in words for the peer. An unknown stream and a wrong key sound the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such stream and key.
    #[error("the stream key is wrong, or there is no such stream; check the key in the encoder's settings")]
    WrongKey,
    /// Ten failures within a minute.
    #[error("too many wrong stream keys from this address; wait a minute and try again")]
    TooMany,
    /// Open publishing, but the path is not a name.
    #[error("that is not a stream name: use letters, digits, '-' and '_'")]
    BadName,
}
