//! Audience: what is counted of viewers, of who is refused, and of memory. No label is chosen by a peer.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::bounds::Bounds;
use super::denied::Denied;
use super::identity::Protocol;

/// Counters and gauges of the audience. Cloning shares.
#[derive(Debug, Clone, Default)]
pub struct Audience {
    /// Viewers who were kicked.
    pub kicks: Counter,
    /// Viewers who were served without being counted: the book was full.
    pub uncounted: Counter,
    /// What is done without for want of memory: 0 nothing, 1 new viewers, 2 new publishers, 3 the slowest readers.
    pub strain: Gauge,
    /// Memory used, as it is judged.
    pub memory: Gauge,
    /// Memory there is; 0 where nothing bounds it.
    pub memory_limit: Gauge,
    /// Limits that were run into.
    pub bounds: Bounds,
    viewers: Family<ProtocolLabels, Gauge>,
    refused: Family<ReasonLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProtocolLabels {
    protocol: Protocol,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

impl Audience {
    /// Viewers served by `protocol` now.
    pub fn viewers(&self, protocol: Protocol) -> Gauge {
        self.viewers.get_or_create_owned(&ProtocolLabels { protocol })
    }

    /// Counts one who was not let in.
    pub fn refused(&self, denied: &Denied) {
        self.refused.get_or_create(&ReasonLabels { reason: denied.status().name }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.bounds.register(registry);
        for protocol in Protocol::ALL {
            self.viewers(protocol);
        }
        registry.register("viewers", "Viewers now", self.viewers.clone());
        registry.register("viewer_kicks", "Viewers who were kicked", self.kicks.clone());
        let help = "Viewers who were served without being counted";
        registry.register("viewers_uncounted", help, self.uncounted.clone());
        registry.register("refused", "Viewers and publishers not let in, by reason", self.refused.clone());
        let help = "What is done without: 0 nothing, 1 new viewers, 2 new publishers, 3 the slowest readers";
        registry.register("memory_strain", help, self.strain.clone());
        registry.register_with_unit(
            "memory_used",
            "Memory as it is judged",
            Unit::Bytes,
            self.memory.clone(),
        );
        let help = "Memory there is; 0 where nothing bounds it";
        registry.register_with_unit("memory_limit", help, Unit::Bytes, self.memory_limit.clone());
    }
}
