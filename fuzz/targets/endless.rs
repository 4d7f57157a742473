//! Endless files: see `rillcast_fuzz::endless`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::endless(data));
