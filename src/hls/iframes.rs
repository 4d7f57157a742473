//! I-frames: the playlist of a video rendition's key pictures, as byte ranges of its segments (§4.4.3.6).
//!
//! ```text
//! seg-N.m4s   moof │ mdat header │ key frame │ other frames │ moof │ …
//!             └────── one entry ────────────┘
//! ```
//! The moof tells of more samples than the range holds: a reader takes what is there. One entry stands for
//! each segment, so that sequence numbers and discontinuities are those of the media playlist, and nothing
//! has to be counted; a segment that does not start with a key picture is a gap in it.

use super::delta::span;
use super::render::{Skipped, head, server_control};
use super::route::File;
use crate::live::{Bandwidth, View};
use crate::m3u8::{ByteRange, Media, Segment};
use crate::media::Ticks;
use crate::packager::{self, Part};

/// The I-frame playlist without what is `skipped`.
///
/// There are no parts in it, so nothing is hinted: it is as new as the last closed segment.
pub(super) fn update(view: &View, skipped: Skipped) -> Media {
    let mut init = None;
    let entries = view.listed().iter().skip(skipped.segments).map(|segment| {
        let length = length(segment);
        Segment {
            head: head(&segment.head, &mut init),
            gap: length.is_none(),
            parts: Vec::new(),
            // Until the next key picture, or over a gap to where one could be.
            duration: span(segment, view),
            byte_range: length.map(|length| ByteRange { length, offset: Some(0) }),
            uri: File::Segment(segment.head.msn).to_string(),
        }
    });
    Media {
        i_frames_only: true,
        target_duration: view.constants.target_duration,
        server_control: server_control(&view.constants),
        media_sequence: view.media_sequence(),
        discontinuity_sequence: view.discontinuity_sequence,
        segments: entries.collect(),
        skip: skipped.tag(view),
        date_ranges: skipped.date_ranges(view),
        ended: view.ended,
        ..Media::default()
    }
}

/// Bytes from the start of a segment to the end of the key picture that it starts with; `None` when it
/// starts with none.
fn length(segment: &packager::Segment) -> Option<u64> {
    segment.parts.first().filter(|_| segment.head.independent).and_then(|part| leading(part))
}

/// Bytes of a part's head and its first frame: its first two runs.
fn leading(part: &Part) -> Option<u64> {
    match part.body.runs() {
        [head, frame, ..] if !part.gap => Some((head.len() as u64).saturating_add(frame.len() as u64)),
        _ => None,
    }
}

/// What to declare for them: the peak, and a tenth for those to come. `None` before the first one is there.
pub(super) fn bandwidth(view: &View) -> Option<Bandwidth> {
    let scale = view.constants.timescale();
    let entries = view.listed().iter().filter_map(|segment| Some((length(segment)?, segment.duration)));
    let mut entries: Vec<(u64, i64)> = entries.collect();
    if entries.is_empty() {
        // The open segment will last a target duration, as far as anyone knows.
        let first = view.open.as_ref().filter(|open| open.head.independent)?.parts.first()?;
        let target = i64::from(view.constants.target_duration) * i64::from(scale.per_second());
        entries.push((leading(first)?, target));
    }
    let rate = |bytes: u64, ticks: i64| {
        let micros = Ticks::new(ticks, scale).micros().max(1).unsigned_abs();
        u64::try_from(u128::from(bytes) * 8 * 1_000_000 / u128::from(micros)).unwrap_or(u64::MAX)
    };
    let (bytes, ticks) = entries.iter().fold((0_u64, 0_i64), |(bytes, ticks), (length, duration)| {
        (bytes.saturating_add(*length), ticks.saturating_add(*duration))
    });
    let average = rate(bytes, ticks).max(1);
    // A segment shorter than half a second says nothing about a peak (§4.1).
    let long = entries.iter().filter(|(_, duration)| duration * 2 >= i64::from(scale.per_second()));
    let peak = long.map(|(length, duration)| rate(*length, *duration)).max().unwrap_or(average).max(average);
    Some(Bandwidth { peak: peak.saturating_mul(11) / 10 + 1, average })
}

#[cfg(test)]
mod tests;
