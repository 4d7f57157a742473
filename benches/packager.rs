//! Packager: what a frame costs from the ingest to the published view, and how many allocations.
//!
//! `cargo bench --bench packager`. Divide by `FRAMES` for one frame; the bytes are those of the payloads, which
//! are shared, so that their rate says how far packaging is from being the bottleneck, not how fast it copies.
#![allow(missing_docs, clippy::unwrap_used)]

mod stream;

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use rillcast::cmaf::{ChunkHead, Sample};
use rillcast::media::{Frame, Now, Ticks, Timescale, WallTime};
use rillcast::packager::{Epoch, Geometry, Packager, Settings};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Seconds of the stream in an iteration: more than a window, so that old segments are let go.
const SECONDS: i64 = 60;

fn main() {
    divan::main();
}

fn count(frames: &[Frame]) -> (ItemsCount, BytesCount) {
    let bytes: usize = frames.iter().map(|frame| frame.payload.len()).sum();
    (ItemsCount::new(frames.len()), BytesCount::new(bytes))
}

/// The packager alone: frames already on the exact grid, in; parts and segments, out.
#[divan::bench]
fn packager(bencher: Bencher<'_, '_>) {
    let frames: Vec<Frame> = stream::frames(stream::epoch(), 0, SECONDS).into_iter().map(placed).collect();
    let (items, bytes) = count(&frames);
    let settings = Settings::default();
    let epoch = Epoch {
        number: 0,
        media: Ticks::new(0, Timescale::VIDEO),
        wall: WallTime { unix_micros: 1_800_000_000_000_000 },
    };
    bencher.counter(items).counter(bytes).with_inputs(|| frames.clone()).bench_local_values(|frames| {
        let geometry = Geometry::new(&settings, Some(stream::RATE), &[]);
        let mut packager = Packager::new(&settings, geometry, &stream::tracks(), |_| None, epoch).unwrap();
        for frame in frames {
            packager.push(frame).unwrap();
            while let Some(sealed) = packager.pull() {
                black_box(sealed);
            }
        }
    });
}

/// A frame with the exact times that the timeline would give it.
fn placed(frame: Frame) -> Frame {
    let (scale, step) = match frame.track.kind {
        rillcast::media::TrackKind::Video => (Timescale::VIDEO, 3_000),
        rillcast::media::TrackKind::Audio => (Timescale::new(48_000).unwrap(), 1_024),
    };
    let nearest = (frame.dts.to(scale).value + step / 2) / step * step;
    Frame { dts: Ticks::new(nearest, scale), duration: Some(step), ..frame }
}

/// Everything behind the ingest: timeline, frame ring, packager, part ring, published views.
#[divan::bench]
fn publisher(bencher: Bencher<'_, '_>) {
    let start = stream::epoch();
    let frames = stream::frames(start, 0, SECONDS);
    let (items, bytes) = count(&frames);
    bencher.counter(items).counter(bytes).with_inputs(|| frames.clone()).bench_local_values(|frames| {
        let (registry, mut publisher) = stream::publisher(start);
        for frame in frames {
            let now = Now { mono: frame.arrival, wall: start.wall };
            publisher.push(frame, now).unwrap();
        }
        (registry, publisher)
    });
}

/// The head of one part: fifteen pictures.
#[divan::bench]
fn chunk_head(bencher: Bencher<'_, '_>) {
    let sample = |n: u32| Sample { duration: 3_000, size: 22_800 + n, offset: 6_000, sync: n == 0 };
    let samples: Vec<Sample> = (0..15).map(sample).collect();
    let head = ChunkHead { sequence: 7, decode_time: 1 << 33 };
    bencher.counter(ItemsCount::new(samples.len())).bench_local(|| head.write(black_box(&samples)));
}
