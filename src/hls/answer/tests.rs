//! Every row of both decision tables, and what must hold between successive answers: here those of playlists.

mod media;

use proptest::prelude::*;

use super::*;
use crate::hls::fixture::{Builder, audio_track};
use crate::hls::{Directives, Reply};

fn ask(view: &View, query: &str) -> Answer {
    answer(view, &request(query))
}

fn request(query: &str) -> Request {
    Request {
        file: File::Playlist,
        directives: Directives::parse(Some(query)),
        gzip: false,
        whole_segments: false,
    }
}

fn file(view: &View, file: File) -> Answer {
    answer(view, &Request { file, directives: Directives::NONE, gzip: true, whole_segments: false })
}

fn ready(answer: Answer) -> Reply {
    match answer {
        Answer::Ready(reply) => reply,
        other => panic!("expected a reply, got {other:?}"),
    }
}

fn text(reply: Reply) -> String {
    reply.body.into_iter().map(|run| String::from_utf8(run.to_vec()).unwrap()).collect()
}

fn status(answer: &Answer) -> &'static str {
    match answer {
        Answer::Ready(_) => "200",
        Answer::WaitFor(_) => "wait",
        Answer::Refuse(Refusal::Cancelled) => "cancelled",
        Answer::Refuse(refusal) => match refusal.status() {
            400 => "400",
            404 => "404",
            _ => "503",
        },
    }
}

#[track_caller]
fn hears(view: &View, query: &str, want: &str) {
    assert_eq!(status(&ask(view, query)), want, "?{query}");
}

// Throughout: three closed segments of four parts (L = 3), two parts in segment 4 (k = 1), TD = 2,
// PT = 0.51, so A = 5, C = 5, and max(k + A, C) = 6.

#[test]
fn a_player_that_knows_only_segments_waits_for_the_first_one() {
    let asks = |whole_segments| Request { whole_segments, ..request("") };
    let parts_only = Builder::video(0, 2).view();
    assert!(matches!(answer(&parts_only, &asks(false)), Answer::Ready(_)));
    assert!(matches!(answer(&parts_only, &asks(true)), Answer::WaitFor(_)));
    let segment = Builder::video(1, 1).view();
    assert!(matches!(answer(&segment, &asks(true)), Answer::Ready(_)));
}

#[test]
fn no_directives_are_answered_now_and_kept_for_half_a_target_duration() {
    let reply = ready(ask(&Builder::video(3, 2).view(), ""));
    assert_eq!(reply.cache, Cache::Seconds(1));
    assert_eq!(reply.content_type, "application/vnd.apple.mpegurl");
    assert!(!reply.gzip && reply.vary && reply.etag.is_none() && !reply.ranges);
}

#[test]
fn before_the_first_part_every_playlist_request_waits() {
    for view in [Builder::video(0, 0).view(), Builder::video(0, 3).standard().view()] {
        for query in ["", "_HLS_msn=0", "_HLS_msn=0&_HLS_part=0", "_HLS_msn=1", "_HLS_msn=1&_HLS_part=0"] {
            hears(&view, query, "wait");
        }
    }
    hears(&Builder::video(0, 1).view(), "", "200");
    hears(&Builder::video(1, 0).standard().view(), "", "200");
}

/// Hostile case 55.
#[test]
fn malformed_directives_are_refused_at_once() {
    for view in [Builder::video(3, 2).view(), Builder::video(0, 0).view()] {
        for query in [
            "_HLS_part=0",
            "_HLS_msn=",
            "_HLS_msn=-1",
            "_HLS_msn=18446744073709551616",
            "_HLS_msn=4&_HLS_msn=4",
            "_HLS_msn=4&_HLS_part=x",
        ] {
            assert!(matches!(ask(&view, query), Answer::Refuse(Refusal::BadDirective)), "?{query}");
        }
    }
}

/// Hostile case 55: directives, malformed or not, mean nothing after ENDLIST.
#[test]
fn after_the_end_any_directives_are_answered_now_with_endlist() {
    let mut builder = Builder::video(3, 2);
    builder.end();
    let view = builder.view();
    for query in ["", "_HLS_msn=4", "_HLS_msn=99&_HLS_part=99", "_HLS_msn=-1", "_HLS_part=1", "_HLS_skip=YES"]
    {
        let body = text(ready(ask(&view, query)));
        assert!(body.ends_with("#EXT-X-ENDLIST\n"), "?{query}: {body}");
        assert!(!body.contains("PRELOAD-HINT"), "?{query}: {body}");
    }
}

#[test]
fn a_generation_that_ended_with_nothing_listed_has_no_playlist() {
    let mut builder = Builder::video(0, 0);
    builder.end();
    hears(&builder.view(), "", "404");
    hears(&builder.view(), "_HLS_msn=1", "404");
}

#[test]
fn a_closed_segment_is_answered_now_and_kept_for_six_target_durations() {
    let view = Builder::video(3, 2).view();
    for query in ["_HLS_msn=3", "_HLS_msn=1", "_HLS_msn=0"] {
        assert_eq!(ready(ask(&view, query)).cache, Cache::Seconds(12), "?{query}");
    }
}

#[test]
fn a_part_of_a_closed_segment_is_answered_now() {
    let view = Builder::video(3, 2).view();
    hears(&view, "_HLS_msn=3&_HLS_part=3", "200");
    hears(&view, "_HLS_msn=1&_HLS_part=0", "200");
}

#[test]
fn a_part_past_the_last_of_a_closed_segment_means_the_next_segments_first() {
    let view = Builder::video(3, 2).view();
    hears(&view, "_HLS_msn=2&_HLS_part=4", "200");
    hears(&view, "_HLS_msn=3&_HLS_part=4", "200");
    hears(&view, "_HLS_msn=3&_HLS_part=1000000000", "200");
    let fresh = Builder::video(3, 0).view();
    hears(&fresh, "_HLS_msn=3&_HLS_part=3", "200");
    hears(&fresh, "_HLS_msn=3&_HLS_part=4", "wait");
    hears(&fresh, "_HLS_msn=3&_HLS_part=18446744073709551615", "wait");
}

#[test]
fn the_open_segment_without_part_waits_until_it_closes() {
    let mut builder = Builder::video(3, 2);
    hears(&builder.view(), "_HLS_msn=4", "wait");
    builder.parts(2);
    hears(&builder.view(), "_HLS_msn=4", "wait");
    builder.close();
    hears(&builder.view(), "_HLS_msn=4", "200");
}

#[test]
fn a_listed_part_of_the_open_segment_is_answered_now() {
    let view = Builder::video(3, 2).view();
    hears(&view, "_HLS_msn=4&_HLS_part=0", "200");
    hears(&view, "_HLS_msn=4&_HLS_part=1", "200");
}

#[test]
fn a_coming_part_of_the_open_segment_waits_within_the_bound() {
    let mut builder = Builder::video(3, 2);
    for part in 2..=6 {
        hears(&builder.view(), &format!("_HLS_msn=4&_HLS_part={part}"), "wait");
    }
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=7", "400");
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=1000000000", "400");
    builder.part();
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=2", "200");
}

#[test]
fn a_wait_for_a_part_that_the_segment_turns_out_not_to_have_moves_to_the_next_segment() {
    let mut builder = Builder::video(3, 2);
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=5", "wait");
    builder.close();
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=5", "wait");
    builder.part();
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=5", "200");
}

#[test]
fn the_segment_after_the_open_one_waits_within_the_same_bound() {
    let view = Builder::video(3, 2).view();
    for query in ["_HLS_msn=5", "_HLS_msn=5&_HLS_part=0", "_HLS_msn=5&_HLS_part=5"] {
        hears(&view, query, "wait");
    }
    hears(&view, "_HLS_msn=5&_HLS_part=6", "400");
}

/// Hostile case 55.
#[test]
fn a_segment_three_ahead_is_refused_at_once() {
    let view = Builder::video(3, 2).view();
    for query in ["_HLS_msn=6", "_HLS_msn=6&_HLS_part=0", "_HLS_msn=18446744073709551615"] {
        let answer = ask(&view, query);
        assert!(matches!(answer, Answer::Refuse(Refusal::TooFarAhead)), "?{query}: {answer:?}");
    }
}

#[test]
fn the_advance_limit_follows_the_part_target() {
    // PT = 0.2: A = 15, and C = 11.
    let mut builder = Builder::video(3, 1);
    builder.constants.part_target = Some(Duration::from_millis(200));
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=15", "wait");
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=16", "400");
    // PT = 1.02: A = 3, and C = 3.
    builder.constants.part_target = Some(Duration::from_millis(1_020));
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=3", "wait");
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=4", "400");
    // A target duration of many parts: C = 13 rules, so the open segment's last part may be asked for.
    builder.constants.target_duration = 12;
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=13", "wait");
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=14", "400");
}

#[test]
fn a_segment_that_is_gone_gets_the_whole_current_playlist() {
    let mut builder = Builder::video(12, 2);
    builder.listed_from = 6;
    builder.evict(3);
    let view = builder.view();
    let current = text(ready(ask(&view, "")));
    assert!(current.contains("#EXT-X-MEDIA-SEQUENCE:7\n"), "{current}");
    for query in ["_HLS_msn=1", "_HLS_msn=1&_HLS_part=99", "_HLS_msn=5&_HLS_part=0", "_HLS_msn=0"] {
        assert_eq!(text(ready(ask(&view, query))), current, "?{query}");
    }
}

#[test]
fn a_hold_lasts_three_target_durations_and_then_is_503() {
    let Answer::WaitFor(wait) = ask(&Builder::video(3, 2).view(), "_HLS_msn=4") else {
        panic!("expected a wait");
    };
    assert_eq!(wait, Wait { at_most: Duration::from_secs(6), expired: Refusal::TimedOut });
    assert_eq!((wait.expired.status(), wait.expired.retry_after()), (503, Some(1)));
    assert_eq!(wait.expired.cache(), Cache::NoStore);
}

#[test]
fn the_end_of_the_stream_wakes_every_held_playlist_request_with_endlist() {
    let mut builder = Builder::video(3, 2);
    let queries = ["_HLS_msn=4", "_HLS_msn=4&_HLS_part=3", "_HLS_msn=5", "_HLS_msn=5&_HLS_part=1"];
    queries.iter().for_each(|query| hears(&builder.view(), query, "wait"));
    builder.end();
    for query in queries {
        assert!(text(ready(ask(&builder.view(), query))).ends_with("#EXT-X-ENDLIST\n"), "?{query}");
    }
}

/// Every row of the table above once more: a skip changes what is said, never when.
#[test]
fn a_skip_request_is_answered_when_one_without_would_be() {
    let mut ended = Builder::video(9, 2);
    ended.end();
    let views = [
        Builder::video(0, 0).view(),
        Builder::video(3, 2).view(),
        Builder::video(9, 0).view(),
        Builder::video(9, 2).view(),
        Builder::video(9, 2).standard().view(),
        ended.view(),
    ];
    let positions = [
        "",
        "_HLS_msn=1",
        "_HLS_msn=9",
        "_HLS_msn=9&_HLS_part=3",
        "_HLS_msn=9&_HLS_part=4",
        "_HLS_msn=10",
        "_HLS_msn=10&_HLS_part=1",
        "_HLS_msn=10&_HLS_part=2",
        "_HLS_msn=10&_HLS_part=7",
        "_HLS_msn=11",
        "_HLS_msn=11&_HLS_part=6",
        "_HLS_msn=12",
        "_HLS_part=1",
        "_HLS_msn=x",
    ];
    for (index, view) in views.iter().enumerate() {
        for position in positions {
            let plain = ask(view, position);
            for skip in ["YES", "v2"] {
                let skipping = ask(view, &format!("{position}&_HLS_skip={skip}"));
                assert_eq!(status(&skipping), status(&plain), "view {index} ?{position}");
                if let (Answer::Ready(skipping), Answer::Ready(plain)) = (skipping, plain.clone()) {
                    assert_eq!(skipping.cache, plain.cache, "view {index} ?{position}");
                    let delta = text(skipping).contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=3");
                    assert_eq!(delta, (2..5).contains(&index), "view {index} ?{position}");
                }
            }
        }
    }
}

/// Bound B16: past it nobody is held, and nobody is lied to for longer than a moment.
#[test]
fn when_nothing_more_can_be_held_the_current_playlist_is_given_uncached() {
    let view = Builder::video(3, 2).view();
    let reply = ready(at_once(&view, &request("_HLS_msn=4&_HLS_part=2")));
    assert_eq!(reply.cache, Cache::NoStore);
    assert_eq!(text(reply), text(ready(ask(&view, ""))));
    assert_eq!(ready(at_once(&view, &request("_HLS_msn=3"))).cache, Cache::Seconds(12));
    assert_eq!(status(&at_once(&view, &request("_HLS_msn=6"))), "400");
    assert_eq!(status(&at_once(&Builder::video(0, 0).view(), &request(""))), "503");
    let hinted =
        Request { file: File::Part(14), directives: Directives::NONE, gzip: false, whole_segments: false };
    assert_eq!(status(&at_once(&view, &hinted)), "503");
}

#[test]
fn without_parts_a_part_directive_means_its_segment() {
    let mut builder = Builder::video(3, 2).standard();
    hears(&builder.view(), "_HLS_msn=3&_HLS_part=9", "200");
    for query in ["_HLS_msn=4", "_HLS_msn=4&_HLS_part=0", "_HLS_msn=4&_HLS_part=99", "_HLS_msn=5&_HLS_part=1"]
    {
        hears(&builder.view(), query, "wait");
    }
    hears(&builder.view(), "_HLS_msn=6", "400");
    hears(&builder.view(), "_HLS_part=1", "400");
    builder.close();
    hears(&builder.view(), "_HLS_msn=4&_HLS_part=99", "200");
}

#[test]
fn all_readers_of_a_view_are_handed_the_same_buffer() {
    let view = Builder::video(3, 2).view();
    for gzip in [false, true] {
        let body = |query: &str| {
            let request = Request { gzip, ..request(query) };
            ready(answer(&view, &request)).body.runs()[0].clone()
        };
        assert_eq!(body("").as_ptr(), body("_HLS_msn=3&_HLS_part=1").as_ptr());
        assert_eq!(body("").as_ptr(), body("_HLS_skip=YES").as_ptr(), "nothing to skip yet");
    }
    let view = Builder::video(9, 2).view();
    for gzip in [false, true] {
        let body = |query: &str| {
            let request = Request { gzip, ..request(query) };
            ready(answer(&view, &request)).body.runs()[0].clone()
        };
        assert_eq!(body("_HLS_skip=YES").as_ptr(), body("_HLS_msn=3&_HLS_part=1&_HLS_skip=YES").as_ptr());
        assert_ne!(body("_HLS_skip=YES"), body(""));
    }
}

/// The steps a rendition can take.
fn step(builder: &mut Builder, kind: u8) {
    match kind {
        0..=5 => builder.part(),
        _ if builder.open.is_some() => builder.close(),
        _ => builder.part(),
    }
}

proptest! {
    /// Once held, a playlist request is held on or answered, never refused: states only come nearer.
    #[test]
    fn a_held_playlist_request_is_never_refused_later(
        closed in 0_usize..4, open in 0_usize..7, msn in 0_u64..9, part in prop::option::of(0_u64..20),
        millis in 100_u64..1_500, steps in prop::collection::vec(0_u8..9, 1..40), standard in any::<bool>(),
    ) {
        let mut builder = Builder::video(closed, open);
        builder.constants.part_target = Some(Duration::from_millis(millis));
        if standard {
            builder = builder.standard();
        }
        let query = match part {
            Some(part) => format!("_HLS_msn={msn}&_HLS_part={part}"),
            None => format!("_HLS_msn={msn}"),
        };
        let mut last = status(&ask(&builder.view(), &query));
        for kind in steps {
            step(&mut builder, kind);
            let now = status(&ask(&builder.view(), &query));
            match last {
                "wait" => prop_assert!(now != "400", "{query}: refused after a wait"),
                "200" => prop_assert_eq!(now, "200", "{}: no longer there", query),
                _ => {}
            }
            last = now;
        }
    }

    /// What an answered request asked for is in the body it got (§6.2.5.2).
    #[test]
    fn a_blocking_reload_gets_what_it_asked_for(
        closed in 0_usize..4, open in 0_usize..5, msn in 0_u64..8, part in prop::option::of(0_u64..8),
    ) {
        let view = Builder::video(closed, open).view();
        let part_text = part.map_or(String::new(), |part| format!("&_HLS_part={part}"));
        let answer = ask(&view, &format!("_HLS_msn={msn}{part_text}"));
        let last = view.last_part();
        let have = match part {
            None => msn < view.next_msn,
            // Later parts and later segments contain the asked-for state too.
            Some(part) => last.is_some_and(|last| (last.msn, u64::from(last.part)) >= (msn, part)),
        };
        prop_assert_eq!(status(&answer) == "200", have && last.is_some(), "{:?} {:?}", last, answer);
    }
}
