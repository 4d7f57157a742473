//! Faults in one playlist: each is put into a good one and found, and nothing else is.

use rillcast::lint::{self, Finding, Rule};

use crate::rig::{multivariant, only, publish, states, with};
use crate::source::Source;

/// A rule, a text of the good playlist, and what it is made to read.
type Fault = (Rule, &'static str, &'static str);

const SYNTAX: &[Fault] = &[
    (Rule::ByteOrderMark, "#EXTM3U", "\u{feff}#EXTM3U"),
    (Rule::NoHeader, "#EXTM3U\n", "\n#EXTM3U\n"),
    (Rule::ControlCharacter, "seg-9.m4s", "seg-9.m4s\u{7}"),
    (Rule::StrayWhitespace, "seg-9.m4s", " seg-9.m4s"),
    (Rule::StrayWhitespace, "#EXT-X-TARGETDURATION:2\n", "#EXT-X-TARGETDURATION:2 \n"),
    (Rule::AttributeMalformed, ",HOLD-BACK=6.0", ", HOLD-BACK=6.0"),
    (Rule::AttributeMalformed, "#EXT-X-PART-INF:PART-TARGET=0.495", "#EXT-X-PART-INF:PART-TARGET=0.495,"),
    (Rule::AttributeTwice, ",HOLD-BACK=6.0", ",HOLD-BACK=6.0,HOLD-BACK=6.0"),
    (Rule::AttributeType, "CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=\"YES\""),
    (Rule::AttributeType, "URI=\"part-97.m4s\"", "URI=part-97.m4s"),
    (
        Rule::AttributeMissing,
        "LAST-MSN=20,LAST-PART=2",
        "LAST-MSN=20,LAST-PART=2\n#EXT-X-DATERANGE:CLASS=\"a\"",
    ),
    (Rule::TagMalformed, "2027-01-15T08:00:16.000Z", "2027-01-15 08:00:16.000"),
    (Rule::TagTwice, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-VERSION:6\n"),
    (Rule::VersionTooLow, "#EXT-X-VERSION:6", "#EXT-X-VERSION:5"),
    (Rule::VersionTooLow, "#EXT-X-VERSION:6\n", ""),
    (Rule::VersionTooHigh, "#EXT-X-VERSION:6", "#EXT-X-VERSION:10"),
    (Rule::Unpaired, "#EXTINF:2.000000,\nseg-9.m4s", "#EXTINF:2.000000,\n#EXTINF:2.000000,\nseg-9.m4s"),
    (Rule::DirectiveInUri, "seg-9.m4s", "seg-9.m4s?_HLS_msn=4"),
];

const HEAD: &[Fault] = &[
    (Rule::NoTargetDuration, "#EXT-X-TARGETDURATION:2\n", ""),
    (
        Rule::SegmentOverTarget,
        "08.000Z\n#EXTINF:2.000000,\nseg-5.m4s",
        "07.500Z\n#EXTINF:2.500000,\nseg-5.m4s",
    ),
    (Rule::NoDiscontinuitySequence, "#EXT-X-DISCONTINUITY-SEQUENCE:0\n", ""),
    (Rule::VodWithoutEnd, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n"),
    (Rule::HoldBackShort, "HOLD-BACK=6.0", "HOLD-BACK=5.9"),
    (Rule::PartHoldBackShort, "PART-HOLD-BACK=1.485", "PART-HOLD-BACK=1.4"),
    (Rule::PartHoldBackMissing, ",PART-HOLD-BACK=1.485", ""),
    (Rule::CanSkipShort, "CAN-SKIP-UNTIL=12.0", "CAN-SKIP-UNTIL=11.9"),
    (Rule::SkipDaterangesAlone, ",CAN-SKIP-UNTIL=12.0", ""),
    (Rule::NoBlockingReload, "CAN-BLOCK-RELOAD=YES,", ""),
    (Rule::NoPartInf, "#EXT-X-PART-INF:PART-TARGET=0.495\n", ""),
    (
        Rule::SequenceLate,
        "#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-MAP:URI=\"init-0.mp4\"\n",
        "#EXT-X-MAP:URI=\"init-0.mp4\"\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n",
    ),
];

const BODY: &[Fault] = &[
    (Rule::PartOverTarget, "DURATION=0.480000,URI=\"part-97", "DURATION=0.495001,URI=\"part-97"),
    (Rule::PartTooShort, "DURATION=0.480000,URI=\"part-97", "DURATION=0.420000,URI=\"part-97"),
    (Rule::PartsUnlikeSegment, "DURATION=0.480000,URI=\"part-92", "DURATION=0.430000,URI=\"part-92"),
    (
        Rule::PartsKeptLong,
        "#EXTINF:2.000000,\nseg-14",
        "#EXT-X-PART:DURATION=0.48,URI=\"part-x\"\n#EXTINF:2.000000,\nseg-14",
    ),
    (Rule::PartsOfIframes, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-I-FRAMES-ONLY\n"),
    (Rule::UriTwice, "part-97.m4s", "part-96.m4s"),
    (Rule::UriTwice, "seg-9.m4s", "seg-8.m4s"),
    (Rule::NoPreloadHint, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-99.m4s\"\n", ""),
    (Rule::HintOfListed, "TYPE=PART,URI=\"part-99", "TYPE=PART,URI=\"part-98"),
    (
        Rule::HintTwice,
        "#EXT-X-RENDITION",
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-100.m4s\"\n#EXT-X-RENDITION",
    ),
    (Rule::HintAfterEnd, "LAST-MSN=20,LAST-PART=2", "LAST-MSN=20,LAST-PART=2\n#EXT-X-ENDLIST"),
    (Rule::ReportAbsolute, "URI=\"../a0/media.m3u8\"", "URI=\"http://example.com/a0/media.m3u8\""),
    (
        Rule::ReportTwice,
        "LAST-MSN=20,LAST-PART=2",
        "LAST-MSN=20,LAST-PART=2\n#EXT-X-RENDITION-REPORT:URI=\"../a0/media.m3u8\",LAST-MSN=20",
    ),
    (Rule::NoMap, "#EXT-X-MAP:URI=\"init-0.mp4\"\n", ""),
    (Rule::MapChangedQuietly, "seg-9.m4s\n", "seg-9.m4s\n#EXT-X-MAP:URI=\"init-1.mp4\"\n"),
    (Rule::DateTimeJump, "T08:00:38.000Z", "T08:00:38.050Z"),
    (
        Rule::DaterangeReused,
        "#EXT-X-PRELOAD",
        "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2027-01-15T08:00:16Z\"\n#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2027-01-15T08:00:17Z\"\n#EXT-X-PRELOAD",
    ),
    (
        Rule::TagAfterPart,
        "#EXTINF:2.000000,\nseg-19.m4s",
        "#EXT-X-MAP:URI=\"init-0.mp4\"\n#EXTINF:2.000000,\nseg-19.m4s",
    ),
    (Rule::SkipNothing, "#EXT-X-MAP", "#EXT-X-SKIP:SKIPPED-SEGMENTS=0\n#EXT-X-MAP"),
];

fn judge(text: &str) -> Vec<Finding> {
    lint::media_playlist(text.as_bytes()).1
}

#[test]
fn every_fault_in_a_media_playlist_is_found_and_nothing_else() {
    let good = states(40).pop().unwrap();
    assert_eq!(judge(&good), []);
    let all = [SYNTAX, HEAD, BODY].concat();
    assert!(all.len() >= 40, "{} faults", all.len());
    for (rule, from, to) in all {
        let bad = with(&good, from, to);
        // A version is named with what it is for, so a delta says two things of an old version.
        let version = if rule == Rule::SkipNothing { with(&bad, "VERSION:6", "VERSION:9") } else { bad };
        only(rule, &judge(&version), &format!("{from} -> {to}"));
    }
}

#[test]
fn faults_that_fill_a_playlist_are_found() {
    let good = states(40).pop().unwrap();
    let skipped =
        with(&with(&good, ",CAN-SKIP-UNTIL=12.0,CAN-SKIP-DATERANGES=YES", ""), "VERSION:6", "VERSION:9");
    let skipped = with(&skipped, "#EXT-X-MAP", "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXT-X-MAP");
    only(Rule::SkipUnasked, &judge(&skipped), "a skip that was not offered");
    let undated: String =
        good.lines().filter(|l| !l.contains("DATE-TIME")).map(|l| format!("{l}\n")).collect();
    only(Rule::NoDateTime, &judge(&undated), "no dates");
    let ranged = with(&undated, "#EXT-X-PRELOAD", "#EXT-X-DATERANGE:ID=\"a\"\n#EXT-X-PRELOAD");
    assert!(judge(&ranged).iter().any(|finding| finding.rule == Rule::DaterangeWithoutDate));
    only(Rule::NoIndependentPart, &judge(&good.replace(",INDEPENDENT=YES", "")), "no independence");
    let few: Vec<&str> = good.lines().collect();
    let from = few.iter().position(|line| *line == "#EXT-X-MAP:URI=\"init-0.mp4\"").unwrap() + 1;
    let to = few.iter().position(|line| *line == "seg-16.m4s").unwrap() + 1;
    let few = [&few[..from], &few[to..]].concat().join("\n");
    only(Rule::TooFewSegments, &judge(&few), "few segments");
    let mut bytes = good.into_bytes();
    bytes.extend_from_slice(b"# \xff\n");
    only(Rule::NotUtf8, &lint::media_playlist(&bytes).1, "not UTF-8");
}

const MULTIVARIANT: &[Fault] = &[
    (Rule::TagTwice, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-VERSION:6\n"),
    (Rule::AttributeType, "CHANNELS=\"2\"", "CHANNELS=2"),
    (Rule::NoVariant, "#EXT-X-STREAM-INF:", "#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-STREAM-INF:"),
    (Rule::AverageMissing, "AVERAGE-BANDWIDTH", "X-AVERAGE-BANDWIDTH"),
    (Rule::AverageOverPeak, "AVERAGE-BANDWIDTH=", "AVERAGE-BANDWIDTH=9"),
    (Rule::CodecsMissing, ",CODECS=\"avc1.64001f,mp4a.40.2\"", ""),
    (Rule::CodecsIncomplete, "avc1.64001f,mp4a.40.2", "avc1.64001f"),
    (Rule::ResolutionMissing, "RESOLUTION=1280x720,", ""),
    (Rule::FrameRateMissing, ",FRAME-RATE=25.000", ""),
    (Rule::FrameRateForm, "FRAME-RATE=25.000", "FRAME-RATE=25"),
    (Rule::CaptionsUnsaid, ",CLOSED-CAPTIONS=NONE", ""),
    (Rule::GroupMissing, ",AUDIO=\"audio\"", ",AUDIO=\"sound\""),
    (Rule::DefaultNotAutoselect, ",AUTOSELECT=YES", ""),
    (
        Rule::NameTwice,
        "#EXT-X-STREAM-INF",
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio 1\"\n#EXT-X-STREAM-INF",
    ),
    (
        Rule::DefaultTwice,
        "#EXT-X-STREAM-INF",
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"b\",DEFAULT=YES,AUTOSELECT=YES\n#EXT-X-STREAM-INF",
    ),
];

fn good_multivariant() -> String {
    let mut text = None;
    publish(&Source::default(), 12, |generation| text = multivariant(generation).or_else(|| text.take()));
    text.unwrap()
}

#[test]
fn every_fault_in_a_multivariant_playlist_is_found_and_nothing_else() {
    let good = good_multivariant();
    assert_eq!(lint::multivariant(good.as_bytes()).1, []);
    for (rule, from, to) in MULTIVARIANT {
        let bad = with(&good, from, to);
        only(*rule, &lint::multivariant(bad.as_bytes()).1, &bad);
    }
    // Without BANDWIDTH the reader of multivariant playlists has nothing to say either.
    let bad = with(&good, ":BANDWIDTH=", ":X-BANDWIDTH=");
    only(Rule::BandwidthMissing, &lint::multivariant(bad.as_bytes()).1, &bad);
}

#[test]
fn rules_have_names_of_their_own_and_say_where_they_are_written() {
    let ids: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(ids.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        assert!(rule.id().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        assert!(!rule.source().is_empty() && rule.what().ends_with('.'), "{rule:?}");
    }
}

#[test]
fn anything_at_all_is_read_without_a_panic() {
    let good = states(20).pop().unwrap();
    for cut in 0..good.len() {
        let _ = lint::media_playlist(&good.as_bytes()[..cut]);
        let mut bytes = good.clone().into_bytes();
        bytes[cut] ^= 0x15;
        let (listing, _) = lint::media_playlist(&bytes);
        let _ = lint::change(&lint::media_playlist(good.as_bytes()).0, &listing);
        let _ = lint::multivariant(&bytes);
    }
}
