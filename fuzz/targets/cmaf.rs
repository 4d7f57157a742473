//! Frames to chunks and back: see `rillcast_fuzz::cmaf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::cmaf(data));
