//! Messages written as chunks and read again: see `rillcast_fuzz::chunk_roundtrip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::chunk_roundtrip(data));
