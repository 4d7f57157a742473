//! Entry: one viewer of HLS in the book.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::media::{Now, StreamName, WallTime};

use super::crowd::Kind;
use super::identity::ViewerRequest;
use super::listing::{ViewerId, Watched, Watching};
use super::viewer::Seat;

/// Bytes kept of what a player calls itself.
const AGENT: usize = 96;

/// A viewer of HLS, or one who was and is refused now.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) stream: StreamName,
    pub(super) since: WallTime,
    pub(super) kind: Kind,
    pub(super) address: IpAddr,
    agent: Option<Box<str>>,
    seen: Instant,
    requests: u64,
    refused_until: Option<Instant>,
}

impl Entry {
    pub(super) fn new(request: &ViewerRequest<'_>, kind: Kind, now: Now) -> Self {
        Self {
            stream: request.stream.clone(),
            since: now.wall,
            kind,
            address: request.address,
            agent: short(request.agent),
            seen: now.mono,
            requests: 1,
            refused_until: None,
        }
    }

    /// Who sat there is refused `until` then.
    pub(super) fn ban(seat: &Seat, now: Now, until: Instant) -> Self {
        Self {
            stream: seat.stream.clone(),
            since: now.wall,
            kind: Kind::Connection(seat.protocol),
            address: seat.address,
            agent: None,
            seen: now.mono,
            requests: 0,
            refused_until: Some(until),
        }
    }

    /// Notes a request; whether it may be answered.
    pub(super) fn again(&mut self, now: Instant) -> bool {
        self.seen = now;
        self.requests = self.requests.saturating_add(1);
        self.refused_until.is_none()
    }

    pub(super) fn refuse(&mut self, until: Instant) {
        self.refused_until = Some(until);
    }

    /// Whether it is one who is refused, and counted no more.
    pub(super) fn refuses(&self) -> bool {
        self.refused_until.is_some()
    }

    /// Whether nothing need be known of it any more.
    pub(super) fn over(&self, now: Instant, idle: Duration) -> bool {
        match self.refused_until {
            Some(until) => until <= now,
            None => now.saturating_duration_since(self.seen) >= idle,
        }
    }

    /// What to tell of it when it leaves.
    pub(super) fn left(&self, key: u64, reason: &'static str, now: Now) -> Watched {
        Watched { viewer: self.told(key, now.mono), until: now.wall, reason }
    }

    pub(super) fn told(&self, key: u64, now: Instant) -> Watching {
        Watching {
            id: ViewerId(key),
            stream: self.stream.clone(),
            protocol: self.kind.protocol().name(),
            counted_by: self.kind.name(),
            address: self.address,
            agent: self.agent.clone(),
            since: self.since,
            idle_seconds: Some(now.saturating_duration_since(self.seen).as_secs_f64()),
            requests: Some(self.requests),
            bytes_sent: None,
            lag: None,
        }
    }

    /// Bytes it takes, with what the allocator adds.
    pub(super) fn bytes(&self) -> usize {
        let agent = self.agent.as_ref().map_or(0, |agent| agent.len().saturating_add(16));
        size_of::<Self>().saturating_add(16).saturating_add(agent)
    }
}

/// The beginning of what a player calls itself.
pub(super) fn short(agent: Option<&str>) -> Option<Box<str>> {
    let agent = agent.filter(|agent| !agent.is_empty())?;
    let end = (0..=agent.len().min(AGENT)).rev().find(|end| agent.is_char_boundary(*end)).unwrap_or(0);
    agent.get(..end).map(Into::into)
}
