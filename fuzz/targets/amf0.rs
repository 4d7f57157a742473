//! AMF0 values, and what is read of them: see `rillcast_fuzz::amf0`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::amf0(data));
