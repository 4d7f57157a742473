//! Sequence headers and frames: see `rillcast_fuzz::audio`.
#![no_main]

use rillcast::media::AudioCodec;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::audio(AudioCodec::Aac, data));
