//! Views built by hand for the tests of this room.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::Rope;
use crate::cmaf::{ChunkHead, Sample};
use crate::live::{Bandwidth, Constants, Memo, OpenSegment, PartPos, Report, View};
use crate::media::{
    AudioCodec, AudioConfig, CodecConfig, DateRange, FrameRate, Timescale, Track, TrackId, VideoCodec,
    VideoConfig, WallTime,
};
use crate::packager::{Init, Part, Segment, SegmentHead};

/// The wall clock of the first frame of segment 1: 2026-11-21T09:30:00Z.
const ANCHOR: WallTime = WallTime { unix_micros: 1_795_253_400_000_000 };

pub(super) fn video_track() -> Track {
    let config = VideoConfig {
        codec: VideoCodec::Avc,
        record: Bytes::new(),
        codecs: "avc1.64001f".into(),
        width: 1_280,
        height: 720,
        pixel_aspect: (1, 1),
        frame_rate: FrameRate::new(30, 1),
        colour: None,
    };
    Track { id: TrackId::VIDEO, config: CodecConfig::Video(config) }
}

pub(super) fn audio_track() -> Track {
    let config = AudioConfig {
        codec: AudioCodec::Aac,
        record: Bytes::new(),
        codecs: "mp4a.40.2".into(),
        sample_rate: Timescale::new(48_000).unwrap(),
        channels: 2,
        frame_samples: 1_024,
    };
    Track { id: TrackId::AUDIO, config: CodecConfig::Audio(config) }
}

/// A date range from `start` seconds after the first frame on, for so many seconds.
pub(super) fn date_range(id: &str, start: i64, seconds: Option<u64>, added_msn: u64) -> Arc<DateRange> {
    Arc::new(DateRange {
        id: id.into(),
        class: None,
        start: ANCHOR.plus_micros(start * 1_000_000),
        duration: seconds.map(Duration::from_secs),
        planned: None,
        attributes: Vec::new(),
        added_msn,
    })
}

/// `part` with a real head and three frames filled with its number, the first of them its key picture if it
/// has one.
pub(super) fn real_part(part: &Arc<Part>) -> Arc<Part> {
    let sample =
        |(index, size)| Sample { duration: 3_000, size, offset: 0, sync: index == 0 && part.independent };
    let samples: Vec<Sample> = [900, 100, 150].into_iter().enumerate().map(sample).collect();
    let mut body = Rope::default();
    body.push(ChunkHead { sequence: 0, decode_time: 0 }.write(&samples));
    let fill = u8::try_from(part.number).unwrap();
    samples.iter().for_each(|sample| body.push(Bytes::from(vec![fill; sample.size as usize])));
    Arc::new(Part { body, ..Part::clone(part) })
}

/// A rendition that is fed part by part: segments of `per_segment` parts of half a second each, the
/// first of a segment independent, TARGETDURATION 2, PART-TARGET 0.51.
#[derive(Clone)]
pub(super) struct Builder {
    pub(super) constants: Constants,
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) open: Option<OpenSegment>,
    pub(super) listed_from: usize,
    pub(super) discontinuity_sequence: u64,
    pub(super) next_init: Option<Arc<Init>>,
    pub(super) date_ranges: Vec<Arc<DateRange>>,
    pub(super) reports: Vec<Report>,
    pub(super) ended: bool,
    pub(super) bandwidth: Bandwidth,
    next_part: u64,
    next_msn: u64,
    init: u32,
    epoch: u32,
    fresh_epoch: bool,
    clock: i64,
}

impl Builder {
    pub(super) fn new(track: Track) -> Self {
        Self {
            constants: Constants {
                track,
                target_duration: 2,
                part_target: Some(Duration::from_millis(510)),
                part_hold_back: Duration::from_millis(1_530),
                hold_back: Duration::from_secs(6),
            },
            segments: Vec::new(),
            open: None,
            listed_from: 0,
            discontinuity_sequence: 0,
            next_init: None,
            date_ranges: Vec::new(),
            reports: Vec::new(),
            ended: false,
            bandwidth: Bandwidth { peak: 2_000_000, average: 1_500_000 },
            next_part: 0,
            next_msn: 1,
            init: 0,
            epoch: 0,
            fresh_epoch: false,
            clock: 0,
        }
    }

    /// Video with `closed` segments of four parts and `open` parts in the next one.
    pub(super) fn video(closed: usize, open: usize) -> Self {
        let mut builder = Self::new(video_track());
        (0..closed).for_each(|_| builder.segment(4));
        builder.parts(open);
        builder
    }

    /// The next part, in a segment opened for it if there is none.
    pub(super) fn part(&mut self) {
        self.put(false, self.half_second());
    }

    /// The next part, of which nothing came.
    pub(super) fn gap(&mut self) {
        self.put(true, self.half_second());
    }

    fn half_second(&self) -> i64 {
        i64::from(self.constants.timescale().per_second()) / 2
    }

    fn put(&mut self, gap: bool, duration: i64) {
        let scale = self.constants.timescale();
        let seconds = self.clock * 1_000_000 / i64::from(scale.per_second());
        let discontinuity = std::mem::take(&mut self.fresh_epoch);
        self.next_init = None;
        let open = self.open.get_or_insert_with(|| OpenSegment {
            head: SegmentHead {
                msn: self.next_msn,
                epoch: self.epoch,
                discontinuity,
                init: Arc::new(Init { number: self.init, bytes: Bytes::from_static(b"init") }),
                date_time: ANCHOR.plus_micros(seconds),
                independent: !gap,
            },
            parts: Vec::new(),
        });
        let index = u32::try_from(open.parts.len()).unwrap();
        let mut body = Rope::default();
        body.push(Bytes::from(format!("head {} ", self.next_part)));
        if !gap {
            body.push(Bytes::from(format!("body {};", self.next_part)));
        }
        open.parts.push(Arc::new(Part {
            number: self.next_part,
            msn: self.next_msn,
            index,
            start: self.clock,
            duration,
            independent: !gap && (index == 0 || self.constants.track.id == TrackId::AUDIO),
            gap,
            body,
        }));
        self.next_part += 1;
        self.clock += duration;
    }

    pub(super) fn parts(&mut self, count: usize) {
        (0..count).for_each(|_| self.part());
    }

    /// Closes the open segment, which has a part.
    pub(super) fn close(&mut self) {
        let open = self.open.take().unwrap();
        self.segments.push(Arc::new(Segment {
            start: open.parts[0].start,
            duration: open.parts.iter().map(|part| part.duration).sum(),
            head: open.head,
            parts: open.parts,
        }));
        self.next_msn += 1;
    }

    pub(super) fn segment(&mut self, parts: usize) {
        self.parts(parts);
        self.close();
    }

    /// A closed segment of one part that lasts `ticks`.
    pub(super) fn segment_of(&mut self, ticks: i64) {
        self.put(false, ticks);
        self.close();
    }

    /// Adds a date range that starts now.
    pub(super) fn range(&mut self, seconds: Option<u64>) {
        let now = self.clock / i64::from(self.constants.timescale().per_second());
        let id = format!("range-{}", self.date_ranges.len());
        self.date_ranges.push(date_range(&id, now, seconds, self.next_msn));
    }

    /// Says that the oldest date range without an end ends now.
    pub(super) fn end_range(&mut self) {
        let ended =
            |id: &str| self.date_ranges.iter().any(|other| other.id == id && other.duration.is_some());
        let Some(open) = self.date_ranges.iter().find(|range| range.duration.is_none() && !ended(&range.id))
        else {
            return;
        };
        let now = self.clock / i64::from(self.constants.timescale().per_second());
        let since = ANCHOR.plus_micros(now * 1_000_000).unix_micros - open.start.unix_micros;
        let duration = Some(Duration::from_micros(since.unsigned_abs()));
        self.date_ranges.push(Arc::new(DateRange { duration, added_msn: self.next_msn, ..(**open).clone() }));
    }

    /// Lets the oldest `count` listed segments leave the playlist.
    pub(super) fn unlist(&mut self, count: usize) {
        for _ in 0..count {
            let gone = self.segments[self.listed_from].head.discontinuity;
            self.discontinuity_sequence += u64::from(gone);
            self.listed_from += 1;
        }
    }

    /// What comes next is a new epoch with a new init section.
    pub(super) fn new_epoch(&mut self) {
        self.epoch += 1;
        self.init += 1;
        self.fresh_epoch = true;
    }

    /// What comes next is a new epoch, and its init section is known before its first part.
    pub(super) fn announce_epoch(&mut self) {
        self.new_epoch();
        let bytes = Bytes::from_static(b"init");
        self.next_init = Some(Arc::new(Init { number: self.init, bytes }));
    }

    /// Serves whole segments only.
    pub(super) fn standard(mut self) -> Self {
        self.constants.part_target = None;
        self
    }

    /// Takes the oldest `count` segments out of what is kept.
    pub(super) fn evict(&mut self, count: usize) {
        self.segments.drain(..count);
        self.listed_from = self.listed_from.saturating_sub(count);
    }

    pub(super) fn end(&mut self) {
        if self.open.is_some() {
            self.close();
        }
        self.ended = true;
    }

    /// Another rendition that is at (`msn`, `part`).
    pub(super) fn report(&mut self, track: TrackId, msn: u64, part: u32) {
        self.reports.push(Report { track, last: PartPos { msn, part } });
    }

    pub(super) fn view(&self) -> View {
        View {
            constants: Arc::new(self.constants.clone()),
            segments: self.segments.clone().into(),
            listed_from: self.listed_from,
            discontinuity_sequence: self.discontinuity_sequence,
            open: self.open.clone(),
            next_msn: self.next_msn,
            next_part: self.next_part,
            next_init: self.next_init.clone(),
            date_ranges: self.date_ranges.clone().into(),
            reports: self.reports.clone(),
            ended: self.ended,
            aligned: true,
            bandwidth: self.bandwidth,
            memo: Memo::default(),
        }
    }
}
