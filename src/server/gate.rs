//! Gate: from a request to publish to a publisher or a refusal.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::control::{Claim, Grant, Verdict};
use crate::live;
use crate::media::{Now, StreamName};
use crate::rtmp::{PublishRequest, Rejection};

use super::context::Context;
use super::feed::Place;

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
            tracing::warn!(%peer, %reason, "publish_refused");
            Ruling::Refuse(Rejection::bad_name(reason.to_string()), now.mono + delay)
        }
    }
}

/// Asks the registry, for the first time or again.
pub(super) fn ask(context: &Context, peer: SocketAddr, waiting: Waiting, now: Now) -> Ruling {
    let stream = &waiting.grant.stream;
    match context.groups.place(&context.registry, &waiting.grant, &context.settings, now) {
        Ok(place) => Ruling::Publish(Box::new(place), waiting.grant.stream),
        Err(live::Error::Yielding(_)) if now.mono < waiting.until => {
            Ruling::Wait(Waiting { again: now.mono + AGAIN, ..waiting })
        }
        Err(error) => {
            tracing::warn!(%peer, %stream, reason = %error, "publish_refused");
            Ruling::Refuse(Rejection::bad_name(error.to_string()), now.mono)
        }
    }
}
