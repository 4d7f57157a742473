//! Settings: everything an operator can decide, with the defaults of the product.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::live::{Takeover, Terms};
use crate::media::{Limits, StreamName, VideoCodec};
use crate::obs;

use super::fault::{Fault, SettingsError};
use super::group::DeclaredGroup;
use super::stream::{DeclaredStream, Policy, Voice};
use super::tls::Tls;

/// The whole configuration of one run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: Listen,
    /// Which certificate to show, if any.
    pub tls: Tls,
    /// The folder of the state store.
    pub data: PathBuf,
    /// Streams declared for this run; the store may hold more.
    pub streams: Vec<DeclaredStream>,
    /// Whether anyone may publish any name without a key.
    pub open_publish: bool,
    /// Whether to publish the built-in clip to stream `demo`.
    pub demo: bool,
    /// How long parts are.
    pub latency: Latency,
    /// Part length chosen by the operator instead of the profile's.
    pub part: Option<Duration>,
    /// Segment target.
    pub segment: Duration,
    /// How much of the past a playlist lists.
    pub window: Duration,
    /// How long a stream waits for a publisher that dropped.
    pub grace: Duration,
    /// What a publisher has to yield to when a second one comes.
    pub takeover: Takeover,
    /// What streams say of both for themselves.
    pub policies: HashMap<StreamName, Policy>,
    /// Streams that are published as renditions of one.
    pub groups: Vec<DeclaredGroup>,
    /// Whether viewers of HLS get ids in their URLs, to be counted by.
    pub viewer_ids: bool,
    /// What OBS Studio is told to encode.
    pub obs: Obs,
    /// How long a stopping server lets its connections finish.
    pub drain: Duration,
    /// Bounds on what peers may do.
    pub limits: Limits,
}

/// Listening addresses. Port 0 picks a free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Encoders.
    pub rtmp: SocketAddr,
    /// Players and pages.
    pub http: SocketAddr,
    /// Metrics and health; loopback only.
    pub admin: SocketAddr,
    /// Players and pages over TLS, when it is not [`Settings::HTTPS`].
    pub https: Option<SocketAddr>,
    /// Encoders over TLS, when it is not [`Settings::RTMPS`].
    pub rtmps: Option<SocketAddr>,
}

/// What OBS Studio may be told to encode, when it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obs {
    /// Where it is told to publish; where it has asked, when it is not said.
    pub server: Option<obs::Endpoint>,
    /// Most kilobits per second of all renditions and the sound together.
    pub max_kbps: usize,
    /// Most renditions.
    pub max_renditions: usize,
    /// What they are coded in where the encoder's machine can; else in H.264.
    pub codec: VideoCodec,
}

/// The latency profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// Parts of about 0.2 s, for good networks.
    Low,
    /// Parts of about 0.5 s.
    Balanced,
    /// Whole segments only.
    Standard,
}

impl Latency {
    /// Reads `low`, `balanced` or `standard`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "low" => Some(Self::Low),
            "balanced" => Some(Self::Balanced),
            "standard" => Some(Self::Standard),
            _ => None,
        }
    }

    /// The profile's part length.
    fn part(self) -> Option<Duration> {
        match self {
            Self::Low => Some(Duration::from_millis(200)),
            Self::Balanced => Some(Duration::from_millis(500)),
            Self::Standard => None,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: Listen {
                rtmp: ([0, 0, 0, 0], 1935).into(),
                http: ([0, 0, 0, 0], 8080).into(),
                admin: ([127, 0, 0, 1], 9080).into(),
                https: None,
                rtmps: None,
            },
            tls: Tls::default(),
            data: PathBuf::from("data"),
            streams: Vec::new(),
            open_publish: false,
            demo: false,
            viewer_ids: false,
            latency: Latency::Balanced,
            part: None,
            segment: Duration::from_secs(2),
            window: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            takeover: Takeover::default(),
            policies: HashMap::new(),
            groups: Vec::new(),
            obs: Obs { server: None, max_kbps: 12_000, max_renditions: 5, codec: VideoCodec::Avc },
            drain: Duration::from_secs(30),
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// Where players connect over TLS unless it is said otherwise.
    pub const HTTPS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443);
    /// Where encoders connect over TLS unless it is said otherwise.
    pub const RTMPS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 1936);

    /// Where players connect over TLS; `None` without TLS.
    pub fn https(&self) -> Option<SocketAddr> {
        self.tls.certificate().map(|_| self.listen.https.unwrap_or(Self::HTTPS))
    }

    /// Where encoders connect over TLS; `None` without TLS.
    pub fn rtmps(&self) -> Option<SocketAddr> {
        self.tls.certificate().map(|_| self.listen.rtmps.unwrap_or(Self::RTMPS))
    }

    /// How long parts are to be; `None` when whole segments are served.
    pub fn part_target(&self) -> Option<Duration> {
        self.part.or_else(|| self.latency.part())
    }

    /// What listeners are told of audio track `index` of `stream`.
    pub fn voice(&self, stream: &StreamName, index: u8) -> Option<&Voice> {
        self.policies.get(stream)?.audio.get(usize::from(index))
    }

    /// The group that `stream` is a member of, and whether it leads it.
    pub fn group_of(&self, stream: &StreamName) -> Option<(&DeclaredGroup, bool)> {
        let group = self.groups.iter().find(|group| group.members.contains(stream))?;
        Some((group, group.led_by(stream)))
    }

    /// On which terms a publisher of `stream` with this key fingerprint comes.
    pub fn terms(&self, stream: &StreamName, credential: u64) -> Terms {
        let own = self.policies.get(stream);
        Terms {
            grace: own.and_then(|own| own.grace).unwrap_or(self.grace),
            takeover: own.and_then(|own| own.takeover).unwrap_or(self.takeover),
            credential,
        }
    }

    /// What OBS is told to encode: a keyframe begins every segment.
    pub fn obs_policy(&self) -> obs::Policy {
        obs::Policy {
            most_kilobits: self.obs.max_kbps as u64,
            most_renditions: self.obs.max_renditions,
            codec: self.obs.codec,
            keyframe_seconds: self.segment.as_secs().max(1),
        }
    }

    /// Whether there is nothing to publish to but what the store holds.
    pub fn needs_store(&self) -> bool {
        self.streams.is_empty() && !self.open_publish && !self.demo
    }

    /// Checks what no single value can show.
    pub fn check(&self) -> Result<(), SettingsError> {
        let rtmp = self.listen.rtmp;
        let admin = self.listen.admin;
        let exposed = self.rtmps().filter(|rtmps| self.open_publish && !rtmps.ip().is_loopback());
        let fault = if self.open_publish && !rtmp.ip().is_loopback() {
            Fault::OpenToAll(rtmp.port())
        } else if let Some(rtmps) = exposed {
            Fault::OpenToAllOverTls(rtmps.port())
        } else if self.tls.cert.is_some() != self.tls.key.is_some() {
            Fault::HalfAPair
        } else if self.tls.self_signed && self.tls.cert.is_some() {
            Fault::TwoCertificates
        } else if self.listen.https.or(self.listen.rtmps).is_some() && self.tls.certificate().is_none() {
            Fault::NoCertificate
        } else if !admin.ip().is_loopback() {
            Fault::AdminToAll(admin.port())
        } else if self.part.is_some() && self.latency == Latency::Standard {
            Fault::PartWithoutParts
        } else if self.part_target().is_some_and(|part| part.saturating_mul(2) > self.segment) {
            Fault::PartTooLong
        } else if self.window < self.segment.saturating_mul(4) {
            Fault::WindowTooShort
        } else {
            return Ok(());
        };
        Err(SettingsError::Together(fault))
    }
}
