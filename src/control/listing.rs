//! Listing: viewers as the operator sees them.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::live::Lag;
use crate::media::{StreamName, WallTime};

/// Viewers, newest first.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// They.
    pub viewers: Vec<Watching>,
    /// How many more there are, who are not listed.
    pub truncated: usize,
}

/// A viewer's name for [`Viewers::kick`](super::Viewers::kick), printed in 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewerId(pub(super) u64);

impl fmt::Display for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A viewer who is there.
#[derive(Debug, Clone, Serialize)]
pub struct Watching {
    /// Its name.
    #[serde(serialize_with = "text")]
    pub id: ViewerId,
    /// What it watches.
    #[serde(serialize_with = "text")]
    pub stream: StreamName,
    /// How it is served.
    pub protocol: &'static str,
    /// By what it is told from others: `session`, `address` (with the user agent) or `connection`.
    pub counted_by: &'static str,
    /// Where it is.
    #[serde(serialize_with = "text")]
    pub address: IpAddr,
    /// What its player calls itself, the beginning of it.
    pub agent: Option<Box<str>>,
    /// When it came, RFC 3339.
    #[serde(serialize_with = "text")]
    pub since: WallTime,
    /// HLS: how long ago it asked last.
    pub idle_seconds: Option<f64>,
    /// HLS: how often it has asked.
    pub requests: Option<u64>,
    /// Connections: bytes written to it.
    pub bytes_sent: Option<u64>,
    /// Connections: what it has missed.
    pub lag: Option<Lag>,
}

/// A viewer who was there.
#[derive(Debug, Clone, Serialize)]
pub struct Watched {
    /// As it was last.
    #[serde(flatten)]
    pub viewer: Watching,
    /// When it left, RFC 3339.
    #[serde(serialize_with = "text")]
    pub until: WallTime,
    /// Why.
    pub reason: &'static str,
}

/// As it prints itself.
pub(super) fn text<S: Serializer>(value: &impl fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

#[allow(clippy::ref_option, reason = "the shape that serde asks for")]
pub(super) fn maybe<S: Serializer>(value: &Option<impl fmt::Display>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}
