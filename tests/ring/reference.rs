//! The ring against a model that does everything the slow way: it keeps all there ever was, and counts.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rillcast::live::{End, Join, Reason, Ring, Slow, Subscriber, Taken};

use crate::item::{Item, bounds};
use crate::source::epoch;

const BYTES: usize = 1_000;
const MICROS: i64 = 1_000;

/// Everything that was ever pushed, and how much of it is gone.
#[derive(Default)]
struct Model {
    all: Vec<Item>,
    first: usize,
    ended: bool,
}

/// A reader: where it is, whether it looks for a start, what it has skipped meanwhile, when it jumped.
struct Reader {
    slow: Slow,
    at: usize,
    lost: Option<Vec<Item>>,
    looking: bool,
    jumps: Vec<Instant>,
    closed: Option<Reason>,
}

impl Model {
    fn bytes(&self, from: usize) -> usize {
        self.all[from..].iter().map(|item| item.0.bytes).sum()
    }

    fn micros(&self, from: usize) -> i64 {
        let last = self.all.last().zip(self.all.get(from));
        last.map_or(0, |(last, from)| last.0.micros - from.0.micros)
    }

    fn start(&self, range: std::ops::Range<usize>) -> Option<usize> {
        range.into_iter().find(|at| self.all[*at].0.start)
    }

    fn newest(&self) -> Option<usize> {
        (self.first..self.all.len()).rev().find(|at| self.all[*at].0.start)
    }

    fn push(&mut self, item: Item) {
        self.all.push(item);
        while self.all.len() - self.first > 1 {
            let over = match self.newest() {
                Some(newest) if newest == self.first => {
                    self.bytes(self.first) > 2 * BYTES || self.micros(self.first) > 2 * MICROS
                }
                _ => self.bytes(self.first) > BYTES || self.micros(self.first) > MICROS,
            };
            if !over {
                break;
            }
            self.first += 1;
        }
    }

    fn join(&self, join: Join, slow: Slow) -> Reader {
        let start = match join {
            Join::Live => None,
            Join::LatestStart => self.newest(),
            Join::Lag { bytes, micros } => {
                let near = |at: &usize| {
                    self.bytes(*at) <= bytes.min(BYTES / 2) && self.micros(*at) <= micros.min(MICROS / 2)
                };
                let mut starts = (self.first..self.all.len()).filter(|at| self.all[*at].0.start);
                starts.clone().find(near).or_else(|| starts.next_back())
            }
        };
        let at = start.unwrap_or(self.all.len());
        Reader { slow, at, lost: None, looking: start.is_none(), jumps: vec![], closed: None }
    }

    fn take(&self, reader: &mut Reader, now: Instant, most: usize) -> (Taken, Vec<Item>) {
        let far = self.bytes(reader.at) > BYTES / 2 || self.micros(reader.at.max(self.first)) > MICROS / 2;
        let newer = self.newest().is_some_and(|newest| newest > reader.at);
        let behind = reader.at < self.first || (far && newer && reader.slow != Slow::Disconnect);
        if reader.closed.is_none() && !reader.looking && behind {
            reader.jumps.push(now);
            let recent = reader.jumps.iter().filter(|at| now - **at <= Duration::from_secs(30)).count();
            if recent >= 3 || reader.slow == Slow::Disconnect {
                reader.closed = Some(Reason::SlowClientLagged);
            }
            let live = if reader.slow == Slow::SkipToLive { None } else { self.newest() };
            let to = live.unwrap_or(self.all.len());
            reader.lost = Some(self.all[reader.at..to].to_vec());
            (reader.at, reader.looking) = (to, true);
        }
        if let Some(reason) = reader.closed {
            return (Taken::Closed(reason), vec![]);
        }
        if reader.looking {
            let start = self.start(reader.at.max(self.first)..self.all.len());
            let to = start.unwrap_or(self.all.len());
            reader.lost.iter_mut().for_each(|lost| lost.extend_from_slice(&self.all[reader.at..to]));
            (reader.at, reader.looking) = (to, start.is_none());
            if let Some(lost) = reader.lost.take_if(|_| start.is_some()) {
                let bytes = lost.iter().map(|item| item.0.bytes as u64).sum();
                return (Taken::Skipped { frames: lost.len() as u64, bytes }, vec![]);
            }
        }
        let to = if reader.looking { reader.at } else { self.all.len().min(reader.at + most) };
        let items = self.all[reader.at..to].to_vec();
        reader.at = to;
        match items.is_empty() {
            false => (Taken::Some, items),
            true if self.ended => {
                reader.closed = Some(Reason::StreamEnded);
                (Taken::Closed(Reason::StreamEnded), items)
            }
            true => (Taken::Empty, items),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Push { bytes: usize, micros: i64, start: bool },
    Join(Join, Slow),
    Take { reader: usize, most: usize, seconds: u64 },
    Leave(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let push = (0..400_usize, 0..200_i64, prop::bool::weighted(0.2));
    let join = prop_oneof![
        Just(Join::Live),
        Just(Join::LatestStart),
        (0..1_500_usize, 0..1_500_i64).prop_map(|(bytes, micros)| Join::Lag { bytes, micros }),
    ];
    let slow = prop_oneof![Just(Slow::SkipToStart), Just(Slow::SkipToLive), Just(Slow::Disconnect)];
    let take = (0..6_usize, 1..5_usize, 0..9_u64);
    prop_oneof![
        60 => push.prop_map(|(bytes, micros, start)| Step::Push { bytes, micros, start }),
        8 => (join, slow).prop_map(|(join, slow)| Step::Join(join, slow)),
        60 => take.prop_map(|(reader, most, seconds)| Step::Take { reader, most, seconds }),
        3 => (0..6_usize).prop_map(Step::Leave),
        1 => Just(Step::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn readers_get_what_the_model_says(steps in prop::collection::vec(step(), 1..300)) {
        let (ring, mut model, mut now) = (Ring::new(bounds(BYTES, MICROS)), Model::default(), epoch().mono);
        let mut readers: Vec<(Subscriber<Item>, Reader)> = Vec::new();
        let (mut time, mut lost) = (0, 0);
        for step in steps {
            match step {
                Step::Push { bytes, micros, start } => {
                    time += micros;
                    let item = Item::new(model.all.len() as u64, bytes, time, start);
                    ring.push(item.clone());
                    if !model.ended {
                        model.push(item);
                    }
                }
                Step::Join(join, slow) if readers.len() < 6 => {
                    readers.push((ring.subscribe(join, slow, now), model.join(join, slow)));
                }
                Step::Take { reader, most, seconds } if reader < readers.len() => {
                    now += Duration::from_secs(seconds);
                    let (reader, expected) = &mut readers[reader];
                    let before = reader.lag().frames;
                    let waits = reader.poll_changed(&mut Context::from_waker(Waker::noop())) == Poll::Pending;
                    let mut items = Vec::new();
                    let taken = reader.take(now, most, &mut items);
                    prop_assert_eq!((taken, items), model.take(expected, now, most));
                    prop_assert!(!waits || taken == Taken::Empty, "it would have slept on {:?}", taken);
                    lost += reader.lag().frames - before;
                }
                Step::Leave(reader) if reader < readers.len() => drop(readers.swap_remove(reader)),
                Step::Close => {
                    ring.close(End::Stream);
                    model.ended = true;
                }
                Step::Join(..) | Step::Take { .. } | Step::Leave(_) => {}
            }
            let held = ring.occupancy();
            prop_assert_eq!((held.first, held.next), (model.first as u64, model.all.len() as u64));
            prop_assert_eq!(held.bytes, model.bytes(model.first) as u64);
            prop_assert_eq!((ring.totals().readers, ring.totals().lag.frames), (readers.len(), lost));
        }
    }
}
