//! The book: what was seen, what was counted, and every breach.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::calm::Calm;

/// Answers that are remembered: those of some minutes.
const ANSWERS: usize = 40_000;
/// Breaches of one kind that are told in full.
const TOLD: usize = 5;

/// What everybody writes into.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) began: Instant,
    pub(crate) calm: Calm,
    hasher: RandomState,
    pages: Mutex<Pages>,
}

/// What is written.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// How often something happened.
    pub(crate) counts: BTreeMap<String, u64>,
    /// Kinds of breaches, how often, and the first of them in words.
    pub(crate) breaches: BTreeMap<&'static str, (u64, Vec<String>)>,
    /// Times between parts of streams that nothing disturbed, and of others.
    pub(crate) calm_gaps: Vec<Duration>,
    pub(crate) troubled_gaps: Vec<Duration>,
    /// How long held reloads took.
    pub(crate) holds: Vec<Duration>,
    /// The faults, when they began.
    pub(crate) faults: Vec<(Duration, String)>,
    answers: HashMap<String, u64>,
    order: VecDeque<String>,
}

impl Book {
    pub(crate) fn new() -> Self {
        let pages = Mutex::default();
        Self { began: Instant::now(), calm: Calm::default(), hasher: RandomState::new(), pages }
    }

    /// What is written so far.
    pub(crate) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts something.
    pub(crate) fn count(&self, what: impl Into<String>) {
        self.add(what, 1);
    }

    /// Counts so many.
    pub(crate) fn add(&self, what: impl Into<String>, many: u64) {
        *self.pages().counts.entry(what.into()).or_insert(0) += many;
    }

    /// Something that may not be.
    pub(crate) fn breach(&self, kind: &'static str, what: impl Into<String>) {
        let text = format!("{:.1} s: {}", self.began.elapsed().as_secs_f64(), what.into());
        let mut pages = self.pages();
        let (count, told) = pages.breaches.entry(kind).or_default();
        *count += 1;
        if told.len() < TOLD {
            told.push(text);
        }
    }

    /// An answer came whole: everybody who asks for the same must get the same.
    pub(crate) fn answered(&self, uri: &str, body: &[u8]) {
        let hash = self.hasher.hash_one(body);
        let mut pages = self.pages();
        let known = pages.answers.get(uri).copied();
        if known.is_none() {
            pages.answers.insert(uri.to_owned(), hash);
            pages.order.push_back(uri.to_owned());
            if pages.order.len() > ANSWERS
                && let Some(oldest) = pages.order.pop_front()
            {
                pages.answers.remove(&oldest);
            }
        }
        drop(pages);
        match known {
            None => self.count("media answers, first of their URI"),
            Some(same) if same == hash => self.count("media answers, compared and equal"),
            Some(_) => self.breach("two answers of one URI differ", format!("{uri}, {} bytes", body.len())),
        }
    }

    /// Judges the status of an answer to a request that nothing is wrong with, made at `asked`. Whether it is a success.
    pub(crate) fn status(&self, stream: usize, what: &str, asked: Instant, status: u16) -> bool {
        self.count(format!("answers {status}"));
        let calm = self.calm.holds(stream, asked, Instant::now());
        match status {
            200 | 206 => return true,
            503 if !calm => {}
            404 if !calm => {}
            500.. => self.breach("a 5xx that no fault explains", format!("{status} of {what}")),
            404 => self.breach("not found, though listed", what),
            _ => self.breach("a refusal of a good request", format!("{status} of {what}")),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_one_uri_that_differ_are_a_breach_and_a_fault_explains_what_is_missing() {
        let book = Book::new();
        book.answered("/a", b"one");
        book.answered("/a", b"one");
        book.answered("/b", b"two");
        assert!(book.pages().breaches.is_empty());
        book.answered("/a", b"two");
        assert_eq!(book.pages().breaches.len(), 1);
        let now = Instant::now();
        book.calm.disturb(Some(1), now, now + Duration::from_secs(1));
        assert!(!book.status(1, "/c", now, 404) && !book.status(1, "/c", now, 503));
        assert_eq!(book.pages().breaches.len(), 1);
        assert!(!book.status(2, "/c", now, 404) && !book.status(2, "/c", now, 503));
        assert!(!book.status(1, "/c", now, 500));
        assert_eq!(book.pages().breaches.len(), 3, "two kinds more");
    }
}
