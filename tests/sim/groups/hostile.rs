//! Groups with members and leaders that misbehave: nobody else loses anything by it.

use super::*;

#[test]
fn a_member_whose_clock_is_off_by_more_than_a_segment_is_refused_in_words_and_hurts_nobody() {
    for (ahead, words) in
        [(2_600, "2.6 s ahead of"), (-2_600, "2.6 s behind"), (3_600_000, "3600.0 s ahead of")]
    {
        let mut encoders = vec![Encoder::new(1), silent(2), silent(3)];
        encoders[1].ahead = ahead;
        let stage = Stage::new(3, &[0]);
        let events = network(&encoders, 20, 0, 1, stage.start);
        let outcome = stage.run(&encoders, events);
        let said = &outcome.stage.refused[&1];
        assert!(said.contains(words) && said.contains("2.0 s at most"), "{said}");
        assert_eq!(outcome.stage.refused.len(), 1);
        for place in [0, 2] {
            outcome.assert_exact(place.into(), TrackId::VIDEO, video(place), 1_000);
            outcome.assert_edges(video(place));
        }
        assert!(!outcome.stage.watcher.seen.contains_key(&video(1)), "it had no part in it");
    }
}

#[test]
fn a_network_that_stalls_a_member_or_the_leader_for_long_is_no_other_clock() {
    for stalled in [0, 1] {
        let encoders = vec![Encoder::new(1), silent(2)];
        let stage = Stage::new(2, &[0]);
        let start = stage.start;
        let mut events = network(&encoders, 60, 0, 1, start);
        for event in events.iter_mut().filter(|event| event.place == stalled) {
            if (20_000_000..24_000_000).contains(&event.at) {
                event.at = 24_000_000;
                event.sent.frame.arrival = start.mono + Duration::from_secs(24);
            }
        }
        events.sort_by_key(|event| event.at);
        let outcome = stage.run(&encoders, events);
        assert_eq!(outcome.stage.refused, BTreeMap::new());
        outcome.assert_nothing_made_up(0, TrackId::VIDEO);
        assert!(outcome.assert_nothing_made_up(1, video(1)) > 50 * 25);
        if stalled == 1 {
            outcome.assert_exact(0, TrackId::VIDEO, TrackId::VIDEO, 1_000);
        }
    }
}

#[test]
fn sound_is_the_leaders_unless_others_are_said_to_bring_theirs() {
    for sound in [&[0_u8][..], &[1], &[1, 0]] {
        let encoders = vec![Encoder::new(1), Encoder::new(2)];
        let stage = Stage::new(2, sound);
        let events = network(&encoders, 20, 30, 1, stage.start);
        let outcome = stage.run(&encoders, events);
        let sounds = outcome.stage.watcher.seen.keys().filter(|id| id.kind == TrackKind::Audio).count();
        assert_eq!(sounds, sound.len(), "{sound:?}");
        for (index, place) in sound.iter().enumerate() {
            let id = TrackId { kind: TrackKind::Audio, index: index as u8 };
            let place = usize::from(*place);
            let sent = &outcome.sent[&place];
            let mut sent = sent.iter().filter(|sent| sent.frame.track == TrackId::AUDIO);
            let samples = outcome.samples(id);
            assert!(samples.len() > 900, "{sound:?}: {} frames of {id}", samples.len());
            assert!(samples.iter().all(|one| sent.any(|sent| sent.frame.payload == one.payload)));
        }
        outcome.assert_exact(0, TrackId::VIDEO, TrackId::VIDEO, 1_000);
        outcome.assert_exact(1, TrackId::VIDEO, video(1), 1_000);
    }
}

#[test]
fn timestamps_of_every_wrong_kind_in_a_member_change_nothing_of_the_others() {
    for seed in 1..9_u64 {
        println!("seed {seed}");
        let encoders = vec![Encoder::new(1), silent(2), silent(3)];
        let mut stage = Stage::new(3, &[0]);
        stage.watcher.wild = Some(video(1));
        let mut events = network(&encoders, 30, 40, seed, stage.start);
        for (n, event) in events.iter_mut().enumerate().filter(|(_, event)| event.place == 1) {
            let n = n as u64;
            match below(seed, n, 40) {
                0 => event.sent.frame.dts.value += below(seed, n + 1, 5_000) as i64 - 2_500,
                1 => event.sent.frame.dts.value += 1 << 32,
                2 => event.sent.frame.dts.value = -(1 << 32) + below(seed, n + 1, 9) as i64,
                3 => event.sent.frame.cts = [8_388_607, -8_388_608, -9_000, 70_000][n as usize % 4],
                4 => event.sent.frame.key = !event.sent.frame.key,
                5 => event.sent.frame.payload = bytes::Bytes::new(),
                6 => event.sent.frame.track = TrackId { index: 9, ..event.sent.frame.track },
                _ => {}
            }
        }
        let outcome = stage.run(&encoders, events);
        for place in [0, 2] {
            outcome.assert_exact(place.into(), TrackId::VIDEO, video(place), 1_000);
            outcome.assert_edges(video(place));
            let heads = outcome.stage.watcher.seen[&video(place)].segments.values();
            assert_eq!(heads.map(|segment| segment.head.epoch).max(), Some(0), "no discontinuity");
        }
        assert!(!outcome.stage.out.contains_key(&video(2)));
    }
}

/// A member that sends as fast as it can is held in bounded memory, with and without a leader.
#[test]
fn a_member_that_floods_is_bounded_and_the_leader_loses_nothing() {
    let encoders = [Encoder::new(1), silent(2)];
    for led in [true, false] {
        let mut stage = Stage::new(2, &[0]);
        let start = stage.start;
        stage.connect(1, &encoders[1], start);
        let template = encoders[1].source.frames(1, start)[1].frame.clone();
        let mut sent = Vec::new();
        let mut lead = Vec::new();
        for (n, one) in network(&encoders[..1], 20, 0, 1, start).into_iter().enumerate() {
            let now = stage.now(one.at);
            if led {
                if n == 0 {
                    stage.connect(0, &encoders[0], now);
                }
                lead.push(one.sent.clone());
                stage.pass(0, one.sent.frame, now);
            }
            for more in 0..100_i64 {
                let payload: bytes::Bytes = vec![7; 20_000].into();
                sent.push(payload.clone());
                let mut frame = template.clone();
                (frame.payload, frame.arrival, frame.key) = (payload, now.mono, more % 50 == 0);
                frame.dts.value = 7_000 + one.at / 1_000 + more / 8;
                stage.pass(1, frame, now);
            }
        }
        let kept: usize =
            sent.iter().filter(|payload| !payload.is_unique()).map(|payload| payload.len()).sum();
        // What waits is 8 MiB at most; what was taken is in segments of 32 MiB at most, as any rendition's, and in
        // the ring of frames, which has 48 MiB for each of both.
        let most = if led { 352 << 20 } else { 8 << 20 };
        assert!(kept <= most, "{kept} bytes are kept, led: {led}");
        if led {
            let (lead, publisher) = stage.lead.take().unwrap();
            let generation = Arc::clone(publisher.generation());
            drop((lead, publisher));
            let parts = generation.rendition(TrackId::VIDEO).unwrap().view().next_part;
            assert!(parts > 35, "the leader's pictures came out in {parts} parts");
        }
    }
}

#[test]
fn a_members_place_is_taken_over_by_its_own_terms_only() {
    let stage = Stage::new(2, &[0]);
    let (start, own) = (stage.start, name("cam_720"));
    let terms = |takeover, credential| Terms { takeover, credential, ..Terms::default() };
    let mut first = stage.group.join(&own, terms(Takeover::Reject, 1), start).unwrap();
    let join = |takeover, credential, seconds| {
        let now = start.plus(Duration::from_secs(seconds));
        stage.group.join(&own, terms(takeover, credential), now)
    };
    assert!(matches!(join(Takeover::Reject, 1, 60), Err(Error::Busy(_))));
    assert!(matches!(join(Takeover::Stale, 1, 1), Err(Error::Busy(_))), "it is not silent yet");
    assert!(matches!(join(Takeover::Stale, 2, 60), Err(Error::Busy(_))), "another key");
    assert!(matches!(join(Takeover::Stale, 1, 60), Err(Error::Yielding(_))));
    assert!(matches!(join(Takeover::Always, 2, 0), Err(Error::Yielding(_))));
    assert!(first.ouster().is_some() && first.ouster().is_none());
    drop(first);
    let second = join(Takeover::Reject, 2, 0).unwrap();
    drop(second);
    assert!(matches!(stage.group.join(&name("cam_1080"), Terms::default(), start), Err(Error::NoMember(_))));
}

#[test]
fn a_configuration_that_cannot_be_or_changes_again_and_again_ends_the_member_alone() {
    let encoders = [Encoder::new(1), silent(2)];
    let mut stage = Stage::new(2, &[0]);
    let start = stage.start;
    stage.connect(1, &encoders[1], start);
    let seat = stage.seats.get_mut(&1).unwrap();
    let with = |width| {
        let mut track = encoders[1].tracks(1).remove(0);
        if let CodecConfig::Video(config) = &mut track.config {
            config.width = width;
        }
        track
    };
    assert!(seat.configure(with(640), start).is_ok(), "once is no harm");
    assert!(seat.configure(with(640), start).is_ok(), "nor the same again");
    let error = seat.configure(with(320), start.plus(Duration::from_secs(5))).unwrap_err();
    assert!(matches!(error, Error::Restless(_)), "{error}");
    let other = TrackId { kind: TrackKind::Video, index: 3 };
    seat.configure(Track { id: other, ..with(320) }, start).unwrap();
    assert_eq!(seat.notices(), [Notice::LeftOut(other)], "told once");
}

#[test]
fn a_stray_timestamp_of_the_leader_costs_no_member_its_place() {
    for stray in [3_600_000, -3_600_000, 2_900] {
        let encoders = [Encoder::new(1), silent(2)];
        let stage = Stage::new(2, &[0]);
        let mut events = network(&encoders, 30, 20, 1, stage.start);
        let one = |event: &&mut Event| {
            let pictures = event.place == 0 && event.sent.frame.track == TrackId::VIDEO;
            pictures && !event.sent.frame.key && event.sent.true_pts > 15_000_000
        };
        events.iter_mut().find(one).unwrap().sent.frame.dts.value += stray;
        let outcome = stage.run(&encoders, events);
        assert_eq!(outcome.stage.refused, BTreeMap::new(), "stray {stray}");
        assert_eq!(outcome.stage.generations.len(), 1);
        assert!(outcome.assert_nothing_made_up(1, video(1)) > 27 * 25, "stray {stray}");
        assert!(outcome.assert_nothing_made_up(0, TrackId::VIDEO) >= 30 * 25 - 1, "stray {stray}");
    }
}

#[test]
fn a_clock_of_all_that_jumps_ahead_begins_one_epoch_of_all() {
    for jump in [5_000, 3_600_000] {
        let encoders = [Encoder::new(1), silent(2)];
        let stage = Stage::new(2, &[0]);
        let mut events = network(&encoders, 60, 20, 1, stage.start);
        for event in events.iter_mut().filter(|event| event.sent.true_pts > 25_100_000) {
            event.sent.frame.dts.value += jump;
        }
        let outcome = stage.run(&encoders, events);
        outcome.assert_nothing_made_up(1, video(1));
        assert!(outcome.assert_nothing_made_up(0, TrackId::VIDEO) > 58 * 25, "jump {jump}");
        let segments = &outcome.stage.watcher.seen[&TrackId::VIDEO].segments;
        assert_eq!(segments.values().map(|segment| segment.head.epoch).max(), Some(1), "jump {jump}");
        assert!(segments.len() < 40, "{} segments: no gap takes the place of an hour", segments.len());
    }
}
