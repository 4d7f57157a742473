//! Playlist: what one state of one rendition costs to show, and what each reader of it costs after.
//!
//! `cargo bench --bench playlist`. The view is a 30 s window: fifteen segments of four parts of half a
//! second, two parts open, one other rendition.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use divan::Bencher;
use rillcast::base::Rope;
use rillcast::hls::{Answer, Directives, File, Request, answer, playlist};
use rillcast::live::{Bandwidth, Constants, Memo, OpenSegment, PartPos, Report, View};
use rillcast::media::{CodecConfig, FrameRate, Track, TrackId, VideoCodec, VideoConfig, WallTime};
use rillcast::packager::{Init, Part, Segment, SegmentHead};

const PART_TICKS: i64 = 45_000;
const PARTS: u64 = 4;
const SEGMENTS: u64 = 15;
/// Segments that have left the playlist before the first one in it: numbers of a stream some hours old.
const BEFORE: u64 = 4_000;

fn main() {
    divan::main();
}

fn part(msn: u64, index: u64) -> Arc<Part> {
    let number = msn * PARTS + index;
    Arc::new(Part {
        number,
        msn,
        index: u32::try_from(index).unwrap(),
        start: i64::try_from(number).unwrap() * PART_TICKS,
        duration: PART_TICKS,
        independent: index == 0,
        gap: false,
        body: Rope::from(Bytes::from_static(b"part")),
    })
}

fn head(msn: u64, init: &Arc<Init>) -> SegmentHead {
    let micros = 1_795_253_400_000_000 + i64::try_from(msn).unwrap() * 2_000_000;
    let date_time = WallTime { unix_micros: micros };
    SegmentHead { msn, epoch: 0, discontinuity: false, init: Arc::clone(init), date_time, independent: true }
}

fn view() -> View {
    let config = VideoConfig {
        codec: VideoCodec::Avc,
        record: Bytes::new(),
        codecs: "avc1.64001f".into(),
        width: 1_280,
        height: 720,
        pixel_aspect: (1, 1),
        frame_rate: FrameRate::new(30, 1),
        colour: None,
    };
    let init = Arc::new(Init { number: 0, bytes: Bytes::from_static(b"init") });
    let open = BEFORE + SEGMENTS;
    let segment = |msn| {
        Arc::new(Segment {
            head: head(msn, &init),
            start: i64::try_from(msn * PARTS).unwrap() * PART_TICKS,
            duration: i64::try_from(PARTS).unwrap() * PART_TICKS,
            parts: (0..PARTS).map(|index| part(msn, index)).collect(),
        })
    };
    View {
        constants: Arc::new(Constants {
            track: Track { id: TrackId::VIDEO, config: CodecConfig::Video(config) },
            target_duration: 2,
            part_target: Some(Duration::from_millis(510)),
            part_hold_back: Duration::from_millis(1_530),
            hold_back: Duration::from_secs(6),
        }),
        segments: (BEFORE..open).map(segment).collect(),
        listed_from: 0,
        discontinuity_sequence: 0,
        open: Some(OpenSegment { head: head(open, &init), parts: vec![part(open, 0), part(open, 1)] }),
        next_msn: open,
        next_part: open * PARTS + 2,
        next_init: None,
        date_ranges: Arc::default(),
        reports: vec![Report { track: TrackId::AUDIO, last: PartPos { msn: open, part: 1 } }],
        ended: false,
        aligned: true,
        bandwidth: Bandwidth { peak: 2_000_000, average: 1_500_000 },
        memo: Memo::default(),
    }
}

fn ready(view: &View, request: &Request) -> u64 {
    match answer(view, request) {
        Answer::Ready(reply) => reply.body.len(),
        Answer::WaitFor(_) | Answer::Refuse(_) => 0,
    }
}

fn blocking(gzip: bool) -> Request {
    let directives = Directives::parse(Some(&format!("_HLS_msn={}&_HLS_part=1", BEFORE + SEGMENTS)));
    Request { file: File::Playlist, directives, gzip, whole_segments: false }
}

/// From the view to its text.
#[divan::bench]
fn render(bencher: Bencher<'_, '_>) {
    let view = view();
    bencher.bench(|| playlist(&view).render());
}

/// The first reader of a state who takes gzip: text and compression.
#[divan::bench]
fn first_gzip_reader(bencher: Bencher<'_, '_>) {
    let request = blocking(true);
    bencher.with_inputs(view).bench_refs(|view| ready(view, &request));
}

/// The same of a delta update, which leaves nine of the fifteen segments out.
#[divan::bench]
fn first_gzip_reader_of_a_delta(bencher: Bencher<'_, '_>) {
    let query = format!("_HLS_msn={}&_HLS_part=1&_HLS_skip=YES", BEFORE + SEGMENTS);
    let request = Request { directives: Directives::parse(Some(&query)), ..blocking(true) };
    bencher.with_inputs(view).bench_refs(|view| ready(view, &request));
}

/// Every later reader of the same state.
#[divan::bench]
fn later_reader(bencher: Bencher<'_, '_>) {
    let (view, request) = (view(), blocking(true));
    ready(&view, &request);
    bencher.bench(|| ready(&view, &request));
}

/// Reading the query and finding that the request must wait.
#[divan::bench]
fn decide_to_wait(bencher: Bencher<'_, '_>) {
    let view = view();
    let query = format!("_HLS_msn={}&_HLS_part=2", BEFORE + SEGMENTS);
    bencher.bench(|| {
        let directives = Directives::parse(Some(divan::black_box(&query)));
        ready(&view, &Request { file: File::Playlist, directives, gzip: true, whole_segments: false })
    });
}
