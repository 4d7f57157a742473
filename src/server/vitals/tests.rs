//! What is due when.

use std::net::Ipv4Addr;
use std::task::Waker;

use super::*;
use crate::control::{Audience, Protocol as Served, ViewerRequest, Viewers};
use crate::media::{StreamName, ViewerLimits};

fn at(seconds: u64) -> impl std::future::Future<Output = ()> {
    tokio::time::advance(Duration::from_secs(seconds))
}

/// In how many seconds, and by which bound.
fn left(due: Option<(Instant, Over)>) -> Option<(u64, Limit)> {
    let (due, over) = due?;
    Some((due.saturating_duration_since(Clock::mono()).as_secs(), over.limit()?))
}

fn due(vitals: &Vitals) -> Option<(u64, Limit)> {
    left(vitals.due(&HttpLimits::default(), &Context::from_waker(Waker::noop()), Clock::mono()))
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
        assert_eq!(vitals.ends_lines_badly(), bare, "{pieces:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lines_of_a_body_end_as_they_like() {
    let vitals = Vitals::new(Clock::mono());
    vitals.received(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n{\n}\n");
    assert!(!vitals.ends_lines_badly());
    let vitals = Vitals::new(Clock::mono());
    vitals.received(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    assert!(!vitals.ends_lines_badly());
    vitals.received(b"POST / HTTP/1.1\nHost: t\r\nContent-Length: 4\r\n\r\n{\n}\n");
    assert!(vitals.ends_lines_badly(), "a later head is held to it too");
    let vitals = Vitals::new(Clock::mono());
    vitals.received(b"GET / HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\nHost: t\r\n\r\n");
    assert!(vitals.ends_lines_badly(), "and so is what comes with it");
}

#[tokio::test(start_paused = true)]
async fn lines_of_a_body_are_no_lines_of_a_head_whenever_they_come() {
    let (get, get_badly) = ("GET / HTTP/1.1\r\nHost: t\r\n\r\n", "GET / HTTP/1.1\nHost: t\r\n\r\n");
    for framing in ["Content-Length: 4", "content-LENGTH:\t04", "Transfer-Encoding: chunked"] {
        let post = format!("POST / HTTP/1.1\r\nHost: t\r\n{framing}\r\n\r\n");
        for pieces in [
            &[get, &post, "{\n}\n"][..],
            &[&(get.to_owned() + &post + "{\n}\n")],
            &[&(get.to_owned() + &post), "{\n", "}\n"],
        ] {
            let vitals = Vitals::new(Clock::mono());
            pieces.iter().for_each(|piece| vitals.received(piece.as_bytes()));
            assert!(!vitals.ends_lines_badly() && !vitals.ends_lines_badly(), "{pieces:?}");
            vitals.received(get.as_bytes());
            assert!(vitals.ends_lines_badly(), "nothing follows a body: {pieces:?}");
        }
    }
    // What announces none is followed by a head.
    for framing in ["Content-Length: 0", "Content-Lengths: 4", "X-Content-Length: 4", "X: Content-Length: 4"]
    {
        let post = format!("POST / HTTP/1.1\r\nHost: t\r\n{framing}\r\n\r\n");
        for (next, bare) in [(get, false), (get_badly, true), ("{\n", true)] {
            let vitals = Vitals::new(Clock::mono());
            vitals.received(post.as_bytes());
            assert!(!vitals.ends_lines_badly());
            vitals.received(next.as_bytes());
            assert_eq!(vitals.ends_lines_badly(), bare, "{framing}, {next:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_not_seen_whole_is_bad() {
    let vitals = Vitals::new(Clock::mono());
    vitals.received(b"GET / HTTP/1.1\r\nHost: t\r\n\r\nGET / HTTP/1.1\r\n");
    assert!(!vitals.ends_lines_badly());
    assert!(vitals.ends_lines_badly());
    let vitals = Vitals::new(Clock::mono());
    vitals.received(PREFACE);
    assert!(!vitals.ends_lines_badly(), "HTTP/2 has no lines");
}

#[tokio::test(start_paused = true)]
async fn empty_lines_before_a_request_are_no_head_of_their_own() {
    let vitals = Vitals::new(Clock::mono());
    vitals.received(b"\r\n\r\nPOST / HTTP/1.1\nHost: t\r\nContent-Length: 2\r\n\r\n{}");
    assert!(vitals.ends_lines_badly());
    let vitals = Vitals::new(Clock::mono());
    vitals.received(b"\r\n\r\nPOST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\n{\n}");
    assert!(!vitals.ends_lines_badly());
    // Of a later one, of which the beginning has come with the first.
    let vitals = Vitals::new(Clock::mono());
    vitals.received(b"GET / HTTP/1.1\r\nHost: t\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n");
    assert!(!vitals.ends_lines_badly());
    vitals.received(b"\r\n{\n}");
    assert!(!vitals.ends_lines_badly());
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
        let cx = Context::from_waker(Waker::noop());
        left(request.asking().due(&HttpLimits::default(), &cx, Clock::mono()))
    };
    assert_eq!(left(&stalled), Some((1, Limit::HttpWriteStall)));
    assert_eq!(left(&good), Some((10, Limit::HttpWriteStall)));
    // Hostile case 63: one that is read in crumbs has a minute for all of it.
    for _ in 0..5 {
        at(9).await;
        good.progressed();
    }
    assert_eq!(left(&good), Some((6, Limit::HttpBodyTime)));
    stalled.asking().give_up(Over::Bound(Limit::HttpWriteStall));
    assert_eq!((stalled.given_up(), good.given_up()), (Some(Limit::HttpWriteStall), None));
    vitals.blocked();
    assert_eq!(due(&vitals), Some((10, Limit::HttpWriteStall)));
    vitals.give_up(Over::Bound(Limit::HttpWriteStall));
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

#[tokio::test(start_paused = true)]
async fn an_answer_whose_viewer_is_told_to_go_has_two_seconds_whatever_else_it_may_take() {
    let book = Arc::new(Viewers::new(ViewerLimits::default(), Audience::default()));
    let stream = StreamName::parse("cam").unwrap();
    let (protocol, address) = (Served::Flv, Ipv4Addr::LOCALHOST.into());
    let cx = Context::from_waker(Waker::noop());
    let limits = HttpLimits::default();
    for http2 in [false, true] {
        let agent = Some(if http2 { "a proxy" } else { "a player" });
        let request = ViewerRequest { stream: &stream, protocol, address, agent, session: None };
        let viewer = book.admit(&request, Clock::now()).unwrap();
        let vitals = Vitals::new(Clock::mono());
        vitals.received(if http2 { PREFACE } else { b"GET / HTTP/1.1\r\n\r\n" });
        let flight = vitals.begin();
        flight.flows(Duration::from_secs(300), false);
        flight.heeds(viewer.dismissal());
        let of_connection = || vitals.due(&limits, &cx, Clock::mono());
        let due = || if http2 { flight.asking().due(&limits, &cx, Clock::mono()) } else { of_connection() };
        assert_eq!(left(due()), Some((60, Limit::HttpBodyTime)));
        assert!(book.kick(&viewer.id(), Clock::now()));
        let end = (Clock::mono() + FAREWELL, Over::SentAway);
        for _ in 0..2 {
            assert_eq!(due(), Some(end), "counted from when it was noticed first");
            at(1).await;
        }
        assert_eq!(of_connection().is_some(), !http2, "in HTTP/2 the stream goes alone");
        flight.asking().give_up(Over::SentAway);
        assert_eq!(flight.given_up(), None, "no bound has to do with it");
    }
}
