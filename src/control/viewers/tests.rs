//! The book of the audience: who is counted, forgotten, refused, and what it costs.
#![allow(clippy::disallowed_methods, reason = "tests need some instant to count from")]

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::*;
use crate::live::Lag;
use crate::media::WallTime;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn now() -> Now {
    Now { mono: Instant::now(), wall: WallTime { unix_micros: 1_700_000_000_000_000 } }
}

fn book(limits: ViewerLimits) -> Arc<Viewers> {
    Arc::new(Viewers::new(limits, Audience::default()))
}

fn sweep(book: &Viewers, now: Now) {
    (0..Viewers::PARTS).for_each(|part| book.sweep(part, now));
}

fn stream(name: &str) -> StreamName {
    StreamName::parse(name).unwrap()
}

fn ask<'a>(stream: &'a StreamName, address: [u8; 4], session: Option<&'a str>) -> ViewerRequest<'a> {
    ViewerRequest {
        stream,
        protocol: Protocol::Hls,
        address: address.into(),
        agent: Some("Player/1.0"),
        session,
    }
}

#[test]
fn a_viewer_is_one_by_its_session_wherever_it_is_and_else_by_address_and_agent() {
    let (book, cam, now) = (book(ViewerLimits::default()), stream("cam"), now());
    for (address, session) in [
        ([192, 0, 2, 1], Some("a")),
        ([192, 0, 2, 2], Some("a")),
        ([192, 0, 2, 1], Some("b")),
        ([192, 0, 2, 1], None),
        ([192, 0, 2, 1], None),
        ([192, 0, 2, 2], None),
    ] {
        book.seen(&ask(&cam, address, session), now).unwrap();
    }
    let other = ViewerRequest { agent: Some("Player/2.0"), ..ask(&cam, [192, 0, 2, 1], None) };
    book.seen(&other, now).unwrap();
    book.seen(&ask(&stream("other"), [192, 0, 2, 1], Some("a")), now).unwrap();
    let crowd = book.crowd(&cam);
    assert_eq!((crowd.total(), crowd.by(Protocol::Hls), crowd.sessions()), (5, 5, 2));
    let listing = book.list(Some(&cam), now);
    assert_eq!((listing.viewers.len(), listing.truncated), (5, 0));
    assert_eq!(listing.viewers.iter().filter(|one| one.counted_by == "session").count(), 2);
    assert_eq!(book.list(None, now).viewers.len(), 6);
}

#[test]
fn who_asks_for_nothing_for_half_a_minute_is_gone() {
    let (book, cam, start) = (book(ViewerLimits::default()), stream("cam"), now());
    let (early, late) = (ask(&cam, [192, 0, 2, 1], None), ask(&cam, [192, 0, 2, 2], None));
    book.seen(&early, start).unwrap();
    book.seen(&late, start).unwrap();
    book.seen(&late, start.plus(Duration::from_secs(29))).unwrap();
    sweep(&book, start.plus(Duration::from_secs(29)));
    assert_eq!(book.crowd(&cam).total(), 2);
    sweep(&book, start.plus(Duration::from_secs(30)));
    assert_eq!(book.crowd(&cam).total(), 1);
    assert_eq!(book.audience.viewers(Protocol::Hls).get(), 1);
    sweep(&book, start.plus(Duration::from_secs(60)));
    assert_eq!((book.crowd(&cam).total(), book.list(None, start).viewers.len()), (0, 0));
    assert_eq!(held(&book.crowds).of(&cam), Crowd::default(), "nothing is kept of who left");
}

#[test]
fn a_kicked_viewer_is_refused_for_five_minutes_and_counted_out_at_once() {
    let (book, cam, start) = (book(ViewerLimits::default()), stream("cam"), now());
    let (bad, good) = (ask(&cam, [192, 0, 2, 1], Some("bad")), ask(&cam, [192, 0, 2, 1], Some("good")));
    book.seen(&bad, start).unwrap();
    let id = book.list(None, start).viewers.remove(0).id.to_string();
    book.seen(&good, start).unwrap();
    assert!(book.kick(&id, start));
    assert!(!book.kick(&id, start), "it is not there any more");
    assert!(!book.kick("nobody", start) && !book.kick("", start));
    assert_eq!(book.crowd(&cam).total(), 1);
    for seconds in [0, 29, 150, 299] {
        let now = start.plus(Duration::from_secs(seconds));
        sweep(&book, now);
        assert_eq!(book.seen(&bad, now), Err(Denied::Kicked), "after {seconds} s");
        book.seen(&good, now).unwrap();
    }
    let later = start.plus(Duration::from_secs(300));
    sweep(&book, later);
    book.seen(&bad, later).unwrap();
    assert_eq!(book.audience.kicks.get(), 1);
}

#[test]
fn a_connection_is_told_that_it_is_kicked_and_cannot_come_straight_back() {
    let (book, cam, now) = (book(ViewerLimits::default()), stream("cam"), now());
    let request = ViewerRequest { protocol: Protocol::Flv, ..ask(&cam, [192, 0, 2, 1], None) };
    let mut viewer = book.admit(&request, now).unwrap();
    viewer.sent(1_000, now);
    let (woken, dismissal) = (Arc::new(Woken::default()), viewer.dismissal());
    let waker = Waker::from(Arc::clone(&woken));
    let cx = Context::from_waker(&waker);
    assert_eq!((dismissal.poll(&cx), dismissal.given()), (Poll::Pending, None));
    let listed = book.list(Some(&cam), now).viewers.remove(0);
    assert_eq!(
        (listed.protocol, listed.bytes_sent, listed.id.to_string()),
        ("flv", Some(1_000), viewer.id())
    );
    assert!(book.kick(&listed.id.to_string(), now));
    assert!(woken.0.load(Ordering::Relaxed), "who drives it is woken");
    assert_eq!((dismissal.poll(&cx), dismissal.given()), (Poll::Ready(Reason::Kicked), Some(Reason::Kicked)));
    assert_eq!(viewer.close(Reason::ClientClosed, now), Reason::Kicked, "the first reason wins");
    drop(viewer);
    assert_eq!(book.crowd(&cam).total(), 0);
    assert_eq!(book.admit(&request, now).unwrap_err(), Denied::Kicked);
    assert_eq!(book.seen(&ViewerRequest { protocol: Protocol::Hls, ..request }, now), Err(Denied::Kicked));
}

#[test]
fn a_stream_has_as_many_viewers_as_it_may_have() {
    let limits = ViewerLimits { per_stream: 2, ..ViewerLimits::default() };
    let (book, cam, now) = (book(limits), stream("cam"), now());
    book.seen(&ask(&cam, [192, 0, 2, 1], None), now).unwrap();
    let connection = ViewerRequest { protocol: Protocol::Ts, ..ask(&cam, [192, 0, 2, 2], None) };
    let viewer = book.admit(&connection, now).unwrap();
    let third = ask(&cam, [192, 0, 2, 3], None);
    assert_eq!(book.seen(&third, now), Err(Denied::OverCap(Cap::StreamViewers)));
    assert_eq!(book.admit(&connection, now).unwrap_err(), Denied::OverCap(Cap::StreamViewers));
    book.seen(&ask(&stream("other"), [192, 0, 2, 3], None), now).unwrap();
    drop(viewer);
    book.seen(&third, now).unwrap();
}

#[test]
fn one_address_cannot_fill_the_book_with_sessions_of_its_own_invention() {
    let limits = ViewerLimits { per_address: 10, ..ViewerLimits::default() };
    let (book, cam, now) = (book(limits), stream("cam"), now());
    for n in 0..100 {
        book.seen(&ask(&cam, [192, 0, 2, 1], Some(&format!("fake-{n}"))), now).unwrap();
    }
    book.seen(&ask(&cam, [192, 0, 2, 2], Some("true")), now).unwrap();
    assert_eq!((book.crowd(&cam).total(), book.audience.uncounted.get()), (11, 90));
    let connection = ViewerRequest { protocol: Protocol::Ts, ..ask(&cam, [192, 0, 2, 1], None) };
    assert_eq!(book.admit(&connection, now).unwrap_err(), Denied::OverCap(Cap::AddressViewers));
}

#[test]
fn short_of_memory_nobody_new_comes_in_and_who_is_there_stays() {
    let (book, cam, now) = (book(ViewerLimits::default()), stream("cam"), now());
    let (old, new) = (ask(&cam, [192, 0, 2, 1], None), ask(&cam, [192, 0, 2, 2], None));
    book.seen(&old, now).unwrap();
    book.memory.sample(85, 100);
    book.seen(&old, now).unwrap();
    assert_eq!(book.seen(&new, now), Err(Denied::Memory));
    let connection = ViewerRequest { protocol: Protocol::Rtmp, ..new };
    assert_eq!(book.admit(&connection, now).unwrap_err(), Denied::Memory);
    book.memory.sample(79, 100);
    book.seen(&new, now).unwrap();
}

#[test]
fn the_slowest_connections_are_shed_first_and_those_that_keep_up_never() {
    let (book, cam, now) = (book(ViewerLimits::default()), stream("cam"), now());
    let request = ViewerRequest { protocol: Protocol::Mp4, ..ask(&cam, [127, 0, 0, 1], None) };
    let viewers: Vec<_> = (0..16).map(|_| book.admit(&request, now).unwrap()).collect();
    assert_eq!(book.shed(now), 0);
    for (viewer, bytes) in viewers.iter().zip([5, 50, 500, 0]) {
        viewer.lagged(Lag { bytes, ..Lag::default() });
    }
    assert_eq!(book.shed(now), 2);
    let told: Vec<_> = viewers.iter().take(4).map(|viewer| viewer.dismissal().given().is_some()).collect();
    assert_eq!(told, [false, true, true, false]);
}

#[test]
fn who_stands_still_is_shed_and_who_waits_for_more_is_not() {
    let (book, cam, start) = (book(ViewerLimits::default()), stream("cam"), now());
    let request = ViewerRequest { protocol: Protocol::Flv, ..ask(&cam, [127, 0, 0, 1], None) };
    let mut viewers: Vec<_> = (0..3).map(|_| book.admit(&request, start).unwrap()).collect();
    for viewer in &mut viewers {
        viewer.sent(1_000, start);
    }
    viewers[1].asks();
    let later = Now { mono: start.mono + Duration::from_secs(1), ..start };
    assert_eq!(book.shed(later), 0, "a second is not long");
    viewers[2].sent(1_000, later);
    let later = Now { mono: start.mono + Duration::from_millis(2_500), ..start };
    assert_eq!(book.shed(later), 1);
    assert!(viewers[0].dismissal().given().is_some(), "it has not come back from what it was given");
}

#[test]
fn a_hundred_thousand_viewers_take_the_bytes_they_may_and_the_rest_is_counted() {
    let (book, cam, start) = (book(ViewerLimits::default()), stream("cam"), now());
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    for n in 0..100_000_u32 {
        let address = IpAddr::from((0x0A00_0000 + n).to_be_bytes());
        let session = format!("{n:064}");
        let request = ViewerRequest {
            stream: &cam,
            protocol: Protocol::Hls,
            address,
            agent: Some(agent),
            session: Some(&session),
        };
        book.seen(&request, start).unwrap();
    }
    let bytes = book.bytes();
    assert!(bytes <= 512 * 100_000, "{bytes} bytes, {} each", bytes / 100_000);
    let listing = book.list(None, start);
    assert_eq!((listing.viewers.len(), listing.truncated), (LISTED, 100_000 - LISTED));
    for late in [1, 2] {
        book.seen(&ask(&cam, [192, 0, 2, late], None), start).unwrap();
    }
    assert_eq!((book.crowd(&cam).total(), book.audience.uncounted.get()), (100_000, 2));
    sweep(&book, start.plus(IDLE));
    assert_eq!(book.crowd(&cam).total(), 0);
    assert!(book.bytes() < bytes / 4, "{} bytes are kept of nobody", book.bytes());
}
