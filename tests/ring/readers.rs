//! One reader at a time: joining, falling behind, leaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use rillcast::live::{End, Entry, Join, Reason, Ring, Slow, Taken};

use crate::item::{Item, bounds, read};
use crate::source::epoch;

/// A ring of twelve seconds, 25 entries a second of 100 bytes, a start every second.
fn cam() -> Arc<Ring<Item>> {
    Ring::new(bounds(1_000_000, 12_000_000))
}

fn item(number: u64) -> Item {
    Item::new(number, 100, number as i64 * 40_000, number.is_multiple_of(25))
}

fn push(ring: &Ring<Item>, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| ring.push(item(number)));
}

#[test]
fn a_reader_begins_where_it_asks_to_and_never_between_starts() {
    let (ring, now) = (cam(), epoch().mono);
    push(&ring, 0..240);
    let first = |join| {
        let mut reader = ring.subscribe(join, Slow::SkipToStart, now);
        read(&mut reader, now).0.first().copied()
    };
    assert_eq!(first(Join::LatestStart), Some(225));
    assert_eq!(first(Join::Live), None);
    let lag = |bytes, micros| first(Join::Lag { bytes, micros });
    assert_eq!(
        lag(usize::MAX, 2_000_000),
        Some(200),
        "two seconds reach back to 189, where there is no start"
    );
    assert_eq!(lag(5_000, i64::MAX), Some(200), "fifty entries reach back to 190");
    assert_eq!(lag(100, 0), Some(225), "less than there is from the newest start");
    assert_eq!(lag(usize::MAX, i64::MAX), Some(100), "half the ring, which is six seconds");
    let mut reader = ring.subscribe(Join::Live, Slow::SkipToStart, now);
    assert_eq!(read(&mut reader, now), (vec![], Taken::Empty));
    push(&ring, 240..252);
    assert_eq!(read(&mut reader, now), (vec![250, 251], Taken::Empty));
    assert_eq!(reader.lag().frames, 0, "what came before it began is not its loss");
}

#[test]
fn a_reader_joins_an_empty_ring_and_begins_at_its_first_start() {
    let (ring, now) = (cam(), epoch().mono);
    let mut reader = ring.subscribe(Join::LatestStart, Slow::Disconnect, now);
    push(&ring, 20..27);
    assert_eq!(read(&mut reader, now), (vec![25, 26], Taken::Empty));
}

#[test]
fn a_reader_that_stood_still_for_a_minute_goes_on_at_a_start_and_mixes_nothing() {
    let (ring, now) = (cam(), epoch().mono);
    push(&ring, 0..30);
    let mut reader = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    let mut held = Vec::new();
    assert_eq!(reader.take(now, 2, &mut held), Taken::Some);
    push(&ring, 30..1_560);
    let later = now + Duration::from_secs(60);
    let mut none = Vec::new();
    let skipped = Taken::Skipped { frames: 1_550 - 27, bytes: 100 * (1_550 - 27) };
    assert_eq!(reader.take(later, 100, &mut none), skipped);
    assert!(none.is_empty(), "the jump is told before anything new is handed out");
    assert_eq!(read(&mut reader, later), ((1_550..1_560).collect(), Taken::Empty));
    let lag = reader.lag();
    assert_eq!((lag.events, lag.frames, lag.bytes), (1, 1_523, 152_300));
    assert_eq!(ring.totals().lag.frames, 1_523);
    assert!(lag.largest_bytes == 153_300 && lag.largest_micros == 12_000_000, "{lag:?}");
}

#[test]
fn a_reader_that_skips_to_live_waits_for_the_next_start() {
    let (ring, now) = (cam(), epoch().mono);
    push(&ring, 0..1);
    let mut reader = ring.subscribe(Join::LatestStart, Slow::SkipToLive, now);
    push(&ring, 1..510);
    assert_eq!(read(&mut reader, now), (vec![], Taken::Empty));
    push(&ring, 510..527);
    assert_eq!(read(&mut reader, now), (vec![], Taken::Skipped { frames: 525, bytes: 52_500 }));
    assert_eq!(read(&mut reader, now), (vec![525, 526], Taken::Empty));
}

#[test]
fn half_the_ring_behind_is_too_far_for_a_viewer_and_not_for_a_recorder() {
    let (ring, now) = (cam(), epoch().mono);
    push(&ring, 0..1);
    let mut viewer = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    let mut recorder = ring.subscribe(Join::LatestStart, Slow::Disconnect, now);
    push(&ring, 1..151);
    let mut taken = Vec::new();
    assert_eq!(viewer.take(now, 1, &mut taken), Taken::Some, "six seconds");
    push(&ring, 151..154);
    assert_eq!(viewer.take(now, 1, &mut taken), Taken::Skipped { frames: 149, bytes: 14_900 });
    push(&ring, 154..301);
    assert_eq!(
        recorder.take(now, 1, &mut taken),
        Taken::Some,
        "the ring still has everything: twelve seconds"
    );
    push(&ring, 301..303);
    assert_eq!(recorder.take(now, 1, &mut taken), Taken::Closed(Reason::SlowClientLagged));
    let lag = recorder.lag();
    assert_eq!((lag.events, lag.frames, lag.bytes), (1, 1, 100), "what was lost is known to the entry");
}

#[test]
fn the_third_jump_in_thirty_seconds_is_the_last() {
    for (apart, closed) in [(15, true), (16, false)] {
        let (ring, mut now) = (cam(), epoch().mono);
        push(&ring, 0..1);
        let mut reader = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
        let mut results = Vec::new();
        for jump in 0..6 {
            push(&ring, jump * 250 + 1..jump * 250 + 251);
            results.push(read(&mut reader, now).1);
            read(&mut reader, now);
            now += Duration::from_secs(apart);
        }
        let third = results.iter().position(|taken| *taken == Taken::Closed(Reason::SlowClientLagged));
        assert_eq!(third, closed.then_some(2), "{apart} s apart: {results:?}");
    }
}

#[test]
fn what_a_closed_ring_holds_is_read_before_its_end_is_told() {
    let (ring, now) = (cam(), epoch().mono);
    push(&ring, 0..3);
    let mut early = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    ring.close(End::Stream);
    ring.close(End::Shutdown);
    ring.push(item(3));
    let mut late = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    let mut waits = ring.subscribe(Join::Live, Slow::SkipToStart, now);
    let end = Taken::Closed(Reason::StreamEnded);
    assert_eq!(read(&mut early, now), (vec![0, 1, 2], end));
    assert_eq!(read(&mut late, now), (vec![0, 1, 2], end));
    assert_eq!(read(&mut waits, now), (vec![], end));
}

#[test]
fn the_first_reason_to_close_stands() {
    let (ring, now) = (cam(), epoch().mono);
    push(&ring, 0..3);
    let mut reader = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    assert_eq!(reader.close(Reason::Kicked), Reason::Kicked);
    assert_eq!(reader.close(Reason::Shutdown), Reason::Kicked);
    ring.close(End::Stream);
    assert_eq!(read(&mut reader, now), (vec![], Taken::Closed(Reason::Kicked)));
    drop(reader);
    drop(ring.subscribe(Join::Live, Slow::SkipToLive, now));
    let totals = ring.totals();
    let closed = |reason| Reason::ALL.iter().position(|other| *other == reason).map(|at| totals.closed[at]);
    assert_eq!((totals.readers, totals.joined), (0, 2));
    assert_eq!((closed(Reason::Kicked), closed(Reason::ClientClosed)), (Some(1), Some(1)));
}

#[test]
fn a_write_that_stands_still_for_six_seconds_closes_its_reader() {
    let (ring, now) = (cam(), epoch().mono);
    push(&ring, 0..3);
    let mut reader = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    let seconds = |n| now + Duration::from_secs(n);
    reader.wrote(now, seconds(1), true);
    assert!(!reader.blocked(seconds(1), seconds(6)));
    assert_eq!(reader.lag().reason, None);
    assert!(reader.blocked(seconds(1), seconds(7)));
    assert_eq!(read(&mut reader, seconds(7)), (vec![], Taken::Closed(Reason::WriteTimeout)));
    drop(reader);
    let lag = ring.totals().lag;
    assert_eq!((lag.blocked_micros, lag.timeouts, lag.short_writes), (7_000_000, 1, 1));
}

#[test]
fn an_entry_is_freed_when_the_last_who_holds_it_lets_go() {
    let (ring, now) = (cam(), epoch().mono);
    let first = item(0);
    ring.push(first.clone());
    let mut readers: Vec<_> =
        (0..8).map(|_| ring.subscribe(Join::LatestStart, Slow::SkipToStart, now)).collect();
    let mut held = Vec::new();
    readers.iter_mut().for_each(|reader| assert_eq!(reader.take(now, 1, &mut held), Taken::Some));
    assert_eq!(Arc::strong_count(&first.0), 10);
    // The ring wraps while all hold on to its oldest entry: it lets go of it, they do not.
    push(&ring, 1..1_000);
    assert_eq!(Arc::strong_count(&first.0), 9);
    held.clear();
    assert_eq!(Arc::strong_count(&first.0), 1);
    for reader in &mut readers {
        assert_eq!(reader.take(now, 1, &mut held), Taken::Skipped { frames: 974, bytes: 97_400 });
    }
}

#[test]
fn the_newest_span_is_kept_whole_up_to_a_hard_bound() {
    let (ring, now) = (Ring::new(bounds(1_000, 1_000_000)), epoch().mono);
    let push = |number: u64, start| ring.push(Item::new(number, 100, number as i64 * 120_000, start));
    (0..20).for_each(|number| push(number, number == 3));
    let held = ring.occupancy();
    assert_eq!((held.first, held.next, held.bytes), (3, 20, 1_700), "nearly twice the bytes and the time");
    let mut reader = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    assert_eq!(read(&mut reader, now), ((3..20).collect(), Taken::Empty));
    (20..24).for_each(|number| push(number, false));
    assert!(ring.occupancy().bytes <= 1_000, "{:?}", ring.occupancy());
    let mut late = ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    assert_eq!(read(&mut late, now), (vec![], Taken::Empty), "its start is gone");
    push(24, true);
    assert_eq!(read(&mut late, now), (vec![24], Taken::Empty));
}

/// Sound goes on without end when the pictures, which have the keyframes, stop for good.
#[test]
fn a_span_without_another_start_is_bounded_in_time_too() {
    let ring = Ring::new(bounds(1_000_000, 1_000_000));
    (0..2_000_i64).for_each(|number| ring.push(Item::new(number as u64, 1, number * 20_000, number == 7)));
    assert!(ring.occupancy().micros <= 1_000_000, "{:?}", ring.occupancy());
}

#[test]
fn one_entry_above_every_bound_is_kept_alone() {
    let ring = Ring::new(bounds(1_000, 1_000_000));
    (0..5).for_each(|number| ring.push(Item::new(number, 100, 0, true)));
    let huge = Item::new(5, 5_000, 0, true);
    ring.push(huge.clone());
    assert_eq!((ring.occupancy().first, ring.occupancy().bytes), (5, huge.bytes() as u64));
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_push_wakes_each_of_a_thousand_waiters_once_and_keeps_none_that_left() {
    let (ring, now, bell) = (cam(), epoch().mono, Arc::new(Bell::default()));
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    let join = || ring.subscribe(Join::LatestStart, Slow::SkipToStart, now);
    let mut readers: Vec<_> = (0..1_000).map(|_| join()).collect();
    for _ in 0..3 {
        assert!(readers.iter_mut().all(|reader| reader.poll_changed(&mut context) == Poll::Pending));
    }
    readers.truncate(900);
    (0..100).for_each(|_| assert_eq!(join().poll_changed(&mut context), Poll::Pending));
    // One is the test's own, one the context's.
    assert_eq!(Arc::strong_count(&bell), 902, "who waits twice or has left has no waker here");
    ring.push(item(0));
    assert_eq!((bell.0.load(Ordering::Relaxed), Arc::strong_count(&bell)), (900, 2));
    assert!(readers.iter_mut().all(|reader| reader.poll_changed(&mut context) == Poll::Ready(())));
}
