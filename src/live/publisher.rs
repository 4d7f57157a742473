//! Publisher: the one writer of a generation, from raw frames to published views.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::error::{Error, Expect, Notice};
use super::generation::{Generation, Ouster};
use super::registry::{Registry, Terms};
use super::sanity::Sanity;
use super::settle::{Settled, Settling};
use super::writer::Writer;
use crate::media::{Captions, Cue, Frame, Hits, Now, Track, TrackId, TrackKind, WallTime};

/// Writes one generation. Nothing it does waits for a reader.
///
/// Dropping it leaves the generation to wait for another source for as long as the grace lasts; with no
/// grace, or by [`finish`](Self::finish), it ends, and every waiter sees the end at once.
#[derive(Debug)]
pub struct Publisher {
    registry: Registry,
    generation: Arc<Generation>,
    terms: Terms,
    phase: Phase,
    sanity: Sanity,
    notices: Vec<Notice>,
    /// Cues that came before the tracks were settled.
    early: Vec<Cue>,
    /// Captions that were seen in the pictures.
    captions: Captions,
    now: Now,
}

/// Cues kept while the tracks are not settled: that takes two seconds at most.
const MOST_EARLY: usize = 16;

#[derive(Debug)]
enum Phase {
    /// Which tracks there are is not known yet.
    Settling(Settling),
    Live(Box<Writer>),
    /// It was ended, or left to wait.
    Left,
}

impl Publisher {
    pub(super) fn new(registry: Registry, generation: Arc<Generation>, terms: Terms, now: Now) -> Self {
        generation.hear(now.mono);
        let phase = Phase::Settling(Settling::default());
        let (notices, early, captions) = (Vec::new(), Vec::new(), Captions::default());
        Self { registry, generation, terms, phase, sanity: Sanity::default(), notices, early, captions, now }
    }

    /// Goes on with what another source left.
    pub(super) fn resume(
        registry: Registry,
        generation: Arc<Generation>,
        terms: Terms,
        writer: Box<Writer>,
        now: Now,
    ) -> Self {
        let mut publisher = Self::new(registry, generation, terms, now);
        publisher.phase = Phase::Live(writer);
        publisher
    }

    /// The generation it writes.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// What the publisher announced that it will send. Of use only before the first frames.
    pub fn expect(&mut self, expect: Expect) {
        if let Phase::Settling(settling) = &mut self.phase {
            settling.expect = expect;
        }
    }

    /// Tracks that are to come from several sources with one clock: they are waited for before the stream's tracks
    /// are settled, and their timestamps are believed. Of use only before the first frames.
    pub(super) fn declare(&mut self, tracks: Vec<TrackId>) {
        if let Phase::Settling(settling) = &mut self.phase {
            settling.declared = tracks;
        }
    }

    /// A track's configuration, which comes before its first frame. A different one later begins a new
    /// epoch at the next keyframe.
    pub fn configure(&mut self, track: Track, now: Now) {
        self.now = now;
        match &mut self.phase {
            Phase::Settling(settling) => settling.configure(track),
            Phase::Live(writer) => {
                writer.configure(track, now.mono, &mut self.notices);
                writer.publish(&self.generation);
            }
            Phase::Left => {}
        }
    }

    /// Takes one frame in the source's clock. On an error the publish cannot go on.
    pub fn push(&mut self, frame: Frame, now: Now) -> Result<(), Error> {
        self.now = now;
        if frame.track.kind == TrackKind::Video {
            self.sanity.check(&frame)?;
        }
        self.generation.hear(now.mono);
        let settled = match &mut self.phase {
            Phase::Live(writer) => {
                writer.push(frame, now, &mut self.notices)?;
                writer.publish(&self.generation);
                return Ok(());
            }
            Phase::Settling(settling) => {
                let limits = &self.registry.settings().packager.limits;
                settling.push(frame, limits)?;
                settling.settle(limits)
            }
            Phase::Left => None,
        };
        settled.map_or(Ok(()), |settled| self.open(settled))
    }

    /// Takes what the source says of a moment of its stream. It becomes a date range, shown with the next part.
    pub fn cue(&mut self, cue: Cue, now: Now) {
        self.now = now;
        match &mut self.phase {
            Phase::Live(writer) => writer.cue(cue, now, &mut self.notices),
            Phase::Settling(_) if self.early.len() < MOST_EARLY => self.early.push(cue),
            Phase::Settling(_) | Phase::Left => {}
        }
    }

    /// Takes what captions the track carries; what it carried once it is said to carry for good.
    pub fn captions(&mut self, track: TrackId, captions: Captions) {
        if track == TrackId::VIDEO {
            self.captions = self.captions.with(captions);
        }
        let renditions = self.generation.renditions();
        renditions.iter().filter(|rendition| rendition.id() == track).for_each(|r| r.carries(captions));
    }

    /// When [`tick`](Self::tick) is due, if no frame comes before; `None` when there is nothing to keep up.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Live(writer) => writer.deadline(),
            Phase::Settling(_) | Phase::Left => None,
        }
    }

    /// Keeps the promised cadence while no frame comes: gaps stand for the parts that are overdue.
    pub fn tick(&mut self, now: Now) {
        self.now = now;
        if let Phase::Live(writer) = &mut self.phase {
            writer.tick(now.mono);
            writer.publish(&self.generation);
        }
    }

    /// Watches for the request to make room for another source: the publisher is to be dropped then.
    pub fn ouster(&self) -> Ouster {
        self.generation.ouster()
    }

    /// Ends the generation now, whatever the grace.
    pub fn finish(mut self) {
        self.settle_rest();
        if let Phase::Live(writer) = &mut self.phase {
            writer.end(self.now.mono);
            writer.publish(&self.generation);
        }
        self.phase = Phase::Left;
        self.generation.end(self.now.mono);
    }

    /// What is worth telling the publisher, each once.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The limits that cut something short since this was last called.
    pub fn hits(&mut self) -> Hits {
        match &mut self.phase {
            Phase::Settling(settling) => std::mem::take(&mut settling.hits),
            Phase::Live(writer) => writer.hits(),
            Phase::Left => Hits::default(),
        }
    }

    /// Fixes the generation's geometry and renditions, and takes in the frames kept so far.
    fn open(&mut self, settled: Settled) -> Result<(), Error> {
        let leads = |frame: &&Frame| {
            let lead = settled.tracks.iter().find(|track| track.id.kind == TrackKind::Video);
            lead.or_else(|| settled.tracks.first()).is_some_and(|track| track.id == frame.track) && frame.key
        };
        let Some(first) = settled.frames.iter().find(leads) else { return Ok(()) };
        let wall = self.wall_of(first);
        let moments = Arc::clone(self.generation.moments());
        let settings = self.registry.settings();
        let mut writer = Writer::new(settings, &settled, first, wall, self.bit_rate(), moments)?;
        if !writer.steady() {
            self.notices.push(Notice::NoSteadyRate);
        }
        let renditions = writer.renditions();
        let pictures = renditions.iter().filter(|rendition| rendition.id() == TrackId::VIDEO);
        pictures.for_each(|rendition| rendition.carries(self.captions));
        self.generation.settle(renditions, &settings.packager.limits);
        for frame in settled.frames {
            writer.push(frame, self.now, &mut self.notices)?;
        }
        for cue in std::mem::take(&mut self.early) {
            writer.cue(cue, self.now, &mut self.notices);
        }
        writer.publish(&self.generation);
        self.phase = Phase::Live(Box::new(writer));
        Ok(())
    }

    fn bit_rate(&self) -> u64 {
        match &self.phase {
            Phase::Settling(settling) => settling.expect.bitrate.unwrap_or(0),
            Phase::Live(_) | Phase::Left => 0,
        }
    }

    /// Wall time at which a kept frame arrived.
    fn wall_of(&self, frame: &Frame) -> WallTime {
        let ago = self.now.mono.saturating_duration_since(frame.arrival);
        self.now.wall.plus_micros(i64::try_from(ago.as_micros()).unwrap_or(0).saturating_neg())
    }

    /// Too short to settle by itself: what came is still shown.
    fn settle_rest(&mut self) {
        if let Phase::Settling(settling) = &mut self.phase
            && let Some(settled) = settling.give_up()
        {
            // What cannot be packaged cannot be shown; it ends all the same.
            let _unplayable = self.open(settled);
        }
    }
}

impl Publisher {
    fn leave(&mut self) {
        self.settle_rest();
        match std::mem::replace(&mut self.phase, Phase::Left) {
            Phase::Live(writer) => {
                self.registry.leave(&self.generation, writer, self.terms.grace, self.now.mono);
            }
            Phase::Settling(_) => self.generation.end(self.now.mono),
            Phase::Left => {}
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It may be dropped because what it wrote with panicked. That leaving panics as well would then end the
        // process, and with it every other stream; so it ends this one.
        if catch_unwind(AssertUnwindSafe(|| self.leave())).is_err() {
            self.generation.end(self.now.mono);
        }
    }
}
