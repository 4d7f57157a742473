//! NAL units behind lengths, byte streams, splice sections: see `rillcast_fuzz::nal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::nal(data));
