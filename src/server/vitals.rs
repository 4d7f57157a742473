//! Vitals: how one HTTP connection is doing, and when it must be given up.
//!
//! hyper's own header timer also runs while a kept-alive connection is idle, the protocol sniffing before it
//! has no timer at all, and nothing times a reader that does not read. One state answers all three:
//!
//! ```text
//!             first byte                 service called
//!   Idle ─────────────────▶ Head ───────────────────────▶ Busy ──▶ (last body dropped) Idle
//!   60 s                    5 s, absolute                 each body must be asked for more, and
//!                           (from accept for the first)   each write taken, within 10 s
//! ```
//!
//! HTTP/2 knows no Head: its frames interleave; a connection without a request is Idle whatever it sends, and what
//! it sends without a request is bounded ([`Unasked`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant};

use crate::control::Dismissal;
use crate::media::{HttpLimits, Limit};

use super::clock::Clock;
use super::lines::Lines;
use super::unasked::Unasked;

/// First bytes of HTTP/2 with prior knowledge (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// In which one that is told to go may take what is on its way to it, and the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a connection, or one answer on it, is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// It has run into this bound.
    Bound(Limit),
    /// Its viewer was told to go, and stands still.
    SentAway,
}

impl Over {
    /// The bound that it has run into, if it has.
    pub(super) fn limit(self) -> Option<Limit> {
        match self {
            Self::Bound(limit) => Some(limit),
            Self::SentAway => None,
        }
    }
}

/// The state of one connection, shared by its IO, its service and its response bodies.
#[derive(Debug)]
pub(super) struct Vitals {
    state: Mutex<State>,
    /// Requests this connection holds now.
    pub(super) holds: std::sync::atomic::AtomicUsize,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    protocol: Protocol,
    /// Since when a write has made no progress.
    blocked: Option<Instant>,
    /// Requests being answered.
    requests: Vec<Asked>,
    next: u64,
    /// Whether bytes of a further request came while one was answered.
    ahead: bool,
    lines: Lines,
    unasked: Unasked,
    /// Why it was given up.
    given_up: Option<Over>,
}

/// A request that is being answered.
#[derive(Debug)]
struct Asked {
    id: u64,
    /// How the answer's body goes, once it has one.
    body: Option<Sending>,
    /// Where its viewer is told to go, and since when it is known that it was.
    dismissal: Option<(Dismissal, Option<Instant>)>,
    /// Why it was given up, alone.
    given_up: Option<Over>,
}

impl Asked {
    /// When it must be given up unless something happens, and why, seen at `now`. Woken is also who it tells to go.
    fn due(&mut self, limits: &HttpLimits, cx: &Context<'_>, now: Instant) -> Option<(Instant, Over)> {
        let bound = self.body.and_then(|body| body.due(limits));
        let bound = bound.map(|(due, limit)| (due, Over::Bound(limit)));
        let told = self.dismissal.as_mut().and_then(|(dismissal, since)| {
            let told = dismissal.poll(cx).is_ready();
            told.then(|| (*since.get_or_insert(now) + FAREWELL, Over::SentAway))
        });
        bound.into_iter().chain(told).min_by_key(|(due, _)| *due)
    }
}

/// A response body.
#[derive(Debug, Clone, Copy)]
struct Sending {
    /// `None` of one without an end that waits for the stream. When that has something to say, it counts from there:
    /// whoever does not come for more in the time of a whole response is no reader.
    began: Option<Instant>,
    /// Since when it has not been asked for more; `None` where all of it is asked for at once, and only a
    /// blocked write keeps it.
    stalled: Option<Instant>,
    /// Where it does not bear with as much as other bodies, or with more.
    patience: Option<Duration>,
}

impl Sending {
    /// How long it bears with a peer that takes nothing, and by which bound.
    fn bears(&self, limits: &HttpLimits) -> (Duration, Limit) {
        let whole = (limits.write_stall, Limit::HttpWriteStall);
        self.patience.map_or(whole, |patience| (patience, Limit::RingBlocked))
    }

    /// When it must be given up unless something happens, and by which bound.
    fn due(&self, limits: &HttpLimits) -> Option<(Instant, Limit)> {
        let (span, limit) = self.bears(limits);
        let stalled = self.stalled.map(|since| (since + span, limit));
        let slow = self.began.map(|since| (since + limits.body_time, Limit::HttpBodyTime));
        stalled.into_iter().chain(slow).min_by_key(|(due, _)| *due)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle(Instant),
    Head(Instant),
    Busy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// So many bytes of the HTTP/2 preface have been seen, and nothing else.
    Unknown(usize),
    Http1,
    Http2,
}

impl Vitals {
    /// A connection accepted at `now`: its first head is awaited.
    pub(super) fn new(now: Instant) -> Arc<Self> {
        let state = State {
            phase: Phase::Head(now),
            protocol: Protocol::Unknown(0),
            blocked: None,
            requests: Vec::new(),
            next: 0,
            ahead: false,
            lines: Lines::default(),
            unasked: Unasked::new(now),
            given_up: None,
        };
        Arc::new(Self { state: Mutex::new(state), holds: Default::default() })
    }

    /// The first head is awaited from `now`: what came before it had a deadline of its own.
    pub(super) fn restart(&self, now: Instant) {
        let mut state = self.state();
        (state.phase, state.blocked) = (Phase::Head(now), None);
    }

    /// When the connection must be given up unless something happens, and why, seen at `now` by the task of `cx`, which is
    /// woken when its viewer is told to go.
    pub(super) fn due(&self, limits: &HttpLimits, cx: &Context<'_>, now: Instant) -> Option<(Instant, Over)> {
        let mut state = self.state();
        // In HTTP/2 each answer is given up alone (`streams`).
        let alone = state.protocol == Protocol::Http2;
        if alone && state.unasked.over(limits.h2_unasked, now) {
            return Some((now, Over::Bound(Limit::HttpH2Unasked)));
        }
        let phase = match state.phase {
            Phase::Idle(since) => Some((since + limits.idle, Limit::HttpIdle)),
            Phase::Head(since) => Some((since + limits.head_time, Limit::HttpHeadTime)),
            Phase::Busy => None,
        };
        let bodies = || state.requests.iter().filter_map(|asked| asked.body.as_ref());
        // Frames that nobody takes keep those behind them waiting: their bound is the closest of all bodies.
        let bound = || bodies().map(|body| body.bears(limits)).min_by_key(|(span, _)| *span);
        let blocked = state.blocked.map(|since| {
            let (span, limit) = bound().unwrap_or((limits.write_stall, Limit::HttpWriteStall));
            (since + span, limit)
        });
        let own = phase.into_iter().chain(blocked).map(|(due, limit)| (due, Over::Bound(limit)));
        let own = own.min_by_key(|(due, _)| *due);
        let answers = state.requests.iter_mut().filter(|_| !alone);
        let answers = answers.filter_map(|asked| asked.due(limits, cx, now));
        own.into_iter().chain(answers).min_by_key(|(due, _)| *due)
    }

    /// Bytes came in.
    pub(super) fn received(&self, bytes: &[u8]) {
        let mut state = self.state();
        if let Protocol::Unknown(seen) = state.protocol {
            state.protocol = sniff(seen, bytes);
            if state.protocol == Protocol::Http2 {
                state.phase = Phase::Idle(Clock::mono());
            }
        }
        if state.protocol == Protocol::Http2 {
            state.unasked.received(bytes.len());
        } else {
            state.lines.received(bytes);
            match state.phase {
                Phase::Idle(_) => state.phase = Phase::Head(Clock::mono()),
                Phase::Head(_) => {}
                Phase::Busy => state.ahead = true,
            }
        }
    }

    /// Whether HTTP/2 is spoken; `None` until enough has come to tell.
    pub(super) fn is_http2(&self) -> Option<bool> {
        match self.state().protocol {
            Protocol::Unknown(_) => None,
            protocol => Some(protocol == Protocol::Http2),
        }
    }

    /// A write took so many bytes; none, when there was nothing left to write.
    pub(super) fn progressed(&self, bytes: usize) {
        let mut state = self.state();
        state.blocked = None;
        state.unasked.sent(bytes);
    }

    /// A write could take nothing.
    pub(super) fn blocked(&self) {
        self.state().blocked.get_or_insert_with(Clock::mono);
    }

    /// It is given up: its requests are told why.
    pub(super) fn give_up(&self, over: Over) {
        self.state().given_up = Some(over);
    }

    /// A request head is complete; until what is returned is dropped, it is being answered.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        let mut state = self.state();
        state.phase = Phase::Busy;
        state.ahead = false;
        state.unasked.asked();
        let id = state.next;
        state.next = id.wrapping_add(1);
        state.requests.push(Asked { id, body: None, dismissal: None, given_up: None });
        InFlight(Asking { vitals: self.clone(), id })
    }

    /// Whether, in HTTP/1, the peer has ended a line in LF without CR in the head of the request that begins here, or behind it
    /// where that is no body; or is not to have sent one at all. RFC 9112 §2.2 lets us read that; a proxy before us may not
    /// have, and what follows would be to it a part of the same request.
    pub(super) fn ends_lines_badly(&self) -> bool {
        let mut state = self.state();
        state.protocol != Protocol::Http2 && state.lines.judge()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request being answered, for as long as it is.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    vitals: Arc<Vitals>,
    id: u64,
}

impl Asking {
    /// When its answer must be given up unless something happens, and why, as [`Vitals::due`].
    pub(super) fn due(&self, limits: &HttpLimits, cx: &Context<'_>, now: Instant) -> Option<(Instant, Over)> {
        self.asked(|asked| asked.due(limits, cx, now)).flatten()
    }

    /// It is given up, alone.
    pub(super) fn give_up(&self, over: Over) {
        self.asked(|asked| asked.given_up = Some(over));
    }

    fn asked<T>(&self, look: impl FnOnce(&mut Asked) -> T) -> Option<T> {
        self.vitals.state().requests.iter_mut().find(|asked| asked.id == self.id).map(look)
    }
}

/// That a request is being answered. Lives in its response body.
#[derive(Debug)]
pub(super) struct InFlight(Asking);

impl InFlight {
    /// Its request.
    pub(super) fn asking(&self) -> &Asking {
        &self.0
    }

    /// By which bound it was given up, alone or with its connection.
    pub(super) fn given_up(&self) -> Option<Limit> {
        let alone = self.0.asked(|asked| asked.given_up).flatten();
        alone.or_else(|| self.0.vitals.state().given_up).and_then(Over::limit)
    }

    /// Its viewer is told to go by `dismissal`.
    pub(super) fn heeds(&self, dismissal: Dismissal) {
        self.0.asked(|asked| asked.dismissal = Some((dismissal, None)));
    }

    /// There is an answer, and its body is asked for at once.
    pub(super) fn answered(&self) {
        self.note(|now, body| Sending {
            began: body.map_or(Some(now), |body| body.began),
            stalled: None,
            patience: None,
        });
    }

    /// The body was asked for more, and is again when there is room for it.
    pub(super) fn progressed(&self) {
        self.note(|now, body| Sending {
            began: body.map_or(Some(now), |body| body.began),
            stalled: Some(now),
            patience: None,
        });
    }

    /// A body without an end was asked for more, and has some. In slices it is asked again when there is room for
    /// one.
    pub(super) fn flows(&self, patience: Duration, sliced: bool) {
        self.note(|now, _| Sending {
            began: Some(now),
            stalled: sliced.then_some(now),
            patience: Some(patience),
        });
    }

    /// A body without an end has nothing to send now.
    pub(super) fn rests(&self, patience: Duration) {
        self.note(|_, _| Sending { began: None, stalled: None, patience: Some(patience) });
    }

    fn note(&self, with: impl FnOnce(Instant, Option<Sending>) -> Sending) {
        let now = Clock::mono();
        self.0.asked(|asked| asked.body = Some(with(now, asked.body)));
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.vitals.state();
        state.requests.retain(|asked| asked.id != self.0.id);
        if state.requests.is_empty() {
            let now = Clock::mono();
            state.phase = if state.ahead { Phase::Head(now) } else { Phase::Idle(now) };
        }
    }
}

fn sniff(seen: usize, bytes: &[u8]) -> Protocol {
    let expected = PREFACE.get(seen..).unwrap_or_default();
    let same = expected.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    if same == expected.len() {
        Protocol::Http2
    } else if same == bytes.len() {
        Protocol::Unknown(seen.saturating_add(same))
    } else {
        Protocol::Http1
    }
}

#[cfg(test)]
mod tests;
