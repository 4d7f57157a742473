//! Member: an accepted publish that is a rendition of a group's stream: what the session hands out waits for the leader.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use crate::live::{self, Ouster, Seat};
use crate::media::{Now, StreamName};
use crate::rtmp::Output;

use super::context::Context;
use super::health::Watched;
use super::ingest::{Caller, Counted, TOLD, declaration, tell_discarded};
use super::log::Escaped;

/// One encoder that does not lead its group, until it is dropped.
pub(super) struct Member<'a> {
    context: &'a Context,
    seat: Seat,
    stream: StreamName,
    peer: SocketAddr,
    discards: u32,
    /// How often it was said that frames were given up.
    losses: u32,
    watched: Watched<'a>,
    _counted: Counted<'a>,
}

impl<'a> Member<'a> {
    /// A publish of `stream` that was just accepted.
    pub(super) fn new(
        context: &'a Context,
        seat: Seat,
        stream: &StreamName,
        peer: SocketAddr,
        caller: &Caller,
    ) -> Self {
        let group = context.groups.of(stream).map(|(name, _)| name.to_string()).unwrap_or_default();
        tracing::info!(
            %stream, group, led = seat.led(), %peer, encoder = %Escaped(caller.encoder()), "member_started"
        );
        let watched = Watched::new(context, stream);
        let _counted = Counted::new(context);
        Self { context, seat, stream: stream.clone(), peer, discards: 0, losses: 0, watched, _counted }
    }

    /// Takes what the session found.
    ///
    /// # Errors
    /// When the publish cannot go on.
    pub(super) fn take(&mut self, output: Output, now: Now) -> Result<(), live::Error> {
        match output {
            Output::Frame(frame) => {
                self.context.metrics.frames.inc();
                let changes = {
                    let mut watch = self.watched.watch();
                    watch.push(&frame);
                    watch.look(now)
                };
                self.watched.tell(changes.unwrap_or_default());
                let pushed = self.seat.push(frame, now);
                self.tell_lost();
                pushed?;
            }
            Output::Track(track) => {
                let codecs = track.config.codecs();
                tracing::info!(stream = %self.stream, track = %track.id, codecs, "track_configured");
                self.watched.watch().configure(&track, now);
                self.seat.configure(track, now)?;
            }
            Output::Announced(announcement) => self.watched.watch().declare(declaration(&announcement)),
            Output::Discarded(discarded) => {
                tell_discarded(self.context, &self.stream, &mut self.discards, &discarded);
            }
            Output::Encoder(track, report) => {
                let mut watch = self.watched.watch();
                let counts = watch.report(track, &report, now);
                self.context.metrics.encoders.told(&self.stream, counts, watch.latency());
            }
            // What is said of the stream the leader says.
            Output::Captions(..) | Output::Cue(_) => {}
            Output::Send(_)
            | Output::PublishRequested(_)
            | Output::PlayRequested(_)
            | Output::Unpublished
            | Output::Stopped
            | Output::Close(_) => {}
        }
        for notice in self.seat.notices() {
            tracing::warn!(stream = %self.stream, %notice, "input_notice");
        }
        Ok(())
    }

    /// When [`tick`](Self::tick) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.watched.watch().deadline())
    }

    /// Looks at how the encoder does.
    pub(super) fn tick(&mut self, now: Now) {
        let changes = self.watched.watch().look(now);
        self.watched.tell(changes.unwrap_or_default());
    }

    /// Watches for another encoder that takes over.
    pub(super) fn ouster(&mut self) -> Option<Ouster> {
        self.seat.ouster()
    }

    /// Says why it ends.
    pub(super) fn said(&self, event: &'static str, reason: &dyn fmt::Display) {
        tracing::info!(stream = %self.stream, peer = %self.peer, %reason, "{event}");
    }

    fn tell_lost(&mut self) {
        let frames = self.seat.lost();
        if frames == 0 {
            return;
        }
        self.context.metrics.group_lost.inc_by(frames);
        self.losses = self.losses.saturating_add(1);
        if self.losses <= TOLD {
            tracing::warn!(stream = %self.stream, frames, "member_lost_frames");
        }
    }
}
