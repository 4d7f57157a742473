//! Tests of what a playlist keeps listed.

use bytes::Bytes;

use super::*;
use crate::base::Rope;
use crate::media::{AudioCodec, AudioConfig, CodecConfig, Track};
use crate::packager::{Part, SegmentHead};

#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
fn instant() -> Instant {
    Instant::now()
}

/// Sound of 48,000 samples a second in segments of two seconds, of which six are listed.
fn ring() -> PartRing {
    let config = AudioConfig {
        codec: AudioCodec::Aac,
        record: Bytes::from_static(&[0x11, 0x90]),
        codecs: "mp4a.40.2".into(),
        sample_rate: Timescale::new(48_000).unwrap(),
        channels: 2,
        frame_samples: 1_024,
    };
    let constants = Constants {
        track: Track { id: TrackId::AUDIO, config: CodecConfig::Audio(config) },
        target_duration: 2,
        part_target: None,
        part_hold_back: Duration::from_secs(2),
        hold_back: Duration::from_secs(6),
    };
    let bounds = Bounds { window: 6_000_000, max_bytes: usize::MAX, spare: 0, announced: 0 };
    PartRing::new(constants, None, bounds)
}

fn segment(msn: u64, start: i64, duration: i64) -> Arc<Segment> {
    let part = Part {
        number: msn,
        msn,
        index: 0,
        start,
        duration,
        independent: true,
        gap: false,
        body: Rope::default(),
    };
    let head = SegmentHead {
        msn,
        epoch: 0,
        discontinuity: false,
        init: Arc::new(Init { number: 0, bytes: Bytes::new() }),
        date_time: WallTime { unix_micros: 0 },
        independent: true,
    };
    Arc::new(Segment { head, start, duration, parts: vec![Arc::new(part)] })
}

/// Durations are printed to the microsecond: three of them that are six seconds together may be a microsecond less when
/// they are added up as they were printed, and who does that is not to find too little (RFC 8216bis §6.2.2).
#[test]
fn three_target_durations_stay_listed_as_players_add_them_up() {
    // A third of a microsecond is left out of each of the last three.
    for (durations, listed) in [
        ([96_000, 96_000, 96_000, 96_000], 3),
        ([96_000, 96_004, 95_998, 95_998], 4),
        ([96_000, 96_004, 95_998, 95_999], 3),
    ] {
        let (mut ring, mut start) = (ring(), 0);
        for (msn, duration) in (1..).zip(durations) {
            ring.close(segment(msn, start, duration), instant());
            start += duration;
        }
        assert_eq!(ring.segments.len() - ring.listed_from, listed, "{durations:?}");
    }
}

/// Hostile case 61: a hole in what an encoder sends is filled at once, with media of several seconds; what leaves the
/// playlist by that has been listed until this moment, and somebody is on the way to it.
#[test]
fn what_a_leap_of_media_pushes_out_of_the_playlist_can_be_fetched_for_a_while() {
    let (mut ring, now) = (ring(), instant());
    let mut start = 0;
    for (msn, duration) in (1..).zip([1_920, 96_000, 96_000, 90_000]) {
        ring.close(segment(msn, start, duration), now);
        start += duration;
        ring.publish(Vec::new(), Arc::default());
    }
    let there = |ring: &PartRing| ring.rendition.view().segment(1).is_some();
    let listed = |ring: &PartRing| ring.rendition.view().media_sequence() == 1;
    assert!(there(&ring) && listed(&ring));
    for (msn, seconds) in [(5, 1), (6, 3), (7, 5)] {
        ring.close(segment(msn, start, 96_000), now + Duration::from_secs(seconds));
        start += 96_000;
        ring.publish(Vec::new(), Arc::default());
        assert!(!listed(&ring));
        assert_eq!(there(&ring), seconds < 5, "after {seconds} s");
    }
}
