//! Faults in how things are delivered: status, fields, pace, and the answers to reloads.

use std::time::Duration;

use rillcast::lint::{self, Asked, Class, Exchange, Listing, Reload, Rule, Severity};

use crate::rig::{only, states};

const GOOD: [(&str, &str); 6] = [
    ("content-type", "application/vnd.apple.mpegurl"),
    ("content-encoding", "gzip"),
    ("vary", "accept-encoding"),
    ("cache-control", "public, max-age=1"),
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "Age, Date"),
];

/// The good fields with one of them changed, added, or, for an empty value, left out.
fn fields(name: &str, value: &str) -> Vec<(String, String)> {
    let mut all: Vec<_> = GOOD
        .iter()
        .filter(|(other, _)| *other != name)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    if !value.is_empty() {
        all.push((name.to_owned(), value.to_owned()));
    }
    all
}

fn exchange(class: Class, status: u16, fields: &[(String, String)]) -> Exchange<'_> {
    Exchange {
        class,
        path: "/live/cam/index.m3u8",
        status,
        h2: None,
        fields,
        bytes: 20_000,
        body_time: Duration::from_millis(3),
        target: 2,
        pace: Some(Duration::from_millis(1)),
        part_target: Some(Duration::from_millis(500)),
    }
}

#[test]
fn every_fault_of_a_response_is_found_and_nothing_else() {
    assert_eq!(lint::exchange(&exchange(Class::Plain, 200, &fields("x", "y"))), []);
    for (rule, class, status, name, value) in [
        (Rule::ContentType, Class::Plain, 200, "content-type", "text/html"),
        (Rule::NotCompressed, Class::Plain, 200, "content-encoding", ""),
        (Rule::IdentityEncoding, Class::Plain, 200, "content-encoding", "identity"),
        (Rule::NoVary, Class::Plain, 200, "vary", ""),
        (Rule::AgeFromOrigin, Class::Plain, 200, "age", "3"),
        (Rule::NoCacheControl, Class::Plain, 200, "cache-control", ""),
        (Rule::PlaylistKeptLong, Class::Plain, 200, "cache-control", "max-age=2"),
        (Rule::ReloadNotKept, Class::Blocking, 200, "cache-control", "no-cache"),
        (Rule::MediaNotKept, Class::Media, 200, "cache-control", "no-store"),
        (Rule::ErrorKeptLong, Class::Refused, 404, "cache-control", "max-age=60"),
        (Rule::NoCors, Class::Plain, 200, "access-control-allow-origin", ""),
        (Rule::NoCors, Class::Refused, 400, "access-control-allow-origin", ""),
        (Rule::CorsHidesAge, Class::Plain, 200, "access-control-expose-headers", "Date"),
        (Rule::MediaRedirected, Class::Media, 302, "location", "/x"),
        (Rule::NotFound, Class::Media, 404, "x", "y"),
        (Rule::NotFound, Class::Plain, 503, "x", "y"),
        (Rule::HintRefused, Class::Hinted, 404, "x", "y"),
    ] {
        let findings = lint::exchange(&exchange(class, status, &fields(name, value)));
        if rule == Rule::IdentityEncoding {
            assert!(findings.iter().any(|finding| finding.rule == rule));
            continue;
        }
        only(rule, &findings, name);
    }
    let all = fields("x", "y");
    let mut secure = exchange(Class::Plain, 200, &all);
    secure.h2 = Some(true);
    assert_eq!(lint::exchange(&secure), []);
    secure.h2 = Some(false);
    only(Rule::NotHttp2, &lint::exchange(&secure), "HTTP/1.1 over TLS");
    // What a cache on the way says is its own affair.
    let mut relayed = fields("age", "3");
    relayed.push(("via".into(), "1.1 cache".into()));
    assert_eq!(lint::exchange(&exchange(Class::Plain, 200, &relayed)), []);
}

#[test]
fn a_part_that_trickles_is_told_from_a_slow_network() {
    let fields = fields("cache-control", "public, max-age=60, immutable");
    let mut one = exchange(Class::Hinted, 200, &fields);
    assert_eq!(lint::exchange(&one), []);
    one.body_time = Duration::from_millis(430);
    only(Rule::PartTrickled, &lint::exchange(&one), "trickled");
    one.pace = Some(Duration::from_millis(15));
    assert_eq!(lint::exchange(&one), [], "the network is as slow for everything");
}

fn answer(asked: Asked, status: u16, answer: Option<&Listing>, waited: u64) -> Reload<'_> {
    Reload { asked, status: Some(status), answer, waited: Duration::from_millis(waited), target: 2 }
}

#[test]
fn every_fault_of_a_reload_is_found_and_nothing_else() {
    let text = states(40).pop().unwrap();
    // Segment 20 is open and has parts 0 to 3; segment 19 has five.
    let listing = lint::media_playlist(text.as_bytes()).0;
    let now = Some(&listing);
    for (asked, status, body) in [
        (Asked::Next(20, Some(3)), 200, now),
        (Asked::Next(19, None), 200, now),
        (Asked::Next(19, Some(9)), 200, now),
        (Asked::Next(3, Some(9)), 200, now),
        (Asked::Old(3), 200, now),
        (Asked::Far(40), 400, None),
        (Asked::PartAlone, 400, None),
        (Asked::Nonsense, 400, None),
    ] {
        assert_eq!(lint::reload(&answer(asked, status, body, 300)), [], "{asked:?}");
    }
    for (rule, asked, status, body, waited) in [
        (Rule::ReloadEarly, Asked::Next(20, Some(4)), 200, now, 1),
        (Rule::ReloadEarly, Asked::Next(20, None), 200, now, 1),
        (Rule::ReloadEarly, Asked::Next(21, Some(0)), 200, now, 1),
        (Rule::ReloadFailed, Asked::Next(20, Some(4)), 500, None, 1),
        (Rule::ReloadFailed, Asked::Next(20, Some(4)), 503, None, 1),
        (Rule::ReloadLate, Asked::Next(20, Some(3)), 200, now, 7_500),
        (Rule::OldReloadRefused, Asked::Old(3), 400, None, 1),
        (Rule::FarReloadHeld, Asked::Far(40), 200, now, 1),
        (Rule::PartAloneTaken, Asked::PartAlone, 200, now, 1),
        (Rule::NonsenseTaken, Asked::Nonsense, 200, now, 1),
    ] {
        only(rule, &lint::reload(&answer(asked, status, body, waited)), &format!("{asked:?} {status}"));
    }
    let none = Reload { status: None, ..answer(Asked::Next(20, Some(4)), 0, None, 1) };
    only(Rule::ReloadFailed, &lint::reload(&none), "no answer");
    let ended = lint::media_playlist(format!("{text}#EXT-X-ENDLIST\n").as_bytes()).0;
    for asked in [Asked::Next(99, None), Asked::Far(99), Asked::PartAlone, Asked::Nonsense] {
        assert_eq!(lint::reload(&answer(asked, 200, Some(&ended), 1)), [], "nothing is asked of an end");
    }
}

#[test]
fn a_finding_is_cut_and_cannot_steer_a_terminal() {
    let bad = format!("#EXTM3U\n#EXT-X-TARGETDURATION:\u{1b}[2J{}\n", "9".repeat(5_000));
    let (_, findings) = lint::media_playlist(bad.as_bytes());
    assert!(findings.iter().any(|finding| finding.severity() == Severity::Error));
    for finding in findings {
        let text = finding.to_string();
        assert!(text.chars().count() < 500 && !text.chars().any(char::is_control), "{text}");
    }
}
