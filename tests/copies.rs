//! No payload is copied between the end of chunk reassembly and what is written to a viewer's socket, and no
//! playlist is made twice.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rillcast::base::Rope;
use rillcast::hls::{Answer, Directives, File, Form, Request, answer, multivariant};
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

impl Publish {
    fn new(start: Now, registry: &Registry) -> (Self, Pace) {
        let name = StreamName::parse("a").unwrap();
        let clip = Arc::new(Clip::parse(Bytes::from_static(CLIP)).unwrap());
        let target = Target::parse("rtmp://media.example/live/a").unwrap();
        let mut publish = Self {
            client: Client::new(target, Arc::clone(&clip), start.mono).unwrap(),
            session: Session::new(start.mono, Arc::new(Limits::default())),
            publisher: registry.publish(&name, start).unwrap(),
            payloads: HashMap::new(),
        };
        publish.settle(start);
        (publish, Pace::new(clip, false, start.mono))
    }

    /// Publishes the next frame.
    fn step(&mut self, pace: &mut Pace, start: Now) -> bool {
        let Some(at) = pace.due() else { return false };
        self.client.send(&pace.next(at).unwrap()).unwrap();
        self.settle(Now { mono: at, ..start });
        true
    }
}

#[test]
fn what_is_written_to_a_viewer_is_the_memory_that_reassembly_filled() {
    let start = origin();
    let registry = Registry::new(Settings::default());
    let (mut publish, mut pace) = Publish::new(start, &registry);
    while publish.step(&mut pace, start) {}
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_state_is_rendered_and_compressed_once_for_all_who_wait_for_it() {
    let start = origin();
    let registry = Registry::new(Settings::default());
    let (mut publish, mut pace) = Publish::new(start, &registry);
    let generation = Arc::clone(publish.publisher.generation());
    while !generation.playable() {
        assert!(publish.step(&mut pace, start));
    }
    let rendition = generation.rendition(TrackId::VIDEO).unwrap();
    let number = rendition.view().next_part;
    let last = rendition.view().last_part().unwrap();
    let directives = Directives::parse(Some(&format!("_HLS_msn={}&_HLS_part={}", last.msn, last.part + 1)));
    let (waits, mut waiting) = tokio::sync::mpsc::unbounded_channel();
    let waiters: Vec<_> = (0..1_000)
        .map(|n| {
            let (rendition, waits) = (Arc::clone(&rendition), waits.clone());
            let request =
                Request { file: File::Playlist, directives, gzip: n % 2 == 0, whole_segments: false };
            tokio::spawn(async move {
                let mut waits = Some(waits);
                loop {
                    let mut changes = rendition.changes();
                    match answer(&rendition.view(), &request) {
                        Answer::Ready(reply) => return (request.gzip, reply.body.runs().to_vec()),
                        _ => drop(waits.take().map(|waits| waits.send(()))),
                    }
                    changes.changed().await;
                }
            })
        })
        .collect();
    for _ in 0..waiters.len() {
        waiting.recv().await.unwrap();
    }
    while rendition.view().next_part == number {
        assert!(publish.step(&mut pace, start));
    }
    let mut bodies: HashMap<bool, Vec<Bytes>> = HashMap::new();
    for waiter in waiters {
        let (gzip, runs) = waiter.await.unwrap();
        let first = bodies.entry(gzip).or_insert_with(|| runs.clone());
        let same = |one: &Bytes, other: &Bytes| memory(one) == memory(other);
        assert!(runs.len() == 1 && same(&runs[0], &first[0]), "a body of its own, gzip: {gzip}");
    }
    assert_eq!(bodies.len(), 2);
}

#[test]
fn one_state_has_one_multivariant_playlist_however_often_it_is_asked_for() {
    let start = origin();
    let registry = Registry::new(Settings::default());
    let (mut publish, mut pace) = Publish::new(start, &registry);
    let generation = Arc::clone(publish.publisher.generation());
    while !generation.playable() {
        assert!(publish.step(&mut pace, start));
    }
    let body = |form| match multivariant(&generation, |_| (None, None), false, form) {
        Answer::Ready(reply) => reply.body.runs()[0].clone(),
        other => panic!("{other:?}"),
    };
    for form in [Form::Plain, Form::Gzip] {
        let first = body(form);
        let ask = || (0..100).map(|_| memory(&body(form))).collect::<Vec<_>>();
        let all = std::thread::scope(|scope| {
            let askers: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            askers.into_iter().flat_map(|asker| asker.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(all.iter().all(|one| *one == memory(&first)), "made again, {form:?}");
        let number = generation.rendition(TrackId::VIDEO).unwrap().view().next_part;
        while generation.rendition(TrackId::VIDEO).unwrap().view().next_part == number {
            assert!(publish.step(&mut pace, start));
        }
        assert_ne!(memory(&body(form)), memory(&first), "the state before is sent, {form:?}");
    }
}

/// How many of `payloads` are not in `bodies` as the very memory they were handed out in, in their order.
fn copied(bodies: impl Iterator<Item = Rope>, payloads: &[Bytes]) -> usize {
    let runs: Vec<Range<usize>> = bodies.flat_map(|body| body.into_iter().map(|run| memory(&run))).collect();
    let mut rest = runs.iter();
    payloads.iter().filter(|payload| !rest.any(|run| *run == memory(payload))).count()
}
