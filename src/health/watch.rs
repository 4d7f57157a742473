//! Watch: one publish, watched from its first word to its end.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::counts::{Counts, Lately};
use super::finding::{Change, Finding, Findings};
use super::track::{Measures, seconds};
use super::verdict::Verdict;
use crate::media::{EncoderReport, Frame, Now, Track, TrackId, WallTime};

/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);
/// Tracks watched.
const TRACKS: usize = 32;
/// Looks that must agree on how far pictures and sound are apart.
const LOOKS: usize = 5;
/// Apart by more, players run out of one while they have the other; in microseconds.
const APART: i64 = 500_000;
/// Longer from the composition of a picture to its arrival is worth a word; in microseconds.
const LATE: i64 = 3_000_000;
/// Clocks are rarely nearer; in microseconds.
const AHEAD: i64 = -100_000;

/// What the encoder says that it sends; `None` where it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Declared {
    /// Pictures a second of the first video track.
    pub frame_rate: Option<f64>,
    /// Video bits a second.
    pub video_bitrate: Option<f64>,
}

/// Measures one publish. It is fed with what comes, in any order, and looks at it once a second.
#[derive(Debug)]
pub struct Watch {
    pub(super) since: WallTime,
    pub(super) declared: Declared,
    pub(super) tracks: BTreeMap<TrackId, Measures>,
    /// Bytes of all frames so far.
    pub(super) received: u64,
    pub(super) findings: Findings,
    pub(super) total: Counts,
    /// Microseconds from the composition of the last picture that told it to its arrival.
    pub(super) latency: Option<i64>,
    /// The last distances between the time stamps of pictures and sound.
    skews: VecDeque<i64>,
    lately: Lately,
    /// Tracks that told counters before: what they tell first may count from the encoder's start.
    told: Vec<TrackId>,
    due: Instant,
}

impl Watch {
    /// A publish that begins now.
    pub fn new(now: Now) -> Self {
        Self {
            since: now.wall,
            declared: Declared::default(),
            tracks: BTreeMap::new(),
            received: 0,
            findings: Findings::default(),
            total: Counts::default(),
            latency: None,
            skews: VecDeque::new(),
            lately: Lately::default(),
            told: Vec::new(),
            due: now.mono + LOOK,
        }
    }

    /// Takes what the encoder declares.
    pub fn declare(&mut self, declared: Declared) {
        self.declared = declared;
    }

    /// Takes a track's configuration.
    pub fn configure(&mut self, track: &Track, now: Now) {
        if self.tracks.len() < TRACKS || self.tracks.contains_key(&track.id) {
            let measures = self.tracks.entry(track.id).or_insert_with(|| Measures::new(now.mono));
            track.config.codecs().clone_into(&mut measures.codecs);
        }
    }

    /// Takes a frame in the source's own clock.
    pub fn push(&mut self, frame: &Frame) {
        self.received = self.received.saturating_add(frame.payload.len() as u64);
        if let Some(measures) = self.tracks.get_mut(&frame.track) {
            measures.push(frame);
        }
    }

    /// Takes what the encoder tells of itself with a picture of `track`; what that adds to the counts comes back.
    ///
    /// Every track tells of the whole publish: the first one that does is believed.
    pub fn report(&mut self, track: TrackId, report: &EncoderReport, now: Now) -> Counts {
        let leads = *self.told.first().unwrap_or(&track) == track;
        if let Some(composed) = report.composed.filter(|_| leads) {
            self.latency = Some(now.wall.unix_micros.saturating_sub(composed.unix_micros));
        }
        if report.session.is_none() && report.rendition.is_none() {
            return Counts::default();
        }
        if !self.told.contains(&track) {
            if self.told.len() < TRACKS {
                self.told.push(track);
            }
            return Counts::default();
        }
        let counts = Counts::of(report.session.filter(|_| leads), report.rendition);
        self.total = self.total.with(counts);
        self.lately.add(counts);
        counts
    }

    /// Seconds from the composition of a picture to its arrival by both clocks, when the encoder tells.
    pub fn latency(&self) -> Option<f64> {
        self.latency.map(seconds)
    }

    /// When [`look`](Self::look) is due.
    pub fn deadline(&self) -> Instant {
        self.due
    }

    /// Looks, when it is due: what began to be wrong, and what ended. Whether it was due comes with it.
    pub fn look(&mut self, now: Now) -> Option<Vec<Change>> {
        if now.mono < self.due {
            return None;
        }
        self.due = now.mono + LOOK;
        let found = self.find(now);
        self.tracks.values_mut().for_each(Measures::roll);
        self.lately.roll();
        Some(self.findings.take(found, now))
    }

    fn find(&mut self, now: Now) -> Vec<Finding> {
        let pictures = self.tracks.keys().filter(|id| id.kind == TrackId::VIDEO.kind).count();
        let mut found = Vec::new();
        for (id, measures) in &self.tracks {
            let mut verdicts = measures.verdicts(now.mono);
            if *id == TrackId::VIDEO {
                // What is declared is declared of one track.
                let bits = self.declared.video_bitrate.filter(|_| pictures == 1);
                verdicts.extend(measures.against(self.declared.frame_rate, bits));
            }
            found.extend(verdicts.into_iter().map(|verdict| Finding { track: Some(*id), verdict }));
        }
        let whole = self.skew(now.mono).into_iter().chain(self.lately.verdicts()).chain(self.lag());
        found.extend(whole.map(|verdict| Finding { track: None, verdict }));
        found
    }

    /// Pictures and sound, when they have been apart for some time and neither is stalled.
    fn skew(&mut self, now: Instant) -> Option<Verdict> {
        let newest = |id: TrackId| self.tracks.get(&id).filter(|track| !track.stalled(now))?.newest();
        match newest(TrackId::VIDEO).zip(newest(TrackId::AUDIO)) {
            Some((video, audio)) => self.skews.push_front(video.saturating_sub(audio)),
            None => self.skews.clear(),
        }
        self.skews.truncate(LOOKS);
        let apart = self.skews.len() == LOOKS
            && (self.skews.iter().all(|skew| *skew > APART) || self.skews.iter().all(|skew| *skew < -APART));
        let last = *self.skews.front().filter(|_| apart)?;
        Some(Verdict::Skew { millis: seconds(last) * 1e3 })
    }

    fn lag(&self) -> Option<Verdict> {
        match self.latency? {
            late @ LATE.. => Some(Verdict::Late { seconds: seconds(late) }),
            early @ ..AHEAD => Some(Verdict::ClockAhead { seconds: seconds(early).abs() }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
