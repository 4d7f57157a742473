//! The ring in every order of a writer and two readers in which few are interrupted, and in many of eight readers.
//!
//! The folder under test is compiled here a second time, with a lock that the scheduler of the tests decides on: what
//! sleeps and is not woken, it reports as a deadlock, with the schedule that led there.

#[path = "../../src/live/readers"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the same files, as another crate sees them")]
mod modelled {
    pub(crate) mod entry;
    pub(crate) mod lag;
    pub(crate) mod ring;
    mod state;
    pub(crate) mod subscriber;
    mod waiters;

    mod sync {
        pub(super) use shuttle::sync::{Mutex, MutexGuard};
    }
}

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use shuttle::future::block_on;
use shuttle::thread;

use crate::every::every;
use crate::source::epoch;
use modelled::entry::{Bounds, Entry};
use modelled::lag::{End, Reason};
use modelled::ring::Ring;
use modelled::subscriber::{Join, Slow, Subscriber, Taken};

/// An entry of one byte, and whether it is a start.
#[derive(Debug, Clone)]
struct Item(Arc<(u64, bool)>);

impl Entry for Item {
    fn bytes(&self) -> usize {
        1
    }

    fn micros(&self) -> i64 {
        0
    }

    fn start(&self) -> bool {
        self.0.1
    }
}

fn item(number: u64, gop: u64) -> Item {
    Item(Arc::new((number, number.is_multiple_of(gop))))
}

fn ring(entries: usize) -> Arc<Ring<Item>> {
    Ring::new(Bounds {
        bytes: entries,
        micros: i64::MAX,
        span_bytes: entries,
        span_micros: i64::MAX,
        jumps: usize::MAX,
        jumps_within: Duration::ZERO,
        blocked: Duration::from_secs(6),
    })
}

/// Reads to the end. What is read without a jump is without a hole and begins at a start; what is lost is counted.
fn read_on(mut reader: Subscriber<Item>, now: Instant) -> (u64, u64, Reason) {
    block_on(async move {
        let (mut got, mut next, mut items) = (0, None, Vec::new());
        loop {
            match reader.take(now, 2, &mut items) {
                Taken::Some => {
                    for Item(item) in items.drain(..) {
                        assert!(
                            next.map_or(item.1, |next| item.0 == next),
                            "{item:?} where {next:?} is next"
                        );
                        (next, got) = (Some(item.0 + 1), got + 1);
                    }
                }
                Taken::Skipped { frames, .. } => {
                    assert!(frames > 0);
                    next = None;
                }
                Taken::Empty => reader.changed().await,
                Taken::Closed(reason) => return (got, reader.lag().frames, reason),
            }
        }
    })
}

/// One entry, or the end: whoever looks before it comes is woken by it.
#[test]
fn two_readers_wake_however_a_publish_or_an_end_falls_between_look_and_sleep() {
    for entries in 0..2 {
        let count = every(2, move || {
            let (ring, now) = (ring(8), epoch().mono);
            let waits = |join| {
                let mut reader = ring.subscribe(join, Slow::SkipToStart, now);
                thread::spawn(move || {
                    block_on(reader.changed());
                    let taken = reader.take(now, 1, &mut Vec::new());
                    (reader, taken)
                })
            };
            let readers = [waits(Join::LatestStart), waits(Join::Live)];
            match entries {
                0 => ring.close(End::Stream),
                _ => ring.push(item(0, 1)),
            }
            let expected = if entries == 0 { Taken::Closed(Reason::StreamEnded) } else { Taken::Some };
            readers.into_iter().for_each(|reader| assert_eq!(reader.join().unwrap().1, expected));
        });
        println!("{count} schedules");
    }
}

/// A writer that wraps the ring under two readers, and ends it.
#[test]
fn two_readers_of_a_ring_that_wraps_get_everything_or_a_count() {
    let count = every(1, || {
        let (ring, now) = (ring(2), epoch().mono);
        ring.push(item(0, 2));
        let readers = [Slow::SkipToStart, Slow::SkipToLive].map(|slow| {
            let reader = ring.subscribe(Join::LatestStart, slow, now);
            thread::spawn(move || read_on(reader, now))
        });
        (1..4).for_each(|number| ring.push(item(number, 2)));
        ring.close(End::Stream);
        for reader in readers {
            let (got, lost, reason) = reader.join().unwrap();
            assert_eq!((got + lost, reason), (4, Reason::StreamEnded));
        }
        let totals = ring.totals();
        assert_eq!((totals.readers, totals.joined), (0, 2));
    });
    println!("{count} schedules");
}

/// The publisher is lost while one reader sleeps, another leaves and a third arrives.
#[test]
fn nobody_oversleeps_the_end_while_others_come_and_go() {
    let count = every(1, || {
        let (ring, now) = (ring(4), epoch().mono);
        let sleeper = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
        let sleeper = thread::spawn(move || read_on(sleeper, now));
        let (from, to) = (Arc::clone(&ring), Arc::clone(&ring));
        let guest = thread::spawn(move || {
            let mut guest = from.subscribe(Join::Live, Slow::SkipToStart, now);
            let _waits = guest.poll_changed(&mut Context::from_waker(Waker::noop()));
        });
        let late = thread::spawn(move || read_on(to.subscribe(Join::Live, Slow::Disconnect, now), now));
        ring.push(item(0, 1));
        ring.close(End::Stream);
        assert_eq!(sleeper.join().unwrap(), (1, 0, Reason::StreamEnded));
        guest.join().unwrap();
        assert_eq!(late.join().unwrap().2, Reason::StreamEnded);
        assert_eq!(ring.totals().readers, 0);
    });
    println!("{count} schedules");
}

/// Eight readers of a ring that wraps, while one publisher hands over to another and the server stops.
fn crowd() {
    let (ring, now) = (ring(6), epoch().mono);
    ring.push(item(0, 3));
    let readers: Vec<_> = (0..8)
        .map(|number| {
            let slow = [Slow::SkipToStart, Slow::SkipToLive, Slow::Disconnect][number % 3];
            let reader = ring.subscribe(Join::LatestStart, slow, now);
            thread::spawn(move || read_on(reader, now))
        })
        .collect();
    let (first, stop) = (Arc::clone(&ring), Arc::clone(&ring));
    let first = thread::spawn(move || (1..9).for_each(|number| first.push(item(number, 3))));
    let second = Arc::clone(&ring);
    let second = thread::spawn(move || {
        first.join().unwrap();
        (9..18).for_each(|number| second.push(item(number, 3)));
    });
    let stop = thread::spawn(move || stop.close(End::Shutdown));
    second.join().unwrap();
    stop.join().unwrap();
    let pushed = ring.occupancy().next;
    for reader in readers {
        match reader.join().unwrap() {
            (got, lost, Reason::Shutdown) => assert_eq!(got + lost, pushed),
            (got, lost, reason) => {
                assert_eq!(reason, Reason::SlowClientLagged);
                assert!(lost > 0 && got + lost <= pushed);
            }
        }
    }
    let totals = ring.totals();
    assert_eq!((totals.readers, totals.closed.iter().sum::<u64>()), (0, 8));
}

#[test]
fn eight_readers_a_takeover_and_a_stop_in_random_orders() {
    shuttle::check_random(crowd, 300);
}

#[test]
fn eight_readers_a_takeover_and_a_stop_where_some_are_starved() {
    shuttle::check_pct(crowd, 300, 3);
}
