//! Feed: a generation in one format, muxed once for all its readers.
//!
//! ```text
//!   moments ──▶ mux ──▶ ring of chunks ──▶ reader, reader, reader …
//!   first reader: begun at a keyframe      last reader gone: ended after a while
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::base::Rope;
use crate::live::{Bounds, End, Generation, Join, Moment, Ring, Slow, Subscriber, Taken};
use crate::progressive::{Chunk, Format, Incompatible, Mux, Onward};

use super::super::clock::Clock;
use super::super::context::{Context, Phase};

/// How long what has come is gathered before readers are woken: with a thousand of them, waking is most of the work.
const BATCH: Duration = Duration::from_millis(40);
/// How long a feed goes on that nobody reads: who comes back finds it with its past.
const LINGER: Duration = Duration::from_secs(5);
/// Moments taken at once.
const MOST: usize = 256;
/// Where readers begin: at the earliest keyframe of the last second, or else the newest. What is there at once fills
/// the player's buffer, and none is further behind than by that.
const JOIN: Join = Join::Lag { bytes: 8 << 20, micros: 1_000_000 };

/// Runs below this are cheaper to copy once than to hand out one by one.
const SMALL: usize = 1024;

/// A generation's id, and the format.
type Key = (String, Format);

/// Every feed there is.
#[derive(Debug, Default)]
pub(in crate::server) struct Feeds(Mutex<HashMap<Key, Arc<Ring<Chunk>>>>);

/// Why there is no file to be had.
#[derive(Debug)]
pub(super) enum Unavailable {
    /// No keyframe has come yet.
    Starting,
    /// The format cannot carry it.
    Incompatible(Incompatible),
}

impl Feeds {
    /// A new reader of `generation` in `format`.
    ///
    /// # Errors
    /// When there is nothing to begin with, or the format cannot carry it.
    pub(super) fn join(
        context: &Arc<Context>,
        generation: &Generation,
        format: Format,
        now: Instant,
    ) -> Result<Subscriber<Chunk>, Unavailable> {
        let mut feeds = context.feeds.held();
        let key = (generation.id().as_str().to_owned(), format);
        if let Some(chunks) = feeds.get(&key) {
            return Ok(chunks.subscribe(JOIN, Slow::SkipToStart, now));
        }
        let (moments, first) = begin(generation, now)?;
        let mux = Mux::new(format, &first.epoch.tracks).map_err(Unavailable::Incompatible)?;
        let chunks = Ring::new(Bounds::of(&context.limits.ring, first.epoch.tracks.len()));
        let reader = chunks.subscribe(JOIN, Slow::SkipToStart, now);
        feeds.insert(key.clone(), Arc::clone(&chunks));
        drop(feeds);
        let epoch = first.epoch.number;
        let feed = Feed { context: Arc::clone(context), key, moments, mux, epoch, chunks };
        tokio::spawn(feed.run(first));
        Ok(reader)
    }

    /// Whether `generation` can be had in `format` now.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub(super) fn check(generation: &Generation, format: Format, now: Instant) -> Result<(), Unavailable> {
        let (_, first) = begin(generation, now)?;
        Mux::new(format, &first.epoch.tracks).map(drop).map_err(Unavailable::Incompatible)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Key, Arc<Ring<Chunk>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a feed, unless it is not to go on `unread` and somebody reads it. Whether it is forgotten.
    fn forget(&self, key: &Key, chunks: &Arc<Ring<Chunk>>, unread: bool) -> bool {
        let mut feeds = self.held();
        // Nobody joins but under this lock.
        if unread && chunks.totals().readers > 0 {
            return false;
        }
        if feeds.get(key).is_some_and(|known| Arc::ptr_eq(known, chunks)) {
            feeds.remove(key);
        }
        true
    }
}

/// A cursor on the generation's moments, and the first of them.
fn begin(generation: &Generation, now: Instant) -> Result<(Subscriber<Moment>, Moment), Unavailable> {
    let mut moments = generation.moments().subscribe(JOIN, Slow::Disconnect, now);
    let mut first = Vec::with_capacity(1);
    moments.take(now, 1, &mut first);
    first.pop().map(|first| (moments, first)).ok_or(Unavailable::Starting)
}

/// The task that fills one ring.
struct Feed {
    context: Arc<Context>,
    key: Key,
    moments: Subscriber<Moment>,
    mux: Mux,
    epoch: u32,
    chunks: Arc<Ring<Chunk>>,
}

impl Feed {
    async fn run(mut self, first: Moment) {
        tracing::debug!(generation = self.key.0, format = %self.key.1, "feed_began");
        let mut batch = vec![first];
        let mut read = Clock::mono();
        let end = loop {
            if let Some(end) = self.mux(&mut batch) {
                break end;
            }
            let now = Clock::mono();
            if self.chunks.totals().readers > 0 {
                read = now;
            } else if now.saturating_duration_since(read) >= LINGER
                && self.context.feeds.forget(&self.key, &self.chunks, true)
            {
                break End::Stream;
            }
            // Nothing may come for long: the source is away, and its viewers as well.
            if tokio::time::timeout(LINGER, self.moments.changed()).await.is_ok() {
                tokio::time::sleep(BATCH).await;
            }
        };
        self.context.feeds.forget(&self.key, &self.chunks, false);
        self.chunks.close(end);
        let unfit = self.mux.unfit();
        tracing::debug!(generation = self.key.0, format = %self.key.1, unfit, "feed_ended");
    }

    /// Muxes `batch` and all that has come since, and hands it out. What comes back ends the feed.
    fn mux(&mut self, batch: &mut Vec<Moment>) -> Option<End> {
        loop {
            for moment in batch.drain(..) {
                if moment.epoch.number != self.epoch {
                    self.epoch = moment.epoch.number;
                    if let Onward::MustEnd(why) = self.mux.begin(&moment.epoch.tracks) {
                        tracing::info!(generation = self.key.0, %why, "feed_cannot_go_on");
                        self.hand_out();
                        return Some(End::Stream);
                    }
                }
                self.mux.push(&moment.frame);
            }
            match self.moments.take(Clock::mono(), MOST, batch) {
                Taken::Some | Taken::Skipped { .. } => {}
                Taken::Empty => {
                    self.hand_out();
                    return None;
                }
                Taken::Closed(reason) => {
                    tracing::debug!(generation = self.key.0, reason = reason.as_str(), "feed_source_ended");
                    self.mux.end();
                    self.hand_out();
                    let ending = self.context.phase() > Phase::Serving;
                    return Some(if ending { End::Shutdown } else { End::Stream });
                }
            }
        }
    }

    fn hand_out(&mut self) {
        let chunks = std::iter::from_fn(|| self.mux.pull());
        self.chunks.extend(chunks.map(|chunk| Chunk { body: knit(chunk.body), ..chunk }));
    }
}

/// `body` with small runs that touch joined, once for all readers: each run costs each of them some work.
fn knit(body: Rope) -> Rope {
    let (mut knit, mut small) = (Rope::with_capacity(body.runs().len()), BytesMut::new());
    for run in body {
        if run.len() < SMALL {
            small.extend_from_slice(&run);
        } else {
            knit.push(small.split().freeze());
            knit.push(run);
        }
    }
    knit.push(small.freeze());
    knit
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn small_runs_are_joined_and_large_ones_stay_the_same_memory() {
        let large = Bytes::from(vec![7; SMALL]);
        let mut rope = Rope::default();
        for run in [&b"head"[..], b"more"] {
            rope.push(Bytes::copy_from_slice(run));
        }
        rope.push(large.clone());
        rope.push(Bytes::from_static(b"tail"));
        let (whole, knit) = (rope.len(), knit(rope));
        let lens: Vec<_> = knit.runs().iter().map(Bytes::len).collect();
        assert_eq!((lens, knit.len()), (vec![8, SMALL, 4], whole));
        assert_eq!(knit.runs()[1].as_ptr(), large.as_ptr());
        assert_eq!(knit.runs()[0], "headmore");
    }
}
