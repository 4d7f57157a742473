//! A stage: a registry on a virtual clock, and somebody who looks every ten milliseconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rillcast::live::{Generation, Publisher, Registry, Settings};
use rillcast::media::{Now, StreamName, Track, TrackId};

use crate::source::{Sent, epoch};
use crate::watch::{Seen, Watcher};

pub(crate) const STEP: Duration = Duration::from_millis(10);

/// A registry, a clock, and somebody who looks every ten milliseconds.
pub(crate) struct Stage {
    pub(crate) registry: Registry,
    pub(crate) now: Now,
    pub(crate) watcher: Watcher,
    pub(crate) generation: Option<Arc<Generation>>,
    /// When each new part of a track was first seen, and each new segment.
    pub(crate) parts_seen: HashMap<TrackId, Vec<Now>>,
    pub(crate) segments_seen: HashMap<TrackId, Vec<Now>>,
}

pub(crate) fn cam() -> StreamName {
    StreamName::parse("cam").unwrap()
}

impl Stage {
    pub(crate) fn new() -> Self {
        let registry = Registry::new(Settings::default());
        Self {
            registry,
            now: epoch(),
            watcher: Watcher::default(),
            generation: None,
            parts_seen: HashMap::new(),
            segments_seen: HashMap::new(),
        }
    }

    pub(crate) fn join(&mut self, tracks: Vec<Track>) -> Publisher {
        let mut publisher = self.registry.publish(&cam(), self.now).unwrap();
        tracks.into_iter().for_each(|track| publisher.configure(track, self.now));
        self.generation = Some(publisher.generation().clone());
        publisher
    }

    /// Time goes on to `until`: deadlines are met, new states are looked at.
    pub(crate) fn wait(&mut self, until: Now, mut publisher: Option<&mut Publisher>) {
        while self.now.mono < until.mono {
            self.now = self.now.plus(STEP);
            if let Some(publisher) =
                publisher.as_mut().filter(|p| p.deadline().is_some_and(|at| at <= self.now.mono))
            {
                publisher.tick(self.now);
            }
            self.registry.tick(self.now.mono);
            self.look();
        }
    }

    pub(crate) fn look(&mut self) {
        let Some(generation) = &self.generation else { return };
        self.watcher.look(generation);
        for (track, seen) in &self.watcher.seen {
            let counts =
                [(&mut self.parts_seen, seen.parts.len()), (&mut self.segments_seen, seen.segments.len())];
            for (times, count) in counts {
                let times = times.entry(*track).or_default();
                times.resize(count.max(times.len()), self.now);
            }
        }
    }

    /// Sends frames as they arrive; those of a `pause` are held back and come in a burst at its end.
    pub(crate) fn send(
        &mut self,
        publisher: &mut Publisher,
        frames: &[Sent],
        hold: Option<(Duration, Duration)>,
    ) {
        let start = self.now;
        for one in frames {
            let mut at = one.frame.arrival.saturating_duration_since(frames[0].frame.arrival);
            if let Some((from, to)) = hold
                && (from..to).contains(&at)
            {
                at = to;
            }
            self.wait(start.plus(at), Some(publisher));
            let mut frame = one.frame.clone();
            frame.arrival = self.now.mono;
            publisher.push(frame, self.now).unwrap();
            self.look();
        }
    }

    /// Longest time without a new part of any track, from the first one on.
    pub(crate) fn longest_silence(&self) -> Duration {
        self.parts_seen.values().map(|times| longest(times)).max().unwrap_or_default()
    }

    /// Longest time without a new segment of any track, from the first one on.
    pub(crate) fn longest_segment(&self) -> Duration {
        self.segments_seen.values().map(|times| longest(times)).max().unwrap_or_default()
    }

    pub(crate) fn video(&self) -> &Seen {
        &self.watcher.seen[&TrackId::VIDEO]
    }
}

fn longest(times: &[Now]) -> Duration {
    let waits = times.windows(2).map(|w| w[1].mono.saturating_duration_since(w[0].mono));
    waits.max().unwrap_or_default()
}
