//! Paths and queries of players: see `rillcast_fuzz::hls_query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::hls_query(data));
