//! The HTTP listeners from outside: health, pages, and requests made to confuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test reports by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

#[path = "http/captions.rs"]
mod captions;
#[path = "http/continuity.rs"]
mod continuity;
#[path = "http/crowds.rs"]
mod crowds;
#[path = "http/cues.rs"]
mod cues;
#[path = "progressive/demux.rs"]
mod demux;
#[path = "http/endless.rs"]
mod endless;
#[path = "http/faults.rs"]
mod faults;
#[path = "http/film.rs"]
mod film;
#[path = "http/framing.rs"]
mod framing;
#[path = "http/groups.rs"]
mod groups;
#[path = "http/h2.rs"]
mod h2;
#[path = "http/health.rs"]
mod health;
#[path = "http/hostile.rs"]
mod hostile;
#[path = "http/impaired.rs"]
mod impaired;
#[path = "http/ingest.rs"]
mod ingest;
#[path = "http/kicked.rs"]
mod kicked;
#[path = "http/ladder.rs"]
mod ladder;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/newcomers.rs"]
mod newcomers;
#[path = "http/obs.rs"]
mod obs;
#[path = "limits/places.rs"]
mod places;
#[path = "http/playback.rs"]
mod playback;
#[path = "http/progressive.rs"]
mod progressive;
#[path = "http/ranges.rs"]
mod ranges;
#[path = "relay/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what nobody here needs is used elsewhere")]
mod relay;
#[path = "http/rig.rs"]
mod rig;
#[path = "http/routes.rs"]
mod routes;
#[path = "http/rtmp_play.rs"]
mod rtmp_play;
#[path = "http/rtmp_player.rs"]
mod rtmp_player;
#[path = "http/storm.rs"]
mod storm;
#[path = "http/tls.rs"]
mod tls;
#[path = "http/tls_rig.rs"]
mod tls_rig;
#[path = "http/transitions.rs"]
mod transitions;
#[path = "http/transports.rs"]
mod transports;
#[path = "http/viewers.rs"]
mod viewers;
#[path = "http/websocket.rs"]
mod websocket;
#[path = "http/windows.rs"]
mod windows;
