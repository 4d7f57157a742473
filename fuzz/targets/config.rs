//! Configuration files, variables and flags: see `rillcast_fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::config(data));
