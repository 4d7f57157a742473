//! Configuration records and frames: see `rillcast_fuzz::video`.
#![no_main]

use rillcast::media::VideoCodec;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::video(VideoCodec::Avc, data));
