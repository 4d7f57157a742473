//! rillcast: a live media server in one pure-Rust binary: RTMP in, Low-Latency HLS out.
//!
//! # The house
//!
//! Data flows one way: bytes → [`rtmp`] (chunk → message → tag → [`media::Frame`]) → [`live`] (timeline, rings, and the
//! generation's own [`packager`]) → [`live::View`] → [`hls::answer`] → the same bytes to every socket.
//!
//! | room | level | what it is |
//! |---|---|---|
//! | [`base`] | 0 | checked cursors over bytes and bits |
//! | [`media`] | 1 | frames, tracks, time, names, limits |
//! | [`codec`] | 2 | parameter sets and configuration records |
//! | [`flv`], [`cmaf`], [`m3u8`] | 3 | one grammar each |
//! | [`obs`] | 3 | what OBS Studio is told to encode |
//! | [`health`] | 3 | how well an encoder does, in words |
//! | [`rtmp`] | 4 | one encoder's conversation, sans-IO |
//! | [`packager`] | 4 | where a cut falls; parts and segments |
//! | [`live`] | 5 | the recent past; who is live |
//! | [`hls`], [`push`] | 6 | one delivery's decisions |
//! | [`progressive`] | 6 | one endless file of a stream: MP4, FLV, MPEG-TS |
//! | [`lint`] | 6 | which rules of HLS an origin breaks |
//! | [`control`] | 7 | settings, keys, permissions, metrics |
//! | [`server`] | 8 | sockets, clock, tasks, shutdown |
//!
//! A room imports only rooms of lower levels; `tests/house.rs` holds the law.

pub mod base;
pub mod cmaf;
pub mod codec;
pub mod control;
pub mod flv;
pub mod health;
pub mod hls;
pub mod lint;
pub mod live;
pub mod m3u8;
pub mod media;
pub mod obs;
pub mod packager;
pub mod progressive;
pub mod push;
pub mod rtmp;
pub mod server;
