//! Reply and wait: what a request can hear besides a refusal, and how long caches may repeat it.

use std::fmt;
use std::time::Duration;

use super::refusal::Refusal;
use crate::base::Rope;

/// What to do with a request now.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 (or 206, 304 by the driver's reading of the range and validator headers).
    Ready(Reply),
    /// Hold it, and ask again after the rendition's next change.
    WaitFor(Wait),
    /// An error status.
    Refuse(Refusal),
}

/// A body and what belongs in its head.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The body as it goes out; already compressed if `gzip`.
    pub body: Rope,
    /// Content-Type.
    pub content_type: &'static str,
    /// Cache-Control.
    pub cache: Cache,
    /// Whether Content-Encoding is gzip.
    pub gzip: bool,
    /// Whether Vary: Accept-Encoding belongs in the head: of all that can be had both ways.
    pub vary: bool,
    /// ETag, with its quotes: strong, of bytes that never change under their URL.
    pub etag: Option<String>,
    /// Whether Range is honoured: Accept-Ranges: bytes.
    pub ranges: bool,
}

/// How long a response may be repeated from a cache. Prints as the value of Cache-Control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// For ever: the URL is never reused for other bytes.
    Immutable,
    /// For this many seconds.
    Seconds(u32),
    /// For this many seconds by caches that many viewers share, and by a viewer's own not at all: players that
    /// ask for the same state twice, as video.js does after the last part of a segment, want a newer one.
    Shared(u32),
    /// Not at all.
    NoStore,
}

/// A held request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// How long to hold at most, from its arrival: three target durations (§6.2.5.2).
    pub at_most: Duration,
    /// What to say when that is over.
    pub expired: Refusal,
}

impl Cache {
    /// How many seconds the response is fresh in shared caches; zero if it must not be kept.
    pub fn max_age(self) -> u32 {
        match self {
            Self::Immutable => 31_536_000,
            Self::Seconds(seconds) | Self::Shared(seconds) => seconds,
            Self::NoStore => 0,
        }
    }
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immutable => write!(f, "public, max-age={}, immutable", self.max_age()),
            Self::Seconds(seconds) => write!(f, "public, max-age={seconds}"),
            Self::Shared(seconds) => write!(f, "public, max-age=0, s-maxage={seconds}"),
            Self::NoStore => f.write_str("no-store"),
        }
    }
}
