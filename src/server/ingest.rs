//! Ingest: an accepted publish: what the session hands out goes into its generation, and its life is logged.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use crate::base::Secret;
use crate::health::Declared;
use crate::live::{self, Calls, Expect, Lead, Notice, Ouster, Publisher};
use crate::media::{Frame, FrameRate, Now, StreamName};
use crate::obs;
use crate::rtmp::{Announcement, Discard, Discarded, Output, PublishRequest};

use super::clock::Clock;
use super::context::Context;
use super::health::Watched;
use super::log::Escaped;

/// Discarded things told of one publish; past it they are only counted.
pub(super) const TOLD: u32 = 5;

/// One encoder being live on one stream, until [`finish`](Self::finish), [`rest`](Self::rest) or
/// [`leave`](Self::leave).
pub(super) struct Ingest<'a> {
    context: &'a Context,
    publisher: Publisher,
    /// Where it leads a group.
    lead: Option<Lead>,
    /// What it publishes: where it leads a group, its own name and not the group's.
    stream: StreamName,
    peer: SocketAddr,
    discards: u32,
    watched: Watched<'a>,
    _counted: Counted<'a>,
}

/// One more publisher, for as long as it lives.
pub(super) struct Counted<'a>(&'a Context);

impl<'a> Counted<'a> {
    /// One that was just accepted.
    pub(super) fn new(context: &'a Context) -> Self {
        context.metrics.publishes.inc();
        context.metrics.publishers.inc();
        Self(context)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.metrics.publishers.dec();
    }
}

/// Who publishes, as far as a log may tell.
#[derive(Default)]
pub(super) struct Caller {
    encoder: String,
    obs_config: String,
}

impl Caller {
    /// The encoder's word for itself.
    pub(super) fn encoder(&self) -> &str {
        &self.encoder
    }

    /// Who asks for it.
    pub(super) fn of(request: &PublishRequest) -> Self {
        let own =
            |(name, value): &&(String, Secret)| name == "clientConfigId" && obs::is_config_id(value.expose());
        let config = request.parameters.iter().find(own).map(|(_, value)| value.expose().to_owned());
        Self { encoder: request.encoder.clone().unwrap_or_default(), obs_config: config.unwrap_or_default() }
    }
}

impl<'a> Ingest<'a> {
    /// A publish that was just accepted.
    pub(super) fn new(
        context: &'a Context,
        publisher: Publisher,
        lead: Option<Lead>,
        stream: &StreamName,
        peer: SocketAddr,
        caller: &Caller,
    ) -> Self {
        let generation = publisher.generation();
        tracing::info!(
            stream = %generation.name(), generation = %generation.id(), %peer,
            encoder = %Escaped(&caller.encoder), obs_config = caller.obs_config, "publish_started"
        );
        if lead.is_some() {
            tracing::info!(%stream, group = %generation.name(), "leads_group");
        }
        let at = Clock::now().wall;
        context.viewers.history.began(generation, peer.ip(), &caller.encoder, at);
        let watched = Watched::new(context, stream);
        let (stream, _counted) = (stream.clone(), Counted::new(context));
        Self { context, publisher, lead, stream, peer, discards: 0, watched, _counted }
    }

    /// Takes what the session found.
    ///
    /// # Errors
    /// When the publish cannot go on.
    pub(super) fn take(&mut self, output: Output, now: Now) -> Result<(), live::Error> {
        match output {
            Output::Frame(frame) => {
                self.context.metrics.frames.inc();
                self.watch(now, &frame);
                match &mut self.lead {
                    Some(lead) => lead.push(&mut self.publisher, frame, now)?,
                    None => self.publisher.push(frame, now)?,
                }
            }
            Output::Track(track) => {
                let codecs = track.config.codecs();
                tracing::info!(stream = %self.name(), track = %track.id, codecs, "track_configured");
                self.watched.watch().configure(&track, now);
                match &self.lead {
                    Some(lead) if lead.number(track.id).is_none() => {
                        let notice = Notice::LeftOut(track.id);
                        tracing::warn!(stream = %self.name(), %notice, "input_notice");
                    }
                    Some(lead) => lead.configure(&mut self.publisher, track, now),
                    None => self.publisher.configure(track, now),
                }
            }
            Output::Announced(announcement) => {
                self.watched.watch().declare(declaration(&announcement));
                let expected = expectation(&announcement);
                match &self.lead {
                    Some(lead) => lead.expect(&mut self.publisher, expected),
                    None => self.publisher.expect(expected),
                }
            }
            Output::Captions(track, captions) => {
                let channels: Vec<_> = captions.channels().collect();
                let services: Vec<_> = captions.services().collect();
                tracing::info!(stream = %self.name(), %track, ?channels, ?services, "captions_seen");
                self.publisher.captions(track, captions);
            }
            Output::Cue(cue) => self.publisher.cue(*cue, now),
            Output::Discarded(discarded) => {
                tell_discarded(self.context, &self.stream, &mut self.discards, &discarded);
            }
            Output::Encoder(track, report) => {
                let mut watch = self.watched.watch();
                let counts = watch.report(track, &report, now);
                self.context.metrics.encoders.told(&self.stream, counts, watch.latency());
            }
            Output::Send(_)
            | Output::PublishRequested(_)
            | Output::PlayRequested(_)
            | Output::Unpublished
            | Output::Stopped
            | Output::Close(_) => {}
        }
        self.publisher.hits().take().for_each(|limit| self.context.hit(limit, &self.stream));
        for notice in self.publisher.notices() {
            tracing::warn!(stream = %self.name(), %notice, "input_notice");
            self.context.viewers.history.noticed(self.publisher.generation(), notice, now.wall);
        }
        Ok(())
    }

    /// When [`tick`](Self::tick) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let look = self.watched.watch().deadline();
        Some(self.publisher.deadline().map_or(look, |cadence| cadence.min(look)))
    }

    /// Keeps up the stream's cadence while nothing comes, and looks at how the encoder does.
    pub(super) fn tick(&mut self, now: Now) {
        if self.publisher.deadline().is_some_and(|at| at <= now.mono) {
            self.publisher.tick(now);
        }
        let changes = self.watched.watch().look(now);
        self.watched.tell(changes.unwrap_or_default());
    }

    /// Measures a frame.
    fn watch(&self, now: Now, frame: &Frame) {
        let changes = {
            let mut watch = self.watched.watch();
            watch.push(frame);
            watch.look(now)
        };
        self.watched.tell(changes.unwrap_or_default());
    }

    /// Watches for another encoder that takes over.
    pub(super) fn ouster(&self) -> Ouster {
        self.publisher.ouster()
    }

    /// Watches for members of its group that have something.
    pub(super) fn calls(&self) -> Option<Calls> {
        self.lead.as_ref().map(Lead::calls)
    }

    /// Takes what members of its group have.
    ///
    /// # Errors
    /// When the publish cannot go on.
    pub(super) fn pump(&mut self, now: Now) -> Result<(), live::Error> {
        self.lead.as_ref().map_or(Ok(()), |lead| lead.pump(&mut self.publisher, now))
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
        self.context.viewers.history.left(self.publisher.generation(), reason, Clock::now().wall);
    }

    fn name(&self) -> &StreamName {
        self.publisher.generation().name()
    }
}

/// Counts something that was passed over, and says the first few.
pub(super) fn tell_discarded(context: &Context, stream: &StreamName, told: &mut u32, discarded: &Discarded) {
    discarded.reason.limit().into_iter().for_each(|limit| context.hit(limit, stream));
    if matches!(discarded.reason, Discard::Frame(_)) {
        context.metrics.discarded.inc();
    }
    *told = told.saturating_add(1);
    if *told <= TOLD {
        let reason = discarded.reason.to_string();
        tracing::warn!(%stream, reason = %Escaped(&reason), "input_discarded");
    }
}

/// What an encoder is held to.
pub(super) fn declaration(announcement: &Announcement) -> Declared {
    Declared {
        frame_rate: announcement.frame_rate.map(FrameRate::fps),
        video_bitrate: announcement.video_bitrate.map(f64::from),
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
