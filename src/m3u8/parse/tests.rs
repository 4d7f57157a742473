//! Printing and reading are each other's inverse, and broken playlists say where they break.

use proptest::prelude::*;

use super::*;
use crate::m3u8::Value;
use crate::media::WallTime;

fn seconds() -> impl Strategy<Value = Seconds> {
    (0_u64..20_000_000).prop_map(Seconds::from_micros)
}

fn part_line() -> impl Strategy<Value = Part> {
    (seconds(), "[a-z0-9./-]{1,12}", any::<bool>(), any::<bool>())
        .prop_map(|(duration, uri, independent, gap)| Part { duration, uri, independent, gap })
}

fn head() -> impl Strategy<Value = Head> {
    let date = prop::option::of(0_i64..4_000_000_000_000);
    (any::<bool>(), prop::option::of("[a-z0-9.-]{1,12}"), date).prop_map(|(discontinuity, map, date)| Head {
        discontinuity,
        map,
        date_time: date.map(|millis| WallTime { unix_micros: millis * 1_000 }),
    })
}

fn range_line() -> impl Strategy<Value = ByteRange> {
    any::<(u64, Option<u64>)>().prop_map(|(length, offset)| ByteRange { length, offset })
}

prop_compose! {
    fn segment()(head in head(), gap in any::<bool>(), parts in prop::collection::vec(part_line(), 0..5), duration in seconds(),
                 byte_range in prop::option::of(range_line()), uri in "[a-z0-9.-]{1,12}") -> Segment {
        Segment { head, gap, parts, duration, byte_range, uri }
    }
}

fn open() -> impl Strategy<Value = Open> {
    (head(), prop::collection::vec(part_line(), 1..5)).prop_map(|(head, parts)| Open { head, parts })
}

fn report_line() -> impl Strategy<Value = RenditionReport> {
    ("[a-z0-9./-]{1,12}", any::<u64>(), prop::option::of(any::<u64>()))
        .prop_map(|(uri, last_msn, last_part)| RenditionReport { uri, last_msn, last_part })
}

fn control() -> impl Strategy<Value = ServerControl> {
    let span = || prop::option::of(seconds());
    (any::<bool>(), span(), span(), span(), any::<bool>()).prop_map(
        |(can_block_reload, part_hold_back, hold_back, can_skip_until, skip)| ServerControl {
            can_block_reload,
            part_hold_back,
            hold_back,
            can_skip_until,
            can_skip_date_ranges: skip && can_skip_until.is_some(),
        },
    )
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof!["[a-z ,=]{0,9}".prop_map(Value::Quoted), "[0-9A-Fx.]{1,9}".prop_map(Value::Bare)]
}

fn date_range() -> impl Strategy<Value = DateRange> {
    let date = || (0_i64..4_000_000_000_000).prop_map(|millis| WallTime { unix_micros: millis * 1_000 });
    let text = || "[a-z0-9 .-]{1,12}";
    let span = || prop::option::of(seconds());
    let attributes = prop::collection::vec(("X-[A-Z0-9-]{1,9}", value()), 0..3);
    (text(), prop::option::of(text()), date(), prop::option::of(date()), span(), span(), attributes).prop_map(
        |(id, class, start, end, duration, planned_duration, attributes)| DateRange {
            id,
            class,
            start,
            end,
            duration,
            planned_duration,
            attributes,
        },
    )
}

fn skip_line() -> impl Strategy<Value = Skip> {
    let removed = prop::option::of(prop::collection::vec("[a-z0-9./ -]{1,12}", 0..3));
    (any::<u64>(), removed).prop_map(|(segments, removed_date_ranges)| Skip { segments, removed_date_ranges })
}

prop_compose! {
    fn playlist()((independent_segments, i_frames_only) in any::<(bool, bool)>(), target_duration in any::<u32>(),
                  server_control in control(), part_target in prop::option::of(seconds()),
                  (media_sequence, discontinuity_sequence) in any::<(u64, u64)>(),
                  skip in prop::option::of(skip_line()),
                  segments in prop::collection::vec(segment(), 0..6), open in prop::option::of(open()),
                  date_ranges in prop::collection::vec(date_range(), 0..3),
                  (map_hint, hint) in (prop::option::of("[a-z0-9.-]{1,12}"), prop::option::of("[a-z0-9.-]{1,12}")),
                  reports in prop::collection::vec(report_line(), 0..3), ended in any::<bool>()) -> Media {
        Media {
            independent_segments, i_frames_only, target_duration, server_control, part_target, media_sequence,
            discontinuity_sequence, skip, segments, open, date_ranges, map_hint, hint, reports, ended,
        }
    }
}

proptest! {
    #[test]
    fn a_printed_playlist_is_read_back_the_same(media in playlist()) {
        let text = media.render();
        prop_assert_eq!(Media::parse(&text), Ok(media), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "(#EXTM3U\n)?([#A-Z0-9a-z:=\",.\n-]|#EXT-X-PART:|#EXTINF:){0,80}") {
        let _either = Media::parse(&text);
    }

    #[test]
    fn a_playlist_cut_anywhere_is_read_or_refused_without_a_panic(media in playlist(), at in any::<prop::sample::Index>()) {
        let text = media.render();
        let _either = Media::parse(&text[..at.index(text.len())]);
    }
}

#[test]
fn unknown_tags_and_attributes_are_passed_over() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-NEW:A\n# a comment\n\
                #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,X-NEW=\"a,b\"\n\
                #EXT-X-PRELOAD-HINT:TYPE=KEY,URI=\"k.bin\"\n#EXTINF:2,a title, with commas\ns.m4s\n";
    let media = Media::parse(text).unwrap();
    assert!(media.server_control.can_block_reload);
    assert_eq!((media.hint, media.map_hint), (None, None));
    assert_eq!(media.segments[0].uri, "s.m4s");
    assert_eq!(media.segments[0].duration, Seconds::from_micros(2_000_000));
}

#[test]
fn a_playlist_asks_for_the_version_of_what_is_in_it() {
    let delta = |removed_date_ranges| Media {
        skip: Some(Skip { segments: 3, removed_date_ranges }),
        ..Media::default()
    };
    for (media, version) in [
        (Media::default(), 6),
        (Media { i_frames_only: true, ..Media::default() }, 5),
        (delta(None), 9),
        (delta(Some(vec![])), 10),
        (delta(Some(vec!["a".into()])), 10),
    ] {
        assert!(media.render().contains(&format!("#EXT-X-VERSION:{version}\n")), "{media}");
    }
}

#[test]
fn a_broken_playlist_says_what_is_wrong_and_where() {
    let head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n";
    for (tail, line, fault) in [
        ("#EXT-X-TARGETDURATION:2\n", 3, Fault::Twice("EXT-X-TARGETDURATION")),
        ("#EXTINF:2,\na\n#EXT-X-MEDIA-SEQUENCE:1\n", 5, Fault::Late("EXT-X-MEDIA-SEQUENCE")),
        ("#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n#EXT-X-MEDIA-SEQUENCE:1\n", 4, Fault::Late("EXT-X-MEDIA-SEQUENCE")),
        ("#EXTINF:2,\na\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n", 5, Fault::Late("EXT-X-SKIP")),
        ("#EXT-X-SKIP:RECENTLY-REMOVED-DATERANGES=\"\"\n", 3, Fault::Malformed("EXT-X-SKIP")),
        ("#EXT-X-BYTERANGE:10@\n", 3, Fault::Malformed("EXT-X-BYTERANGE")),
        ("#EXT-X-BYTERANGE:@1\n", 3, Fault::Malformed("EXT-X-BYTERANGE")),
        ("#EXT-X-DATERANGE:ID=\"a\"\n", 3, Fault::Malformed("EXT-X-DATERANGE")),
        ("a.m4s\n", 3, Fault::Unpaired),
        ("#EXTINF:2,\n", 3, Fault::Unpaired),
        ("#EXTINF:two,\na\n", 3, Fault::Malformed("EXTINF")),
        ("#EXT-X-PART:URI=\"a\"\n", 3, Fault::Malformed("EXT-X-PART")),
        ("#EXT-X-PART:DURATION=1,URI=a\n", 3, Fault::Malformed("EXT-X-PART")),
        ("#EXT-X-MEDIA-SEQUENCE:+1\n", 3, Fault::Malformed("EXT-X-MEDIA-SEQUENCE")),
        ("#EXT-X-PROGRAM-DATE-TIME:now\n", 3, Fault::Malformed("EXT-X-PROGRAM-DATE-TIME")),
    ] {
        assert_eq!(Media::parse(&format!("{head}{tail}")), Err(Error { line, fault }), "{tail:?}");
    }
    assert_eq!(Media::parse(""), Err(Error { line: 1, fault: Fault::NoHeader }));
    assert_eq!(Media::parse("\u{feff}#EXTM3U\n"), Err(Error { line: 1, fault: Fault::NoHeader }));
    assert_eq!(Media::parse("#EXTM3U\n"), Err(Error { line: 1, fault: Fault::NoTarget }));
}
