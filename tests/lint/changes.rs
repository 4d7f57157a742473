//! Faults between two states of a playlist, between renditions, in deltas and in the pace of it all.

use std::time::Duration;

use rillcast::lint::{self, Cadence, Finding, Listing, Rule, Sibling};

use crate::rig::{only, states, with};

fn read(text: &str) -> Listing {
    lint::media_playlist(text.as_bytes()).0
}

/// Two states, one part apart: 96 and 97 parts were made.
fn pair() -> (String, String) {
    let mut all = states(40);
    let after = all.pop().unwrap();
    (all.pop().unwrap(), after)
}

#[track_caller]
fn found(rule: Rule, before: &str, after: &str) {
    only(rule, &lint::change(&read(before), &read(after)), after);
}

#[test]
fn every_change_that_is_not_legal_is_found_and_nothing_else() {
    let (before, after) = pair();
    assert_eq!(lint::change(&read(&before), &read(&after)), []);
    for (rule, from, to) in [
        (Rule::TargetDurationChanged, "TARGETDURATION:2", "TARGETDURATION:3"),
        (Rule::PartTargetChanged, "PART-TARGET=0.495", "PART-TARGET=0.496"),
        (Rule::ServerControlChanged, "PART-HOLD-BACK=1.485", "PART-HOLD-BACK=1.5"),
        (Rule::SequenceWentBack, "MEDIA-SEQUENCE:5", "MEDIA-SEQUENCE:4"),
        (Rule::SequenceWrong, "MEDIA-SEQUENCE:5", "MEDIA-SEQUENCE:6"),
        (Rule::DiscontinuitySequenceWrong, "DISCONTINUITY-SEQUENCE:0", "DISCONTINUITY-SEQUENCE:1"),
        (Rule::SegmentChanged, "seg-9.m4s", "seg-9b.m4s"),
        (Rule::SegmentChanged, "#EXTINF:2.000000,\nseg-9.m4s", "#EXTINF:1.999000,\nseg-9.m4s"),
        (Rule::SegmentChanged, "#EXTINF:2.000000,\nseg-9.m4s", "#EXT-X-GAP\n#EXTINF:2.000000,\nseg-9.m4s"),
        (Rule::SegmentChanged, "init-0.mp4", "init-1.mp4"),
        (Rule::DateTimeChanged, "T08:00:16.000Z", "T08:00:16.010Z"),
        (Rule::PartChanged, "DURATION=0.480000,URI=\"part-96.m4s\"", "DURATION=0.470000,URI=\"part-96.m4s\""),
        (Rule::PartChanged, "URI=\"part-91.m4s\"", "URI=\"part-91b.m4s\""),
        (Rule::PartChanged, "URI=\"part-96.m4s\"", "URI=\"part-96.m4s\",INDEPENDENT=YES"),
        (Rule::HintNotKept, "URI=\"part-98.m4s\"", "URI=\"part-98b.m4s\""),
        (
            Rule::PartsCameBack,
            "#EXTINF:2.000000,\nseg-16",
            "#EXT-X-PART:DURATION=2.0,URI=\"part-76.m4s\"\n#EXTINF:2.000000,\nseg-16",
        ),
    ] {
        found(rule, &before, &with(&after, from, to));
    }
}

#[test]
fn date_ranges_that_change_or_leave_early_are_found() {
    let (before, after) = pair();
    let ranged = |text: &str, ranges: &str| with(text, "#EXT-X-PRELOAD", &format!("{ranges}#EXT-X-PRELOAD"));
    let at = |start: &str, rest: &str| {
        format!("#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2027-01-15T08:00:{start}Z\"{rest}\n")
    };
    let had = |range: &str| ranged(&before, range);
    found(Rule::DaterangeChanged, &had(&at("20", ",X-A=\"1\"")), &ranged(&after, &at("20", ",X-A=\"2\"")));
    found(Rule::DaterangeLeftEarly, &had(&at("20", ",DURATION=0.0")), &after);
    found(Rule::DaterangeLeftEarly, &had(&at("02", ",END-DATE=\"2027-01-15T08:00:09Z\"")), &after);
    // A second tag may say more of it, and what ended before the first segment starts may leave.
    let more = format!("{}{}", at("20", ""), at("20", ",DURATION=1.0"));
    for (was, is) in [
        (at("20", ""), ranged(&after, &more)),
        (more.clone(), ranged(&after, &more)),
        (at("02", ",DURATION=5.0"), after.clone()),
        (at("20", ""), after.clone()),
    ] {
        assert_eq!(lint::change(&read(&had(&was)), &read(&is)), [], "{was}");
    }
}

#[test]
fn going_back_is_found() {
    let (before, after) = pair();
    found(Rule::WentBack, &after, &before);
    let ended = format!("{after}#EXT-X-ENDLIST\n");
    found(Rule::ChangedAfterEnd, &ended, &after);
    let event = with(&before, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-PLAYLIST-TYPE:EVENT\n");
    let gone = with(&after, "MEDIA-SEQUENCE:5", "MEDIA-SEQUENCE:6");
    let gone =
        with(&gone, "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:08.000Z\n#EXTINF:2.000000,\nseg-5.m4s\n", "");
    assert_eq!(lint::change(&read(&before), &read(&gone)), []);
    found(Rule::RemovedFromEvent, &event, &gone);
    // Only the open segment and the last closed one are left.
    let short = with(&after, "MEDIA-SEQUENCE:5", "MEDIA-SEQUENCE:19");
    let (head, rest) = short.split_once("#EXT-X-PROGRAM").unwrap();
    let (_, tail) = rest.split_once("seg-18.m4s\n").unwrap();
    found(Rule::RemovedTooMuch, &before, &format!("{head}{tail}"));
}

#[test]
fn parts_that_leave_out_of_order_are_found() {
    let (before, after) = pair();
    let newer: String = after
        .lines()
        .filter(|line| !(90..95).any(|n| line.contains(&format!("part-{n}."))))
        .map(|line| format!("{line}\n"))
        .collect();
    found(Rule::PartsOutOfOrder, &before, &newer);
    let older: String = after
        .lines()
        .filter(|line| !(85..90).any(|n| line.contains(&format!("part-{n}."))))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(lint::change(&read(&before), &read(&older)), [], "in order they may leave");
}

#[test]
fn renditions_that_differ_are_found() {
    let (_, good) = pair();
    let one = read(&good);
    assert_eq!(lint::renditions(&one, &one), []);
    for (rule, from, to) in [
        (Rule::TargetsDiffer, "TARGETDURATION:2", "TARGETDURATION:3"),
        (Rule::ControlsDiffer, "HOLD-BACK=6.0", "HOLD-BACK=7.0"),
        (Rule::DiscontinuitiesDiffer, "DISCONTINUITY-SEQUENCE:0", "DISCONTINUITY-SEQUENCE:1"),
        (Rule::DatesDiffer, "T08:00:16.000Z", "T08:00:16.100Z"),
        (Rule::NotAligned, "MEDIA-SEQUENCE:5", "MEDIA-SEQUENCE:6"),
    ] {
        only(rule, &lint::renditions(&one, &read(&with(&good, from, to))), from);
    }
}

#[test]
fn reports_that_lie_are_found() {
    let (before, good) = pair();
    let audio = read(&good);
    let judge = |text: &str, known: &Listing, exact: bool| -> Vec<Finding> {
        let siblings = [
            Sibling { uri: "../v0/media.m3u8", before: Some(known), now: None },
            Sibling { uri: "../a0/media.m3u8", before: Some(known), now: exact.then_some(known) },
        ];
        lint::reports(&read(text), "../v0/media.m3u8", &siblings, str::to_owned)
    };
    assert_eq!(judge(&good, &audio, false), []);
    only(Rule::ReportMissing, &judge(&with(&good, "#EXT-X-RENDITION-REPORT", "#X"), &audio, false), "none");
    only(
        Rule::ReportOfItself,
        &judge(&format!("{good}#EXT-X-RENDITION-REPORT:URI=\"../v0/media.m3u8\"\n"), &audio, false),
        "own",
    );
    only(Rule::ReportBehind, &judge(&with(&good, "LAST-PART=2", "LAST-PART=1"), &audio, false), "behind");
    only(Rule::ReportBehind, &judge(&with(&good, "LAST-MSN=20", "LAST-MSN=19"), &audio, false), "behind");
    only(
        Rule::ReportAhead,
        &judge(&with(&good, "LAST-PART=2", "LAST-PART=3"), &read(&before), true),
        "ahead",
    );
}

/// A delta of the good state that skips the first `count` segments.
fn skipping(full: &str, count: u64) -> String {
    let text = with(full, "#EXT-X-VERSION:6", "#EXT-X-VERSION:9");
    let (head, rest) = text.split_once("#EXT-X-MAP").unwrap();
    let (_, tail) = rest.split_once(&format!("seg-{}.m4s\n", 4 + count)).unwrap();
    format!("{head}#EXT-X-SKIP:SKIPPED-SEGMENTS={count}\n{tail}")
}

#[test]
fn deltas_that_do_not_add_up_are_found() {
    let (before, full) = pair();
    let good = skipping(&full, 9);
    assert_eq!(lint::media_playlist(good.as_bytes()).1, []);
    assert_eq!(lint::delta(&read(&before), &read(&good), &read(&full)), []);
    assert_eq!(lint::merge(&read(&before), &read(&good)).unwrap().segments().count(), 15);
    only(Rule::SkipTooNear, &lint::media_playlist(skipping(&full, 10).as_bytes()).1, "one too many");
    only(
        Rule::SkipAfterEnd,
        &lint::media_playlist(format!("{}#EXT-X-ENDLIST\n", with(&good, "#EXT-X-PRELOAD", "#X")).as_bytes())
            .1,
        "ended",
    );
    only(
        Rule::SkipNothing,
        &lint::media_playlist(
            with(
                &with(&full, "VERSION:6", "VERSION:9"),
                "#EXT-X-MAP",
                "#EXT-X-SKIP:SKIPPED-SEGMENTS=0\n#EXT-X-MAP",
            )
            .as_bytes(),
        )
        .1,
        "nothing",
    );
    only(
        Rule::VersionTooLow,
        &lint::media_playlist(with(&good, "VERSION:9", "VERSION:6").as_bytes()).1,
        "version",
    );
    only(
        Rule::SequenceLate,
        &lint::media_playlist(
            with(
                &with(&good, "#EXT-X-DISCONTINUITY-SEQUENCE:0\n", ""),
                "SEGMENTS=9\n",
                "SEGMENTS=9\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n",
            )
            .as_bytes(),
        )
        .1,
        "order",
    );
    for (from, to) in [
        ("SKIPPED-SEGMENTS=9", "SKIPPED-SEGMENTS=8"),
        ("SKIPPED-SEGMENTS=9", "SKIPPED-SEGMENTS=99"),
        ("MEDIA-SEQUENCE:5", "MEDIA-SEQUENCE:14"),
        ("seg-15.m4s", "seg-16.m4s"),
        ("URI=\"part-97.m4s\"", "URI=\"part-97b.m4s\""),
        ("DISCONTINUITY-SEQUENCE:0", "DISCONTINUITY-SEQUENCE:1"),
    ] {
        let bad = with(&good, from, to);
        only(Rule::DeltaDiffers, &lint::delta(&read(&before), &read(&bad), &read(&full)), from);
    }
}

#[test]
fn two_bodies_of_one_state_are_one() {
    let (_, good) = pair();
    assert_eq!(lint::same_state(good.as_bytes(), good.replace("LAST-PART=2", "LAST-PART=3").as_bytes()), []);
    only(
        Rule::StateNotAtomic,
        &lint::same_state(good.as_bytes(), good.replace("98.m4s", "99.m4s").as_bytes()),
        "",
    );
}

#[test]
fn what_comes_late_is_found() {
    let all: Vec<Listing> = states(40).iter().map(|text| read(text)).collect();
    let (mut fast, mut slow) = (Cadence::default(), Cadence::default());
    let (mut on_time, mut late) = (Vec::new(), Vec::new());
    for (n, listing) in (0_u32..).zip(&all) {
        on_time.extend(fast.received(listing, Duration::from_millis(400) * n));
        late.extend(slow.received(listing, Duration::from_millis(800) * n));
    }
    assert_eq!(on_time, []);
    for rule in [Rule::SegmentLate, Rule::PartLate] {
        assert!(late.iter().any(|finding| finding.rule == rule), "{rule:?} in {late:?}");
    }
}
