//! Registry: which streams are live, which wait for their source to come back, and which are over but
//! still fetchable.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::error::Error;
use super::generation::Generation;
use super::publisher::Publisher;
use super::writer::Writer;
use crate::media::{Now, StreamName};
use crate::packager;

/// How streams are packaged and kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Parts, segments, bounds.
    pub packager: packager::Settings,
    /// How much media a playlist lists.
    pub window: Duration,
    /// Whether parts are listed; without, the stream is plain HLS.
    pub parts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { packager: packager::Settings::default(), window: Duration::from_secs(30), parts: true }
    }
}

/// What happens to a publisher on a stream when a second one comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Takeover {
    /// The second takes over if the first has been silent for more than two seconds and both came with
    /// the same key.
    #[default]
    Stale,
    /// The second is refused.
    Reject,
    /// The second takes over.
    Always,
}

/// How long a holder must have been silent to be taken for gone.
const STALE: Duration = Duration::from_secs(2);

/// On which terms a publisher comes.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How long the generation outlives its source.
    pub grace: Duration,
    /// What a publisher that is there already has to yield to.
    pub takeover: Takeover,
    /// Fingerprint of the key it came with.
    pub credential: u64,
}

impl Terms {
    /// Whether a holder that has been silent for `silence` and came with `credential` has to yield.
    pub(super) fn takes_over(&self, silence: Duration, credential: u64) -> bool {
        match self.takeover {
            Takeover::Always => true,
            Takeover::Stale => silence > STALE && credential == self.credential,
            Takeover::Reject => false,
        }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { grace: Duration::from_secs(10), takeover: Takeover::default(), credential: 0 }
    }
}

/// A generation without a source, kept going until its grace is over.
#[derive(Debug)]
struct Waiting {
    generation: Arc<Generation>,
    writer: Box<Writer>,
    until: Instant,
}

impl Waiting {
    fn end(mut self, now: Instant) {
        self.try_to(|writer, generation| {
            writer.end(now);
            writer.publish(generation);
        });
        self.generation.end(now);
    }

    /// Keeps up its cadence. Whether that could be done.
    fn tick(&mut self, now: Instant) -> bool {
        self.try_to(|writer, generation| {
            writer.tick(now);
            writer.publish(generation);
        })
    }

    /// Whether it can be done: a mistake of ours in one stream must not end the others, which share their keeper.
    fn try_to(&mut self, work: impl FnOnce(&mut Writer, &Generation)) -> bool {
        catch_unwind(AssertUnwindSafe(|| work(&mut self.writer, &self.generation))).is_ok()
    }
}

/// Generations without a source; and whether the server is ending, so that none is kept any more.
#[derive(Debug, Default)]
struct Waitings {
    streams: HashMap<StreamName, Waiting>,
    closed: bool,
}

/// What can be found.
#[derive(Debug, Clone, Default)]
struct Streams {
    newest: HashMap<StreamName, Arc<Generation>>,
    /// The one before, which has ended: players that are some seconds behind may still have to see its end.
    before: HashMap<StreamName, Arc<Generation>>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    /// Read without a lock; replaced whole by writers, who hold `waiting`.
    streams: ArcSwap<Streams>,
    waiting: Mutex<Waitings>,
}

/// Who is live. Cloning shares.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Shared>);

impl Registry {
    /// An empty registry.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Shared { settings, streams: ArcSwap::default(), waiting: Mutex::default() }))
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Publishes `name` on the default terms.
    ///
    /// # Errors
    /// As [`publish_on`](Self::publish_on).
    pub fn publish(&self, name: &StreamName, now: Now) -> Result<Publisher, Error> {
        self.publish_on(name, Terms::default(), now)
    }

    /// Publishes `name`: goes on with a generation whose source is gone but whose grace is not over, else
    /// begins a new one.
    ///
    /// # Errors
    /// `Busy` when somebody is live on it and need not yield; `Yielding` when the holder has been asked to
    /// make room: the same call succeeds as soon as it has; `Entropy` when there is none for a new one's id.
    pub fn publish_on(&self, name: &StreamName, terms: Terms, now: Now) -> Result<Publisher, Error> {
        let mut waiting = self.waiting();
        if let Some(found) = waiting.streams.remove(name) {
            if now.mono < found.until {
                found.generation.belongs_to(terms.credential);
                return Ok(Publisher::resume(self.clone(), found.generation, terms, found.writer, now));
            }
            found.end(now.mono);
        }
        let streams = self.0.streams.load();
        if let Some(holder) = streams.newest.get(name).filter(|generation| !generation.ended()) {
            let yields = terms.takes_over(holder.silence(now.mono), holder.credential());
            return Err(if yields { yielding(holder) } else { Error::Busy(name.clone()) });
        }
        let generation =
            Generation::new(name.clone(), terms.credential, &self.settings().packager.limits, now)?;
        let mut streams = Streams::clone(&streams);
        if let Some(ended) = streams.newest.insert(name.clone(), Arc::clone(&generation)) {
            streams.before.insert(name.clone(), ended);
        }
        self.0.streams.store(Arc::new(streams));
        Ok(Publisher::new(self.clone(), generation, terms, now))
    }

    /// Takes in a generation whose source is gone.
    pub(super) fn leave(
        &self,
        generation: &Arc<Generation>,
        mut writer: Box<Writer>,
        grace: Duration,
        now: Instant,
    ) {
        writer.lose(now);
        writer.publish(generation);
        let until = writer.heard() + grace;
        let left = Waiting { generation: Arc::clone(generation), writer, until };
        let mut waiting = self.waiting();
        if waiting.closed || until <= now {
            left.end(now);
        } else {
            waiting.streams.insert(generation.name().clone(), left);
        }
    }

    /// Keeps up the cadence of every generation without a source, and ends those whose grace is over. To
    /// be called a few times a part, and when the one that is returned is next due.
    pub fn tick(&self, now: Instant) -> Option<Instant> {
        let mut waiting = self.waiting();
        let over: Vec<StreamName> = waiting
            .streams
            .iter()
            .filter(|(_, left)| left.until <= now)
            .map(|(name, _)| name.clone())
            .collect();
        for left in over.iter().filter_map(|name| waiting.streams.remove(name)).collect::<Vec<_>>() {
            left.end(now);
        }
        let stuck = |left: &mut Waiting| !left.tick(now);
        for (_, left) in waiting.streams.extract_if(|_, left| stuck(left)) {
            left.generation.end(now);
        }
        waiting.streams.values().filter_map(|left| left.writer.deadline()).min()
    }

    /// Ends every generation without a source now, and keeps none from now on: the server is ending. Nobody waits
    /// for their last parts but their own readers.
    pub fn close(&self, now: Instant) {
        let left = {
            let mut waiting = self.waiting();
            waiting.closed = true;
            std::mem::take(&mut waiting.streams)
        };
        left.into_values().for_each(|left| left.end(now));
    }

    fn waiting(&self) -> MutexGuard<'_, Waitings> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest generation of `name`: live, or over and still fetchable. Takes no lock.
    pub fn find(&self, name: &StreamName) -> Option<Arc<Generation>> {
        self.0.streams.load().newest.get(name).cloned()
    }

    /// The generation of `name` whose id is `id`: the newest, or the one before it while that is fetchable. Takes no
    /// lock.
    pub fn find_generation(&self, name: &StreamName, id: &str) -> Option<Arc<Generation>> {
        let streams = self.0.streams.load();
        let of = |generations: &HashMap<StreamName, Arc<Generation>>| {
            generations.get(name).filter(|generation| generation.id().as_str() == id).cloned()
        };
        of(&streams.newest).or_else(|| of(&streams.before))
    }

    /// Every generation that [`find`](Self::find) can find.
    pub fn generations(&self) -> Vec<Arc<Generation>> {
        self.0.streams.load().newest.values().cloned().collect()
    }

    /// Forgets generations that ended long enough before `now` for every player to have seen the end.
    pub fn sweep(&self, now: Instant) {
        let keep = self.0.settings.window.max(Duration::from_secs(30)) * 2;
        let stale = |generation: &Arc<Generation>| {
            generation.ended_at().is_some_and(|ended| now.saturating_duration_since(ended) > keep)
        };
        let streams = self.0.streams.load();
        if !streams.newest.values().chain(streams.before.values()).any(stale) {
            return;
        }
        let _turn = self.waiting();
        let mut streams = Streams::clone(&self.0.streams.load());
        streams.newest.retain(|_, generation| !stale(generation));
        streams.before.retain(|_, generation| !stale(generation));
        self.0.streams.store(Arc::new(streams));
    }
}

fn yielding(holder: &Generation) -> Error {
    holder.oust();
    Error::Yielding(holder.name().clone())
}
