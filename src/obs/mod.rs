//! OBS: what OBS Studio asks before it sends several renditions of one picture, and what it is told to encode.
//! In:  the body of its request, and what the operator allows.   Out: the answer's JSON, or a profile's files.
//! Belongs here: sizing a ladder, OBS's names of encoders, words for its dialog.   Does not: keys, sockets (see server).
//! Time: none.  Memory: one request's document, bounded by whoever read it.
//! Spec: OBS Studio 32.1 multitrack video, schemas 2024-06-04 and 2025-01-25 (its frontend's models of both).
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::arithmetic_side_effects
    )
)]

mod answer;
mod encoder;
mod ladder;
mod profile;
mod request;
#[cfg(test)]
mod tests;

pub use self::answer::{Endpoint, accept, config_id, is_config_id, refuse};
pub use self::encoder::Encoder;
pub use self::ladder::{Policy, Refusal, Rung, ladder};
pub use self::profile::{Profile, files};
pub use self::request::{Canvas, Fault, Request};
