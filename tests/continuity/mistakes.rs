//! Mistakes of ours: a panic in what one stream does ends that stream, and nothing of the others. A reader whose wake-up
//! panics stands for any code that does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use rillcast::live::{Join, Publisher, Registry, Settings, Slow, Taken, Terms};
use rillcast::media::{Now, StreamName};

use crate::source::{Sent, Source, epoch};
use crate::stage::{STEP, cam};

/// Panics when it is woken, and counts how often.
struct Bomb(AtomicUsize);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("by intention");
    }
}

fn now_at(start: Now, one: &Sent) -> Now {
    start.plus(one.frame.arrival.saturating_duration_since(start.mono))
}

fn push(publisher: &mut Publisher, frames: &[Sent], start: Now) {
    for one in frames {
        publisher.push(one.frame.clone(), now_at(start, one)).unwrap();
    }
}

fn publish(registry: &Registry, name: &StreamName, terms: Terms, source: &Source, start: Now) -> Publisher {
    let mut publisher = registry.publish_on(name, terms, start).unwrap();
    source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
    publisher
}

/// Hostile case 94: what panics as a frame is written, and again as the stream is left for it, would end the process.
#[test]
fn a_panic_while_a_stream_is_written_and_another_as_it_is_left_end_that_stream_alone() {
    let (start, source) = (epoch(), Source::default());
    let frames = source.frames(6, start);
    let (before, after) = frames.split_at(frames.len() / 2);
    let registry = Registry::new(Settings::default());
    let terms = Terms { grace: Duration::ZERO, ..Terms::default() };
    let mut publisher = publish(&registry, &cam(), terms, &source, start);
    let dog = StreamName::parse("dog").unwrap();
    let mut other = publish(&registry, &dog, terms, &source, start);
    push(&mut publisher, before, start);
    push(&mut other, before, start);

    let now = now_at(start, before.last().unwrap());
    let generation = publisher.generation().clone();
    let bomb = Arc::new(Bomb(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&bomb));
    let mut context = Context::from_waker(&waker);
    let mut moments = generation.moments().subscribe(Join::LatestStart, Slow::Disconnect, now.mono);
    while !matches!(moments.take(now.mono, 64, &mut Vec::new()), Taken::Empty) {}
    assert!(moments.poll_changed(&mut context).is_pending());
    let mut changes = generation.changes();
    let mut changed = pin!(changes.changed());
    assert!(changed.as_mut().poll(&mut context).is_pending());

    let ended = catch_unwind(AssertUnwindSafe(move || {
        let mut publisher = publisher;
        push(&mut publisher, after, start);
    }));
    assert!(ended.is_err());
    assert!(bomb.0.load(Ordering::SeqCst) >= 2, "it panicked while it was left as well");
    assert!(generation.ended());

    push(&mut other, after, start);
    assert!(!other.generation().ended(), "the other goes on");
    let next = publish(&registry, &cam(), terms, &source, now);
    assert_ne!(next.generation().id(), generation.id(), "and the stream can be published again");
}

/// Hostile case 94: streams whose encoder is away share their keeper.
#[test]
fn a_panic_in_the_keeping_of_a_stream_that_waits_ends_it_and_the_others_are_kept() {
    let (start, source) = (epoch(), Source::default());
    let frames = source.frames(6, start);
    let registry = Registry::new(Settings::default());
    let names = ["cam", "dog", "eel"].map(|name| StreamName::parse(name).unwrap());
    let generations = names.each_ref().map(|name| {
        let mut publisher = publish(&registry, name, Terms::default(), &source, start);
        push(&mut publisher, &frames, start);
        publisher.generation().clone()
    });
    let waker = Waker::from(Arc::new(Bomb(AtomicUsize::new(0))));
    let mut changes = generations[1].renditions()[0].changes();
    let mut changed = pin!(changes.changed());
    assert!(changed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());

    let mut now = now_at(start, frames.last().unwrap());
    let parts = |at: usize| generations[at].renditions()[0].view().segments.len();
    let kept = [parts(0), parts(2)];
    let until = now.plus(Duration::from_secs(6));
    while now.mono < until.mono {
        now = now.plus(STEP);
        registry.tick(now.mono);
    }
    assert_eq!(generations.each_ref().map(|one| one.ended()), [false, true, false]);
    assert!(parts(0) > kept[0] && parts(2) > kept[1], "gaps stand for what does not come");
    let back = publish(&registry, &names[0], Terms::default(), &source, now);
    assert_eq!(back.generation().id(), generations[0].id());
}
