//! The great room's clock: whatever times a source says, what is published keeps every promise.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::flv::cue;
use rillcast::hls;
use rillcast::live::{Expect, Generation, Publisher, Registry, Rendition, Settings, Terms, View};
use rillcast::m3u8::Media;
use rillcast::media::{
    AudioCodec, AudioConfig, CodecConfig, Frame, FrameRate, Now, RtmpLimits, StreamName, Ticks, Timescale,
    Track, TrackId, VideoCodec, VideoConfig, WallTime,
};
use rillcast::packager::{Part, Segment};

use crate::judge;
use crate::steps::Steps;

/// avcC of a picture of 1280x720, as x264 wrote it.
pub(crate) const AVCC: &[u8] = &[
    1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 0x1A, 0x67, 0x64, 0, 0x1F, 0xAC, 0xD9, 0x40, 0x50, 0x05, 0xBB, 0x01,
    0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0x20, 0xF1, 0x83, 0x19, 0x60, 1, 0, 6, 0x68, 0xEB, 0xE3, 0xCB, 0x22,
    0xC0,
];
/// Most frames of one input, and the longest it may take.
const MOST: usize = 1_500;
const LONGEST: Duration = Duration::from_secs(600);

/// The instant that simulated time is counted from.
pub(crate) fn origin() -> Now {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    Now { mono: *ORIGIN, wall: WallTime { unix_micros: 1_800_000_000_000_000 } }
}

pub(crate) fn video(frame_rate: Option<FrameRate>) -> Track {
    let (codec, record) = (VideoCodec::Avc, Bytes::from_static(AVCC));
    let (codecs, pixel_aspect, colour) = ("avc1.64001f".into(), (1, 1), None);
    let config =
        VideoConfig { codec, record, codecs, width: 1_280, height: 720, pixel_aspect, frame_rate, colour };
    Track { id: TrackId::VIDEO, config: CodecConfig::Video(config) }
}

pub(crate) fn sound(rate: u32) -> Track {
    let config = AudioConfig {
        codec: AudioCodec::Aac,
        record: Bytes::from_static(if rate == 48_000 { &[0x11, 0x90] } else { &[0x12, 0x10] }),
        codecs: "mp4a.40.2".into(),
        sample_rate: Timescale::new(rate).expect("not zero"),
        channels: 2,
        frame_samples: 1_024,
    };
    Track { id: TrackId::AUDIO, config: CodecConfig::Audio(config) }
}

/// A source by steps: what is published of it is whole, in order, in time, bounded, and the same for ever.
pub fn timeline(data: &[u8]) {
    let mut steps = Steps(data);
    let mut stage = Stage::new(&mut steps);
    while !steps.is_empty() && stage.sent < MOST && stage.spent < LONGEST && !stage.over {
        stage.step(&mut steps);
    }
    stage.finish();
}

/// Ten seconds of pictures and sound as they should be: the views of them.
pub(crate) fn steady() -> Vec<Arc<View>> {
    let mut stage = Stage::new(&mut Steps(&[7]));
    (0..700).for_each(|n| stage.honest(n % 120 == 0));
    stage.generation.renditions().iter().map(|rendition| rendition.view()).collect()
}

/// The same, and then its end.
pub(crate) fn ended() -> Vec<Arc<View>> {
    let mut stage = Stage::new(&mut Steps(&[7]));
    (0..700).for_each(|n| stage.honest(n % 120 == 0));
    stage.publisher.take().into_iter().for_each(Publisher::finish);
    stage.generation.renditions().iter().map(|rendition| rendition.view()).collect()
}

struct Stage {
    settings: Settings,
    registry: Registry,
    publisher: Option<Publisher>,
    generation: Arc<Generation>,
    now: Now,
    spent: Duration,
    /// Time stamps of the next honest picture and sound, in microseconds, and what the source adds to all it says.
    next: [i64; 2],
    shift: i64,
    tracks: Vec<Track>,
    /// Key flags of what was sent, by number.
    keys: Vec<bool>,
    sent: usize,
    /// The ring is so small that segments can come and go unseen.
    small: bool,
    over: bool,
    watch: BTreeMap<TrackId, Watch>,
}

impl Stage {
    fn new(steps: &mut Steps<'_>) -> Self {
        let how = steps.byte();
        let rate = FrameRate::new(25, 1).filter(|_| how & 4 != 0);
        let mut tracks = vec![video(rate), sound(48_000)];
        tracks.retain(|track| if track.id == TrackId::VIDEO { how & 1 != 0 } else { how & 2 != 0 });
        if tracks.is_empty() {
            tracks.push(video(rate));
        }
        let mut settings = Settings { parts: how & 8 == 0, ..Settings::default() };
        if how & 16 != 0 {
            settings.packager.limits.bytes = 64 * 1_024;
            (settings.packager.limits.part_bytes, settings.packager.limits.segment_bytes) = (8_192, 32_768);
        }
        let registry = Registry::new(settings.clone());
        let publisher = publish(&registry, origin());
        let generation = Arc::clone(publisher.generation());
        let mut stage = Self {
            settings,
            registry,
            publisher: Some(publisher),
            generation,
            now: origin(),
            spent: Duration::ZERO,
            next: [0, 0],
            shift: 0,
            tracks,
            keys: Vec::new(),
            sent: 0,
            small: how & 16 != 0,
            over: false,
            watch: BTreeMap::new(),
        };
        stage.introduce(how & 32 != 0);
        stage
    }

    /// What a source says before its first frame.
    fn introduce(&mut self, announced: bool) {
        let Some(publisher) = &mut self.publisher else { return };
        let has = |id| announced.then(|| self.tracks.iter().any(|track| track.id == id));
        let (video, audio) = (has(TrackId::VIDEO), has(TrackId::AUDIO));
        publisher.expect(Expect { video, audio, ..Expect::default() });
        self.tracks.iter().for_each(|track| publisher.configure(track.clone(), self.now));
    }

    fn step(&mut self, steps: &mut Steps<'_>) {
        let step = steps.byte();
        match step & 7 {
            0 => self.honest(step & 8 != 0),
            1 => (0..=step >> 3).for_each(|_| self.honest(false)),
            2 => (0..=u32::from(step >> 3) * 4).for_each(|n| self.honest(n % 60 == 0)),
            3 => {
                let track = if step & 16 == 0 { TrackId::VIDEO } else { TrackId::AUDIO };
                let (dts, cts) = (steps.short() as i16, steps.short() as i16);
                self.wait(Duration::from_millis(u64::from(steps.byte())));
                let now = self.micros() / 1_000 + self.shift;
                let (dts, cts) = (now + i64::from(dts), i64::from(cts) << (step >> 5));
                self.send(track, dts, cts, step & 8 != 0, usize::from(steps.byte()));
            }
            4 => self.wait(Duration::from_millis(u64::from(steps.short()))),
            5 => self.shift = self.shift.saturating_add(i64::from(steps.number() as i32) >> (step >> 3)),
            6 => {
                let now = self.micros() / 1_000 + self.shift;
                for n in 0..i64::from(step >> 3) {
                    self.send(TrackId::VIDEO, now + n * i64::from(steps.byte()), 0, step & 8 != 0, 200);
                }
            }
            _ => self.change(step >> 3, steps),
        }
    }

    fn change(&mut self, what: u8, steps: &mut Steps<'_>) {
        let Some(publisher) = &mut self.publisher else { return self.come_back() };
        match what & 3 {
            0 => {
                let rate = if what & 4 == 0 { 44_100 } else { 48_000 };
                publisher.configure(sound(rate), self.now);
            }
            1 => publisher.configure(video(FrameRate::new(u32::from(steps.byte()), 1)), self.now),
            2 => {
                let at = i64::from(steps.number() as i32);
                if let Ok(Some(cue)) = cue(steps.body(), at, &RtmpLimits::default()) {
                    publisher.cue(cue, self.now);
                }
            }
            _ => {
                self.publisher = None;
                self.look();
            }
        }
    }

    /// The source is there again, with a clock of its own.
    fn come_back(&mut self) {
        let publisher = publish(&self.registry, self.now);
        if !Arc::ptr_eq(publisher.generation(), &self.generation) {
            // The grace is over, and so is what was published.
            return self.over = true;
        }
        self.publisher = Some(publisher);
        self.introduce(true);
    }

    fn micros(&self) -> i64 {
        self.spent.as_micros() as i64
    }

    /// The next frame as a well-behaved encoder would send it, when it would.
    fn honest(&mut self, key: bool) {
        let pictures = self.tracks.iter().any(|track| track.id == TrackId::VIDEO);
        let sounds = self.tracks.iter().any(|track| track.id == TrackId::AUDIO);
        let now = self.micros();
        self.next = self.next.map(|next| next.max(now - 500_000));
        let (track, n, lasts) = match self.next[0] <= self.next[1] {
            _ if !sounds => (TrackId::VIDEO, 0, 40_000),
            _ if !pictures => (TrackId::AUDIO, 1, 21_333),
            true => (TrackId::VIDEO, 0, 40_000),
            false => (TrackId::AUDIO, 1, 21_333),
        };
        let at = self.next[n];
        self.next[n] += lasts;
        self.wait(Duration::from_micros((at - now).max(0).unsigned_abs()));
        self.send(track, at / 1_000 + self.shift, 0, key, 60);
    }

    /// Time goes on, and what is due by then is done.
    fn wait(&mut self, span: Duration) {
        let end = self.spent + span;
        let mut ticks = 0_u32;
        while let Some(at) = self.deadline().filter(|at| *at <= origin().mono + end) {
            self.spent = self.spent.max(at.saturating_duration_since(origin().mono));
            self.now = origin().plus(self.spent);
            match &mut self.publisher {
                Some(publisher) => publisher.tick(self.now),
                None => _ = self.registry.tick(self.now.mono),
            }
            ticks += 1;
            assert!(ticks < 10_000, "time does not go on");
            self.look();
        }
        self.spent = end;
        self.now = origin().plus(self.spent);
        self.look();
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.publisher {
            Some(publisher) => publisher.deadline(),
            None if self.generation.ended() => None,
            None => self.registry.tick(self.now.mono),
        }
    }

    fn send(&mut self, track: TrackId, dts: i64, cts: i64, key: bool, size: usize) {
        let Some(publisher) = self.publisher.as_mut().filter(|_| self.sent < MOST) else { return };
        if !self.tracks.iter().any(|known| known.id == track) {
            return;
        }
        let mut payload = (self.sent as u32).to_be_bytes().to_vec();
        payload.resize(4 + size * 32, size as u8);
        let key = key || track == TrackId::AUDIO;
        self.keys.push(key);
        self.sent += 1;
        let (cts, arrival) = (if track == TrackId::AUDIO { 0 } else { cts }, self.now.mono);
        let (dts, payload) = (Ticks::millis(dts), Bytes::from(payload));
        let frame = Frame { track, dts, cts, duration: None, key, payload, arrival };
        self.over = publisher.push(frame, self.now).is_err();
        let _told = publisher.notices();
        self.look();
    }

    /// Looks at every rendition.
    fn look(&mut self) {
        for rendition in self.generation.renditions().iter() {
            let watch = self.watch.entry(rendition.id()).or_default();
            watch.take(&rendition.view(), &self.settings, self.sent % 64 == 63);
        }
    }

    fn finish(mut self) {
        match self.publisher.take() {
            Some(publisher) => publisher.finish(),
            None => self.registry.close(self.now.mono),
        }
        self.look();
        for rendition in self.generation.renditions().iter() {
            let watch = &self.watch[&rendition.id()];
            assert!(rendition.view().ended);
            watch.check(rendition, &self.keys, self.small);
        }
    }
}

fn publish(registry: &Registry, now: Now) -> Publisher {
    let name = StreamName::parse("cam").expect("a name");
    let terms = Terms { grace: Duration::from_secs(10), ..Terms::default() };
    registry.publish_on(&name, terms, now).expect("nobody is there")
}

/// What has been seen of one rendition.
#[derive(Default)]
struct Watch {
    parts: BTreeMap<u64, Arc<Part>>,
    segments: BTreeMap<u64, Arc<Segment>>,
    media_sequence: u64,
    /// Where that stood with the first part: a track that came late has no segments before.
    began: Option<u64>,
    discontinuity_sequence: u64,
    next_part: u64,
    /// What of a view says that it is another one.
    state: (u64, u64, bool, bool),
}

impl Watch {
    fn take(&mut self, view: &View, settings: &Settings, print: bool) {
        assert!(view.media_sequence() >= self.media_sequence.max(1));
        assert!(view.discontinuity_sequence >= self.discontinuity_sequence);
        assert!(view.next_part >= self.next_part);
        let state = (view.next_part, view.next_msn, view.open.is_some(), view.ended);
        let new = std::mem::replace(&mut self.state, state) != state;
        self.media_sequence = view.media_sequence();
        if view.next_part > 0 {
            self.began.get_or_insert(self.media_sequence);
        }
        self.discontinuity_sequence = view.discontinuity_sequence;
        self.next_part = view.next_part;
        if print {
            printed(view);
        }
        if !new {
            return;
        }
        for pair in view.segments.windows(2) {
            assert_eq!(pair[0].head.msn + 1, pair[1].head.msn, "segments are numbered without a gap");
        }
        for segment in view.segments.iter() {
            let known = self.segments.entry(segment.head.msn).or_insert_with(|| Arc::clone(segment));
            assert!(Arc::ptr_eq(known, segment), "what was shown never changes");
            segment.parts.iter().for_each(|part| self.part(part));
        }
        view.open.iter().flat_map(|open| &open.parts).for_each(|part| self.part(part));
        assert_eq!(self.parts.last_key_value().map_or(0, |(last, _)| last + 1), view.next_part);
        bounded(view, settings, self.began.unwrap_or(1));
    }

    fn part(&mut self, part: &Arc<Part>) {
        let known = self.parts.entry(part.number).or_insert_with(|| Arc::clone(part));
        assert!(Arc::ptr_eq(known, part), "what was shown never changes");
    }

    /// Everything that can be said of all of it.
    fn check(&self, rendition: &Rendition, keys: &[bool], small: bool) {
        let constants = rendition.constants();
        let scale = i128::from(constants.timescale().per_second());
        // A track that comes late may have nothing in the first epochs.
        let first = self.segments.values().next().map_or(0, |segment| segment.head.epoch);
        let (mut end, mut last, mut epoch) = (None, None, first);
        // The first that was seen: a small ring lets parts go before anybody has looked.
        let mut next = self.parts.keys().next().copied().unwrap_or(0);
        for (&n, part) in &self.parts {
            assert!(n == next || small && n > next, "parts {next} to {n} are missing");
            if n != next {
                end = None;
            }
            next = n + 1;
            let segment = self.segments.get(&part.msn);
            assert!(small || segment.is_some(), "segment {} is missing", part.msn);
            let Some(segment) = segment else {
                end = None;
                continue;
            };
            if segment.head.epoch != epoch {
                assert!(segment.head.epoch > epoch && segment.head.discontinuity && part.index == 0);
                // A frame of sound may begin before the picture that an epoch begins with.
                let slack = scale as i64 * 30 / 1_000;
                assert!(
                    end.is_none_or(|end| part.start + slack >= end),
                    "part {n} begins at {}, before {end:?}",
                    part.start
                );
                (epoch, end) = (segment.head.epoch, None);
            }
            assert!(
                end.is_none_or(|end| part.start == end),
                "part {n} begins at {}, not {end:?}",
                part.start
            );
            assert!(part.duration > 0, "part {n}");
            if let Some(target) = constants.part_target {
                let most = target.as_micros() as i128 * scale / 1_000_000;
                assert!(
                    i128::from(part.duration) <= most,
                    "part {n} lasts {}, more than {most}",
                    part.duration
                );
            }
            end = Some(part.start + part.duration);
            if part.gap {
                let body = part.body.runs().concat();
                assert!(body.is_empty() || judge::samples(&body) == [(1, Vec::new())]);
                continue;
            }
            let [(1, samples)] = &judge::samples(&part.body.runs().concat())[..] else { panic!("one track") };
            assert_eq!(samples.first().map(|first| first.dts), Some(part.start));
            assert_eq!(samples.iter().map(|sample| sample.duration).sum::<i64>(), part.duration);
            assert_eq!(part.independent, samples.iter().any(|sample| sample.key));
            for sample in samples {
                assert!(sample.duration > 0, "{sample:?}");
                let number = sample.payload.first_chunk().map(|number| u32::from_be_bytes(*number) as usize);
                assert!(number > last, "frame {number:?} comes after {last:?}");
                assert_eq!(sample.key, keys[number.unwrap_or(usize::MAX)]);
                last = number;
            }
        }
        for segment in self.segments.values() {
            let lasts = i128::from(segment.duration);
            let target = i128::from(constants.target_duration) * scale;
            assert!(lasts * 2 < target * 2 + scale, "a segment of {lasts} ticks, and a target of {target}");
        }
    }
}

/// No more is kept than the bounds say, and what three target durations take.
fn bounded(view: &View, settings: &Settings, began: u64) {
    let bytes = |segments: &[Arc<Segment>]| segments.iter().map(|segment| segment.bytes()).sum::<u64>();
    let scale = i64::from(view.constants.timescale().per_second());
    let target = i64::from(view.constants.target_duration) * scale;
    let listed = view.listed();
    let rest: i64 = listed.iter().skip(1).map(|segment| segment.duration).sum();
    let limit = settings.packager.limits.bytes as u64;
    assert!(
        bytes(&view.segments) <= limit || view.listed_from == 0,
        "segments that are not listed over the bound"
    );
    assert!(bytes(listed) <= limit || rest < target * 3, "listed over the bound");
    let parts = view.segments.iter().map(|segment| segment.parts.len()).sum::<usize>();
    assert!(parts <= 4 * MOST, "{parts} parts");
    if view.media_sequence() > began {
        let listed: i64 = listed.iter().map(|segment| segment.duration).sum();
        assert!(listed >= target * 3, "fewer than three target durations are listed");
    }
}

/// The playlist of a view, which our own reader reads as it was meant.
fn printed(view: &View) {
    if !view.playable() {
        return;
    }
    let playlist = hls::playlist(view);
    let text = playlist.render();
    let read = Media::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read.render(), text);
    assert_eq!(read.segments.len(), view.listed().len());
    assert_eq!((read.media_sequence, read.ended), (view.media_sequence(), view.ended));
}

/// A picture and sound for a while; then everything that can go wrong.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let start = [0x08, 0xFA, 0xFA];
    let cue = rillcast::flv::amf0::command("onTextData", 0.0, &[]);
    let cue = [&[0x17, 0, 0, 0, 9, 0, cue.len() as u8][..], &cue].concat();
    let faults: [&[u8]; 9] = [
        &[0xF9, 4, 0x27, 0x10, 0xFA],
        &[5, 0, 0, 0x40, 0, 0xFA, 0xFA],
        &[5, 0xFF, 0xF0, 0, 0, 0xFA, 0xFA],
        &[11, 0xFF, 0xC0, 0x7F, 0xFF, 40, 3, 11, 0, 0, 0x80, 0, 0, 9, 0xFA],
        &[7, 0xF9, 8, 0xFA],
        &[15, 30, 0xF9, 8, 0xFA],
        &[31, 4, 0x07, 0xD0, 31, 8, 0xFA, 0xFA],
        &[0xFE, 1, 0xFE, 0, 0xFE, 0, 0xFA],
        &cue,
    ];
    let all = |how: u8| faults.iter().map(move |fault| [&[how][..], &start, fault, &[0xFA]].concat());
    [7, 3, 35, 1, 2, 39, 15, 23].into_iter().flat_map(all).collect()
}
