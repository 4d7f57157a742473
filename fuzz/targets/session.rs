//! Whole conversations of an encoder: see `rillcast_fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::session(data));
