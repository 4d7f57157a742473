//! Configurations that change in mid-publish, and tracks that come late or stop (hostile cases 26 and 27).

use std::time::Duration;

use mp4_atom::{Codec, Decode as _, Ftyp, Moov};
use rillcast::hls;
use rillcast::live::{Notice, Publisher};
use rillcast::media::{CodecConfig, Now, Track, TrackId};

use crate::source::{Sent, Source};
use crate::stage::Stage;
use crate::watch::Sample;

const HINT: &str = "#EXT-X-PRELOAD-HINT:TYPE=MAP";

/// The video's configuration at another size.
fn resized(source: &Source, width: u32, height: u32) -> Track {
    let mut track = source.tracks().remove(0);
    if let CodecConfig::Video(video) = &mut track.config {
        (video.width, video.height) = (width, height);
    }
    track
}

/// The playlist of the video as it is now.
fn playlist(stage: &Stage) -> String {
    let rendition = stage.generation.as_ref().unwrap().rendition(TrackId::VIDEO).unwrap();
    hls::playlist(&rendition.view()).render()
}

/// Whether the init section with this number can be fetched.
fn fetchable(stage: &Stage, number: u32) -> bool {
    let rendition = stage.generation.as_ref().unwrap().rendition(TrackId::VIDEO).unwrap();
    rendition.view().init(number).is_some()
}

/// Frames split at `seconds` from the first one's arrival.
fn split(mut frames: Vec<Sent>, seconds: u64) -> (Vec<Sent>, Vec<Sent>) {
    let at = frames[0].frame.arrival + Duration::from_secs(seconds);
    let rest = frames.split_off(frames.partition_point(|one| one.frame.arrival < at));
    (frames, rest)
}

#[test]
fn an_init_section_is_hinted_from_its_configuration_to_its_first_part() {
    let source = Source { gop: 25, ..Source::default() };
    let mut stage = Stage::new();
    let mut publisher = stage.join(source.tracks());
    let (before, after) = split(source.frames(12, stage.now), 6);
    stage.send(&mut publisher, &before, None);
    assert!(!playlist(&stage).contains(HINT));
    publisher.configure(resized(&source, 640, 360), stage.now);
    let hinted = playlist(&stage);
    assert!(hinted.contains(&format!("{HINT},URI=\"init-1.mp4\"")) && fetchable(&stage, 1), "{hinted}");
    assert!(!hinted.contains("#EXT-X-MAP:URI=\"init-1.mp4\""), "{hinted}");
    // The configuration that it had, after all; and the new one again, under the same name.
    publisher.configure(source.tracks().remove(0), stage.now);
    assert!(!playlist(&stage).contains(HINT));
    publisher.configure(resized(&source, 640, 360), stage.now);
    assert!(playlist(&stage).contains(&format!("{HINT},URI=\"init-1.mp4\"")));
    stage.send(&mut publisher, &after, None);
    let listed = playlist(&stage);
    assert!(!listed.contains(HINT) && listed.contains("#EXT-X-MAP:URI=\"init-1.mp4\""), "{listed}");
    assert_eq!(listed.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{listed}");
}

#[test]
fn an_init_section_whose_source_goes_before_it_is_used_is_taken_back_and_its_name_never_used_again() {
    let source = Source { gop: 25, ..Source::default() };
    let mut stage = Stage::new();
    let mut publisher = stage.join(source.tracks());
    let frames = source.frames(6, stage.now);
    stage.send(&mut publisher, &frames, None);
    publisher.configure(resized(&source, 640, 360), stage.now);
    assert!(playlist(&stage).contains("init-1.mp4"));
    drop(publisher);
    assert!(!playlist(&stage).contains(HINT) && !fetchable(&stage, 1));
    let mut publisher = stage.join(vec![resized(&source, 854, 480), source.tracks().remove(1)]);
    assert!(playlist(&stage).contains(&format!("{HINT},URI=\"init-2.mp4\"")), "{}", playlist(&stage));
    let frames = source.frames(3, stage.now);
    stage.send(&mut publisher, &frames, None);
    let listed = playlist(&stage);
    assert!(listed.contains("#EXT-X-MAP:URI=\"init-2.mp4\"") && !listed.contains("init-1.mp4"), "{listed}");
}

/// Hostile case 26: with a keyframe at once, and with one four seconds later.
#[test]
fn a_configuration_that_changes_mixes_no_init_sections_and_costs_what_cannot_be_decoded() {
    for seconds in [6, 8] {
        let source = Source { gop: 250, ..Source::default() };
        let mut stage = Stage::new();
        let mut publisher = stage.join(source.tracks());
        let (before, mut after) = split(source.frames(20, stage.now), seconds);
        stage.send(&mut publisher, &before, None);
        publisher.configure(resized(&source, 640, 360), stage.now);
        if seconds == 6 {
            after.iter_mut().find(|one| one.frame.track == TrackId::VIDEO).unwrap().frame.key = true;
        }
        // Until a keyframe comes, what follows belongs to the new configuration and cannot be decoded.
        let key = after.iter().position(|one| one.frame.track == TrackId::VIDEO && one.frame.key).unwrap();
        let lost = after[..key].iter().filter(|one| one.frame.track == TrackId::VIDEO).count();
        assert_eq!(lost, if seconds == 6 { 0 } else { 50 });
        stage.send(&mut publisher, &after, None);
        publisher.finish();
        stage.look();
        stage.watcher.finish(stage.generation.as_ref().unwrap());
        let inits: Vec<u32> =
            stage.video().segments.values().map(|segment| segment.head.init.number).collect();
        assert!(inits.is_sorted() && inits.last() == Some(&1), "{inits:?}");
        let sent = before.iter().chain(&after).filter(|one| one.frame.track == TrackId::VIDEO).count();
        assert_eq!(stage.video().samples().len(), sent - lost);
        let gaps = stage.video().parts.values().filter(|part| part.gap).count();
        assert!(
            if lost == 0 { gaps == 0 } else { (1..=5).contains(&gaps) },
            "{gaps} gaps for {lost} pictures"
        );
        assert!(stage.longest_segment() <= Duration::from_secs(3), "{:?}", stage.longest_segment());
        // Nothing of the old configuration stands behind the new init section.
        let first_new =
            stage.video().segments.values().find(|segment| segment.head.init.number == 1).unwrap();
        assert!(first_new.head.discontinuity && first_new.head.independent, "{:?}", first_new.head);
    }
}

/// Hostile case 26: sound whose new configuration waits for a keyframe, which comes in the middle of a segment that has
/// none of it. Segments are found by counting from the first.
#[test]
fn a_segment_that_ends_with_an_epoch_is_there_of_every_track() {
    for millis in [6_500, 8_900, 9_700] {
        let source = Source { gop: 1_000, ..Source::default() };
        let mut stage = Stage::new();
        let mut publisher = stage.join(source.tracks());
        let (before, mut after) = split(source.frames(20, stage.now), 6);
        stage.send(&mut publisher, &before, None);
        let mut sound = source.tracks().remove(1);
        if let CodecConfig::Audio(audio) = &mut sound.config {
            audio.channels = 1;
        }
        publisher.configure(sound, stage.now);
        let keyframe = before[0].frame.arrival + Duration::from_millis(millis);
        let late = |one: &&mut Sent| one.frame.track == TrackId::VIDEO && one.frame.arrival >= keyframe;
        after.iter_mut().find(late).unwrap().frame.key = true;
        stage.send(&mut publisher, &after, None);
        publisher.finish();
        stage.look();
        stage.watcher.finish(stage.generation.as_ref().unwrap());
        stage.video().samples();
        stage.watcher.seen[&TrackId::AUDIO].samples();
    }
}

/// Hostile case 27: for a minute nothing comes of one track.
#[test]
fn a_track_that_stops_for_a_minute_leaves_gaps_and_the_other_loses_nothing() {
    for stops in [TrackId::VIDEO, TrackId::AUDIO] {
        let source = Source::default();
        let mut stage = Stage::new();
        let mut publisher = stage.join(source.tracks());
        let mut frames = source.frames(80, stage.now);
        let paused = |now: Now, one: &Sent| {
            let at = one.frame.arrival.saturating_duration_since(now.mono);
            one.frame.track == stops && (Duration::from_secs(10)..Duration::from_secs(70)).contains(&at)
        };
        frames.retain(|one| !paused(stage.now, one));
        stage.send(&mut publisher, &frames, None);
        publisher.finish();
        stage.look();
        stage.watcher.finish(stage.generation.as_ref().unwrap());
        for (track, seen) in &stage.watcher.seen {
            let sent = frames.iter().filter(|one| one.frame.track == *track).count();
            let lost = sent - seen.samples().len();
            assert!(lost <= 1, "{stops} stops: {lost} frames of {track} are lost");
            let gaps = seen.parts.values().filter(|part| part.gap).count();
            assert!(
                if *track == stops { gaps >= 115 } else { gaps == 0 },
                "{stops} stops: {gaps} gaps in {track}"
            );
            let epochs = seen.segments.values().map(|segment| segment.head.epoch).max();
            assert_eq!(epochs, Some(0), "{stops} stops: what was lost is a gap, not a new clock");
        }
        assert!(stage.longest_segment() <= Duration::from_secs(3), "{stops}: {:?}", stage.longest_segment());
    }
}

/// Ends it: all its pictures were shown, and nothing else.
fn assert_pictures_alone(stage: &mut Stage, publisher: Publisher) {
    publisher.finish();
    stage.look();
    let generation = stage.generation.as_ref().unwrap();
    assert_eq!(generation.renditions().len(), 1);
    stage.watcher.finish(generation);
    assert_eq!(stage.video().samples().len(), 1_000);
}

/// Hostile case 27: what was not there when the stream began has no rendition, and harms nothing.
#[test]
fn a_track_that_comes_after_thirty_seconds_is_told_and_left_out() {
    let source = Source::default();
    let mut stage = Stage::new();
    let tracks = source.tracks();
    let mut publisher = stage.join(vec![tracks[0].clone()]);
    let (before, after) = split(source.frames(40, stage.now), 30);
    let pictures: Vec<Sent> = before.into_iter().filter(|one| one.frame.track == TrackId::VIDEO).collect();
    stage.send(&mut publisher, &pictures, None);
    publisher.configure(tracks[1].clone(), stage.now);
    assert!(publisher.notices().iter().any(|notice| matches!(notice, Notice::LateTrack(TrackId::AUDIO))));
    stage.send(&mut publisher, &after, None);
    assert_pictures_alone(&mut stage, publisher);
    assert!(stage.longest_silence() <= Duration::from_millis(500), "{:?}", stage.longest_silence());
}

/// The same of a track that was configured with the others, and whose first frame comes after the stream was settled.
#[test]
fn a_track_that_says_nothing_for_thirty_seconds_is_told_once_and_left_out() {
    let source = Source::default();
    let mut stage = Stage::new();
    let mut publisher = stage.join(source.tracks());
    let (mut before, after) = split(source.frames(40, stage.now), 30);
    before.retain(|one| one.frame.track == TrackId::VIDEO);
    stage.send(&mut publisher, &before, None);
    let late = |publisher: &mut Publisher| {
        publisher
            .notices()
            .iter()
            .filter(|notice| matches!(notice, Notice::LateTrack(TrackId::AUDIO)))
            .count()
    };
    assert_eq!(late(&mut publisher), 0);
    stage.send(&mut publisher, &after, None);
    assert_eq!(late(&mut publisher), 1);
    assert_pictures_alone(&mut stage, publisher);
}

/// Hostile case 26: sound that changes its rate, with pictures and alone. What its playlist counts in stays, for what
/// is listed stays listed; its chunks and the new init section count in it too.
#[test]
fn sound_that_changes_its_rate_keeps_its_timescale_and_its_place() {
    for (old, new) in [(48_000, 44_100), (44_100, 48_000), (48_000, 22_050), (32_000, 48_000)] {
        for video in [true, false] {
            let case = format!("{old} to {new} Hz, pictures: {video}");
            let before = Source { audio_rate: Some(old), video, gop: 25, ..Source::default() };
            let after = Source { audio_rate: Some(new), ..before.clone() };
            let mut stage = Stage::new();
            stage.watcher.frame = 1_024_000_000 / i64::from(old.min(new));
            let mut publisher = stage.join(before.tracks());
            let (first, _) = split(before.frames(20, stage.now), 6);
            let (_, rest) = split(after.frames(20, stage.now), 6);
            stage.send(&mut publisher, &first, None);
            publisher.configure(after.tracks().pop().unwrap(), stage.now);
            stage.send(&mut publisher, &rest, None);
            publisher.finish();
            stage.look();
            let generation = stage.generation.as_ref().unwrap();
            stage.watcher.finish(generation);
            let constants = generation.rendition(TrackId::AUDIO).unwrap().constants().clone();
            assert_eq!(constants.timescale().per_second(), old, "{case}");
            let seen = &stage.watcher.seen[&TrackId::AUDIO];
            let parts: Vec<_> = seen.parts.values().collect();
            assert!(parts.windows(2).all(|two| two[0].start + two[0].duration <= two[1].start), "{case}");

            let changed: Vec<_> =
                seen.segments.values().filter(|segment| segment.head.init.number == 1).collect();
            assert!(changed[0].head.discontinuity, "{case}");
            let init = &mut changed[0].head.init.bytes.as_ref();
            Ftyp::decode(init).unwrap();
            let trak = Moov::decode(init).unwrap().trak.remove(0);
            assert_eq!(trak.mdia.mdhd.timescale, old, "{case}: the chunks count in it");
            let Codec::Mp4a(entry) = &trak.mdia.minf.stbl.stsd.codecs[0] else { panic!("{case}") };
            assert_eq!(u32::from(entry.audio.sample_rate.integer()), new, "{case}");

            // Each frame lasts what it lasts, and none is lost but those before the first keyframe.
            let samples = seen.samples();
            let from =
                samples.iter().position(|one| seen.parts[&one.part].msn >= changed[0].head.msn).unwrap();
            let (start, last) = (&samples[from], samples.last().unwrap());
            let count = (samples.len() - from) as i64;
            let lasted = (last.dts + last.duration - start.dts) as f64 / f64::from(old);
            let due = (count * 1_024) as f64 / f64::from(new);
            // The last one may be longer, to end with the pictures.
            assert!(
                (lasted - due).abs() <= 1_024.0 / f64::from(new),
                "{case}: {count} frames last {lasted} s, not {due} s"
            );
            let exact = 1_024.0 * f64::from(old) / f64::from(new);
            let off = |one: &&Sample| (one.duration as f64 - exact).abs() >= 1.0;
            assert!(samples[from..].iter().filter(off).count() <= 2, "{case}: not the frames' own durations");
            let sent = rest.iter().filter(|one| one.frame.track == TrackId::AUDIO).count() as i64;
            assert!(
                sent - count <= i64::from(video) * i64::from(new) / 1_024 + 2,
                "{case}: {count} of {sent}"
            );
            if video {
                let lead = stage.video().segments[&changed[0].head.msn].start as f64 / 90_000.0;
                let off = start.dts as f64 / f64::from(old) - lead;
                assert!(off.abs() < 0.050, "{case}: the new sound begins {off} s off the picture");
            }
        }
    }
}

/// Hostile case 26: a new configuration whose keyframe is far away, and input that is held back in the meantime, once or
/// for good. What comes late then begins no epoch, for nothing of it can be shown: gaps go on until that keyframe.
#[test]
fn a_pause_before_the_first_keyframe_of_a_new_configuration_stops_no_gaps() {
    for (pause, for_good) in [(2_000, false), (2_000, true), (5_000, false), (5_000, true)] {
        let source = Source { gop: 500, ..Source::default() };
        let mut stage = Stage::new();
        let mut publisher = stage.join(source.tracks());
        let (before, mut after) = split(source.frames(30, stage.now), 6);
        stage.send(&mut publisher, &before, None);
        publisher.configure(resized(&source, 640, 360), stage.now);
        let (from, to) = (Duration::from_secs(1), Duration::from_millis(1_000 + pause));
        let first = after[0].frame.arrival;
        if for_good {
            let held = after.iter_mut().filter(|one| one.frame.arrival >= first + from);
            held.for_each(|one| one.frame.arrival += Duration::from_millis(pause));
        }
        stage.send(&mut publisher, &after, (!for_good).then_some((from, to)));
        publisher.finish();
        stage.look();
        stage.watcher.finish(stage.generation.as_ref().unwrap());
        let case = format!("{pause} ms late, for good: {for_good}");
        // 750 ms and a part for the first gap, a part for each after it.
        let (part, segment) = (stage.longest_silence(), stage.longest_segment());
        assert!(part < Duration::from_millis(1_300), "{case}: {part:?} without a part");
        assert!(segment <= Duration::from_secs(3), "{case}: {segment:?} without a segment");
        let key = after.iter().position(|one| one.frame.track == TrackId::VIDEO && one.frame.key).unwrap();
        let pictures = |sent: &[Sent]| sent.iter().filter(|one| one.frame.track == TrackId::VIDEO).count();
        let shown = pictures(&before) + pictures(&after[key..]);
        assert_eq!(stage.video().samples().len(), shown, "{case}");
        let epochs = stage.video().segments.values().map(|segment| segment.head.epoch);
        assert_eq!(epochs.max(), Some(1), "{case}: it is one change");
        let sounds = stage.watcher.seen[&TrackId::AUDIO].samples();
        let last = after.iter().rfind(|one| one.frame.track == TrackId::AUDIO).unwrap();
        assert!(sounds.last().unwrap().payload == last.frame.payload, "{case}: sound goes on");
    }
}
