//! Health: the watches of all that is published, for the log and for the operator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::health::{Change, Finding, Watch};
use crate::media::{Now, StreamName};

use super::clock::Clock;
use super::context::Context;

/// The watch of each stream that is published now.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<BTreeMap<StreamName, Arc<Mutex<Watch>>>>);

impl Board {
    /// What the encoder of `stream` tells of itself, as JSON; `None` when nobody publishes it.
    pub(super) fn encoder(&self, stream: &StreamName) -> Option<String> {
        let watch = held(&self.0).get(stream).cloned()?;
        let told = held(&watch).encoder();
        Some(told)
    }
}

/// One publish on the board, until it is dropped.
pub(super) struct Watched<'a> {
    context: &'a Context,
    stream: StreamName,
    watch: Arc<Mutex<Watch>>,
}

impl<'a> Watched<'a> {
    /// A publish to `stream` that begins now. It takes the place of one that is about to leave.
    pub(super) fn new(context: &'a Context, stream: &StreamName) -> Self {
        let watch = Arc::new(Mutex::new(Watch::new(Clock::now())));
        held(&context.health.0).insert(stream.clone(), Arc::clone(&watch));
        Self { context, stream: stream.clone(), watch }
    }

    /// The watch.
    pub(super) fn watch(&self) -> MutexGuard<'_, Watch> {
        held(&self.watch)
    }

    /// Logs what is new.
    pub(super) fn tell(&self, changes: Vec<Change>) {
        for change in changes {
            let (begins, Finding { track, verdict }) = match change {
                Change::Began(finding) => (true, finding),
                Change::Ended(finding) => (false, finding),
            };
            let track = track.map(|track| track.to_string()).unwrap_or_default();
            let (unit, measured) = verdict.measured();
            let name = verdict.name();
            if begins {
                tracing::warn!(
                    stream = %self.stream, track, verdict = name, measured, unit, words = %verdict,
                    obs = verdict.mend(), "health_began"
                );
            } else {
                tracing::info!(stream = %self.stream, track, verdict = name, "health_ended");
            }
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let mut board = held(&self.context.health.0);
        // Another publish may have come on.
        if board.get(&self.stream).is_some_and(|watch| Arc::ptr_eq(watch, &self.watch)) {
            board.remove(&self.stream);
            self.context.metrics.encoders.forget(&self.stream);
        }
    }
}

impl Board {
    /// All that is known of the publish to `stream`, as JSON; `None` when nobody publishes it.
    pub(super) fn document(&self, stream: &StreamName, now: Now) -> Option<String> {
        let watch = held(&self.0).get(stream).cloned()?;
        let document = held(&watch).document(stream, now);
        Some(document)
    }

    /// Bytes of frames that the publish to `stream` has brought; `None` when nobody publishes it.
    pub(super) fn received(&self, stream: &StreamName) -> Option<u64> {
        let watch = held(&self.0).get(stream).cloned()?;
        let received = held(&watch).received();
        Some(received)
    }

    /// What is wrong with the publish to `stream`, in words; `None` when nobody publishes it.
    pub(super) fn reasons(&self, stream: &StreamName) -> Option<Vec<String>> {
        let watch = held(&self.0).get(stream).cloned()?;
        let reasons = held(&watch).reasons();
        Some(reasons)
    }
}

/// What a thread that panicked left is as good as any: these are measures.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
