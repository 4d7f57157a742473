//! Outputs: what is counted of readers that have a stream frame by frame. No label is chosen by a peer.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::identity::Protocol;
use crate::live::{Lag, Reason};

/// Counters and gauges of readers.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    readers: Family<ProtocolLabels, Gauge>,
    skips: Family<ProtocolLabels, Counter>,
    frames_lost: Family<ProtocolLabels, Counter>,
    bytes_lost: Family<ProtocolLabels, Counter>,
    closed: Family<ReasonLabels, Counter>,
    held: Family<KindLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProtocolLabels {
    protocol: Protocol,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    protocol: Protocol,
    reason: &'static str,
}

impl Outputs {
    /// Bytes held by RTMP connections for themselves: what is read at once, messages that are not whole, and what
    /// waits to be written. Frames are in rings, which are counted by themselves.
    pub fn held_by_rtmp(&self) -> Gauge {
        self.held.get_or_create_owned(&KindLabels { kind: "rtmp" })
    }

    /// The same of those that play.
    pub fn held_by_readers(&self) -> Gauge {
        self.held.get_or_create_owned(&KindLabels { kind: "rtmp_player" })
    }

    /// A reader is there.
    pub fn opened(&self, protocol: Protocol) {
        self.readers.get_or_create(&ProtocolLabels { protocol }).inc();
    }

    /// A reader is gone: how it did, and why.
    pub fn closed(&self, protocol: Protocol, lag: &Lag, reason: Reason) {
        let labels = ProtocolLabels { protocol };
        self.readers.get_or_create(&labels).dec();
        self.skips.get_or_create(&labels).inc_by(lag.events);
        self.frames_lost.get_or_create(&labels).inc_by(lag.frames);
        self.bytes_lost.get_or_create(&labels).inc_by(lag.bytes);
        self.closed.get_or_create(&ReasonLabels { protocol, reason: reason.as_str() }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        drop((self.held_by_rtmp(), self.held_by_readers()));
        let help = "Held by connections for themselves";
        registry.register_with_unit("connection", help, Unit::Bytes, self.held.clone());
        registry.register("readers", "Readers of endless files and of RTMP now", self.readers.clone());
        let help = "Times that readers who have left were too far behind";
        registry.register("reader_skips", help, self.skips.clone());
        let help = "Tags, fragments or access units that readers who have left never got";
        registry.register("reader_frames_lost", help, self.frames_lost.clone());
        let help = "What readers who have left never got";
        registry.register_with_unit("reader_lost", help, Unit::Bytes, self.bytes_lost.clone());
        registry.register("readers_closed", "Readers who have left, by reason", self.closed.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_leaves_is_counted_out_with_what_it_lost() {
        let outputs = Outputs::default();
        let mut registry = Registry::with_prefix("rillcast");
        outputs.register(&mut registry);
        outputs.opened(Protocol::Flv);
        outputs.opened(Protocol::Flv);
        let lag = Lag { events: 2, frames: 30, bytes: 4_000, ..Lag::default() };
        outputs.closed(Protocol::Flv, &lag, Reason::WriteTimeout);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "rillcast_readers{protocol=\"Flv\"} 1",
            "rillcast_reader_skips_total{protocol=\"Flv\"} 2",
            "rillcast_reader_frames_lost_total{protocol=\"Flv\"} 30",
            "rillcast_reader_lost_bytes_total{protocol=\"Flv\"} 4000",
            "rillcast_readers_closed_total{protocol=\"Flv\",reason=\"write_timeout\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
