//! Playlists as text: ours read back, others' read by what inspects them.

use rillcast::lint;
use rillcast::m3u8::Media;

/// Most bytes that one of a text becomes when it is read and printed: a line of `#EXT-X-PART:DURATION=1,URI=""`
/// gets six decimals.
const GROWS: usize = 8;

/// A text: what is read of it is bounded by it, prints, and is the same when that is read. Rules are held to it as
/// well, alone and as what comes after its first half.
pub fn playlist(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        round_trip(text);
    }
    inspected(data);
}

fn round_trip(text: &str) {
    let media = match Media::parse(text) {
        Ok(media) => media,
        Err(error) => {
            assert!(error.line <= text.lines().count().max(1), "{error}");
            return assert_eq!(Media::parse(text), Err(error));
        }
    };
    let parts = media.segments.iter().map(|segment| segment.parts.len()).sum::<usize>();
    let lines = text.lines().count();
    assert!(media.segments.len() + parts + media.date_ranges.len() + media.reports.len() <= lines);
    let printed = media.render();
    assert!(printed.len() <= 256 + text.len() * GROWS, "{} bytes of {}", printed.len(), text.len());
    let again = Media::parse(&printed).unwrap_or_else(|error| panic!("{error}: {printed:?} of {text:?}"));
    assert_eq!(again.render(), printed, "of {text:?}");
    // Of dates milliseconds are printed: from there on nothing is lost.
    assert_eq!(Media::parse(&again.render()), Ok(again));
}

fn inspected(data: &[u8]) {
    let (listing, findings) = lint::media_playlist(data);
    let (again, same) = lint::media_playlist(data);
    assert_eq!((format!("{listing:?}"), findings.len()), (format!("{again:?}"), same.len()));
    let lines = data.split(|byte| *byte == b'\n').count();
    assert!(listing.entries.len() <= lines && findings.len() <= 64 + lines * 16, "{}", findings.len());
    assert!(lint::change(&listing, &listing).is_empty() || !findings.is_empty());
    let (before, _) = lint::media_playlist(&data[..data.len() / 2]);
    let _rules = lint::change(&before, &listing);
    if let Some(merged) = lint::merge(&before, &listing) {
        assert!(merged.entries.len() <= before.entries.len() + listing.entries.len());
    }
    let (presentation, _) = lint::multivariant(data);
    let (once_more, _) = lint::multivariant(data);
    assert_eq!(presentation.is_some(), once_more.is_some());
}

/// What is read and printed of a text that stands in the way of the target.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let delta = "#EXTM3U\n#EXT-X-VERSION:10\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,\
                 PART-HOLD-BACK=1.5,HOLD-BACK=6,CAN-SKIP-UNTIL=12,CAN-SKIP-DATERANGES=YES\n#EXT-X-PART-INF:PART-TARGET=0.5\n\
                 #EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3,\
                 RECENTLY-REMOVED-DATERANGES=\"a\tb\"\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-1.mp4\"\n\
                 #EXT-X-PROGRAM-DATE-TIME:2026-11-21T09:30:00.040+01:00\n#EXT-X-GAP\n#EXT-X-PART:DURATION=0.5,URI=\"p\",\
                 INDEPENDENT=YES,GAP=YES\n#EXTINF:2.0,a title\n#EXT-X-BYTERANGE:10@5\nseg.m4s\n#EXT-X-DATERANGE:ID=\"x\",\
                 CLASS=\"c\",START-DATE=\"2026-11-21T09:30:00Z\",END-DATE=\"2026-11-21T09:31:00Z\",DURATION=60,\
                 PLANNED-DURATION=60,SCTE35-OUT=0xFC,X-A=\"b\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"h\"\n\
                 #EXT-X-RENDITION-REPORT:URI=\"../a0/media.m3u8\",LAST-MSN=9,LAST-PART=1\n#EXT-X-ENDLIST\n";
    let frames = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXTINF:1,\na\r\n";
    [delta, frames].map(|text| text.as_bytes().to_vec()).to_vec()
}
