//! History: what is kept, what is left out, and who waits for whom.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::super::listing::{ViewerId, Watching};
use super::*;
use crate::live::{self, Registry};
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
    for (stream, count) in streams.iter().zip([100].into_iter().chain([EACH as u64 + 5; VIEWERS / EACH])) {
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

/// One that is full of short lives, and one of its generations.
fn busy() -> (History, live::Publisher) {
    let registry = Registry::new(crate::live::Settings::default());
    let (history, now) = (History::default(), now());
    let publisher = registry.publish(&StreamName::parse("cam").unwrap(), now).unwrap();
    history.began(publisher.generation(), [192, 0, 2, 1].into(), "OBS", now.wall);
    for n in 0..EACH as u64 {
        history
            .watched(publisher.generation().name(), Some(visit(publisher.generation().name(), n, now.wall)));
    }
    (history, publisher)
}

/// Somebody who takes the document word by word, and looks each time whether others could write.
struct Slow<'a>(&'a History, Vec<u8>);

impl io::Write for Slow<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(self.0.0.try_lock().is_ok(), "nobody can write while it is read");
        self.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn nobody_who_writes_waits_for_the_document() {
    let (history, publisher) = busy();
    let mut slow = Slow(&history, Vec::new());
    history.write(&mut slow).unwrap();
    assert_eq!(String::from_utf8(slow.1).unwrap(), history.document());
    drop(publisher);
}

#[test]
fn a_run_that_is_read_is_as_it_was_and_copied_only_then() {
    let (history, publisher) = busy();
    let (generation, at) = (publisher.generation(), now().wall);
    let address = || Arc::as_ptr(history.held().generations.front().unwrap());
    let before = address();
    history.noticed(generation, Notice::Stalled { millis: 1 }, at);
    assert_eq!(address(), before, "nobody reads it");
    let snapshot = history.held().clone();
    history.noticed(generation, Notice::Stalled { millis: 2 }, at);
    history.noticed(generation, Notice::Stalled { millis: 3 }, at);
    let copy = address();
    assert_ne!(copy, before);
    assert_eq!(snapshot.generations[0].epochs.newest_first.len(), 2);
    drop(snapshot);
    // What is over is not looked at as if it changed.
    history.look(|_, _| true, at);
    history.left(generation, &"it left", at);
    assert_eq!(address(), copy);
    let (_, epochs) = history.of(generation).unwrap();
    assert_eq!(epochs["newest_first"].as_array().unwrap().len(), 4);
}
