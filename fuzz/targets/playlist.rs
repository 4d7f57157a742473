//! Playlists as text: see `rillcast_fuzz::playlist`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::playlist(data));
