//! Colour told in metadata: see `rillcast_fuzz::colour_info`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::colour_info(data));
