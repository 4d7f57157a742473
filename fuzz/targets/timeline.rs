//! A source with any clock: see `rillcast_fuzz::timeline`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::timeline(data));
