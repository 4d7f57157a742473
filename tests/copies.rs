//! No payload is copied between the end of chunk reassembly and what is written to a viewer's socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rillcast::base::Rope;
use rillcast::hls::{Answer, Directives, File, Request, answer};
use rillcast::live::{Registry, Settings};
use rillcast::media::{Limits, Now, StreamName, TrackId, WallTime};
use rillcast::push::{self, Client, Clip, Pace, Target};
use rillcast::rtmp::{self, Session};

const CLIP: &[u8] = include_bytes!("../fixtures/bbb_720p25_avc_aac.mp4");

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for simulated time")]
fn origin() -> Now {
    Now { mono: Instant::now(), wall: WallTime { unix_micros: 1_800_000_000_000_000 } }
}

fn memory(bytes: &[u8]) -> Range<usize> {
    let range = bytes.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// A clip published through a real conversation into a registry, with a note of where each payload lies.
struct Publish {
    client: Client,
    session: Session,
    publisher: rillcast::live::Publisher,
    payloads: HashMap<TrackId, Vec<Bytes>>,
}

impl Publish {
    fn settle(&mut self, now: Now) {
        loop {
            let mut moved = false;
            while let Some(output) = self.client.poll_output() {
                moved = true;
                if let push::Output::Send(bytes) = output {
                    self.session.handle_input(now.mono, &bytes).unwrap();
                }
            }
            while let Some(output) = self.session.poll_output() {
                moved = true;
                match output {
                    rtmp::Output::Send(bytes) => self.client.handle_input(now.mono, &bytes).unwrap(),
                    rtmp::Output::PublishRequested(_) => self.session.accept(),
                    rtmp::Output::Track(track) => self.publisher.configure(track, now),
                    rtmp::Output::Frame(frame) => {
                        self.payloads.entry(frame.track).or_default().push(frame.payload.clone());
                        self.publisher.push(frame, now).unwrap();
                    }
                    _ => {}
                }
            }
            if !moved {
                return;
            }
        }
    }
}

#[test]
fn what_is_written_to_a_viewer_is_the_memory_that_reassembly_filled() {
    let start = origin();
    let registry = Registry::new(Settings::default());
    let name = StreamName::parse("a").unwrap();
    let clip = Arc::new(Clip::parse(Bytes::from_static(CLIP)).unwrap());
    let target = Target::parse("rtmp://media.example/live/a").unwrap();
    let mut publish = Publish {
        client: Client::new(target, Arc::clone(&clip), start.mono).unwrap(),
        session: Session::new(start.mono, Arc::new(Limits::default())),
        publisher: registry.publish(&name, start).unwrap(),
        payloads: HashMap::new(),
    };
    publish.settle(start);
    let mut pace = Pace::new(clip, false, start.mono);
    while let Some(at) = pace.due() {
        publish.client.send(&pace.next(at).unwrap()).unwrap();
        publish.settle(Now { mono: at, ..start });
    }
    let Publish { publisher, payloads, .. } = publish;
    let generation = Arc::clone(publisher.generation());
    publisher.finish();
    for track in [TrackId::VIDEO, TrackId::AUDIO] {
        let view = generation.rendition(track).unwrap().view();
        let body = |file| {
            let request =
                Request { file, directives: Directives::parse(None), gzip: true, whole_segments: false };
            match answer(&view, &request) {
                Answer::Ready(reply) => reply.body,
                _ => panic!("{request:?} is not answered"),
            }
        };
        let parts = (0..view.next_part).map(|number| body(File::Part(number)));
        assert_eq!(copied(parts, &payloads[&track]), 0, "parts of {track}");
        let segments = view.segments.iter().map(|segment| body(File::Segment(segment.head.msn)));
        assert_eq!(copied(segments, &payloads[&track]), 0, "segments of {track}");
    }
}

/// How many of `payloads` are not in `bodies` as the very memory they were handed out in, in their order.
fn copied(bodies: impl Iterator<Item = Rope>, payloads: &[Bytes]) -> usize {
    let runs: Vec<Range<usize>> = bodies.flat_map(|body| body.into_iter().map(|run| memory(&run))).collect();
    let mut rest = runs.iter();
    payloads.iter().filter(|payload| !rest.any(|run| *run == memory(payload))).count()
}
