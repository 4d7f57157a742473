//! End to end: the real binary, real encoders and players, over sockets of this machine.
//!
//! `RILLCAST_BIN` names the binary; without it the one Cargo built is used. ffmpeg, ffprobe and curl come from
//! PATH, and a test fails when it misses one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "these tests measure real time")]

#[path = "e2e/browser.rs"]
mod browser;
#[path = "e2e/codecs.rs"]
mod codecs;
#[path = "e2e/compare.rs"]
mod compare;
#[path = "e2e/delivery.rs"]
mod delivery;
#[path = "e2e/demo.rs"]
mod demo;
#[path = "e2e/encoder.rs"]
mod encoder;
#[path = "e2e/endings.rs"]
mod endings;
#[path = "e2e/exact.rs"]
mod exact;
#[path = "e2e/flv.rs"]
mod flv;
#[path = "e2e/fmp4.rs"]
mod fmp4;
#[path = "e2e/http.rs"]
mod http;
#[path = "e2e/ladder.rs"]
mod ladder;
#[path = "e2e/play.rs"]
mod play;
#[path = "e2e/player.rs"]
mod player;
#[path = "e2e/players.rs"]
mod players;
#[path = "e2e/playlist.rs"]
mod playlist;
#[path = "e2e/progressive_files.rs"]
mod progressive_files;
#[path = "e2e/progressive_live.rs"]
mod progressive_live;
#[path = "e2e/publish.rs"]
mod publish;
#[path = "e2e/reference.rs"]
mod reference;
#[path = "e2e/rtmp.rs"]
mod rtmp;
#[path = "e2e/server.rs"]
mod server;
#[path = "e2e/sound.rs"]
mod sound;
