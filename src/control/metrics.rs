//! Metrics: what is counted, in OpenMetrics text. No label is chosen by a peer, but for [`Encoders`].

use std::fmt::Display;
use std::time::Instant;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::audience::Audience;
use super::encoders::Encoders;
use super::outputs::Outputs;
use super::panics;
use crate::media::Limit;

/// Every counter and gauge of the server. Shared by reference; each is one atomic.
#[derive(Debug)]
pub struct Metrics {
    /// Open RTMP connections.
    pub rtmp_connections: Gauge,
    /// Accepted publishes.
    pub publishes: Counter,
    /// Publishers live now.
    pub publishers: Gauge,
    /// Publish attempts refused for their key.
    pub refused_auth: Counter,
    /// RTMP conversations that ended because the peer went against the protocol, and against no limit.
    pub rtmp_errors: Counter,
    /// Bytes read from encoders.
    pub received: Counter,
    /// Frames taken from encoders.
    pub frames: Counter,
    /// Bad frames passed over.
    pub discarded: Counter,
    /// Frames of groups' members that were given up: their leader did not take them, or they were of another time.
    pub group_lost: Counter,
    /// Open HTTP connections.
    pub http_connections: Gauge,
    /// Requests held now.
    pub holds: Gauge,
    /// Tasks of the runtime, as they were when last looked at.
    pub tasks: Gauge,
    /// TLS handshakes that failed for the peer's fault.
    pub tls_failures: Counter,
    /// Certificates taken into use while running.
    pub tls_reloads: Counter,
    /// Certificates refused while running: the one before stays.
    pub tls_reload_failures: Counter,
    /// When the certificate in use expires, in seconds since 1970; 0 without TLS.
    pub tls_not_after: Gauge,
    /// Playlists of ours that were held to the rules of HLS.
    pub lint_checks: Counter,
    /// Rules that they broke.
    pub lint_violations: Counter,
    /// What encoders count of themselves.
    pub encoders: Encoders,
    /// What is counted of viewers and of who is refused.
    pub audience: Audience,
    /// Readers that have streams frame by frame.
    pub outputs: Outputs,
    /// Mistakes of this program that ended what they were in.
    pub panics: Counter,
    requests: Family<RequestLabels, Counter>,
    registry: Registry,
}

/// What kind of thing was asked for, and how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum RequestClass {
    /// Multivariant and media playlists.
    Playlist,
    /// Init sections, parts, segments.
    Media,
    /// Pages and their assets.
    Page,
    /// Health and everything else.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    class: RequestClass,
    code: u16,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            rtmp_connections: Gauge::default(),
            publishes: Counter::default(),
            publishers: Gauge::default(),
            refused_auth: Counter::default(),
            rtmp_errors: Counter::default(),
            received: Counter::default(),
            frames: Counter::default(),
            discarded: Counter::default(),
            group_lost: Counter::default(),
            http_connections: Gauge::default(),
            holds: Gauge::default(),
            tasks: Gauge::default(),
            tls_failures: Counter::default(),
            tls_reloads: Counter::default(),
            tls_reload_failures: Counter::default(),
            tls_not_after: Gauge::default(),
            lint_checks: Counter::default(),
            lint_violations: Counter::default(),
            encoders: Encoders::default(),
            audience: Audience::default(),
            outputs: Outputs::default(),
            panics: panics::counter(),
            requests: Family::default(),
            registry: Registry::with_prefix("rillcast"),
        };
        metrics.register();
        metrics
    }

    /// Counts one answered request.
    pub fn request(&self, class: RequestClass, code: u16) {
        self.requests.get_or_create(&RequestLabels { class, code }).inc();
    }

    /// Counts that `who` ran into `limit` at `now`, and tells it in the log, seldom.
    pub fn limit(&self, limit: Limit, who: impl Display, now: Instant) {
        self.audience.bounds.limit(limit, who, now);
    }

    /// Everything in OpenMetrics text (openmetrics.io, version 1.0.0).
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        r.register("build", "Version of the server", version);
        r.register("rtmp_connections", "Open RTMP connections", self.rtmp_connections.clone());
        r.register("publishes", "Accepted publishes", self.publishes.clone());
        r.register("publishers", "Publishers live now", self.publishers.clone());
        r.register("refused_auth", "Publish attempts refused for their key", self.refused_auth.clone());
        let help = "RTMP conversations ended for what is no RTMP";
        r.register("rtmp_protocol_errors", help, self.rtmp_errors.clone());
        r.register_with_unit("received", "Read from encoders", Unit::Bytes, self.received.clone());
        r.register("frames", "Frames taken from encoders", self.frames.clone());
        r.register("discarded_frames", "Bad frames passed over", self.discarded.clone());
        let help = "Frames of members of groups that were given up";
        r.register("group_lost_frames", help, self.group_lost.clone());
        r.register("http_connections", "Open HTTP connections", self.http_connections.clone());
        r.register("held_requests", "Requests held until their part exists", self.holds.clone());
        r.register("tasks", "Tasks that run or wait in this process", self.tasks.clone());
        r.register("tls_handshake_failures", "TLS handshakes that failed", self.tls_failures.clone());
        r.register("tls_reloads", "Certificates taken into use while running", self.tls_reloads.clone());
        let failures = self.tls_reload_failures.clone();
        r.register("tls_reload_failures", "Certificates refused while running", failures);
        let help = "When the certificate in use expires, since 1970; 0 without TLS";
        r.register_with_unit("tls_certificate_expiry", help, Unit::Seconds, self.tls_not_after.clone());
        r.register("http_requests", "Answered requests by class and status", self.requests.clone());
        r.register("hls_lint_checks", "Playlists held to the rules of HLS", self.lint_checks.clone());
        let help = "Rules of HLS that our playlists broke: mistakes of this program";
        r.register("hls_lint_violations", help, self.lint_violations.clone());
        self.encoders.register(r);
        self.audience.register(r);
        self.outputs.register(r);
        let help = "Mistakes of this program that ended a connection or a stream";
        r.register("panics", help, self.panics.clone());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_help_type_and_the_products_prefix() {
        let metrics = Metrics::new();
        metrics.request(RequestClass::Playlist, 200);
        metrics.limit(Limit::HttpIdle, "somebody", Instant::now());
        metrics.received.inc_by(7);
        let text = metrics.encode();
        for line in [
            "# TYPE rillcast_received_bytes counter",
            "rillcast_received_bytes_total 7",
            "rillcast_http_requests_total{class=\"Playlist\",code=\"200\"} 1",
            "rillcast_limit_hits_total{limit=\"http.idle\"} 1",
            "# HELP rillcast_held_requests Requests held until their part exists.",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            assert!(line.starts_with("rillcast_"), "{line}");
        }
    }
}
