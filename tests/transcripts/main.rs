//! Wire transcripts: what peers send, and what they hear; good encoders, odd ones and hostile ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

mod chunks;
mod codecs;
mod colour;
mod conversation;
mod cues;
mod defects;
mod differential;
mod encoders;
mod health;
mod hostile;
mod kit;
mod media;
mod mutations;
mod play;
mod recorded;
