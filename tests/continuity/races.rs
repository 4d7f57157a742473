//! Publishers that race on threads of their own: for one stream, for the end of a grace, for a stream that is being
//! taken over. Whoever comes first, exactly one has it.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rillcast::live::{Error, Publisher, Registry, Settings, Takeover, Terms};
use rillcast::media::{Now, TrackId};

use crate::source::{Sent, Source, epoch};
use crate::stage::cam;
use crate::watch::Watcher;

/// Runs both at once, as nearly as threads can.
fn at_once<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    let line = Barrier::new(2);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            line.wait();
            a()
        });
        line.wait();
        let second = b();
        (first.join().unwrap(), second)
    })
}

fn now_at(start: Now, one: &Sent) -> Now {
    start.plus(one.frame.arrival.saturating_duration_since(start.mono))
}

/// Hostile case 37.
#[test]
fn of_two_publishers_at_once_exactly_one_gets_in() {
    let start = epoch();
    let mut first = 0;
    for round in 0..10_000 {
        let takeover = [Takeover::Stale, Takeover::Reject, Takeover::Always][round % 3];
        let registry = Registry::new(Settings::default());
        let ask = |credential| {
            let terms = Terms { takeover, credential, ..Terms::default() };
            registry.publish_on(&cam(), terms, start)
        };
        let (a, b) = at_once(|| ask(1), || ask(2));
        first += u32::from(a.is_ok());
        let (winner, loser) = if a.is_ok() { (a, b) } else { (b, a) };
        let winner = winner.expect("one of the two");
        let told = loser.expect_err("and not both");
        let expected = match takeover {
            Takeover::Always => matches!(told, Error::Yielding(_)),
            Takeover::Stale | Takeover::Reject => matches!(told, Error::Busy(_)),
        };
        assert!(expected, "{takeover:?}: {told}");
        let found = registry.find(&cam()).unwrap();
        assert_eq!(found.id(), winner.generation().id(), "who plays gets what the winner sends");
    }
    eprintln!("the first of them won {first} of 10000");
}

/// Hostile case 36: a millisecond before the grace ends, with it, and a millisecond after, while it is being ended.
#[test]
fn a_publisher_that_returns_as_the_grace_ends_resumes_or_begins_anew_and_never_both() {
    let source = Source { audio_rate: None, ..Source::default() };
    let start = epoch();
    let frames = source.frames(1, start);
    let terms = Terms { grace: Duration::from_secs(3), ..Terms::default() };
    let mut resumed = [0; 3];
    for round in 0..3_000_usize {
        let registry = Registry::new(Settings::default());
        let mut publisher = registry.publish_on(&cam(), terms, start).unwrap();
        source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
        for one in &frames {
            publisher.push(one.frame.clone(), now_at(start, one)).unwrap();
        }
        let generation = publisher.generation().clone();
        let last = now_at(start, frames.last().unwrap());
        drop(publisher);
        assert!(!generation.ended());
        let end = last.plus(terms.grace);
        let back =
            last.plus(terms.grace + Duration::from_millis(round as u64 % 3) - Duration::from_millis(1));
        let (_, next) = at_once(|| registry.tick(end.mono), || registry.publish_on(&cam(), terms, back));
        let next = next.expect("the stream is free");
        let same = next.generation().id() == generation.id();
        assert_ne!(same, generation.ended(), "round {round}: it goes on, or it is over");
        assert_eq!(registry.find(&cam()).unwrap().id(), next.generation().id(), "round {round}");
        registry.tick(end.plus(Duration::from_secs(60)).mono);
        assert!(!next.generation().ended(), "round {round}: whoever came back is not ended by the old grace");
        resumed[round % 3] += u32::from(same);
    }
    assert_eq!(resumed[1..], [0, 0], "the grace is over when it is over");
    eprintln!("a millisecond before the end {} of 1000 went on", resumed[0]);
}

/// Pushes frames until `stop`, each marked with `mark`, and keeps `clock` where they are.
fn push_until(
    publisher: &mut Publisher,
    frames: &[Sent],
    start: Now,
    mark: u8,
    stop: impl Fn(usize) -> bool,
) {
    for (n, one) in frames.iter().enumerate() {
        let mut frame = one.frame.clone();
        let mut payload = frame.payload.to_vec();
        payload[9] = mark;
        frame.payload = payload.into();
        publisher.push(frame, now_at(start, one)).unwrap();
        if stop(n) {
            return;
        }
    }
}

/// Hostile case 38: the one that is taken over has more to send, and goes on sending while it is told to yield.
#[test]
fn nothing_of_a_publisher_comes_after_the_one_that_took_over() {
    let source = Source { audio_rate: None, gop: 25, ..Source::default() };
    let start = epoch();
    for round in 0..200 {
        let registry = Registry::new(Settings::default());
        let terms = Terms { takeover: Takeover::Always, ..Terms::default() };
        let mut old = registry.publish_on(&cam(), terms, start).unwrap();
        source.tracks().into_iter().for_each(|track| old.configure(track, start));
        let generation = old.generation().clone();
        let sent = AtomicU64::new(0);
        let (held, _) = at_once(
            || {
                let mut ouster = old.ouster();
                let mut ousted = std::pin::pin!(ouster.ousted());
                let frames = source.frames(60, start);
                let mut waker = Context::from_waker(Waker::noop());
                let told = std::cell::RefCell::new(|| ousted.as_mut().poll(&mut waker) == Poll::Ready(()));
                push_until(&mut old, &frames, start, 1, |n| {
                    sent.store(n as u64, Ordering::Release);
                    told.borrow_mut()()
                });
                drop(old);
                sent.load(Ordering::Acquire)
            },
            || {
                // Not before the old one is live, and then as fast as can be.
                while sent.load(Ordering::Acquire) < 40 + round % 60 {
                    std::hint::spin_loop();
                }
                let mut new = loop {
                    let reached = sent.load(Ordering::Acquire) * 40;
                    match registry.publish_on(&cam(), terms, start.plus(Duration::from_millis(reached))) {
                        Ok(publisher) => break publisher,
                        Err(error) => assert!(matches!(error, Error::Yielding(_)), "{error}"),
                    }
                };
                let begin = start.plus(Duration::from_millis(sent.load(Ordering::Acquire) * 40 + 40));
                source.tracks().into_iter().for_each(|track| new.configure(track, begin));
                push_until(&mut new, &source.frames(4, begin), begin, 2, |_| false);
                new.finish();
            },
        );
        assert!(generation.ended(), "round {round}: the same generation went on");
        let mut watcher = Watcher::default();
        watcher.look(&generation);
        let seen = &watcher.seen[&TrackId::VIDEO];
        let marks: Vec<(u8, u32)> = seen
            .samples()
            .iter()
            .map(|sample| (sample.payload[9], seen.segments[&seen.parts[&sample.part].msn].head.epoch))
            .collect();
        assert!(marks.is_sorted(), "round {round}: frames of both are mixed: {marks:?}");
        assert!(marks.iter().all(|(mark, epoch)| u32::from(*mark) == epoch + 1), "round {round}: {marks:?}");
        let news = marks.iter().filter(|(mark, _)| *mark == 2).count();
        assert_eq!(news, 100, "round {round}: none of the new one is lost");
        let samples = seen.samples();
        let last =
            samples.iter().rfind(|sample| sample.payload[9] == 1).expect("some of the old one is kept");
        assert_eq!(last.payload[..8], held.to_be_bytes(), "round {round}: nor what the old one had sent");
    }
}
