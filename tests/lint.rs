//! The linter: what the product makes breaks no rule, and every fault that is put in is found.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "lint/changes.rs"]
mod changes;
#[path = "lint/clean.rs"]
mod clean;
#[path = "lint/delivery.rs"]
mod delivery;
#[path = "lint/media.rs"]
mod media;
#[path = "lint/rig.rs"]
mod rig;
#[path = "sim/source.rs"]
mod source;
#[path = "lint/states.rs"]
mod states;
