//! Intake: what an accepted publish goes into: a stream of its own, or a place in a group.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use crate::live::{self, Calls, Lead, Ouster, Publisher, Seat};
use crate::media::{Now, StreamName};
use crate::rtmp::Output;

use super::context::Context;
use super::ingest::{Caller, Ingest};
use super::member::Member;

/// What a request to publish was given.
pub(super) enum Place {
    /// A stream.
    Stream(Publisher),
    /// The stream of a group, and the part that leads it.
    Lead(Publisher, Lead),
    /// Another part of a group.
    Seat(Seat),
}

/// One encoder being live, until [`finish`](Self::finish), [`rest`](Self::rest) or [`leave`](Self::leave).
pub(super) enum Intake<'a> {
    Ingest(Box<Ingest<'a>>),
    Member(Member<'a>),
}

impl<'a> Intake<'a> {
    /// A publish of `stream` that was just accepted.
    pub(super) fn new(
        context: &'a Context,
        place: Place,
        stream: &StreamName,
        peer: SocketAddr,
        caller: &Caller,
    ) -> Self {
        let ingest = |publisher, lead| Ingest::new(context, publisher, lead, stream, peer, caller);
        match place {
            Place::Stream(publisher) => Self::Ingest(ingest(publisher, None).into()),
            Place::Lead(publisher, lead) => Self::Ingest(ingest(publisher, Some(lead)).into()),
            Place::Seat(seat) => Self::Member(Member::new(context, seat, stream, peer, caller)),
        }
    }

    /// Takes what the session found.
    ///
    /// # Errors
    /// When the publish cannot go on.
    pub(super) fn take(&mut self, output: Output, now: Now) -> Result<(), live::Error> {
        match self {
            Self::Ingest(ingest) => ingest.take(output, now),
            Self::Member(member) => member.take(output, now),
        }
    }

    /// When [`tick`](Self::tick) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Ingest(ingest) => ingest.deadline(),
            Self::Member(member) => member.deadline(),
        }
    }

    /// Does what is due though nothing came.
    pub(super) fn tick(&mut self, now: Now) {
        match self {
            Self::Ingest(ingest) => ingest.tick(now),
            Self::Member(member) => member.tick(now),
        }
    }

    /// Watches for another encoder that takes over.
    pub(super) fn ouster(&mut self) -> Option<Ouster> {
        match self {
            Self::Ingest(ingest) => Some(ingest.ouster()),
            Self::Member(member) => member.ouster(),
        }
    }

    /// Watches for members of a group that have something for the one that leads.
    pub(super) fn calls(&self) -> Option<Calls> {
        match self {
            Self::Ingest(ingest) => ingest.calls(),
            Self::Member(_) => None,
        }
    }

    /// Takes what members have.
    ///
    /// # Errors
    /// When the publish cannot go on.
    pub(super) fn pump(&mut self, now: Now) -> Result<(), live::Error> {
        match self {
            Self::Ingest(ingest) => ingest.pump(now),
            Self::Member(_) => Ok(()),
        }
    }

    /// Ends it, and the generation that it wrote, and says why.
    pub(super) fn finish(self, reason: impl fmt::Display) {
        match self {
            Self::Ingest(ingest) => ingest.finish(reason),
            Self::Member(member) => member.said("publish_ended", &reason),
        }
    }

    /// Leaves, at the encoder's wish, what it published to whoever goes on with it.
    pub(super) fn rest(self, reason: impl fmt::Display) {
        match self {
            Self::Ingest(ingest) => ingest.rest(reason),
            Self::Member(member) => member.said("publish_ended", &reason),
        }
    }

    /// Leaves what it published, whose encoder is lost, to whoever goes on with it, and says why.
    pub(super) fn leave(self, reason: impl fmt::Display) {
        match self {
            Self::Ingest(ingest) => ingest.leave(reason),
            Self::Member(member) => member.said("publish_lost", &reason),
        }
    }
}
