//! Listing: viewers as the operator sees them.

use serde::Serialize;

use crate::live::Lag;

/// Viewers, newest first.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// They.
    pub viewers: Vec<Watching>,
    /// How many more there are, who are not listed.
    pub truncated: usize,
}

/// A viewer who is there.
#[derive(Debug, Clone, Serialize)]
pub struct Watching {
    /// Its name for [`Viewers::kick`](super::Viewers::kick).
    pub id: String,
    /// What it watches.
    pub stream: String,
    /// How it is served.
    pub protocol: &'static str,
    /// By what it is told from others: `session`, `address` (with the user agent) or `connection`.
    pub counted_by: &'static str,
    /// Where it is.
    pub address: String,
    /// What its player calls itself, the beginning of it.
    pub agent: Option<String>,
    /// When it came, RFC 3339.
    pub since: String,
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
    pub until: String,
    /// Why.
    pub reason: &'static str,
}
