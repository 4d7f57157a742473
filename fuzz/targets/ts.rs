//! Endless files: see `rillcast_fuzz::ts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::ts(data));
