//! Wake: from the push of the frame that seals a part until every waiter holds its rendered playlist.
//!
//! `cargo bench --bench wake`. Waiters are tasks of a runtime with two workers; the publisher is a thread of its
//! own. The time of an iteration ends with the last of them; one rendering and one compression serve them all.
#![allow(missing_docs, clippy::unwrap_used)]

mod stream;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use divan::Bencher;
use rillcast::hls::{Answer, Directives, File, Request, answer};
use rillcast::live::{PartPos, Publisher, Registry, Rendition};
use rillcast::media::{Frame, Now, StreamName, TrackId, TrackKind};
use tokio::runtime::Runtime;

/// Seconds of the stream that are there before anything is measured: the playlist is as long as it gets.
const BEFORE: i64 = 40;
const WAITERS: [usize; 3] = [1, 100, 1_000];

fn main() {
    divan::main();
}

/// A live stream, its next frames, and where its readers are.
struct Rig {
    start: Now,
    frames: std::vec::IntoIter<Frame>,
    upto: i64,
    _registry: Registry,
    publisher: Publisher,
    rendition: Arc<Rendition>,
    runtime: Runtime,
    done: (Sender<u64>, Receiver<u64>),
}

impl Rig {
    fn new() -> Self {
        let start = stream::epoch();
        let (registry, publisher) = stream::publisher(start);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let mut frames = stream::frames(start, 0, BEFORE).into_iter();
        let mut publisher = publisher;
        for frame in frames.by_ref() {
            let now = Now { mono: frame.arrival, wall: start.wall };
            publisher.push(frame, now).unwrap();
        }
        let generation = registry.find(&StreamName::parse("bench").unwrap()).unwrap();
        let rendition = generation.rendition(TrackId::VIDEO).unwrap();
        let done = channel();
        Self { start, frames, upto: BEFORE, _registry: registry, publisher, rendition, runtime, done }
    }

    fn next(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.frames.next() {
                return frame;
            }
            self.frames = stream::frames(self.start, self.upto, self.upto + 1).into_iter();
            self.upto += 1;
        }
    }

    fn push(&mut self, frame: Frame) {
        let now = Now { mono: frame.arrival, wall: self.start.wall };
        self.publisher.push(frame, now).unwrap();
    }

    /// Pushes until the next picture seals a part, and has `waiters` wait for that part.
    fn prepare(&mut self, waiters: usize) -> Frame {
        let mut pushed = 0;
        let at = self.rendition.view().last_part();
        // Fifteen pictures a part, sealed by the last: the part before ends with this push.
        while self.rendition.view().last_part() == at {
            let frame = self.next();
            self.push(frame);
        }
        let frame = loop {
            let frame = self.next();
            if frame.track.kind == TrackKind::Video {
                pushed += 1;
                if pushed == 15 {
                    break frame;
                }
            }
            self.push(frame);
        };
        let view = self.rendition.view();
        let (msn, part) = match view.last_part() {
            Some(PartPos { msn, part }) if view.open.is_some() => (msn, part + 1),
            _ => (view.next_msn, 0),
        };
        let directives = Directives::parse(Some(&format!("_HLS_msn={msn}&_HLS_part={part}")));
        for _ in 0..waiters {
            let (rendition, done) = (Arc::clone(&self.rendition), self.done.0.clone());
            let request = Request { file: File::Playlist, directives, gzip: true, whole_segments: false };
            self.runtime.spawn(async move {
                let mut told = false;
                loop {
                    let mut changes = rendition.changes();
                    if let Answer::Ready(reply) = answer(&rendition.view(), &request) {
                        let _gone = done.send(reply.body.len());
                        return;
                    }
                    if !std::mem::replace(&mut told, true) {
                        let _gone = done.send(0);
                    }
                    changes.changed().await;
                }
            });
        }
        // All of them have looked, and wait or are about to.
        (0..waiters).for_each(|_| assert_eq!(self.done.1.recv().unwrap(), 0));
        frame
    }
}

#[divan::bench(args = WAITERS, sample_count = 200, sample_size = 1)]
fn playlist(bencher: Bencher<'_, '_>, waiters: usize) {
    let rig = std::cell::RefCell::new(Rig::new());
    bencher.with_inputs(|| rig.borrow_mut().prepare(waiters)).bench_local_values(|frame| {
        let mut rig = rig.borrow_mut();
        rig.push(frame);
        (0..waiters).for_each(|_| assert!(rig.done.1.recv().unwrap() > 0));
    });
}
