//! SplitMix64 (Steele, Lea and Flood, 2014): numbers that look like chance, and are the same for the same seed.
#![allow(dead_code, reason = "not everybody needs all of it")]

use std::time::{SystemTime, UNIX_EPOCH};

/// From one state to the next.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Takes the next number.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(STEP);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The seed that is given by an environment variable of this name, else one by the clock. It is printed, and shown when
/// the test fails.
#[allow(clippy::disallowed_methods, reason = "a seed may come from the clock, since it is printed")]
#[allow(clippy::print_stderr, reason = "seeds are printed")]
pub(crate) fn seed(variable: &str) -> u64 {
    let given = std::env::var(variable).ok().and_then(|seed| seed.parse().ok());
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let seed = given.unwrap_or_else(clock);
    eprintln!("seed: {variable}={seed}");
    seed
}
