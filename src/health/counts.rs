//! Counts: frames as the encoder counts them, of the publish and of late.

use std::collections::VecDeque;

use super::verdict::Verdict;
use crate::media::{RenditionFrames, SessionFrames};

/// Buckets kept, each of what came between two looks.
const BUCKETS: usize = 30;
/// Fewer frames say nothing: less than two seconds of a slow encoder.
const ENOUGH: u64 = 50;
/// What is worth a word, in percent.
const WORTH: f64 = 1.0;

/// Frames, as the encoder counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Composed.
    pub rendered: u64,
    /// Composed too late to be new.
    pub lagged: u64,
    /// Thrown away since the network did not take them.
    pub dropped: u64,
    /// Sent, of all tracks together.
    pub output: u64,
    /// Offered to the encoders of all tracks.
    pub input: u64,
    /// Left out by them since they were behind.
    pub skipped: u64,
}

impl Counts {
    pub(super) fn of(session: Option<SessionFrames>, rendition: Option<RenditionFrames>) -> Self {
        let (session, rendition) = (session.unwrap_or_default(), rendition.unwrap_or_default());
        Self {
            rendered: session.rendered.into(),
            lagged: session.lagged.into(),
            dropped: session.dropped.into(),
            output: session.output.into(),
            input: rendition.input.into(),
            skipped: rendition.skipped.into(),
        }
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self {
            rendered: self.rendered.saturating_add(other.rendered),
            lagged: self.lagged.saturating_add(other.lagged),
            dropped: self.dropped.saturating_add(other.dropped),
            output: self.output.saturating_add(other.output),
            input: self.input.saturating_add(other.input),
            skipped: self.skipped.saturating_add(other.skipped),
        }
    }
}

/// What was counted of late.
#[derive(Debug, Default)]
pub(super) struct Lately(VecDeque<Counts>);

impl Lately {
    pub(super) fn add(&mut self, counts: Counts) {
        let newest = self.0.pop_front().unwrap_or_default();
        self.0.push_front(newest.with(counts));
    }

    /// A look has been taken.
    pub(super) fn roll(&mut self) {
        self.0.push_front(Counts::default());
        self.0.truncate(BUCKETS);
    }

    pub(super) fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        let sum = self.0.iter().fold(Counts::default(), |sum, counts| sum.with(*counts));
        let percent = |part: u64, all: u64| (part as f64) * 100.0 / (all.max(1) as f64);
        let sent = sum.output.saturating_add(sum.dropped);
        let dropped = (sent, Verdict::Dropped { percent: percent(sum.dropped, sent) });
        let lagged = (sum.rendered, Verdict::Lagged { percent: percent(sum.lagged, sum.rendered) });
        let skipped = (sum.input, Verdict::Skipped { percent: percent(sum.skipped, sum.input) });
        let all = [dropped, lagged, skipped].into_iter();
        all.filter(|(frames, verdict)| *frames >= ENOUGH && verdict.measured().1 >= WORTH).map(|(_, v)| v)
    }
}
