//! The rows of parts, segments and init sections.

use super::*;

#[test]
fn listed_parts_segments_and_inits_are_immutable() {
    let view = Builder::video(3, 2).view();
    for (name, body) in [
        (File::Init(0), "init"),
        (File::Part(0), "head 0 body 0;"),
        (File::Part(13), "head 13 body 13;"),
        (File::Segment(2), "head 4 body 4;head 5 body 5;head 6 body 6;head 7 body 7;"),
    ] {
        let reply = ready(file(&view, name));
        assert_eq!((reply.cache, reply.content_type), (Cache::Immutable, "video/mp4"), "{name}");
        assert_eq!(reply.etag, Some(format!("\"{name}\"")));
        assert!(reply.ranges && !reply.gzip && !reply.vary, "{name}");
        assert_eq!(text(reply), body, "{name}");
    }
    let mut audio = Builder::new(audio_track());
    audio.part();
    assert_eq!(ready(file(&audio.view(), File::Part(0))).content_type, "audio/mp4");
}

#[test]
fn a_served_body_shares_the_parts_bytes() {
    let view = Builder::video(1, 0).view();
    let whole = ready(file(&view, File::Segment(1))).body;
    for (index, part) in view.segments[0].parts.iter().enumerate() {
        assert_eq!(whole.runs()[index * 2].as_ptr(), part.body.runs()[0].as_ptr());
    }
}

/// Hostile case 59: nothing of a hinted part is sent before the whole of it can be.
#[test]
fn the_hinted_part_waits_and_then_comes_whole() {
    let mut builder = Builder::video(3, 2);
    let Answer::WaitFor(wait) = file(&builder.view(), File::Part(14)) else {
        panic!("expected a wait");
    };
    assert_eq!(wait, Wait { at_most: Duration::from_secs(6), expired: Refusal::Cancelled });
    assert_eq!(wait.expired.status(), 404);
    builder.part();
    assert_eq!(text(ready(file(&builder.view(), File::Part(14)))), "head 14 body 14;");
}

#[test]
fn the_hinted_part_has_the_uri_it_is_listed_under_even_if_it_starts_another_segment() {
    let mut builder = Builder::video(3, 2);
    let before = text(ready(ask(&builder.view(), "")));
    assert!(before.contains("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-14.m4s\"\n"), "{before}");
    builder.close();
    builder.part();
    let after = text(ready(ask(&builder.view(), "")));
    assert!(after.contains("#EXT-X-PART:DURATION=0.500000,URI=\"part-14.m4s\",INDEPENDENT=YES\n"), "{after}");
}

/// Hostile case 59: a hint that comes to nothing.
#[test]
fn a_hinted_part_is_404_at_once_when_the_stream_ends() {
    let mut builder = Builder::video(3, 2);
    assert_eq!(status(&file(&builder.view(), File::Part(14))), "wait");
    builder.end();
    assert_eq!(status(&file(&builder.view(), File::Part(14))), "cancelled");
}

/// Players that know no gaps would stop at a segment for as long as its address is refused.
#[test]
fn a_gap_is_listed_as_such_and_as_a_segment_holds_no_media_for_who_loads_it_all_the_same() {
    let mut builder = Builder::video(2, 2);
    assert_eq!(status(&file(&builder.view(), File::Part(10))), "wait");
    builder.gap();
    assert_eq!(status(&file(&builder.view(), File::Part(10))), "404");
    builder.close();
    assert_eq!(text(ready(file(&builder.view(), File::Segment(3)))), "head 8 body 8;head 9 body 9;head 10 ");
    (0..2).for_each(|_| builder.gap());
    builder.close();
    let reply = ready(file(&builder.view(), File::Segment(4)));
    assert_eq!((reply.cache, text(reply)), (Cache::Immutable, "head 11 head 12 ".to_owned()));
    let body = text(ready(ask(&builder.view(), "_HLS_msn=4")));
    assert!(body.contains("#EXT-X-PART:DURATION=0.500000,URI=\"part-10.m4s\",GAP=YES\n"), "{body}");
    assert_eq!(body.matches("#EXT-X-GAP\n").count(), 1, "{body}");
}

/// Hostile case 61: a 404 of what may come is never stored.
#[test]
fn what_is_not_hinted_is_never_waited_for() {
    let mut builder = Builder::video(3, 2);
    for ended in [false, true] {
        let view = builder.view();
        for name in [File::Part(15), File::Part(u64::MAX), File::Segment(5), File::Init(1)] {
            let answer = file(&view, name);
            assert!(matches!(answer, Answer::Refuse(Refusal::NotYet)), "{name} {ended}: {answer:?}");
        }
        if !ended {
            // The open segment is not listed, so it has no URL.
            assert!(matches!(file(&view, File::Segment(4)), Answer::Refuse(Refusal::NotYet)));
            builder.end();
        }
    }
    // While nothing exists at all, an init section may come too.
    assert!(matches!(file(&Builder::video(0, 0).view(), File::Init(0)), Answer::Refuse(Refusal::NotYet)));
}

#[test]
fn what_left_the_playlist_is_served_as_long_as_it_is_kept() {
    let mut builder = Builder::video(12, 2);
    builder.listed_from = 6;
    builder.evict(3);
    let view = builder.view();
    for name in [File::Segment(4), File::Part(12), File::Segment(12), File::Part(49)] {
        assert_eq!(status(&file(&view, name)), "200", "{name}");
    }
    for name in [File::Segment(3), File::Part(11), File::Segment(0), File::Part(0)] {
        let answer = file(&view, name);
        assert!(matches!(answer, Answer::Refuse(Refusal::NotFound(2))), "{name}: {answer:?}");
    }
}

#[test]
fn an_init_section_goes_with_the_last_segment_that_needs_it() {
    let mut builder = Builder::video(2, 0);
    builder.new_epoch();
    builder.segment(4);
    assert_eq!(status(&file(&builder.view(), File::Init(0))), "200");
    assert_eq!(status(&file(&builder.view(), File::Init(1))), "200");
    builder.evict(2);
    assert!(matches!(file(&builder.view(), File::Init(0)), Answer::Refuse(Refusal::NotFound(2))));
}

#[test]
fn an_init_section_is_hinted_and_served_before_the_first_part_that_needs_it() {
    const HINT: &str = "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"init-1.mp4\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-12.m4s\"\n";
    let mut builder = Builder::video(3, 0);
    assert_eq!(status(&file(&builder.view(), File::Init(1))), "404");
    builder.announce_epoch();
    for query in ["", "_HLS_skip=YES"] {
        assert!(text(ready(ask(&builder.view(), query))).contains(HINT), "?{query}");
    }
    assert_eq!(ready(file(&builder.view(), File::Init(1))).cache, Cache::Immutable);
    assert!(!text(ready(ask(&builder.clone().standard().view(), ""))).contains("PRELOAD-HINT"));
    builder.part();
    let body = text(ready(ask(&builder.view(), "")));
    assert!(!body.contains("TYPE=MAP") && body.contains("#EXT-X-MAP:URI=\"init-1.mp4\"\n"), "{body}");
}

#[test]
fn a_segment_that_opened_without_a_part_hints_its_init_section() {
    let mut builder = Builder::video(3, 0);
    builder.new_epoch();
    builder.part();
    let mut view = builder.view();
    view.open.as_mut().unwrap().parts.clear();
    view.next_part -= 1;
    assert!(text(ready(ask(&view, ""))).contains("TYPE=MAP,URI=\"init-1.mp4\"\n"));
    assert_eq!(status(&file(&view, File::Init(1))), "200");
}

#[test]
fn an_init_section_that_was_hinted_and_not_needed_is_not_hinted_after_the_end() {
    let mut builder = Builder::video(3, 0);
    builder.announce_epoch();
    builder.end();
    assert!(!text(ready(ask(&builder.view(), ""))).contains("PRELOAD-HINT"));
    // What follows has the same init section after all: nothing to hint.
    let mut same = Builder::video(3, 0);
    same.next_init = Some(std::sync::Arc::clone(&same.segments[0].head.init));
    assert!(!text(ready(ask(&same.view(), ""))).contains("TYPE=MAP"));
}

#[test]
fn without_parts_no_part_has_a_url() {
    let view = Builder::video(3, 2).standard().view();
    for number in [0, 13, 14, 15] {
        assert_eq!(status(&file(&view, File::Part(number))), "404", "part {number}");
    }
    assert_eq!(status(&file(&view, File::Segment(3))), "200");
}
