//! The line of a hand-over: see `rillcast_fuzz::handover`.
#![no_main]

#[global_allocator]
static HEAP: rillcast_fuzz::Heap = rillcast_fuzz::Heap;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rillcast_fuzz::handover(data));
