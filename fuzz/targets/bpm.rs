//! What an encoder tells of itself, in each codec that carries it: see `rillcast_fuzz::bpm`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::bpm(data));
