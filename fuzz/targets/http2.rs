//! HTTP/2: see `rillcast_fuzz::http2`.
#![no_main]

#[global_allocator]
static HEAP: rillcast_fuzz::Heap = rillcast_fuzz::Heap;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::http2(data));
