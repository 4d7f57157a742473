//! Chunks cut anywhere, with chunk sizes that change: see `rillcast_fuzz::chunks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::chunks(data));
