//! Gate: from a request to publish to a publisher or a refusal.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::control::{Claim, Denied, Grant, Strain, Verdict};
use crate::live;
use crate::media::{Now, StreamName};
use crate::rtmp::{PublishRequest, Rejection};

use super::context::Context;
use super::intake::Place;

/// How often a stream that is being taken over is asked for again.
const AGAIN: Duration = Duration::from_millis(20);
/// How long the publisher before may take to make room.
const ROOM: Duration = Duration::from_secs(2);

/// What becomes of a request.
pub(super) enum Ruling {
    /// It is granted, for the stream of this name.
    Publish(Box<Place>, StreamName),
    /// It is refused, and told so at this instant.
    Refuse(Rejection, Instant),
    /// The publisher before has been asked to make room.
    Wait(Waiting),
}

/// A granted request whose stream is being taken over.
pub(super) struct Waiting {
    grant: Grant,
    again: Instant,
    until: Instant,
}

impl Waiting {
    /// When to ask again.
    pub(super) fn due(&self) -> Instant {
        self.again
    }
}

/// Judges a request of `peer`.
pub(super) fn judge(context: &Context, peer: SocketAddr, request: &PublishRequest, now: Now) -> Ruling {
    let claim = Claim { path: &request.path, key: request.key.as_ref(), address: peer.ip(), now: now.mono };
    match context.access.authorize(&claim) {
        Verdict::Allow(grant) => {
            ask(context, peer, Waiting { grant, again: now.mono, until: now.mono + ROOM }, now)
        }
        Verdict::Refuse { reason, delay } => {
            context.metrics.refused_auth.inc();
            let denied = Denied::from(reason);
            if let Some(times) = told(context, &denied, now) {
                tracing::warn!(%peer, %reason, times, "publish_refused");
            }
            Ruling::Refuse(refusal(context, peer, &denied, reason), now.mono + delay)
        }
    }
}

/// Asks the registry, for the first time or again.
pub(super) fn ask(context: &Context, peer: SocketAddr, waiting: Waiting, now: Now) -> Ruling {
    let stream = &waiting.grant.stream;
    let name = context.groups.of(stream).map_or(stream, |(group, _)| group);
    let strained = context.viewers.memory.strain() >= Strain::Publishers;
    // Who comes back to a stream that waits takes nothing that is not taken already.
    if strained && context.registry.find(name).is_none_or(|generation| generation.ended()) {
        if let Some(times) = told(context, &Denied::Memory, now) {
            tracing::warn!(%peer, %stream, reason = %Denied::Memory, times, "publish_refused");
        }
        return Ruling::Refuse(refusal(context, peer, &Denied::Memory, Denied::Memory), now.mono);
    }
    match context.groups.place(&context.registry, &waiting.grant, &context.settings, now) {
        Ok(place) => Ruling::Publish(Box::new(place), waiting.grant.stream),
        Err(live::Error::Yielding(_)) if now.mono < waiting.until => {
            Ruling::Wait(Waiting { again: now.mono + AGAIN, ..waiting })
        }
        Err(error) => {
            let denied = Denied::from(&error);
            if let Some(times) = told(context, &denied, now) {
                tracing::warn!(%peer, %stream, reason = %error, times, "publish_refused");
            }
            Ruling::Refuse(refusal(context, peer, &denied, error), now.mono)
        }
    }
}

/// How many refusals for this reason the next line of the log stands for, where there is to be one.
fn told(context: &Context, denied: &Denied, now: Now) -> Option<u64> {
    context.refusals.count("publish_refused", denied.status().name, now.mono)
}

/// What the encoder is told, which is counted.
fn refusal(context: &Context, peer: SocketAddr, denied: &Denied, words: impl fmt::Display) -> Rejection {
    context.refused(denied, peer);
    denied.rejection(words.to_string())
}
