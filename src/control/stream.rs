//! Streams as an operator declares them.

use std::time::Duration;

use super::key::KeyHash;
use crate::live::Takeover;
use crate::media::StreamName;

/// A stream and who may publish to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredStream {
    /// Its public name.
    pub name: StreamName,
    /// Hashes of its keys.
    pub keys: Vec<KeyHash>,
}

/// What one stream says of its publishers, where it differs from the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// How long it waits for a publisher that dropped.
    pub grace: Option<Duration>,
    /// What a publisher has to yield to.
    pub takeover: Option<Takeover>,
}
