//! The real binary under stress from outside: told to stop in mid-work, out of descriptors, stood still; and tasks of a
//! server in this process that are made to panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "these tests measure real time")]

#[path = "e2e_stress/answers.rs"]
mod answers;
#[path = "e2e_stress/asleep.rs"]
mod asleep;
#[path = "e2e_stress/damage.rs"]
mod damage;
#[path = "progressive/demux.rs"]
#[allow(dead_code, reason = "shared with the tests of endless files")]
mod demux;
#[path = "e2e_stress/descriptors.rs"]
mod descriptors;
#[path = "e2e_stress/drain.rs"]
mod drain;
#[path = "http/film.rs"]
#[allow(dead_code, reason = "shared with the HTTP tests")]
mod film;
#[path = "e2e_stress/held.rs"]
mod held;
#[path = "e2e_stress/panics.rs"]
mod panics;
#[path = "e2e_stress/pauses.rs"]
mod pauses;
#[path = "e2e_stress/process.rs"]
mod process;
#[path = "relay/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what nobody here needs is used elsewhere")]
mod relay;
#[path = "http/rig.rs"]
#[allow(dead_code, reason = "shared with the HTTP tests")]
mod rig;
#[path = "e2e_stress/shed.rs"]
mod shed;
#[path = "e2e_stress/takeover.rs"]
mod takeover;
