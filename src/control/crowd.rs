//! Crowd: how many viewers there are, of each stream and at each address.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::media::{StreamName, ViewerLimits};

use super::denied::Cap;
use super::identity::Protocol;
use super::throttle::network;

/// How a viewer is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// HLS, by the player's session id.
    Session,
    /// HLS, by address and user agent.
    Address,
    /// A connection.
    Connection(Protocol),
}

impl Kind {
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Session | Self::Address => Protocol::Hls,
            Self::Connection(protocol) => protocol,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Address => "address",
            Self::Connection(_) => "connection",
        }
    }
}

/// Viewers of one stream, by how they are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crowd(Vec<(Kind, usize)>);

impl Crowd {
    /// In all.
    pub fn total(&self) -> usize {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Served by `protocol`.
    pub fn by(&self, protocol: Protocol) -> usize {
        self.0.iter().filter(|(kind, _)| kind.protocol() == protocol).map(|(_, count)| count).sum()
    }

    /// Those of HLS who are known by their session ids.
    pub fn sessions(&self) -> usize {
        self.0.iter().filter(|(kind, _)| *kind == Kind::Session).map(|(_, count)| count).sum()
    }

    /// Seven kinds at most, and mostly one or two.
    fn find(&mut self, kind: Kind) -> Option<&mut usize> {
        self.0.iter_mut().find(|(known, _)| *known == kind).map(|(_, count)| count)
    }

    fn join(&mut self, kind: Kind) {
        match self.find(kind) {
            Some(count) => *count = count.saturating_add(1),
            None => self.0.push((kind, 1)),
        }
    }

    fn leave(&mut self, kind: Kind) {
        if let Some(count) = self.find(kind) {
            *count = count.saturating_sub(1);
        }
    }
}

/// All viewers that are counted.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    total: usize,
    by_stream: HashMap<StreamName, Crowd>,
    by_address: HashMap<IpAddr, usize>,
}

impl Crowds {
    /// Counts one more in, where there is room.
    pub(super) fn join(
        &mut self,
        stream: &StreamName,
        kind: Kind,
        address: IpAddr,
        limits: &ViewerLimits,
    ) -> Result<(), Cap> {
        let address = network(address);
        if self.total >= limits.total {
            return Err(Cap::Viewers);
        }
        if self.by_stream.get(stream).map_or(0, Crowd::total) >= limits.per_stream {
            return Err(Cap::StreamViewers);
        }
        let there = self.by_address.get(&address).copied().unwrap_or(0);
        // The machine itself is no stranger: a proxy on it stands for all its viewers.
        if there >= limits.per_address && !address.is_loopback() {
            return Err(Cap::AddressViewers);
        }
        self.by_address.insert(address, there.saturating_add(1));
        self.by_stream.entry(stream.clone()).or_default().join(kind);
        self.total = self.total.saturating_add(1);
        Ok(())
    }

    /// Counts one out.
    pub(super) fn leave(&mut self, stream: &StreamName, kind: Kind, address: IpAddr) {
        let address = network(address);
        self.total = self.total.saturating_sub(1);
        if let Some(crowd) = self.by_stream.get_mut(stream) {
            crowd.leave(kind);
            if crowd.total() == 0 {
                self.by_stream.remove(stream);
            }
        }
        if let Some(count) = self.by_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    /// The viewers of `stream`.
    pub(super) fn of(&self, stream: &StreamName) -> Crowd {
        self.by_stream.get(stream).cloned().unwrap_or_default()
    }

    /// Bytes that the counting takes.
    pub(super) fn bytes(&self) -> usize {
        let addresses = self.by_address.capacity().saturating_mul(size_of::<(IpAddr, usize)>() + 2);
        let streams = self.by_stream.capacity().saturating_mul(size_of::<(StreamName, Crowd)>() + 2);
        addresses.saturating_add(streams)
    }
}
