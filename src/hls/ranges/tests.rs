//! Date ranges from the moment they are added until they are forgotten.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::hls::fixture::{Builder, date_range};
use crate::hls::{Answer, Directives, File, Request, answer};
use crate::m3u8::Media;

fn text(view: &View, file: File, query: &str) -> String {
    let directives = Directives::parse(Some(query));
    match answer(view, &Request { file, directives, gzip: false, whole_segments: false }) {
        Answer::Ready(reply) => {
            reply.body.into_iter().map(|run| String::from_utf8(run.to_vec()).unwrap()).collect()
        }
        other => panic!("?{query}: {other:?}"),
    }
}

fn ids(view: &View, query: &str) -> (Vec<String>, Option<Vec<String>>) {
    let media = Media::parse(&text(view, File::Playlist, query)).unwrap();
    let ids = media.date_ranges.into_iter().map(|range| range.id).collect();
    (ids, media.skip.and_then(|skip| skip.removed_date_ranges))
}

/// Twelve segments of two seconds, the first two gone; ranges that end before, in and after the window.
fn builder() -> Builder {
    let mut builder = Builder::video(12, 2);
    builder.unlist(2);
    builder.date_ranges = vec![
        date_range("gone", 0, Some(3), 1),
        date_range("touching", 0, Some(4), 1),
        date_range("old", 5, Some(0), 3),
        date_range("endless", 1, None, 1),
        date_range("new", 22, Some(60), 12),
    ];
    builder
}

#[test]
fn every_playlist_lists_what_does_not_end_before_it_starts() {
    let view = builder().view();
    for file in [File::Playlist, File::IFrames] {
        for query in ["", "_HLS_skip=YES", "_HLS_msn=12&_HLS_skip=YES"] {
            let media = Media::parse(&text(&view, file, query)).unwrap();
            let ids: Vec<&str> = media.date_ranges.iter().map(|range| &*range.id).collect();
            assert_eq!(ids, ["touching", "old", "endless", "new"], "{file} ?{query}");
            assert!(media.server_control.can_skip_date_ranges);
        }
    }
    let mut ended = builder();
    ended.end();
    assert_eq!(ids(&ended.view(), "_HLS_skip=v2").0.len(), 4);
}

#[test]
fn a_v2_update_leaves_old_ranges_out_and_names_those_that_are_gone() {
    let view = builder().view();
    // Segments 3 to 6 are skipped; what was added with segment 7 or later stays.
    assert_eq!(ids(&view, "_HLS_skip=v2"), (vec!["new".into()], Some(vec!["gone".into()])));
    assert!(text(&view, File::Playlist, "_HLS_skip=v2").contains("#EXT-X-VERSION:10\n"));
    let mut none = builder();
    none.date_ranges.clear();
    assert!(
        text(&none.view(), File::Playlist, "_HLS_skip=v2")
            .contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=4,RECENTLY-REMOVED-DATERANGES=\"\"\n")
    );
    // Where no segment is old enough, no range is left out either.
    let mut short = Builder::video(6, 1);
    short.date_ranges = vec![date_range("first", 0, Some(0), 1)];
    assert_eq!(ids(&short.view(), "_HLS_skip=v2"), (vec!["first".into()], None));
}

#[test]
fn ranges_stand_between_the_last_part_and_the_hint() {
    let text = text(&builder().view(), File::Playlist, "");
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
    assert!(text.rfind("#EXT-X-PART:").unwrap() < place("#EXT-X-DATERANGE:"));
    assert!(text.rfind("#EXT-X-DATERANGE:").unwrap() < place("#EXT-X-PRELOAD-HINT"));
}

/// Whatever an encoder sends, no line of a playlist is broken by it.
#[test]
fn what_others_wrote_cannot_leave_its_attribute() {
    let mut builder = Builder::video(1, 1);
    let hostile = DateRange {
        class: Some("c\"\n#EXT-X-ENDLIST".into()),
        duration: Some(Duration::from_millis(1_500)),
        attributes: vec![
            ("X-TEXT".into(), "say \"hi\",\r\n#EXTINF:1,\nx\t".into()),
            ("x-lower".into(), "no".into()),
            ("X-".into(), "no".into()),
            ("X-A=B".into(), "no".into()),
            ("ID".into(), "no".into()),
            ("SCTE35-OUT".into(), "0xfc30".into()),
            ("SCTE35-IN".into(), "0xZZ".into()),
            ("SCTE35-CMD".into(), "0x".into()),
        ],
        ..(*date_range("a\t\"b\n", 0, None, 1)).clone()
    };
    builder.date_ranges = vec![Arc::new(hostile), date_range("\n", 0, None, 1)];
    let text = text(&builder.view(), File::Playlist, "");
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("DATERANGE:")).collect();
    assert_eq!(
        lines,
        ["#EXT-X-DATERANGE:ID=\"a'b\",CLASS=\"c'#EXT-X-ENDLIST\",START-DATE=\"2026-11-21T09:30:00.000Z\",\
          DURATION=1.5,X-TEXT=\"say 'hi',#EXTINF:1,x\",SCTE35-OUT=0xFC30"]
    );
    assert!(Media::parse(&text).is_ok_and(|media| !media.ended && media.segments.len() == 1));
}
