//! History: what was published, in which epochs, and who watched: bounded, newest first, and what was left out is counted.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
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

#[derive(Debug, Default, Serialize)]
struct Chronicle {
    generations: VecDeque<Run>,
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
                chronicle.generations.push_front(Run {
                    stream: generation.name().clone(),
                    generation: id.to_owned(),
                    started: generation.started(),
                    ended: None,
                    publishers: Recent::default(),
                    epochs: Recent::default(),
                    viewers: Recent::default(),
                    notices: Vec::new(),
                });
                chronicle.forget();
                (chronicle.generations.front_mut(), "the stream began")
            }
        };
        let Some(run) = run else { return };
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
        for run in self.held().generations.iter_mut().filter(|run| run.ended.is_none()) {
            run.ended = (!live(&run.stream, &run.generation)).then_some(at);
        }
    }

    /// A viewer is gone; without words it is only counted.
    pub(super) fn watched(&self, stream: &StreamName, watched: Option<Watched>) {
        let mut chronicle = self.held();
        if let Some(run) = chronicle.generations.iter_mut().find(|run| run.stream == *stream) {
            match watched {
                Some(watched) => run.viewers.push(watched),
                None => run.viewers.truncated = run.viewers.truncated.saturating_add(1),
            }
        }
        chronicle.forget_viewer();
    }

    /// What was noticed of the input of a generation and begins no epoch.
    pub fn notices(&self, generation: &Generation) -> Vec<Notice> {
        self.held().run(generation).map(|run| run.notices.clone()).unwrap_or_default()
    }

    /// The encoders and the epochs of a generation, newest first.
    pub fn of(&self, generation: &Generation) -> Option<(Value, Value)> {
        let mut chronicle = self.held();
        let run = chronicle.run(generation)?;
        Some((serde_json::to_value(&run.publishers).ok()?, serde_json::to_value(&run.epochs).ok()?))
    }

    /// All of it, as the text of a JSON object.
    pub fn document(&self) -> String {
        serde_json::to_string_pretty(&*self.held()).unwrap_or_default()
    }

    fn held(&self) -> MutexGuard<'_, Chronicle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chronicle {
    fn run(&mut self, generation: &Generation) -> Option<&mut Run> {
        let id = generation.id().as_str();
        self.generations.iter_mut().find(|run| run.generation == id)
    }

    /// Of too many viewers, drops the one that left longest ago.
    fn forget_viewer(&mut self) {
        let viewers = |run: &Run| run.viewers.newest_first.len();
        if self.generations.iter().map(viewers).sum::<usize>() <= VIEWERS {
            return;
        }
        let left = |run: &&mut Run| run.viewers.newest_first.back().map(|oldest| oldest.until);
        let runs = self.generations.iter_mut().filter(|run| !run.viewers.newest_first.is_empty());
        if let Some(run) = runs.min_by_key(left) {
            run.viewers.forget();
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

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "tests need some instant to count from"
)]
mod tests {
    use std::time::Instant;

    use super::super::listing::{ViewerId, Watching};
    use super::*;
    use crate::live::Registry;
    use crate::media::Now;

    fn now() -> Now {
        Now { mono: Instant::now(), wall: WallTime { unix_micros: 1_700_000_000_000_000 } }
    }

    /// What an operator reads of it.
    fn read(history: &History) -> Value {
        serde_json::from_str(&history.document()).unwrap()
    }

    fn visit(stream: &StreamName, n: u64, until: WallTime) -> Watched {
        let viewer = Watching {
            id: ViewerId(n),
            stream: stream.clone(),
            protocol: "hls",
            counted_by: "address",
            address: [192, 0, 2, 1].into(),
            agent: Some("player".into()),
            since: until.plus_micros(-1_000_000),
            idle_seconds: Some(0.5),
            requests: Some(7),
            bytes_sent: None,
            lag: None,
        };
        Watched { viewer, until, reason: "idle" }
    }

    #[test]
    fn of_too_many_viewers_those_who_left_longest_ago_are_counted_only() {
        let (history, registry, now) =
            (History::default(), Registry::new(crate::live::Settings::default()), now());
        let name = |n: usize| StreamName::parse(&format!("s{n}")).unwrap();
        let streams: Vec<_> = (0..=VIEWERS / EACH).map(name).collect();
        let publishers: Vec<_> = streams.iter().map(|name| registry.publish(name, now).unwrap()).collect();
        for publisher in &publishers {
            history.began(publisher.generation(), [192, 0, 2, 1].into(), "", now.wall);
        }
        // Those of the first stream leave before all others.
        let mut at = now.wall;
        for (stream, count) in streams.iter().zip([100].into_iter().chain([EACH as u64 + 5; VIEWERS / EACH]))
        {
            for n in 0..count {
                at = at.plus_micros(1);
                history.watched(stream, Some(visit(stream, n, at)));
            }
        }
        let document = read(&history);
        let viewers = |n: usize| &document["generations"][streams.len() - 1 - n]["viewers"];
        let kept = |n: usize| viewers(n)["newest_first"].as_array().unwrap().len();
        assert_eq!((0..streams.len()).map(kept).sum::<usize>(), VIEWERS);
        assert_eq!((kept(0), viewers(0)["truncated"].as_u64()), (0, Some(100)), "left longest ago");
        assert_eq!((kept(1), viewers(1)["truncated"].as_u64()), (EACH, Some(5)));
        let newest = &viewers(1)["newest_first"][0];
        assert_eq!(newest["id"], format!("{:016x}", EACH + 4));
        assert_eq!((&newest["address"], &newest["stream"]), (&"192.0.2.1".into(), &"s1".into()));
    }

    #[test]
    fn generations_and_epochs_are_kept_newest_first_and_the_rest_is_counted() {
        let (history, registry, now) =
            (History::default(), Registry::new(crate::live::Settings::default()), now());
        let name = |n: u32| StreamName::parse(&format!("s{n}")).unwrap();
        let mut open = Vec::new();
        for n in 0..300 {
            let publisher = registry.publish(&name(n), now).unwrap();
            history.began(publisher.generation(), [192, 0, 2, 1].into(), "", now.wall);
            // The very first goes on for ever.
            if n > 0 {
                history.look(|stream, _| *stream == name(0), now.wall);
            }
            open.push(publisher);
        }
        let document = read(&history);
        let streams: Vec<_> = document["generations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["stream"].as_str().unwrap())
            .collect();
        assert_eq!(
            (streams.len(), document["truncated"].as_u64()),
            (GENERATIONS, Some(300 - GENERATIONS as u64))
        );
        assert_eq!((streams[0], streams[GENERATIONS - 1]), ("s299", "s0"), "what goes on is never lost");

        let generation = open[299].generation();
        for millis in 0..EACH as u64 + 9 {
            history.noticed(generation, Notice::Stalled { millis }, now.wall);
        }
        history.noticed(generation, Notice::NoSteadyRate, now.wall);
        let (publishers, epochs) = history.of(generation).unwrap();
        assert_eq!(epochs["newest_first"].as_array().unwrap().len(), EACH);
        assert_eq!(epochs["truncated"], 10);
        assert_eq!(publishers["newest_first"][0]["address"], "192.0.2.1");
        assert_eq!(history.notices(generation), [Notice::NoSteadyRate]);
    }

    #[test]
    fn an_encoder_that_comes_back_begins_an_epoch_of_the_same_generation() {
        let (history, registry, now) =
            (History::default(), Registry::new(crate::live::Settings::default()), now());
        let publisher = registry.publish(&StreamName::parse("cam").unwrap(), now).unwrap();
        let generation = publisher.generation();
        history.began(generation, [192, 0, 2, 1].into(), "OBS", now.wall);
        history.left(generation, &"the encoder closed the connection", now.wall);
        history.began(generation, [192, 0, 2, 2].into(), "OBS", now.wall);
        let document = read(&history);
        assert_eq!(document["generations"].as_array().unwrap().len(), 1);
        let run = &document["generations"][0];
        assert_eq!(run["publishers"]["newest_first"][1]["reason"], "the encoder closed the connection");
        assert_eq!(run["publishers"]["newest_first"][0]["until"], Value::Null);
        assert_eq!(run["epochs"]["newest_first"][0]["reason"], "an encoder came back");
    }
}
