//! The relay that other tests put between peers: what goes in comes out, and each impairment is what it says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test reports by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

#[path = "relay/connections.rs"]
mod connections;
#[path = "relay/datagrams.rs"]
mod datagrams;
#[path = "relay/mod.rs"]
mod relay;
