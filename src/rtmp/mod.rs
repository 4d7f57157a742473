//! rtmp: one encoder's RTMP conversation, without IO.
#![deny(clippy::arithmetic_side_effects)]

pub mod chunk;
