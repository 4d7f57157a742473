//! Entries that are nothing but their number, size, time and whether a reader can begin there.

use std::sync::Arc;
use std::time::Duration;

use rillcast::live::{Bounds, Entry, Subscriber, Taken};

/// What a test knows of an entry; shared, so that a test can count who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item(pub(crate) Arc<Known>);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) number: u64,
    pub(crate) bytes: usize,
    pub(crate) micros: i64,
    pub(crate) start: bool,
}

impl Item {
    pub(crate) fn new(number: u64, bytes: usize, micros: i64, start: bool) -> Self {
        Self(Arc::new(Known { number, bytes, micros, start }))
    }
}

impl Entry for Item {
    fn bytes(&self) -> usize {
        self.0.bytes
    }

    fn micros(&self) -> i64 {
        self.0.micros
    }

    fn start(&self) -> bool {
        self.0.start
    }
}

/// Bounds of `bytes` and `micros`, hard ones of twice as much, and patience as by default.
pub(crate) fn bounds(bytes: usize, micros: i64) -> Bounds {
    Bounds {
        bytes,
        micros,
        span_bytes: bytes * 2,
        span_micros: micros * 2,
        jumps: 3,
        jumps_within: Duration::from_secs(30),
        blocked: Duration::from_secs(6),
    }
}

/// What is to be had now, as numbers; and how it ended.
pub(crate) fn read(reader: &mut Subscriber<Item>, now: std::time::Instant) -> (Vec<u64>, Taken) {
    let mut items = Vec::new();
    loop {
        let taken = reader.take(now, 7, &mut items);
        if taken != Taken::Some {
            return (items.iter().map(|item| item.0.number).collect(), taken);
        }
    }
}
