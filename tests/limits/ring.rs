//! What is packaged and kept: parts, segments and rings of a stream.

use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use rillcast::live::{Expect, Generation, Registry, Settings};
use rillcast::media::{Cue, Limit, Now, RingLimits, StreamName, TrackId, TrackKind};

use crate::rtmp::plus;
use crate::source::{Source, epoch};
use crate::{Row, most};

/// Bytes of every picture.
const PICTURE: usize = 10_000;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        most(Limit::RingPartBytes, |offset| {
            let parts = measure(|generation| {
                let view = generation.rendition(TrackId::VIDEO).unwrap().view();
                let parts = view.segments.iter().flat_map(|segment| &segment.parts);
                // 25 pictures a second, in ticks of 90 kHz.
                parts.map(|part| part.duration as usize / 3_600 * PICTURE).max().unwrap()
            });
            run(&Source::default(), 8, |limits| limits.part_bytes = plus(parts, -offset), |_| {})
        }),
        most(Limit::RingSegmentBytes, |offset| {
            let bytes = measure(|generation| {
                let view = generation.rendition(TrackId::VIDEO).unwrap().view();
                let before = |parts: &[std::sync::Arc<rillcast::packager::Part>]| {
                    parts[..parts.len() - 1].iter().map(|part| part.body.len() as usize).sum()
                };
                view.segments.iter().map(|segment| before(&segment.parts)).max().unwrap()
            });
            run(&Source::default(), 8, |limits| limits.segment_bytes = plus(bytes, -offset), |_| {})
        }),
        most(Limit::RingBytes, |offset| {
            let kept = measure(|generation| {
                let view = generation.rendition(TrackId::VIDEO).unwrap().view();
                view.segments.iter().map(|segment| segment.bytes() as usize).sum()
            });
            run(&Source::default(), LONG, |limits| limits.bytes = plus(kept, -offset), |_| {})
        }),
        most(Limit::RingFirstKeyframe, |offset| first_keyframe(plus(15_000, offset) as u64)),
        most(Limit::RingSkew, |offset| {
            // Its sound stops after two seconds: from then on the cuts wait for it, and are 480 ms apart.
            let stops = |sent: &mut Vec<crate::source::Sent>| {
                sent.retain(|one| {
                    one.frame.track.kind == TrackKind::Video || one.frame.dts.micros() < 9_000_000
                });
            };
            let skew = |millis: i64| {
                run(&Source::default(), 5, |limits| limits.skew = Duration::from_millis(millis as u64), stops)
            };
            let cuts = (1..12).map(|parts| parts * 480).find(|millis| skew(*millis).is_none()).unwrap();
            let most = (cuts - 480..=cuts).find(|millis| skew(*millis).is_none()).unwrap();
            assert!(most > 480, "the sound was waited for");
            skew(most - offset)
        }),
        most(Limit::Cues, |offset| {
            let (registry, start) = (Registry::new(Settings::default()), epoch());
            let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
            let source = Source::default();
            source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
            for one in source.frames(2, start) {
                publisher.push(one.frame.clone(), at(start, one.frame.arrival)).unwrap();
            }
            let now = start.plus(Duration::from_secs(2));
            for n in 0..plus(128, offset) {
                let attributes = vec![("X-N".to_owned(), n.to_string())];
                let name = Some(n.to_string());
                let lasts = Some(Duration::from_secs(60));
                publisher.cue(Cue { at: 9_000, class: "test", name, lasts, attributes, splice: None }, now);
            }
            publisher.hits().take().next()
        }),
    ]
}

/// Seconds that are shorter than the window.
const LONG: i64 = 20;

fn at(start: Now, arrival: std::time::Instant) -> Now {
    start.plus(arrival.saturating_duration_since(start.mono))
}

/// What a publish within all limits comes to.
fn measure(of: impl Fn(&Generation) -> usize) -> usize {
    let mut measured = 0;
    let hit = publish(&Source::default(), LONG, |_| {}, |_| {}, |generation| measured = of(generation));
    assert_eq!(hit, None, "nothing is near a limit");
    measured
}

/// The first limit that a publish runs into.
fn run(
    source: &Source,
    seconds: i64,
    set: impl Fn(&mut RingLimits),
    change: impl Fn(&mut Vec<crate::source::Sent>),
) -> Option<Limit> {
    publish(source, seconds, set, change, |_| {})
}

fn publish(
    source: &Source,
    seconds: i64,
    set: impl Fn(&mut RingLimits),
    change: impl Fn(&mut Vec<crate::source::Sent>),
    mut after: impl FnMut(&Generation),
) -> Option<Limit> {
    let mut settings = Settings::default();
    set(&mut settings.packager.limits);
    let (registry, start) = (Registry::new(settings), epoch());
    let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
    let generation = publisher.generation().clone();
    publisher.expect(Expect { video: Some(true), audio: Some(true), ..Expect::default() });
    source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
    let mut sent = source.frames(seconds, start);
    change(&mut sent);
    let payload = Bytes::from(vec![0; PICTURE]);
    let ended = sent.into_iter().try_for_each(|mut one| {
        if one.frame.track.kind == TrackKind::Video {
            one.frame.payload = payload.clone();
        }
        let now = at(start, one.frame.arrival);
        if let Err(error) = publisher.push(one.frame, now) {
            return ControlFlow::Break(error.limit());
        }
        match publisher.hits().take().next() {
            Some(limit) => ControlFlow::Break(Some(limit)),
            None => ControlFlow::Continue(()),
        }
    });
    after(&generation);
    ended.break_value().flatten()
}

/// Pictures that are none to begin with, so many milliseconds apart.
fn first_keyframe(millis: u64) -> Option<Limit> {
    let (registry, start) = (Registry::new(Settings::default()), epoch());
    let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
    let source = Source { audio_rate: None, ..Source::default() };
    source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
    let picture = source.frames(1, start).swap_remove(1).frame;
    for after in [0, millis] {
        let now = start.plus(Duration::from_millis(after));
        let mut picture = picture.clone();
        picture.arrival = now.mono;
        if let Err(error) = publisher.push(picture, now) {
            return error.limit();
        }
    }
    None
}

/// What must stay listed may be more than a ring holds: then the publish ends, and says what is wrong.
#[test]
fn a_publish_that_no_ring_can_hold_is_ended_in_words() {
    let set = |limits: &mut RingLimits| (limits.bytes, limits.segment_bytes) = (400_000, 300_000);
    // Six seconds, which is three target durations, are 1.5 MB.
    let mut settings = Settings::default();
    set(&mut settings.packager.limits);
    let (registry, start) = (Registry::new(settings), epoch());
    let mut publisher = registry.publish(&StreamName::parse("cam").unwrap(), start).unwrap();
    let generation = publisher.generation().clone();
    let source = Source { audio_rate: None, ..Source::default() };
    publisher.expect(Expect { video: Some(true), audio: Some(false), ..Expect::default() });
    source.tracks().into_iter().for_each(|track| publisher.configure(track, start));
    let ended = source.frames(20, start).into_iter().find_map(|mut one| {
        one.frame.payload = Bytes::from(vec![0; PICTURE]);
        let ended = publisher.push(one.frame.clone(), at(start, one.frame.arrival)).err();
        let kept: u64 = generation
            .rendition(TrackId::VIDEO)
            .map_or(0, |rendition| rendition.view().segments.iter().map(|segment| segment.bytes()).sum());
        assert!(kept <= 700_000 + 300_000 + 20_000, "{kept} bytes are kept");
        ended
    });
    let ended = ended.expect("it is too much");
    assert_eq!(ended.limit(), Some(Limit::RingBytes));
    assert!(ended.to_string().contains("lower the encoder's bit rate"), "{ended}");
}
