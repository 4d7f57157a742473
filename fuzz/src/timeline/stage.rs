//! The source on its stage: what it says and when, on a clock of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::flv::cue;
use rillcast::live::{Expect, Generation, Publisher, Registry, Settings, Terms, View};
use rillcast::media::{Frame, FrameRate, Now, RtmpLimits, StreamName, Ticks, Track, TrackId};

use super::watch::Watch;
use super::{LONGEST, MOST, origin, sound, video};
use crate::steps::Steps;

pub(super) struct Stage {
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
    pub(super) fn new(steps: &mut Steps<'_>) -> Self {
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

    /// Whether there is room for more.
    pub(super) fn goes_on(&self) -> bool {
        self.sent < MOST && self.spent < LONGEST && !self.over
    }

    /// What is shown of it now.
    pub(super) fn views(&self) -> Vec<Arc<View>> {
        self.generation.renditions().iter().map(|rendition| rendition.view()).collect()
    }

    /// What a source says before its first frame.
    fn introduce(&mut self, announced: bool) {
        let Some(publisher) = &mut self.publisher else { return };
        let has = |id| announced.then(|| self.tracks.iter().any(|track| track.id == id));
        let (video, audio) = (has(TrackId::VIDEO), has(TrackId::AUDIO));
        publisher.expect(Expect { video, audio, ..Expect::default() });
        self.tracks.iter().for_each(|track| publisher.configure(track.clone(), self.now));
    }

    pub(super) fn step(&mut self, steps: &mut Steps<'_>) {
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
    pub(super) fn honest(&mut self, key: bool) {
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

    /// Its end, for good.
    pub(super) fn end(&mut self) {
        match self.publisher.take() {
            Some(publisher) => publisher.finish(),
            None => self.registry.close(self.now.mono),
        }
    }

    /// Its end, and all that can be said of the whole of it.
    pub(super) fn finish(mut self) {
        self.end();
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
