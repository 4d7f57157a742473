//! History: what was published, in which epochs, and who watched: bounded, newest first, and what was left out is counted.
//!
//! Whoever reads it takes a snapshot, which shares every run with it, and writes that out at leisure; a run that changes
//! meanwhile is copied first, once for the snapshot, and never while nobody reads.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::live::{Generation, Notice};
use crate::media::{StreamName, WallTime};

use super::listing::{Watched, maybe, text};

/// Generations kept.
const GENERATIONS: usize = 256;
/// Epochs, encoders and viewers kept of each.
const EACH: usize = 256;
/// Viewers kept of all of them together, of some 400 bytes each. With everything full the history is some 20 MiB.
const VIEWERS: usize = 4_096;

/// The newest of something, and how many are no longer kept.
#[derive(Debug, Clone, Serialize)]
struct Recent<T> {
    newest_first: VecDeque<T>,
    truncated: u64,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { newest_first: VecDeque::new(), truncated: 0 }
    }
}

impl<T> Recent<T> {
    fn push(&mut self, one: T) {
        if self.newest_first.len() >= EACH {
            self.forget();
        }
        self.newest_first.push_front(one);
    }

    /// The oldest is no longer kept.
    fn forget(&mut self) {
        if self.newest_first.pop_back().is_some() {
            self.truncated = self.truncated.saturating_add(1);
        }
    }
}

/// An unbroken span of one ingest.
#[derive(Debug, Clone, Serialize)]
struct Epoch {
    #[serde(serialize_with = "text")]
    since: WallTime,
    reason: String,
}

/// An encoder's turn.
#[derive(Debug, Clone, Serialize)]
struct Source {
    #[serde(serialize_with = "text")]
    address: IpAddr,
    encoder: Option<String>,
    #[serde(serialize_with = "text")]
    since: WallTime,
    #[serde(serialize_with = "maybe")]
    until: Option<WallTime>,
    reason: Option<String>,
}

/// One run of a stream.
#[derive(Debug, Clone, Serialize)]
struct Run {
    #[serde(serialize_with = "text")]
    stream: StreamName,
    generation: String,
    #[serde(serialize_with = "text")]
    started: WallTime,
    #[serde(serialize_with = "maybe")]
    ended: Option<WallTime>,
    publishers: Recent<Source>,
    epochs: Recent<Epoch>,
    viewers: Recent<Watched>,
    #[serde(skip)]
    notices: Vec<Notice>,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Chronicle {
    #[serde(serialize_with = "shared")]
    generations: VecDeque<Arc<Run>>,
    truncated: u64,
}

/// What was, since the server started.
#[derive(Debug, Default)]
pub struct History(Mutex<Chronicle>);

impl History {
    /// An encoder at `address` begins to publish, or goes on with a generation that waited.
    pub fn began(&self, generation: &Generation, address: IpAddr, encoder: &str, at: WallTime) {
        let mut chronicle = self.held();
        let id = generation.id().as_str();
        let (run, reason) = match chronicle.generations.iter().position(|run| run.generation == id) {
            Some(at) => (chronicle.generations.get_mut(at), "an encoder came back"),
            None => {
                chronicle.generations.push_front(Arc::new(Run {
                    stream: generation.name().clone(),
                    generation: id.to_owned(),
                    started: generation.started(),
                    ended: None,
                    publishers: Recent::default(),
                    epochs: Recent::default(),
                    viewers: Recent::default(),
                    notices: Vec::new(),
                }));
                chronicle.forget();
                (chronicle.generations.front_mut(), "the stream began")
            }
        };
        let Some(run) = run.map(Arc::make_mut) else { return };
        let encoder =
            Some(encoder).filter(|name| !name.is_empty()).map(|name| name.chars().take(64).collect());
        run.publishers.push(Source { address, encoder, since: at, until: None, reason: None });
        run.epochs.push(Epoch { since: at, reason: reason.to_owned() });
        run.notices.clear();
    }

    /// Something was noticed of the input; some of it begins an epoch.
    pub fn noticed(&self, generation: &Generation, notice: Notice, at: WallTime) {
        let mut chronicle = self.held();
        let Some(run) = chronicle.run(generation) else { return };
        if let Notice::ClockJump(_) | Notice::NewConfig(_) | Notice::Stalled { .. } = notice {
            run.epochs.push(Epoch { since: at, reason: notice.to_string() });
        } else if run.notices.len() < EACH && !run.notices.contains(&notice) {
            run.notices.push(notice);
        }
    }

    /// The encoder is gone, for `reason`.
    pub fn left(&self, generation: &Generation, reason: &dyn fmt::Display, at: WallTime) {
        let mut chronicle = self.held();
        let Some(run) = chronicle.run(generation) else { return };
        if let Some(source) = run.publishers.newest_first.front_mut() {
            source.until = Some(at);
            source.reason = Some(reason.to_string());
        }
    }

    /// Notes the end of what has ended: all but the generations that `live` holds to be going on.
    pub fn look(&self, live: impl Fn(&StreamName, &str) -> bool, at: WallTime) {
        let goes_on = |run: &Run| run.ended.is_some() || live(&run.stream, &run.generation);
        for run in self.held().generations.iter_mut().filter(|run| !goes_on(run)) {
            Arc::make_mut(run).ended = Some(at);
        }
    }

    /// A viewer is gone; without words it is only counted.
    pub(super) fn watched(&self, stream: &StreamName, watched: Option<Watched>) {
        let mut chronicle = self.held();
        if let Some(run) = chronicle.generations.iter_mut().find(|run| run.stream == *stream) {
            let run = Arc::make_mut(run);
            match watched {
                Some(watched) => run.viewers.push(watched),
                None => run.viewers.truncated = run.viewers.truncated.saturating_add(1),
            }
        }
        chronicle.forget_viewer();
    }

    /// What was noticed of the input of a generation and begins no epoch.
    pub fn notices(&self, generation: &Generation) -> Vec<Notice> {
        self.held().shared(generation).map(|run| run.notices.clone()).unwrap_or_default()
    }

    /// The encoders and the epochs of a generation, newest first.
    pub fn of(&self, generation: &Generation) -> Option<(Value, Value)> {
        let run = self.held().shared(generation)?;
        Some((serde_json::to_value(&run.publishers).ok()?, serde_json::to_value(&run.epochs).ok()?))
    }

    /// All of it, as the text of a JSON object.
    pub fn document(&self) -> String {
        let mut text = Vec::new();
        // Nothing of it cannot be written, and all of it is text.
        let _ = self.write(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Writes all of it, as it is now, while others go on to write to it.
    fn write(&self, to: impl io::Write) -> serde_json::Result<()> {
        let snapshot = self.held().clone();
        serde_json::to_writer_pretty(to, &snapshot)
    }

    fn held(&self) -> MutexGuard<'_, Chronicle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chronicle {
    /// That of a generation, to be changed.
    fn run(&mut self, generation: &Generation) -> Option<&mut Run> {
        let id = generation.id().as_str();
        self.generations.iter_mut().find(|run| run.generation == id).map(Arc::make_mut)
    }

    /// The same, to be read once the history is others' again.
    fn shared(&self, generation: &Generation) -> Option<Arc<Run>> {
        let id = generation.id().as_str();
        self.generations.iter().find(|run| run.generation == id).cloned()
    }

    /// Of too many viewers, drops the one that left longest ago.
    fn forget_viewer(&mut self) {
        let viewers = |run: &Arc<Run>| run.viewers.newest_first.len();
        if self.generations.iter().map(viewers).sum::<usize>() <= VIEWERS {
            return;
        }
        let left = |run: &&mut Arc<Run>| run.viewers.newest_first.back().map(|oldest| oldest.until);
        let runs = self.generations.iter_mut().filter(|run| !run.viewers.newest_first.is_empty());
        if let Some(run) = runs.min_by_key(left) {
            Arc::make_mut(run).viewers.forget();
        }
    }

    /// Drops the oldest that has ended; what goes on is never lost.
    fn forget(&mut self) {
        if self.generations.len() <= GENERATIONS {
            return;
        }
        if let Some(oldest) = self.generations.iter().rposition(|run| run.ended.is_some()) {
            self.generations.remove(oldest);
            self.truncated = self.truncated.saturating_add(1);
        }
    }
}

fn shared<S: Serializer>(runs: &VecDeque<Arc<Run>>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(runs.iter().map(|run| &**run))
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "tests need some instant to count from"
)]
mod tests;
