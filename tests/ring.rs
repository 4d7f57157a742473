//! The ring that frames are read from: where readers join, what a slow one loses, and that nobody waits for nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "ring/every.rs"]
mod every;
#[path = "ring/item.rs"]
mod item;
#[path = "ring/moments.rs"]
mod moments;
#[path = "ring/readers.rs"]
mod readers;
#[path = "ring/reference.rs"]
mod reference;
#[path = "ring/schedules.rs"]
mod schedules;
#[path = "sim/source.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod source;
