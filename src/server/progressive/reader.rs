//! Reader: one viewer of a feed: its cursor, and what is told of it when it ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};
use std::time::Instant;

use bytes::Bytes;

use crate::base::Rope;
use crate::control::{Dismissal, Protocol, Viewer};
use crate::live::{Reason, Subscriber, Taken};
use crate::media::{Limit, StreamName};
use crate::progressive::{Chunk, Head};

use super::super::clock::Clock;
use super::super::context::{Context, Phase};

/// Chunks taken at once: what a reader holds that the ring may have let go.
const MOST: usize = 4;

/// Who reads what.
pub(super) struct Reader {
    context: Arc<Context>,
    chunks: Subscriber<Chunk>,
    /// What is taken, and not given out yet.
    taken: VecDeque<Chunk>,
    room: Vec<Chunk>,
    head: Option<Arc<Head>>,
    /// Whether something was missed before what is taken next.
    skipped: bool,
    viewer: Viewer,
    dismissal: Dismissal,
    stream: StreamName,
    protocol: Protocol,
    bytes: u64,
    /// When it was last given something, until it comes for more.
    given: Option<Instant>,
}

impl Reader {
    /// A reader of `chunks`, counted by `viewer`.
    pub(super) fn new(
        context: Arc<Context>,
        chunks: Subscriber<Chunk>,
        viewer: Viewer,
        stream: StreamName,
        protocol: Protocol,
    ) -> Self {
        context.metrics.outputs.opened(protocol);
        Self {
            context,
            chunks,
            taken: VecDeque::new(),
            room: Vec::new(),
            head: None,
            skipped: false,
            dismissal: viewer.dismissal(),
            viewer,
            stream,
            protocol,
            bytes: 0,
            given: None,
        }
    }

    /// What comes next, as it is: what must come before it, and it. Else why there is nothing more.
    pub(super) fn poll_next(&mut self, cx: &mut Task<'_>) -> Poll<Result<(Bytes, Rope), Reason>> {
        let now = Clock::now();
        if let Some(since) = self.given.take() {
            self.viewer.asks();
            self.chunks.wrote(since, now.mono, false);
        }
        loop {
            if let Some(chunk) = self.taken.pop_front() {
                let preface = chunk.preface(self.head.as_ref(), std::mem::take(&mut self.skipped));
                let bytes = chunk.body.len().saturating_add(preface.len() as u64);
                self.bytes = self.bytes.saturating_add(bytes);
                self.viewer.sent(bytes, now);
                self.head = Some(chunk.head);
                self.given = Some(now.mono);
                return Poll::Ready(Ok((preface, chunk.body)));
            }
            if let Err(reason) = ready!(self.poll_fill(cx)) {
                return Poll::Ready(Err(reason));
            }
        }
    }

    /// Ready once there is something to come next. Else why there is nothing more.
    pub(super) fn poll_fill(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), Reason>> {
        while self.taken.is_empty() {
            if let Poll::Ready(reason) = self.dismissal.poll(cx) {
                self.chunks.close(reason);
            }
            match self.chunks.take(Clock::mono(), MOST, &mut self.room) {
                Taken::Some => self.taken.extend(self.room.drain(..)),
                Taken::Empty => ready!(self.chunks.poll_changed(cx)),
                Taken::Skipped { .. } => {
                    self.skipped = true;
                    self.viewer.lagged(self.chunks.lag());
                }
                Taken::Closed(reason) => return Poll::Ready(Err(reason)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Under what the next chunk is readable, once there is one.
    pub(super) fn next_head(&self) -> Option<&Head> {
        self.taken.front().map(|chunk| &*chunk.head)
    }

    /// Ends it for `reason`, unless it has ended.
    pub(super) fn close(&mut self, reason: Reason) {
        let now = Clock::mono();
        match (reason, self.given) {
            (Reason::WriteTimeout, Some(since)) if self.chunks.blocked(since, now) => {}
            _ => drop(self.chunks.close(reason)),
        }
    }

    /// Notes a write that took less than it was given.
    pub(super) fn wrote_short(&mut self) {
        let now = Clock::mono();
        self.chunks.wrote(now, now, true);
    }

    /// A write to it stood still for too long.
    pub(super) fn stalled(&self) {
        self.context.hit(Limit::RingBlocked, &self.stream);
    }

    /// Where it is told to go. It hears of that by itself when it comes for more; one that stands still does not come.
    pub(super) fn dismissal(&self) -> &Dismissal {
        &self.dismissal
    }

    /// For how long a write to it may stand still.
    pub(super) fn patience(&self) -> std::time::Duration {
        self.chunks.patience()
    }
}

/// The last word about it, wherever it was dropped.
impl Drop for Reader {
    fn drop(&mut self) {
        let serving = self.context.phase() == Phase::Serving;
        let gone = if serving { Reason::ClientClosed } else { Reason::Shutdown };
        let reason = self.chunks.close(self.dismissal.given().unwrap_or(gone));
        let (lag, now) = (self.chunks.lag(), Clock::now());
        self.viewer.lagged(lag);
        self.viewer.close(reason, now);
        self.context.metrics.outputs.closed(self.protocol, &lag, reason);
        if reason == Reason::SlowClientLagged && lag.events >= self.context.limits.ring.jumps as u64 {
            self.context.hit(Limit::RingJumps, &self.stream);
        }
        tracing::info!(
            stream = %self.stream,
            protocol = self.protocol.name(),
            viewer = self.viewer.id(),
            reason = reason.as_str(),
            seconds = now.mono.saturating_duration_since(self.chunks.since()).as_secs(),
            bytes = self.bytes,
            skips = lag.events,
            frames_lost = lag.frames,
            bytes_lost = lag.bytes,
            most_behind_ms = lag.largest_micros / 1_000,
            blocked_ms = lag.blocked_micros / 1_000,
            "reader_closed"
        );
    }
}
