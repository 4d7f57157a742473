//! Ingest: an accepted publish: what the session hands out goes into its generation, and its life is logged.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use crate::live::{self, Expect, Ouster, Publisher};
use crate::media::Now;
use crate::rtmp::{Announcement, Discard, Discarded, Output};

use super::context::Context;
use super::log::Escaped;

/// Discarded things told of one publish; past it they are only counted.
const TOLD: u32 = 5;

/// One encoder being live on one stream, until [`finish`](Self::finish), [`rest`](Self::rest) or
/// [`leave`](Self::leave).
pub(super) struct Ingest<'a> {
    context: &'a Context,
    publisher: Publisher,
    peer: SocketAddr,
    discards: u32,
    _counted: Counted<'a>,
}

/// One more publisher, for as long as it lives.
struct Counted<'a>(&'a Context);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.metrics.publishers.dec();
    }
}

impl<'a> Ingest<'a> {
    /// A publish that was just accepted.
    pub(super) fn new(context: &'a Context, publisher: Publisher, peer: SocketAddr, encoder: &str) -> Self {
        context.metrics.publishes.inc();
        context.metrics.publishers.inc();
        let generation = publisher.generation();
        tracing::info!(
            stream = %generation.name(), generation = %generation.id(), %peer, encoder = %Escaped(encoder),
            "publish_started"
        );
        Self { context, publisher, peer, discards: 0, _counted: Counted(context) }
    }

    /// Takes what the session found.
    ///
    /// # Errors
    /// When the publish cannot go on.
    pub(super) fn take(&mut self, output: Output, now: Now) -> Result<(), live::Error> {
        match output {
            Output::Frame(frame) => {
                self.context.metrics.frames.inc();
                self.publisher.push(frame, now)?;
            }
            Output::Track(track) => {
                let codecs = track.config.codecs();
                tracing::info!(stream = %self.name(), track = %track.id, codecs, "track_configured");
                self.publisher.configure(track, now);
            }
            Output::Announced(announcement) => self.publisher.expect(expectation(&announcement)),
            Output::Cue(cue) => self.publisher.cue(*cue, now),
            Output::Discarded(discarded) => self.discarded(&discarded),
            Output::Send(_) | Output::PublishRequested(_) | Output::Unpublished | Output::Close(_) => {}
        }
        for notice in self.publisher.notices() {
            tracing::warn!(stream = %self.name(), %notice, "input_notice");
        }
        Ok(())
    }

    /// When [`tick`](Self::tick) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.publisher.deadline()
    }

    /// Keeps up the stream's cadence while nothing comes.
    pub(super) fn tick(&mut self, now: Now) {
        self.publisher.tick(now);
    }

    /// Watches for another encoder that takes over.
    pub(super) fn ouster(&self) -> Ouster {
        self.publisher.ouster()
    }

    /// Ends the generation and says why.
    pub(super) fn finish(self, reason: impl fmt::Display) {
        self.said("publish_ended", &reason);
        self.publisher.finish();
    }

    /// Leaves the generation, at the encoder's wish, to whoever goes on with it within its grace.
    pub(super) fn rest(self, reason: impl fmt::Display) {
        self.said("publish_ended", &reason);
    }

    /// Leaves the generation, whose encoder is lost, to whoever goes on with it within its grace, and says why.
    pub(super) fn leave(self, reason: impl fmt::Display) {
        self.said("publish_lost", &reason);
    }

    fn said(&self, event: &'static str, reason: &dyn fmt::Display) {
        tracing::info!(stream = %self.name(), peer = %self.peer, %reason, "{event}");
    }

    fn name(&self) -> &crate::media::StreamName {
        self.publisher.generation().name()
    }

    fn discarded(&mut self, discarded: &Discarded) {
        if matches!(discarded.reason, Discard::Frame(_)) {
            self.context.metrics.discarded.inc();
        }
        self.discards = self.discards.saturating_add(1);
        if self.discards <= TOLD {
            let reason = discarded.reason.to_string();
            tracing::warn!(stream = %self.name(), reason = %Escaped(&reason), "input_discarded");
        }
    }
}

fn expectation(announcement: &Announcement) -> Expect {
    let rates = [announcement.video_bitrate, announcement.audio_bitrate];
    let bitrate = rates.into_iter().flatten().map(u64::from).reduce(u64::saturating_add);
    Expect {
        video: announcement.video,
        audio: announcement.audio,
        frame_rate: announcement.frame_rate,
        bitrate,
    }
}
