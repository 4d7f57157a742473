//! Faults in media: what a part, a segment or an init section holds, against what was said of it.

use rillcast::hls::File;
use rillcast::lint::{self, Bits, Chunk, Entry, Init, PartTag, Place, Rule, Stream};
use rillcast::m3u8::Seconds;
use rillcast::media::TrackId;

use crate::rig::{body, only, playlist, publish};
use crate::source::Source;

struct Media {
    init: Init,
    /// The last whole segment, and its parts.
    entry: Entry,
    parts: Vec<Vec<u8>>,
    segment: Vec<u8>,
}

fn media() -> Media {
    let mut out = None;
    publish(&Source::default(), 20, |generation| {
        let Some(view) = generation.rendition(TrackId::VIDEO).map(|rendition| rendition.view()) else {
            return;
        };
        let Some(text) = playlist(&view) else { return };
        let listing = lint::media_playlist(text.as_bytes()).0;
        let Some((msn, entry)) = listing.segments().last() else { return };
        let number = |part: &PartTag| part.uri[5..].trim_end_matches(".m4s").parse().unwrap();
        out = Some(Media {
            init: lint::init(&body(&view, File::Init(0)).unwrap()).unwrap(),
            parts: entry.parts.iter().map(|part| body(&view, File::Part(number(part))).unwrap()).collect(),
            segment: body(&view, File::Segment(msn)).unwrap(),
            entry: entry.clone(),
        });
    });
    out.unwrap()
}

#[test]
fn what_is_in_the_boxes_is_measured() {
    let media = media();
    assert_eq!((media.init.timescale, media.init.size), (90_000, Some((1_280, 720))));
    assert_eq!(media.init.codec, "avc1.64001f");
    let part = lint::chunk(&media.parts[0], &media.init).unwrap();
    assert_eq!((part.samples, part.duration, part.independent, part.longest), (12, 43_200, true, 3_600));
    let segment = lint::chunk(&media.segment, &media.init).unwrap();
    assert_eq!((segment.start, segment.samples, segment.duration), (part.start, 50, 180_000));
    for cut in [0, 7, 20, 100, media.parts[0].len() - 1] {
        assert_eq!(lint::chunk(&media.parts[0][..cut], &media.init), None, "cut at {cut}");
    }
}

#[test]
fn every_fault_of_media_is_found_and_nothing_else() {
    let media = media();
    let chunk = lint::chunk(&media.parts[1], &media.init).unwrap();
    let before = lint::chunk(&media.parts[0], &media.init).unwrap();
    let tag = media.entry.parts[1].clone();
    let target = Some(Seconds::from_micros(495_000));
    let judge = |tag: &PartTag, chunk: Option<Chunk>, before: Chunk, target| {
        let media = chunk.as_ref().map(|chunk| (chunk, &media.init));
        lint::sealed_part(Place::WHOLE, tag, target, media, Some(&before))
    };
    assert_eq!(judge(&tag, Some(chunk), before, target), []);
    only(Rule::MediaUnreadable, &judge(&tag, None, before, target), "unreadable");
    let longer = PartTag { duration: Seconds::from_micros(560_000), ..tag.clone() };
    only(Rule::DurationUntrue, &judge(&longer, Some(chunk), before, target), "duration");
    only(
        Rule::MediaOverTarget,
        &judge(&tag, Some(chunk), before, Some(Seconds::from_micros(470_000))),
        "over",
    );
    let independent = PartTag { independent: true, ..tag.clone() };
    only(Rule::IndependentUntrue, &judge(&independent, Some(chunk), before, target), "independent");
    let keyed = Chunk { independent: true, ..chunk };
    only(Rule::IndependentUnsaid, &judge(&tag, Some(keyed), before, target), "unsaid");
    let moved = Chunk { start: before.start + 1, ..before };
    only(Rule::DecodeTimeGap, &judge(&tag, Some(chunk), moved, target), "gap");

    let parts: Vec<Chunk> = media.parts.iter().map(|part| lint::chunk(part, &media.init).unwrap()).collect();
    let segment = lint::chunk(&media.segment, &media.init);
    assert_eq!(lint::parts_of_segment(Place::WHOLE, segment.as_ref(), &parts), []);
    let short = lint::parts_of_segment(Place::WHOLE, segment.as_ref(), &parts[1..]);
    only(Rule::SegmentUnlikeParts, &short, "a part less");

    assert_eq!(lint::section(Some(&media.init)), []);
    only(Rule::InitUnreadable, &lint::section(None), "init");
    let old = Init { brands: vec!["mp42".into(), "isom".into(), "iso5".into()], ..media.init };
    only(Rule::InitBrand, &lint::section(Some(&old)), "brands");
}

#[test]
fn what_a_variant_declares_is_held_to_its_media() {
    let init = media().init;
    let good = Stream {
        uri: "v0.m3u8".into(),
        bandwidth: 1_000_000,
        average: Some(800_000),
        codecs: vec!["avc1.64001f".into(), "mp4a.40.2".into()],
        resolution: Some((1_280, 720)),
        milli_rate: Some(25_000),
        audio: None,
    };
    let judge = |stream: &Stream| lint::variant(stream, &init, true, Some(24_990));
    assert_eq!(judge(&good), []);
    for (rule, bad) in [
        (Rule::CodecsIncomplete, Stream { codecs: vec!["hvc1.1.6.L93.B0".into()], ..good.clone() }),
        (Rule::CodecsUntrue, Stream { codecs: vec!["avc1.42e01e".into()], ..good.clone() }),
        (Rule::ResolutionUntrue, Stream { resolution: Some((640, 360)), ..good.clone() }),
        (Rule::FrameRateUntrue, Stream { milli_rate: Some(30_000), ..good.clone() }),
    ] {
        only(rule, &judge(&bad), "variant");
    }

    let mut bits = Bits::default();
    // One segment of 1.1 Mbit/s among 0.5 Mbit/s; a short one that is alone does not count as a peak.
    for (msn, bytes, micros) in
        [(1, 125_000, 2_000_000), (2, 275_000, 2_000_000), (3, 125_000, 2_000_000), (9, 90_000, 200_000)]
    {
        bits.segment(msn, bytes, micros);
    }
    assert_eq!(bits.peak(2), Some(1_100_000));
    assert_eq!(bits.average(), Some(793_548));
    only(Rule::BandwidthTight, &lint::bandwidth(&good, bits.peak(2), bits.average()), "tight");
    only(Rule::BandwidthUnderstated, &lint::bandwidth(&good, Some(1_250_001), None), "peak");
    only(Rule::AverageUnderstated, &lint::bandwidth(&good, None, Some(880_001)), "average");
    assert_eq!(lint::bandwidth(&good, Some(1_000_000), Some(880_000)), []);
}
