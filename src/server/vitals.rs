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
use std::time::{Duration, Instant};

use crate::media::{HttpLimits, Limit};

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
    /// Requests being answered.
    requests: Vec<Asked>,
    next: u64,
    /// Whether bytes of a further request came while one was answered.
    ahead: bool,
    lines: Lines,
    unasked: Unasked,
    /// By which bound it was given up.
    given_up: Option<Limit>,
}

/// A request that is being answered.
#[derive(Debug)]
struct Asked {
    id: u64,
    /// How the answer's body goes, once it has one.
    body: Option<Sending>,
    /// By which bound it was given up, alone.
    given_up: Option<Limit>,
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

    /// When the connection must be given up unless something happens, and by which bound, seen at `now`.
    pub(super) fn due(&self, limits: &HttpLimits, now: Instant) -> Option<(Instant, Limit)> {
        let mut state = self.state();
        if state.protocol == Protocol::Http2 && state.unasked.over(limits.h2_unasked, now) {
            return Some((now, Limit::HttpH2Unasked));
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
        // In HTTP/2 each is given up alone (`streams`).
        let alone = state.protocol == Protocol::Http2;
        let bodies = bodies().filter(|_| !alone).filter_map(|body| body.due(limits));
        phase.into_iter().chain(blocked).chain(bodies).min_by_key(|(due, _)| *due)
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

    /// It is given up for `limit`: its requests are told.
    pub(super) fn give_up(&self, limit: Limit) {
        self.state().given_up = Some(limit);
    }

    /// A request head is complete; until what is returned is dropped, it is being answered.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        let mut state = self.state();
        state.phase = Phase::Busy;
        state.ahead = false;
        state.unasked.asked();
        let id = state.next;
        state.next = id.wrapping_add(1);
        state.requests.push(Asked { id, body: None, given_up: None });
        InFlight(Asking { vitals: self.clone(), id })
    }

    /// Whether the peer has ended a line in LF without CR in the HTTP/1 head of the request that begins here; where no
    /// `body` may follow it, also in what has come since. RFC 9112 §2.2 lets us read that; a proxy before us may not
    /// have, and what follows would be to it a part of the same request.
    pub(super) fn ends_lines_badly(&self, body: bool) -> bool {
        self.state().lines.judge(body)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the lines end that a peer has sent in HTTP/1.
#[derive(Debug, Default)]
struct Lines {
    /// The last four bytes.
    tail: u32,
    /// Whether the head that is awaited has begun: empty lines before it are none of it (RFC 9112 §2.2).
    begun: bool,
    /// The same of the next.
    ahead: bool,
    /// Whether the head that is awaited has come whole.
    whole: bool,
    /// Whether a line of it has ended in LF without CR.
    bare: bool,
    /// The same of what came after it.
    later: bool,
}

impl Lines {
    fn received(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let bare = *byte == b'\n' && self.tail.to_be_bytes()[3] != b'\r';
            self.tail = (self.tail << 8) | u32::from(*byte);
            self.bare |= bare && !self.whole;
            self.later |= bare && self.whole;
            let begins = !matches!(byte, b'\r' | b'\n');
            self.ahead |= begins && self.whole;
            self.begun |= begins;
            self.whole |= self.begun && self.tail == u32::from_be_bytes(*b"\r\n\r\n");
        }
    }

    fn judge(&mut self, body: bool) -> bool {
        let bad = self.bare || (self.later && !body);
        // What came after the head is the next one, or several: as a whole it is good or bad.
        (self.bare, self.later, self.whole) = (self.bare || self.later, false, false);
        (self.begun, self.ahead) = (self.ahead, false);
        bad
    }
}

/// One request being answered, for as long as it is.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    vitals: Arc<Vitals>,
    id: u64,
}

impl Asking {
    /// When its answer must be given up unless something happens, and by which bound.
    pub(super) fn due(&self, limits: &HttpLimits) -> Option<(Instant, Limit)> {
        self.asked(|asked| asked.body?.due(limits)).flatten()
    }

    /// It is given up for `limit`, alone.
    pub(super) fn give_up(&self, limit: Limit) {
        self.asked(|asked| asked.given_up = Some(limit));
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
        alone.or_else(|| self.0.vitals.state().given_up)
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
mod tests {
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
            assert_eq!(due(&vitals), Some((left, Limit::HttpHeadTime)));
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
        assert_eq!(due(&vitals), Some((60, Limit::HttpIdle)));
        at(59).await;
        vitals.received(b"G");
        assert_eq!(due(&vitals), Some((5, Limit::HttpHeadTime)));
    }

    #[tokio::test(start_paused = true)]
    async fn part_of_a_pipelined_head_does_not_earn_a_minute() {
        let vitals = Vitals::new(Clock::mono());
        let request = vitals.begin();
        vitals.received(b"GET /next");
        drop(request);
        assert_eq!(due(&vitals), Some((5, Limit::HttpHeadTime)));
    }

    #[tokio::test(start_paused = true)]
    async fn lines_end_in_both_characters_wherever_reads_cut_them() {
        for (pieces, bare) in [
            (&["GET / HTTP/1.1\r\nHost: t\r\n\r\n"][..], false),
            (&["GET / HTTP/1.1\r", "\nHost: t\r\n", "\r", "\n"], false),
            (&["GET / HTTP/1.1\n", "Host: t\r\n\r\n"], true),
            (&["GET / HTTP/1.1\r\nHost: t", "\n\r\n"], true),
            (&["GET / HTTP/1.1\r\nHost: t\r\n", "\n"], true),
            (&["\n"], true),
        ] {
            let vitals = Vitals::new(Clock::mono());
            pieces.iter().for_each(|piece| vitals.received(piece.as_bytes()));
            assert_eq!(vitals.ends_lines_badly(false), bare, "{pieces:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lines_of_a_body_end_as_they_like() {
        let vitals = Vitals::new(Clock::mono());
        vitals.received(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n{\n}\n");
        assert!(!vitals.ends_lines_badly(true));
        let vitals = Vitals::new(Clock::mono());
        vitals.received(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n");
        assert!(!vitals.ends_lines_badly(false));
        vitals.received(b"POST / HTTP/1.1\nHost: t\r\nContent-Length: 4\r\n\r\n{\n}\n");
        assert!(vitals.ends_lines_badly(true), "a later head is held to it too");
        let vitals = Vitals::new(Clock::mono());
        vitals.received(b"GET / HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\nHost: t\r\n\r\n");
        assert!(vitals.ends_lines_badly(false), "and so is what comes with it");
    }

    #[tokio::test(start_paused = true)]
    async fn empty_lines_before_a_request_are_no_head_of_their_own() {
        let vitals = Vitals::new(Clock::mono());
        vitals.received(b"\r\n\r\nPOST / HTTP/1.1\nHost: t\r\nContent-Length: 2\r\n\r\n{}");
        assert!(vitals.ends_lines_badly(true));
        let vitals = Vitals::new(Clock::mono());
        vitals.received(b"\r\n\r\nPOST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\n{\n}");
        assert!(!vitals.ends_lines_badly(true));
        // Of a later one, of which the beginning has come with the first.
        let vitals = Vitals::new(Clock::mono());
        vitals.received(b"GET / HTTP/1.1\r\nHost: t\r\n\r\nPOST / HTTP/1.1\r\nHost: t\r\n");
        assert!(!vitals.ends_lines_badly(false));
        vitals.received(b"\r\n{\n}");
        assert!(!vitals.ends_lines_badly(true));
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
        assert_eq!(due(&vitals), Some((6, Limit::HttpWriteStall)), "asking again is no progress");
        vitals.progressed(1);
        assert_eq!(due(&vitals), Some((10, Limit::HttpWriteStall)));
        drop(request);
        assert_eq!(due(&vitals), Some((60, Limit::HttpIdle)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_asked_for_at_once_is_only_late_when_a_write_is() {
        let vitals = Vitals::new(Clock::mono());
        let request = vitals.begin();
        request.answered();
        at(20).await;
        assert_eq!(due(&vitals), Some((40, Limit::HttpBodyTime)));
        vitals.blocked();
        at(4).await;
        assert_eq!(due(&vitals), Some((6, Limit::HttpWriteStall)));
        drop(request);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_with_a_patience_of_its_own_is_held_to_that_and_counted_so() {
        for patience in [6, 120] {
            let vitals = Vitals::new(Clock::mono());
            let request = vitals.begin();
            request.flows(Duration::from_secs(patience), false);
            assert_eq!(due(&vitals), Some((60, Limit::HttpBodyTime)), "nothing has stood still");
            request.rests(Duration::from_secs(patience));
            assert_eq!(due(&vitals), None);
            vitals.blocked();
            assert_eq!(due(&vitals), Some((patience, Limit::RingBlocked)));
            let whole = vitals.begin();
            whole.progressed();
            let closest = if patience < 10 { (6, Limit::RingBlocked) } else { (10, Limit::HttpWriteStall) };
            assert_eq!(due(&vitals), Some(closest), "beside a response with an end");
            drop(request);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_of_http2_is_due_alone_and_its_connection_only_with_its_writes() {
        let vitals = Vitals::new(Clock::mono());
        vitals.received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let (stalled, good) = (vitals.begin(), vitals.begin());
        stalled.progressed();
        good.progressed();
        at(9).await;
        good.progressed();
        assert_eq!(due(&vitals), None);
        let left = |request: &InFlight| {
            let (due, limit) = request.asking().due(&HttpLimits::default())?;
            Some((due.saturating_duration_since(Clock::mono()).as_secs(), limit))
        };
        assert_eq!(left(&stalled), Some((1, Limit::HttpWriteStall)));
        assert_eq!(left(&good), Some((10, Limit::HttpWriteStall)));
        // Hostile case 63: one that is read in crumbs has a minute for all of it.
        for _ in 0..5 {
            at(9).await;
            good.progressed();
        }
        assert_eq!(left(&good), Some((6, Limit::HttpBodyTime)));
        stalled.asking().give_up(Limit::HttpWriteStall);
        assert_eq!((stalled.given_up(), good.given_up()), (Some(Limit::HttpWriteStall), None));
        vitals.blocked();
        assert_eq!(due(&vitals), Some((10, Limit::HttpWriteStall)));
        vitals.give_up(Limit::HttpWriteStall);
        assert_eq!(good.given_up(), Some(Limit::HttpWriteStall));
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
        assert_eq!(due(&vitals), Some((5, Limit::HttpBodyTime)));
    }

    #[tokio::test(start_paused = true)]
    async fn http2_is_idle_whatever_frames_it_sends() {
        let vitals = Vitals::new(Clock::mono());
        vitals.received(&PREFACE[..10]);
        assert_eq!(due(&vitals), Some((5, Limit::HttpHeadTime)));
        vitals.received(&PREFACE[10..]);
        at(1).await;
        vitals.received(b"\0\0\x08\x06\0\0\0\0\0pingping");
        assert_eq!(due(&vitals), Some((59, Limit::HttpIdle)));
        let (a, b) = (vitals.begin(), vitals.begin());
        drop(a);
        assert_eq!(due(&vitals), None);
        drop(b);
        assert_eq!(due(&vitals), Some((60, Limit::HttpIdle)));
    }
}
