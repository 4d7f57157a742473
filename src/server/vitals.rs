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
use std::time::Instant;

use crate::control::Limit;
use crate::media::HttpLimits;

use super::clock::Clock;
use super::unasked::Unasked;

/// First bytes of HTTP/2 with prior knowledge (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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
    /// Requests being answered, and how the answer's body goes, once it has one.
    requests: Vec<(u64, Option<Sending>)>,
    next: u64,
    /// Whether bytes of a further request came while one was answered.
    ahead: bool,
    unasked: Unasked,
}

/// A response body.
#[derive(Debug, Clone, Copy)]
struct Sending {
    began: Instant,
    /// Since when it has not been asked for more.
    stalled: Instant,
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
            unasked: Unasked::new(now),
        };
        Arc::new(Self { state: Mutex::new(state), holds: Default::default() })
    }

    /// The first head is awaited from `now`: what came before it had a deadline of its own.
    pub(super) fn restart(&self, now: Instant) {
        let mut state = self.state();
        (state.phase, state.blocked) = (Phase::Head(now), None);
    }

    /// When the connection must be given up unless something happens, and by which bound, seen at `now`.
    pub(super) fn due(&self, limits: &HttpLimits, now: Instant) -> Option<(Instant, Limit)> {
        let mut state = self.state();
        if state.protocol == Protocol::Http2 && state.unasked.over(limits.h2_unasked, now) {
            return Some((now, Limit::Unasked));
        }
        let phase = match state.phase {
            Phase::Idle(since) => Some((since + limits.idle, Limit::Idle)),
            Phase::Head(since) => Some((since + limits.head_time, Limit::HeadTime)),
            Phase::Busy => None,
        };
        let sending = || state.requests.iter().filter_map(|(_, body)| body.as_ref());
        let stalled = sending().map(|body| body.stalled).chain(state.blocked).min();
        let stall = stalled.map(|since| (since + limits.write_stall, Limit::WriteStall));
        let began = sending().map(|body| body.began).min();
        let slow = began.map(|since| (since + limits.body_time, Limit::BodyTime));
        phase.into_iter().chain(stall).chain(slow).min_by_key(|(due, _)| *due)
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
            match state.phase {
                Phase::Idle(_) => state.phase = Phase::Head(Clock::mono()),
                Phase::Head(_) => {}
                Phase::Busy => state.ahead = true,
            }
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

    /// A request head is complete; until what is returned is dropped, it is being answered.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        let mut state = self.state();
        state.phase = Phase::Busy;
        state.ahead = false;
        state.unasked.asked();
        let id = state.next;
        state.next = id.wrapping_add(1);
        state.requests.push((id, None));
        InFlight { vitals: self.clone(), id }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request being answered. Lives in its response body.
#[derive(Debug)]
pub(super) struct InFlight {
    vitals: Arc<Vitals>,
    id: u64,
}

impl InFlight {
    /// The body was asked for more.
    pub(super) fn progressed(&self) {
        let now = Clock::mono();
        let mut state = self.vitals.state();
        if let Some((_, body)) = state.requests.iter_mut().find(|(id, _)| *id == self.id) {
            let began = body.as_ref().map_or(now, |body| body.began);
            *body = Some(Sending { began, stalled: now });
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.vitals.state();
        state.requests.retain(|(id, _)| *id != self.id);
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
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> impl std::future::Future<Output = ()> {
        tokio::time::advance(Duration::from_secs(seconds))
    }

    fn due(vitals: &Vitals) -> Option<(u64, Limit)> {
        let (due, limit) = vitals.due(&HttpLimits::default(), Clock::mono())?;
        Some((due.saturating_duration_since(Clock::mono()).as_secs(), limit))
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_due_five_seconds_after_accept_however_it_drips() {
        let vitals = Vitals::new(Clock::mono());
        for left in [5, 3, 1] {
            assert_eq!(due(&vitals), Some((left, Limit::HeadTime)));
            vitals.received(b"G");
            at(2).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_alive_connection_may_idle_for_a_minute_but_a_head_may_not() {
        let vitals = Vitals::new(Clock::mono());
        vitals.received(b"GET / HTTP/1.1\r\n\r\n");
        let request = vitals.begin();
        assert_eq!(due(&vitals), None, "a request may be held");
        at(20).await;
        drop(request);
        assert_eq!(due(&vitals), Some((60, Limit::Idle)));
        at(59).await;
        vitals.received(b"G");
        assert_eq!(due(&vitals), Some((5, Limit::HeadTime)));
    }

    #[tokio::test(start_paused = true)]
    async fn part_of_a_pipelined_head_does_not_earn_a_minute() {
        let vitals = Vitals::new(Clock::mono());
        let request = vitals.begin();
        vitals.received(b"GET /next");
        drop(request);
        assert_eq!(due(&vitals), Some((5, Limit::HeadTime)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_nobody_reads_is_due_in_ten_seconds() {
        let vitals = Vitals::new(Clock::mono());
        let request = vitals.begin();
        request.progressed();
        vitals.blocked();
        at(4).await;
        vitals.blocked();
        request.progressed();
        assert_eq!(due(&vitals), Some((6, Limit::WriteStall)), "asking again is no progress");
        vitals.progressed(1);
        assert_eq!(due(&vitals), Some((10, Limit::WriteStall)));
        drop(request);
        assert_eq!(due(&vitals), Some((60, Limit::Idle)));
    }

    /// Hostile case 63.
    #[tokio::test(start_paused = true)]
    async fn a_response_that_is_read_in_crumbs_is_due_in_a_minute() {
        let vitals = Vitals::new(Clock::mono());
        let request = vitals.begin();
        for _ in 0..11 {
            request.progressed();
            at(5).await;
        }
        request.progressed();
        assert_eq!(due(&vitals), Some((5, Limit::BodyTime)));
    }

    #[tokio::test(start_paused = true)]
    async fn http2_is_idle_whatever_frames_it_sends() {
        let vitals = Vitals::new(Clock::mono());
        vitals.received(&PREFACE[..10]);
        assert_eq!(due(&vitals), Some((5, Limit::HeadTime)));
        vitals.received(&PREFACE[10..]);
        at(1).await;
        vitals.received(b"\0\0\x08\x06\0\0\0\0\0pingping");
        assert_eq!(due(&vitals), Some((59, Limit::Idle)));
        let (a, b) = (vitals.begin(), vitals.begin());
        drop(a);
        assert_eq!(due(&vitals), None);
        drop(b);
        assert_eq!(due(&vitals), Some((60, Limit::Idle)));
    }
}
