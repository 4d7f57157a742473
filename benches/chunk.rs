//! Chunk reassembly, against a plain copy of the same bytes and another implementation's reader.
//!
//! Six megabits a second of picture in 30 frames a second and two-second groups, with 160 kbit/s of sound, read
//! 64 KiB at a time. `memcpy` copies each message's bytes into a buffer of its own, which is the least any reader
//! that hands out messages must do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box, counter::BytesCount};
use rillcast::media::RtmpLimits;
use rillcast::rtmp::chunk::Reader;
use rml_rtmp::chunk_io::{ChunkDeserializer, ChunkSerializer};
use rml_rtmp::messages::MessagePayload;
use rml_rtmp::time::RtmpTimestamp;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const READ: usize = 64 * 1_024;
const SIZES: [usize; 3] = [128, 4_096, 65_536];
/// Seconds of the stream.
const SECONDS: u32 = 20;

fn main() {
    divan::main();
}

/// The stream as messages, and the same as chunks.
struct Stream {
    messages: Vec<Bytes>,
    chunks: Vec<u8>,
}

impl Stream {
    fn new(chunk_size: usize) -> Self {
        let zero = RtmpTimestamp::new(0);
        let mut serializer = ChunkSerializer::new();
        let mut chunks = serializer.set_max_chunk_size(chunk_size as u32, zero).unwrap().bytes;
        let mut messages = Vec::new();
        for n in 0..SECONDS * 30 {
            let picture = if n % 60 == 0 { 150_000 } else { 22_800 + (n as usize * 377) % 1_000 };
            let sounds = if n % 2 == 0 { 2 } else { 1 };
            let mut add = |kind, len: usize, time| {
                let data = Bytes::from((0..len).map(|at| (at as u32 ^ n) as u8).collect::<Vec<_>>());
                let payload = MessagePayload {
                    timestamp: RtmpTimestamp::new(time),
                    type_id: kind,
                    message_stream_id: 1,
                    data: data.clone(),
                };
                chunks.extend(serializer.serialize(&payload, false, false).unwrap().bytes);
                messages.push(data);
            };
            add(9, picture, n * 33);
            (0..sounds).for_each(|at| add(8, 420, n * 33 + at * 21));
        }
        Self { messages, chunks }
    }

    fn count(&self) -> BytesCount {
        BytesCount::new(self.chunks.len())
    }
}

#[divan::bench(args = SIZES)]
fn memcpy(bencher: Bencher<'_, '_>, chunk_size: usize) {
    let stream = Stream::new(chunk_size);
    bencher.counter(stream.count()).bench_local(|| {
        for message in &stream.messages {
            black_box(message.to_vec());
        }
    });
}

#[divan::bench(args = SIZES)]
fn reader(bencher: Bencher<'_, '_>, chunk_size: usize) {
    let stream = Stream::new(chunk_size);
    let limits = RtmpLimits::default();
    bencher.counter(stream.count()).bench_local(|| {
        let mut reader = Reader::new(&limits);
        reader.trust(&limits);
        let mut count = 0;
        for read in stream.chunks.chunks(READ) {
            let mut input = read;
            while let Some(message) = reader.next(&mut input).unwrap() {
                if message.kind == 1 {
                    reader.set_chunk_size(chunk_size as u32).unwrap();
                }
                count += 1;
                black_box(message);
            }
        }
        assert_eq!(count, stream.messages.len() + 1);
    });
}

#[divan::bench(args = SIZES)]
fn rml_rtmp(bencher: Bencher<'_, '_>, chunk_size: usize) {
    let stream = Stream::new(chunk_size);
    bencher.counter(stream.count()).bench_local(|| {
        let mut reader = ChunkDeserializer::new();
        let mut count = 0;
        for read in stream.chunks.chunks(READ) {
            let mut input = read;
            while let Some(message) = reader.get_next_message(input).unwrap() {
                input = &[];
                if message.type_id == 1 {
                    reader.set_max_chunk_size(chunk_size).unwrap();
                }
                count += 1;
                black_box(message);
            }
        }
        assert_eq!(count, stream.messages.len() + 1);
    });
}
