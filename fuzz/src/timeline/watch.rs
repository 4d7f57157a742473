//! The watcher of one rendition: what was seen of it, and what must be true of that.

use std::collections::BTreeMap;
use std::sync::Arc;

use rillcast::hls;
use rillcast::live::{Rendition, Settings, View};
use rillcast::m3u8::Media;
use rillcast::media::Ticks;
use rillcast::packager::{Part, Segment};

use super::MOST;
use crate::judge;

/// What has been seen of one rendition.
#[derive(Default)]
pub(super) struct Watch {
    parts: BTreeMap<u64, Arc<Part>>,
    segments: BTreeMap<u64, Arc<Segment>>,
    /// Epoch of each segment, and whether it is a discontinuity, from when it opened on.
    heads: BTreeMap<u64, (u32, bool)>,
    media_sequence: u64,
    /// Where that stood with the first part: a track that came late has no segments before.
    began: Option<u64>,
    discontinuity_sequence: u64,
    next_part: u64,
    /// What of a view says that it is another one.
    state: (u64, u64, bool, bool),
}

impl Watch {
    pub(super) fn take(&mut self, view: &View, settings: &Settings, print: bool) {
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
        let open = view.open.iter().map(|open| &open.head);
        for head in view.segments.iter().map(|segment| &segment.head).chain(open) {
            let said = (head.epoch, head.discontinuity);
            assert_eq!(*self.heads.entry(head.msn).or_insert(said), said, "what was shown never changes");
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
    pub(super) fn check(&self, rendition: &Rendition, keys: &[bool], small: bool) {
        let constants = rendition.constants();
        let scale = i128::from(constants.timescale().per_second());
        // A track that comes late may have nothing in the first epochs.
        let first = self.heads.values().next().map_or(0, |(epoch, _)| *epoch);
        let (mut end, mut last, mut epoch) = (None, None, first);
        // The first that was seen: a small ring lets parts go before anybody has looked.
        let mut next = self.parts.keys().next().copied().unwrap_or(0);
        for (&n, part) in &self.parts {
            assert!(n == next || small && n > next, "parts {next} to {n} are missing");
            let (segment_epoch, discontinuity) = self.heads[&part.msn];
            assert!(segment_epoch >= epoch, "part {n} is of epoch {segment_epoch}, after {epoch}");
            if n != next {
                // What began an epoch may have come and gone with them.
                (epoch, end) = (segment_epoch, None);
            }
            next = n + 1;
            assert!(small || self.segments.contains_key(&part.msn), "segment {} is missing", part.msn);
            if segment_epoch != epoch {
                assert!(discontinuity && part.index == 0, "part {n} begins an epoch unannounced");
                // A frame of sound may begin before the picture that an epoch begins with.
                let slack = scale as i64 * 30 / 1_000;
                assert!(
                    end.is_none_or(|end| part.start + slack >= end),
                    "part {n} begins at {}, before {end:?}",
                    part.start
                );
                (epoch, end) = (segment_epoch, None);
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
    // As players add it up: each to the microsecond.
    let lasts = |segments: &[Arc<Segment>]| -> i64 {
        let micros = |segment: &Segment| Ticks::new(segment.duration, view.constants.timescale()).micros();
        segments.iter().map(|segment| micros(segment)).sum()
    };
    let least = 3_000_000 * i64::from(view.constants.target_duration);
    let listed = view.listed();
    let limit = settings.packager.limits.bytes as u64;
    assert!(
        bytes(&view.segments) <= limit || view.listed_from == 0,
        "segments that are not listed over the bound"
    );
    assert!(bytes(listed) <= limit || lasts(listed.get(1..).unwrap_or(&[])) < least, "listed over the bound");
    let parts = view.segments.iter().map(|segment| segment.parts.len()).sum::<usize>();
    assert!(parts <= 4 * MOST, "{parts} parts");
    if view.media_sequence() > began {
        assert!(lasts(listed) >= least, "fewer than three target durations are listed");
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
