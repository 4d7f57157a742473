//! Tag bodies, legacy and enhanced, with every track and modifier there may be: see `rillcast_fuzz::tag`.
#![no_main]

use rillcast::flv::TagKind;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::tag(TagKind::Audio, data));
