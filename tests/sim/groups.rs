//! Groups: several publishes of one clock that are renditions of one stream, over a network that delays each alone.

#[path = "groups/hostile.rs"]
mod hostile;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rillcast::live::{
    Error, Generation, Group, Lead, Notice, Publisher, Registry, Seat, Settings, Takeover, Terms,
};
use rillcast::media::{CodecConfig, Frame, Now, StreamName, Timescale, Track, TrackId, TrackKind, rescale};

use crate::source::{Sent, Source, chance, epoch};
use crate::watch::{Sample, Watcher};

const MEMBERS: [&str; 3] = ["cam_1080", "cam_720", "cam_480"];

fn name(text: &str) -> StreamName {
    StreamName::parse(text).unwrap()
}

fn video(index: u8) -> TrackId {
    TrackId { kind: TrackKind::Video, index }
}

/// A number below `most`, another one for each seed and place.
fn below(seed: u64, n: u64, most: u64) -> u64 {
    chance(seed, n) % most.max(1)
}

/// What one member sends.
#[derive(Clone)]
struct Encoder {
    source: Source,
    /// Milliseconds that its clock is ahead of the others'.
    ahead: i64,
    /// When it is connected, in milliseconds from the leader's first frame.
    on: Vec<Range<i64>>,
}

impl Encoder {
    fn new(seed: u64) -> Self {
        let source = Source { rate: (25, 1), gop: 50, seed, ..Source::default() };
        Self { source, ahead: 0, on: std::iter::once(0..i64::MAX).collect() }
    }

    fn tracks(&self, place: usize) -> Vec<Track> {
        let mut tracks = self.source.tracks();
        if let Some(CodecConfig::Video(config)) = tracks.first_mut().map(|track| &mut track.config) {
            config.height = [1_080, 720, 480][place];
            config.width = config.height * 16 / 9;
        }
        tracks
    }
}

/// A frame on its way: whose it is, when it arrives, in microseconds, and what it is.
struct Event {
    place: usize,
    at: i64,
    sent: Sent,
}

/// Everything that is sent, in order of arrival; each member's own order is kept, as TCP keeps it.
fn network(encoders: &[Encoder], seconds: i64, delay_ms: u64, seed: u64, start: Now) -> Vec<Event> {
    let mut events = Vec::new();
    for (place, encoder) in encoders.iter().enumerate() {
        let mut latest = 0;
        for (n, mut sent) in encoder.source.frames(seconds, start).into_iter().enumerate() {
            let born = sent.frame.arrival.saturating_duration_since(start.mono).as_micros() as i64;
            if !encoder.on.iter().any(|on| on.contains(&(born / 1_000))) {
                continue;
            }
            let late = below(seed + place as u64, n as u64 / 5, delay_ms * 1_000 + 1) as i64;
            latest = (born + late).max(latest);
            sent.frame.dts.value += encoder.ahead;
            sent.frame.payload = [&[place as u8], &sent.frame.payload[..]].concat().into();
            sent.frame.arrival = start.mono + Duration::from_micros(latest as u64);
            events.push(Event { place, at: latest, sent });
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

struct Stage {
    registry: Registry,
    group: Group,
    terms: Terms,
    start: Now,
    lead: Option<(Lead, Publisher)>,
    seats: BTreeMap<usize, Seat>,
    generations: Vec<Arc<Generation>>,
    watcher: Watcher,
    notices: Vec<Notice>,
    refused: BTreeMap<usize, String>,
    lost: BTreeMap<usize, u64>,
    /// In which seconds each rendition was not part of the ladder.
    out: BTreeMap<TrackId, Vec<i64>>,
}

impl Stage {
    fn new(members: usize, sound: &[u8]) -> Self {
        let names = MEMBERS.iter().take(members).map(|member| name(member)).collect();
        let settings = Settings::default();
        let most = settings.packager.segment;
        Self {
            registry: Registry::new(settings),
            group: Group::new(names, sound.to_vec(), most),
            terms: Terms { grace: Duration::from_secs(10), ..Terms::default() },
            start: epoch(),
            lead: None,
            seats: BTreeMap::new(),
            generations: Vec::new(),
            watcher: Watcher::default(),
            notices: Vec::new(),
            refused: BTreeMap::new(),
            lost: BTreeMap::new(),
            out: BTreeMap::new(),
        }
    }

    fn now(&self, at: i64) -> Now {
        self.start.plus(Duration::from_micros(at as u64))
    }

    fn connect(&mut self, place: usize, encoder: &Encoder, now: Now) {
        if place == 0 {
            let mut publisher = self.registry.publish_on(&name("cam"), self.terms, now).unwrap();
            let lead = self.group.lead(&mut publisher);
            encoder.tracks(0).into_iter().for_each(|track| lead.configure(&mut publisher, track, now));
            if self.generations.last().is_none_or(|last| last.id() != publisher.generation().id()) {
                self.generations.push(Arc::clone(publisher.generation()));
                let wild = self.watcher.wild;
                self.watcher = Watcher { wild, ..Watcher::default() };
                self.out.clear();
            }
            self.lead = Some((lead, publisher));
        } else {
            let mut seat = self.group.join(&name(MEMBERS[place]), self.terms, now).unwrap();
            encoder.tracks(place).into_iter().for_each(|track| seat.configure(track, now).unwrap());
            self.seats.insert(place, seat);
        }
    }

    fn disconnect(&mut self, place: usize) {
        if place == 0 {
            self.lead = None;
        } else {
            self.seats.remove(&place);
        }
    }

    fn connected(&self, place: usize) -> bool {
        if place == 0 { self.lead.is_some() } else { self.seats.contains_key(&place) }
    }

    fn pass(&mut self, place: usize, frame: Frame, now: Now) {
        if place > 0 {
            let seat = self.seats.get_mut(&place).unwrap();
            let pushed = seat.push(frame, now);
            *self.lost.entry(place).or_default() += seat.lost();
            self.notices.extend(seat.notices());
            if let Err(error) = pushed {
                self.refused.insert(place, error.to_string());
                self.seats.remove(&place);
            }
        } else if let Some((lead, publisher)) = &mut self.lead {
            lead.push(publisher, frame, now).unwrap();
        }
        if let Some((lead, publisher)) = &mut self.lead {
            lead.pump(publisher, now).unwrap();
            self.notices.extend(publisher.notices());
        }
    }

    fn keep_up(&mut self, at: i64) {
        let now = self.now(at);
        if let Some((_, publisher)) = &mut self.lead
            && publisher.deadline().is_some_and(|due| due <= now.mono)
        {
            publisher.tick(now);
        }
        self.registry.tick(now.mono);
        let Some(generation) = self.generations.last().cloned() else { return };
        self.watcher.look(&generation);
        for rendition in generation.renditions().iter().filter(|rendition| !rendition.view().aligned) {
            let seconds = self.out.entry(rendition.id()).or_default();
            if seconds.last() != Some(&(at / 1_000_000)) {
                seconds.push(at / 1_000_000);
            }
        }
    }

    fn run(mut self, encoders: &[Encoder], events: Vec<Event>) -> Outcome {
        let mut sent: BTreeMap<usize, Vec<Sent>> = BTreeMap::new();
        let mut kept = 0;
        for event in events {
            let now = self.now(event.at);
            // Encoders come and go between frames, and readers look meanwhile.
            while kept + 50_000 < event.at {
                kept += 50_000;
                for (place, encoder) in encoders.iter().enumerate() {
                    let at = [kept / 1_000, kept / 1_000 - 200];
                    let on = encoder.on.iter().any(|on| at.iter().any(|at| on.contains(at)));
                    if !on && self.connected(place) {
                        self.disconnect(place);
                    }
                }
                self.keep_up(kept);
            }
            if self.refused.contains_key(&event.place) {
                continue;
            }
            if !self.connected(event.place) {
                self.connect(event.place, &encoders[event.place], now);
            }
            self.pass(event.place, event.sent.frame.clone(), now);
            self.keep_up(event.at);
            sent.entry(event.place).or_default().push(event.sent);
        }
        let (lead, publisher) = self.lead.take().unwrap();
        drop(lead);
        publisher.finish();
        let generation = self.generations.last().cloned().unwrap();
        self.watcher.look(&generation);
        self.watcher.finish(&generation);
        Outcome { stage: self, sent }
    }
}

struct Outcome {
    stage: Stage,
    sent: BTreeMap<usize, Vec<Sent>>,
}

impl Outcome {
    fn samples(&self, track: TrackId) -> Vec<Sample> {
        self.stage.watcher.seen[&track].samples()
    }

    /// Every frame of a member's track came out once, in order and unchanged, when it should be shown.
    fn assert_exact(&self, place: usize, own: TrackId, track: TrackId, slack: i64) {
        let samples = self.samples(track);
        let sent: Vec<_> = self.sent[&place].iter().filter(|sent| sent.frame.track == own).collect();
        let left = sent.len().saturating_sub(samples.len());
        // What the leader had not come to when it ended was never its turn.
        assert!(left <= if place == 0 { 0 } else { 12 }, "{track}: {left} of {} missing", sent.len());
        let scale =
            if track.kind == TrackKind::Video { Timescale::VIDEO } else { Timescale::new(48_000).unwrap() };
        for (n, (sample, sent)) in samples.iter().zip(sent).enumerate() {
            assert!(sample.payload == sent.frame.payload, "{track}: frame {n} altered or out of order");
            assert_eq!(sample.key, sent.frame.key, "{track}: frame {n}");
            let shown = rescale(sample.dts + sample.cts, scale, Timescale::MICROS) - 1_000_000;
            let off = shown - sent.true_pts;
            assert!(off.abs() <= slack, "{track}: frame {n} is shown {off} us off");
        }
    }

    /// Parts of `track` are the leader's, but for those behind its last one.
    fn assert_edges(&self, track: TrackId) {
        let edges = |id: TrackId| -> Vec<(u64, u32, i64)> {
            let parts = self.stage.watcher.seen[&id].parts.values();
            parts.map(|part| (part.msn, part.index, part.start)).collect()
        };
        let (lead, own) = (edges(TrackId::VIDEO), edges(track));
        assert!(lead.len().abs_diff(own.len()) <= 1, "{track}: {} parts, not {}", own.len(), lead.len());
        for (lead, own) in lead.iter().zip(own) {
            assert!((lead.0, lead.1) == (own.0, own.1), "{track}: {own:?} against {lead:?}");
            assert!((lead.2 - own.2).abs() <= 90, "{track}: {own:?} against {lead:?}");
        }
    }

    /// Frames of what was sent are all that came out, in order, each at most once.
    fn assert_nothing_made_up(&self, place: usize, track: TrackId) -> usize {
        let mut sent = self.sent[&place].iter().filter(|sent| sent.frame.track.kind == track.kind);
        let samples = self.samples(track);
        for (n, sample) in samples.iter().enumerate() {
            let found = sent.any(|sent| sent.frame.payload == sample.payload);
            assert!(found, "{track}: frame {n} was never sent, or is out of order");
        }
        samples.len()
    }
}

fn silent(seed: u64) -> Encoder {
    let mut encoder = Encoder::new(seed);
    encoder.source.audio_rate = None;
    encoder
}

#[test]
fn members_over_networks_of_their_own_come_out_whole_with_the_leaders_segments_and_parts() {
    for seed in 1..6 {
        println!("seed {seed}");
        let mut encoders = vec![Encoder::new(1), Encoder::new(2), Encoder::new(3)];
        // Pictures that are reordered are decoded earlier, and a rate may be another.
        encoders[1].source.delay = 2;
        encoders[1].ahead = -80;
        let stage = Stage::new(3, &[0]);
        let events = network(&encoders, 40, 60 * seed, seed, stage.start);
        let outcome = stage.run(&encoders, events);
        assert_eq!(outcome.stage.generations.len(), 1);
        assert_eq!(outcome.stage.watcher.seen.len(), 4, "three rungs and the leader's sound");
        for place in 0..3_u8 {
            outcome.assert_exact(place.into(), TrackId::VIDEO, video(place), 1_000);
            outcome.assert_edges(video(place));
        }
        outcome.assert_exact(0, TrackId::AUDIO, TrackId::AUDIO, 1_000);
        assert!(outcome.stage.out.is_empty(), "{:?}", outcome.stage.out);
        assert_eq!(outcome.stage.refused, BTreeMap::new());
    }
}

#[test]
fn a_member_that_is_lost_leaves_gaps_and_the_ladder_and_comes_back_and_nobody_else_notices() {
    for seed in 1..4 {
        println!("seed {seed}");
        let mut encoders = vec![Encoder::new(1), silent(2), silent(3)];
        encoders[1].on = vec![0..20_000, 30_000..i64::MAX];
        let stage = Stage::new(3, &[0]);
        let events = network(&encoders, 100, 150, seed, stage.start);
        let outcome = stage.run(&encoders, events);
        for place in [0, 2] {
            outcome.assert_exact(place.into(), TrackId::VIDEO, video(place), 1_000);
            outcome.assert_edges(video(place));
        }
        assert!(outcome.assert_nothing_made_up(1, video(1)) > 87 * 25, "most of it came out");
        assert_eq!(outcome.stage.out.keys().collect::<Vec<_>>(), [&video(1)]);
        let seconds = &outcome.stage.out[&video(1)];
        let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
        assert!((20..=24).contains(&first) && (58..=68).contains(&last), "out from {first} s to {last} s");
        assert_eq!(outcome.stage.notices, [Notice::Misaligned(video(1))]);
    }
}

#[test]
fn a_member_that_returns_between_keyframes_comes_back_with_the_first_ones_that_are_the_leaders() {
    let mut encoders = vec![Encoder::new(1), silent(2)];
    encoders[1].on = vec![0..20_000, 30_700..i64::MAX];
    let stage = Stage::new(2, &[0]);
    let mut events = network(&encoders, 100, 50, 9, stage.start);
    // An encoder begins with a keyframe wherever it is.
    let first = events.iter_mut().find(|event| event.place == 1 && event.sent.true_pts > 30_000_000).unwrap();
    first.sent.frame.key = true;
    let outcome = stage.run(&encoders, events);
    outcome.assert_exact(0, TrackId::VIDEO, TrackId::VIDEO, 1_000);
    let last = outcome.stage.out[&video(1)].last().copied().unwrap();
    assert!((58..=70).contains(&last), "back after {last} s");
    assert_eq!(outcome.stage.notices, [Notice::Misaligned(video(1))]);
}

#[test]
fn a_leader_that_is_lost_and_returns_within_the_grace_finds_its_members_in_the_same_generation() {
    for seed in 1..4 {
        println!("seed {seed}");
        let mut encoders = vec![Encoder::new(1), silent(2), silent(3)];
        // It begins where its encoder does: with a keyframe, which is the others' as well.
        encoders[0].on = vec![0..20_000, 26_000..i64::MAX];
        let stage = Stage::new(3, &[0]);
        let events = network(&encoders, 60, 100, seed, stage.start);
        let outcome = stage.run(&encoders, events);
        assert_eq!(outcome.stage.generations.len(), 1);
        assert!(outcome.stage.refused.is_empty(), "{:?}", outcome.stage.refused);
        for place in 0..3_u8 {
            let shown = outcome.assert_nothing_made_up(place.into(), video(place));
            assert!(shown > 53 * 25, "{shown} pictures of {place}");
            let segments = outcome.stage.watcher.seen[&video(place)].segments.values();
            assert_eq!(segments.map(|segment| segment.head.epoch).max(), Some(1));
        }
        let out: Vec<_> = outcome.stage.out.keys().collect();
        assert!(out.is_empty(), "members have the leader's first keyframe: {out:?}");
        assert_eq!(outcome.stage.lost.values().sum::<u64>(), 0, "to wait is not to lose");
    }
}

#[test]
fn members_that_wait_for_a_leader_begin_with_it_and_follow_it_into_another_generation() {
    let mut encoders = vec![Encoder::new(1), silent(2), silent(3)];
    encoders[0].on = vec![6_000..20_000, 40_000..i64::MAX];
    let stage = Stage::new(3, &[0]);
    let events = network(&encoders, 60, 100, 4, stage.start);
    let outcome = stage.run(&encoders, events);
    assert_eq!(outcome.stage.generations.len(), 2, "its grace was over");
    let first = &outcome.stage.generations[0];
    assert!(first.ended() && first.renditions().len() == 4);
    // Of the second one all is there from the leader's first keyframe on.
    assert_eq!(outcome.stage.watcher.seen.len(), 4);
    for place in 0..3_u8 {
        outcome.assert_edges(video(place));
        let shown = outcome.samples(video(place)).len();
        assert!((488..=500).contains(&shown), "{shown} pictures of {place}");
    }
    assert!(outcome.stage.out.is_empty(), "{:?}", outcome.stage.out);
}
