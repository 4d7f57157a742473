//! Encoders: what those that tell count of themselves, by stream.
//!
//! The names of streams may be chosen by publishers: a stream has its series only while it is published.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::health::Counts;
use crate::media::StreamName;

/// Counters and gauges of what encoders tell.
#[derive(Debug, Clone, Default)]
pub struct Encoders {
    frames: Family<FrameLabels, Counter>,
    latency: Family<StreamLabels, Gauge<f64, AtomicU64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FrameLabels {
    stream: String,
    event: Event,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabels {
    stream: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Event {
    Rendered,
    Lagged,
    Dropped,
    Output,
    Input,
    Skipped,
}

impl Encoders {
    /// Takes what the encoder of `stream` counted since it told last, and its latency in seconds.
    pub fn told(&self, stream: &StreamName, counts: Counts, latency: Option<f64>) {
        for (event, count) in events(counts) {
            let labels = FrameLabels { stream: stream.to_string(), event };
            self.frames.get_or_create(&labels).inc_by(count);
        }
        if let Some(seconds) = latency {
            self.latency.get_or_create(&StreamLabels { stream: stream.to_string() }).set(seconds);
        }
    }

    /// Leaves out what is known of `stream`, which nobody publishes any more.
    pub fn forget(&self, stream: &StreamName) {
        for (event, _) in events(Counts::default()) {
            self.frames.remove(&FrameLabels { stream: stream.to_string(), event });
        }
        self.latency.remove(&StreamLabels { stream: stream.to_string() });
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Frames as encoders count them: composed, too late, dropped by the network, sent, offered, left out";
        registry.register("encoder_frames", help, self.frames.clone());
        let help = "From the composition of a picture to its arrival, by both clocks";
        registry.register_with_unit("encoder_latency", help, Unit::Seconds, self.latency.clone());
    }
}

fn events(counts: Counts) -> [(Event, u64); 6] {
    [
        (Event::Rendered, counts.rendered),
        (Event::Lagged, counts.lagged),
        (Event::Dropped, counts.dropped),
        (Event::Output, counts.output),
        (Event::Input, counts.input),
        (Event::Skipped, counts.skipped),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_its_series_only_while_it_is_published() {
        let (encoders, mut registry) = (Encoders::default(), Registry::default());
        encoders.register(&mut registry);
        let text = || {
            let mut out = String::new();
            prometheus_client::encoding::text::encode(&mut out, &registry).unwrap();
            out
        };
        let stream = StreamName::parse("a/b").unwrap();
        encoders.told(&stream, Counts { dropped: 3, ..Counts::default() }, Some(0.25));
        encoders.told(&stream, Counts { dropped: 4, ..Counts::default() }, None);
        let told = text();
        assert!(told.contains("encoder_frames_total{stream=\"a/b\",event=\"Dropped\"} 7\n"), "{told}");
        assert!(told.contains("encoder_latency_seconds{stream=\"a/b\"} 0.25\n"), "{told}");
        encoders.forget(&stream);
        assert!(!text().contains("a/b"), "{}", text());
    }
}
