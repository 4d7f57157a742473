//! Date ranges that come, end and are forgotten.

use bytes::Bytes;

use super::*;
use crate::media::Splice;

fn wall(seconds: i64) -> WallTime {
    WallTime { unix_micros: seconds * 1_000_000 }
}

fn cue(name: Option<&str>) -> Cue {
    let name = name.map(str::to_owned);
    Cue { at: 0, class: "onAdCue", name, lasts: None, attributes: Vec::new(), splice: None }
}

fn splice(kind: SpliceKind) -> Cue {
    let splice = Some(Splice { section: Bytes::from_static(&[0xFC, 0x30]), kind });
    Cue { class: "scte35", splice, ..cue(None) }
}

fn out(event: u32, lasts: Option<u64>, returns: bool) -> Cue {
    splice(SpliceKind::Out { event, lasts: lasts.map(Duration::from_secs), returns })
}

type Line<'a> = (&'a str, i64, Option<u64>, Option<u64>, &'a str);

/// Id, start, duration and planned duration in seconds, and the name of its last attribute.
fn shown(cues: &Cues) -> Vec<Line<'_>> {
    let line = |range: &'_ Arc<DateRange>| {
        let seconds = |span: Option<Duration>| span.map(|span| span.as_secs());
        (range.start.unix_micros / 1_000_000, seconds(range.duration), seconds(range.planned))
    };
    let all = cues.shown().iter();
    all.map(|range| {
        let (start, duration, planned) = line(range);
        let last = range.attributes.last().map_or("", |(name, _)| name.as_str());
        (range.id.as_str(), start, duration, planned, last)
    })
    .collect()
}

#[test]
fn a_break_whose_end_is_not_known_is_ended_by_a_second_range_of_its_id() {
    let mut cues = Cues::default();
    assert!(cues.add(out(1, Some(30), false), wall(100), 5));
    assert!(cues.add(out(1, Some(30), false), wall(103), 6), "told again");
    cues.settle(wall(200), 60, 50);
    assert_eq!(shown(&cues), [("cue-1", 100, None, Some(30), "SCTE35-OUT")], "it goes on");
    assert!(cues.add(splice(SpliceKind::In { event: 1 }), wall(220), 70));
    assert!(cues.add(splice(SpliceKind::In { event: 1 }), wall(222), 71), "told again");
    assert_eq!(shown(&cues)[1], ("cue-1", 100, Some(120), None, "SCTE35-IN"));
    assert_eq!(cues.shown()[1].added_msn, 70);
    // Both leave together, and are forgotten together.
    cues.settle(wall(221), 72, 60);
    assert_eq!(cues.shown().len(), 2);
    cues.settle(wall(300), 110, 72);
    assert_eq!(cues.shown().len(), 2, "clients that have segment 72 or later are told");
    cues.settle(wall(310), 115, 73);
    assert!(cues.is_empty() && cues.shown().is_empty());
}

#[test]
fn the_next_break_ends_the_one_before() {
    let mut cues = Cues::default();
    assert!(cues.add(out(1, None, false), wall(100), 5));
    assert!(cues.add(out(2, Some(10), true), wall(160), 9));
    assert!(cues.add(splice(SpliceKind::In { event: 2 }), wall(170), 10), "nothing is left to end");
    assert!(cues.add(splice(SpliceKind::Command), wall(171), 10));
    assert_eq!(
        shown(&cues),
        [
            ("cue-1", 100, None, None, "SCTE35-OUT"),
            ("cue-1", 100, Some(60), None, ""),
            ("cue-2", 160, Some(10), None, "SCTE35-OUT"),
            ("cue-4", 170, Some(0), None, "SCTE35-CMD"),
            ("cue-5", 171, Some(0), None, "SCTE35-CMD"),
        ]
    );
}

#[test]
fn what_the_source_names_is_told_once_within_half_a_minute() {
    let mut cues = Cues::default();
    for (name, at, count) in [("a", 0, 1), ("a", 20, 1), ("b", 20, 2), ("a", 40, 3), ("a", 41, 3)] {
        assert!(cues.add(cue(Some(name)), wall(at), 1));
        assert_eq!(cues.shown().len(), count, "{name} at {at}");
    }
    cues.add(cue(None), wall(0), 1);
    cues.add(cue(None), wall(0), 1);
    assert_eq!(cues.shown().len(), 5, "what has no name is never the same");
}

#[test]
fn there_is_room_for_so_many_and_again_when_some_have_gone() {
    let mut cues = Cues::default();
    assert!((0..MOST).all(|_| cues.add(cue(None), wall(10), 1)));
    assert!(!cues.add(cue(None), wall(10), 1));
    cues.settle(wall(11), 20, 2);
    assert!(!cues.add(cue(None), wall(10), 1), "those that are over are still told");
    cues.settle(wall(60), 40, 21);
    let long = ("X-TEXT".to_owned(), "x".repeat(2_042));
    let mut heavy = || cues.add(Cue { attributes: vec![long.clone()], ..cue(None) }, wall(70), 40);
    assert_eq!((0..MOST).filter(|_| heavy()).count(), MOST_BYTES / 2_048);
    let ids: std::collections::HashSet<&str> = cues.shown().iter().map(|range| range.id.as_str()).collect();
    assert_eq!(ids.len(), cues.shown().len(), "no id is used twice");
}
