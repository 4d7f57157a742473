//! Publisher: the one writer of a generation, from raw frames to published views.

use std::sync::Arc;
use std::time::Duration;

use super::constants::Constants;
use super::error::{Error, Expect, Notice};
use super::position::Report;
use super::registry::{Generation, Settings};
use super::ring::{Bounds, PartRing};
use super::sanity::Sanity;
use super::settle::{Settled, Settling};
use super::timeline::Timeline;
use crate::media::{CodecConfig, Frame, FrameRate, Now, Track, TrackKind, WallTime};
use crate::packager::{Geometry, Packager};

/// Writes one generation. Nothing it does waits for a reader; dropping it ends the generation, and every
/// waiter sees the end at once.
#[derive(Debug)]
pub struct Publisher {
    generation: Arc<Generation>,
    settings: Settings,
    phase: Phase,
    sanity: Sanity,
    notices: Vec<Notice>,
    now: Now,
}

#[derive(Debug)]
enum Phase {
    /// Which tracks there are is not known yet.
    Settling(Settling),
    Live(Box<Live>),
}

#[derive(Debug)]
struct Live {
    timeline: Timeline,
    packager: Packager,
    rings: Vec<PartRing>,
    tracks: Vec<Track>,
    rate: Option<FrameRate>,
    /// New configurations that wait for a keyframe to begin an epoch.
    pending: Vec<Track>,
    playable: bool,
    told_long_gop: bool,
}

impl Publisher {
    pub(super) fn new(generation: Arc<Generation>, settings: Settings, now: Now) -> Self {
        let phase = Phase::Settling(Settling::default());
        Self { generation, settings, phase, sanity: Sanity::default(), notices: Vec::new(), now }
    }

    /// The generation it writes.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// What the publisher announced that it will send. Of use only before the first frames.
    pub fn expect(&mut self, expect: Expect) {
        if let Phase::Settling(settling) = &mut self.phase {
            settling.expect = expect;
        }
    }

    /// A track's configuration, which comes before its first frame. A different one later begins a new
    /// epoch at the next keyframe.
    pub fn configure(&mut self, track: Track, now: Now) {
        self.now = now;
        match &mut self.phase {
            Phase::Settling(settling) => settling.configure(track),
            Phase::Live(live) => live.configure(track, &mut self.notices),
        }
    }

    /// Takes one frame in the source's clock. On an error the publish cannot go on.
    pub fn push(&mut self, frame: Frame, now: Now) -> Result<(), Error> {
        self.now = now;
        if frame.track.kind == TrackKind::Video {
            self.sanity.check(&frame)?;
        }
        let live = match &mut self.phase {
            Phase::Live(live) => live,
            Phase::Settling(settling) => {
                settling.push(frame, &self.settings.packager.limits)?;
                return match settling.settle(&self.settings.packager.limits) {
                    Some(settled) => self.open(settled),
                    None => Ok(()),
                };
            }
        };
        live.push(frame, now, &mut self.notices)?;
        live.publish(&self.generation);
        Ok(())
    }

    /// What is worth telling the publisher, each once.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Fixes the generation's geometry and renditions, and takes in the frames kept so far.
    fn open(&mut self, settled: Settled) -> Result<(), Error> {
        let leads = |frame: &&Frame| {
            let lead = settled.tracks.iter().find(|track| track.id.kind == TrackKind::Video);
            lead.or_else(|| settled.tracks.first()).is_some_and(|track| track.id == frame.track) && frame.key
        };
        let Some(first) = settled.frames.iter().find(leads) else { return Ok(()) };
        let wall = self.wall_of(first);
        let mut live = Live::new(&self.settings, &settled, first, wall, self.bit_rate())?;
        if live.rate.is_none() {
            self.notices.push(Notice::NoSteadyRate);
        }
        self.generation.settle(live.rings.iter().map(|ring| Arc::clone(ring.rendition())).collect());
        for frame in settled.frames {
            live.push(frame, self.now, &mut self.notices)?;
        }
        live.publish(&self.generation);
        self.phase = Phase::Live(Box::new(live));
        Ok(())
    }

    fn bit_rate(&self) -> u64 {
        match &self.phase {
            Phase::Settling(settling) => settling.expect.bitrate.unwrap_or(0),
            Phase::Live(_) => 0,
        }
    }

    /// Wall time at which a kept frame arrived.
    fn wall_of(&self, frame: &Frame) -> WallTime {
        let ago = self.now.mono.saturating_duration_since(frame.arrival);
        self.now.wall.plus_micros(i64::try_from(ago.as_micros()).unwrap_or(0).saturating_neg())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if let Phase::Settling(settling) = &mut self.phase
            && let Some(settled) = settling.give_up()
        {
            // Too short to settle by itself: what came is still shown, and then the end.
            let _unplayable = self.open(settled);
        }
        if let Phase::Live(live) = &mut self.phase {
            live.end();
            live.publish(&self.generation);
        }
        self.generation.end(self.now.mono);
    }
}

impl Live {
    fn new(
        settings: &Settings,
        settled: &Settled,
        first: &Frame,
        wall: WallTime,
        announced: u64,
    ) -> Result<Self, Error> {
        let tracks = settled.tracks.clone();
        let rate = settled.rate.or_else(|| sound_rate(&tracks));
        let timeline = Timeline::new(&tracks, settled.rate, first, wall);
        let geometry = Geometry::new(&settings.packager, rate);
        let target = |track: &Track| Packager::part_target_of(&geometry, track);
        let hold_back = tracks.iter().map(target).max().unwrap_or_default() * 3;
        let rings = tracks
            .iter()
            .map(|track| {
                let video = track.id.kind == TrackKind::Video;
                let constants = Constants {
                    track: track.clone(),
                    target_duration: geometry.target_duration,
                    part_target: settings.parts.then(|| target(track)),
                    part_hold_back: hold_back,
                    hold_back: Duration::from_secs(u64::from(geometry.target_duration) * 3),
                };
                let bounds = Bounds {
                    window: i64::try_from(settings.window.as_micros()).unwrap_or(i64::MAX),
                    max_bytes: settings.packager.limits.bytes,
                    announced: if video { announced } else { 0 },
                };
                PartRing::new(constants, settled.rate.filter(|_| video), bounds)
            })
            .collect();
        let packager = Packager::new(&settings.packager, geometry, &tracks, timeline.epoch())?;
        let pending = Vec::new();
        let rate = settled.rate;
        Ok(Self { timeline, packager, rings, tracks, rate, pending, playable: false, told_long_gop: false })
    }

    fn configure(&mut self, track: Track, notices: &mut Vec<Notice>) {
        self.pending.retain(|pending| pending.id != track.id);
        match self.tracks.iter().find(|known| known.id == track.id) {
            None => notices.push(Notice::LateTrack(track.id)),
            Some(known) if known.config != track.config => self.pending.push(track),
            Some(_) => {}
        }
    }

    fn push(&mut self, frame: Frame, now: Now, notices: &mut Vec<Notice>) -> Result<(), Error> {
        let due = self.timeline.jumped().is_some() || !self.pending.is_empty();
        if due && frame.track == self.timeline.lead() && frame.key {
            self.begin_epoch(&frame, now, notices)?;
        }
        // A frame of a configuration that has not begun cannot be decoded with the old one.
        if self.pending.iter().any(|track| track.id == frame.track) {
            return Ok(());
        }
        let Some(frame) = self.timeline.place(frame) else { return Ok(()) };
        if let Some(ring) = self.rings.iter().find(|ring| ring.id() == frame.track) {
            ring.keep(frame.clone());
        }
        self.packager.push(frame)?;
        if let Some(gop) = self.packager.long_gop().filter(|_| !self.told_long_gop) {
            self.told_long_gop = true;
            notices.push(Notice::LongGop { millis: gop.micros() / 1_000 });
        }
        self.take_sealed();
        Ok(())
    }

    fn begin_epoch(&mut self, first: &Frame, now: Now, notices: &mut Vec<Notice>) -> Result<(), Error> {
        let changed = std::mem::take(&mut self.pending);
        notices.extend(self.timeline.jumped().map(Notice::ClockJump));
        notices.extend(changed.iter().map(|track| Notice::NewConfig(track.id)));
        for track in &changed {
            if let CodecConfig::Video(video) = &track.config {
                self.rate = video.frame_rate;
            }
            if let Some(known) = self.tracks.iter_mut().find(|known| known.id == track.id) {
                known.clone_from(track);
            }
        }
        self.timeline.begin(&self.tracks, self.rate, first, now.wall);
        self.packager.begin_epoch(self.timeline.epoch(), &changed)?;
        self.take_sealed();
        Ok(())
    }

    fn end(&mut self) {
        self.packager.finish();
        self.take_sealed();
        self.rings.iter_mut().for_each(PartRing::end);
    }

    fn take_sealed(&mut self) {
        while let Some(sealed) = self.packager.pull() {
            if let Some(ring) = self.rings.iter_mut().find(|ring| ring.id() == sealed.track()) {
                ring.apply(sealed);
            }
        }
    }

    /// Shows readers every rendition that changed, each with where the others are.
    fn publish(&mut self, generation: &Generation) {
        if !self.rings.iter().any(PartRing::dirty) {
            return;
        }
        let at: Vec<_> = self.rings.iter().map(|ring| (ring.id(), ring.last())).collect();
        for ring in self.rings.iter_mut().filter(|ring| ring.dirty()) {
            let id = ring.id();
            let others = at.iter().filter(|(track, _)| *track != id);
            let reports = others.filter_map(|(track, last)| Some(Report { track: *track, last: (*last)? }));
            ring.publish(reports.collect());
        }
        if !self.playable && generation.playable() {
            self.playable = true;
            generation.wake();
        }
    }
}

/// The rate at which sound comes, where it leads: frames of a fixed number of samples.
fn sound_rate(tracks: &[Track]) -> Option<FrameRate> {
    match &tracks.first()?.config {
        CodecConfig::Audio(audio) => FrameRate::new(audio.sample_rate.per_second(), audio.frame_samples),
        CodecConfig::Video(_) => None,
    }
}
