//! Rendering: a view becomes a playlist, once for each variant, and every reader is handed the same bytes.

use std::sync::Arc;

use bytes::Bytes;

use super::delta::{skip_until, skippable, span};
use super::gzip::compressed;
use super::iframes;
use super::ranges;
use super::request::{Request, Skip};
use super::route::File;
use crate::live::{Constants, Report, View};
use crate::m3u8;
use crate::m3u8::{Head, Media, Open, Part, RenditionReport, Seconds, Segment, ServerControl};
use crate::media::{Ticks, Timescale, TrackId};
use crate::packager;

/// Slots of `View::memo` that this room uses: a text, and in the slot after it the same compressed.
const FULL: usize = 0;
const DELTA: usize = 2;
const DELTA_V2: usize = 4;
/// Where those of the I-frame playlist begin.
const I_FRAMES: usize = 6;

/// The playlist that is asked for as text, without what may be skipped, compressed if that is welcome. Each
/// is made at most once a view, then shared.
pub(super) fn text(view: &View, request: &Request) -> Bytes {
    let (skip, slot) = match request.directives.skip() {
        Skip::Nothing => (Skipped::default(), FULL),
        Skip::Segments => (Skipped { segments: skippable(view), date_ranges: false }, DELTA),
        Skip::DateRanges => (Skipped { segments: skippable(view), date_ranges: true }, DELTA_V2),
    };
    // Where there is nothing to skip there is one text for all.
    let slot = if skip.segments == 0 { FULL } else { slot };
    let (slot, make): (_, fn(&View, Skipped) -> Media) = match request.file {
        File::IFrames => (slot + I_FRAMES, iframes::update),
        _ => (slot, update),
    };
    let plain = || view.memo.get(slot, || Bytes::from(make(view, skip).render()));
    if request.gzip { view.memo.get(slot + 1, || compressed(&plain())) } else { plain() }
}

/// The media playlist of a view, as a value.
///
/// Every URI in it is relative to the playlist, whatever host or query it was asked with: one body is
/// right for everybody, and no cache can be made to keep somebody's token.
pub fn playlist(view: &View) -> Media {
    update(view, Skipped::default())
}

/// What a playlist leaves out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Skipped {
    /// So many of the first listed segments.
    pub(super) segments: usize,
    /// The date ranges that are as old as those segments.
    pub(super) date_ranges: bool,
}

impl Skipped {
    /// EXT-X-SKIP, where anything is skipped.
    pub(super) fn tag(self, view: &View) -> Option<m3u8::Skip> {
        (self.segments > 0).then(|| m3u8::Skip {
            segments: self.segments as u64,
            removed_date_ranges: self.date_ranges.then(|| ranges::removed(view)),
        })
    }

    /// EXT-X-DATERANGE, those that are left.
    pub(super) fn date_ranges(self, view: &View) -> Vec<m3u8::DateRange> {
        let skipped = if self.date_ranges { self.segments as u64 } else { 0 };
        ranges::listed(view, if skipped > 0 { view.media_sequence().saturating_add(skipped) } else { 0 })
    }
}

/// The playlist without what is `skipped`.
///
/// The first one that is left names its init section whatever the last skipped one had: EXT-X-MAP applies
/// from where it stands, and the specification does not say whether one that is skipped still does.
fn update(view: &View, skipped: Skipped) -> Media {
    let constants = &view.constants;
    let parted = constants.part_target.is_some();
    let mut init = None;
    let with_parts_from = if parted { first_with_parts(view) } else { usize::MAX };
    let segments = view.listed().iter().enumerate().skip(skipped.segments).map(|(index, segment)| Segment {
        head: head(&segment.head, &mut init),
        gap: segment.is_gap(),
        parts: if index < with_parts_from { Vec::new() } else { parts(&segment.parts, view) },
        duration: span(segment, view),
        byte_range: None,
        uri: File::Segment(segment.head.msn).to_string(),
    });
    let segments = segments.collect();
    // A head with nothing after it would be about nothing: it is listed together with its first part.
    let (open, bare) = match &view.open {
        Some(open) if parted && !open.parts.is_empty() => (Some(open), None),
        open => (None, open.as_ref().map(|open| &open.head.init)),
    };
    let open = open.map(|open| Open { head: head(&open.head, &mut init), parts: parts(&open.parts, view) });
    // The next part needs another init section than the last one (§4.4.5.3).
    let next_init = view.next_init.as_ref().or(bare).map(|next| next.number);
    let next_init = next_init.filter(|next| parted && !view.ended && init.is_some_and(|last| last != *next));
    Media {
        independent_segments: false,
        i_frames_only: false,
        target_duration: constants.target_duration,
        server_control: server_control(constants),
        part_target: constants.part_target.map(Seconds::from),
        media_sequence: view.media_sequence(),
        discontinuity_sequence: view.discontinuity_sequence,
        skip: skipped.tag(view),
        segments,
        open,
        date_ranges: skipped.date_ranges(view),
        map_hint: next_init.map(|number| File::Init(number).to_string()),
        hint: (parted && !view.ended).then(|| File::Part(view.next_part).to_string()),
        reports: view.reports.iter().map(|report| self::report(report, view, parted)).collect(),
        ended: view.ended,
    }
}

/// The same in every playlist of a generation (§6.2.4): it depends on what they have in common.
pub(super) fn server_control(constants: &Constants) -> ServerControl {
    ServerControl {
        can_block_reload: true,
        part_hold_back: constants.part_target.map(|_| constants.part_hold_back.into()),
        hold_back: Some(constants.hold_back.into()),
        can_skip_until: Some(skip_until(constants).into()),
        // Whether there will be any is not known when it has to be said.
        can_skip_date_ranges: true,
    }
}

/// Index among the listed segments of the first whose parts are listed too.
///
/// Parts leave the playlist once they are further than three target durations from its end (§6.2.2),
/// all parts of a segment together: some players number the parts of a segment by what is listed. They
/// stay as long as PART-HOLD-BACK reaches into the segment, since players start there.
fn first_with_parts(view: &View) -> usize {
    let constants = &view.constants;
    let per_second = i128::from(constants.timescale().per_second());
    let keep = i128::from(constants.target_duration) * 3 * per_second;
    let reach = ticks(constants.part_hold_back.as_micros(), constants.timescale());
    let open = view.open.iter().flat_map(|open| &open.parts);
    let mut end: i128 = open.map(|part| i128::from(part.duration)).sum();
    let mut first = view.listed().len();
    for segment in view.listed().iter().rev() {
        let start = end + i128::from(segment.duration);
        if start > keep && end >= reach {
            break;
        }
        first -= 1;
        end = start;
    }
    first
}

fn ticks(micros: u128, scale: Timescale) -> i128 {
    let ticks = micros.saturating_mul(u128::from(scale.per_second())) / 1_000_000;
    i128::try_from(ticks).unwrap_or(i128::MAX)
}

/// The tags of a segment; EXT-X-MAP only where the init section is another than `init`, the last one named.
pub(super) fn head(head: &packager::SegmentHead, init: &mut Option<u32>) -> Head {
    let number = head.init.number;
    let changed = init.replace(number) != Some(number);
    Head {
        discontinuity: head.discontinuity,
        map: changed.then(|| File::Init(number).to_string()),
        date_time: Some(head.date_time),
    }
}

fn parts(parts: &[Arc<packager::Part>], view: &View) -> Vec<Part> {
    let scale = view.constants.timescale();
    let line = |part: &Arc<packager::Part>| Part {
        duration: Seconds::floor(Ticks::new(part.duration, scale)),
        uri: File::Part(part.number).to_string(),
        independent: part.independent,
        gap: part.gap,
    };
    parts.iter().map(line).collect()
}

/// How far another rendition is. Where no parts are listed, what counts is whole segments: the other
/// rendition has closed those before the one its last part is in, and sequence numbers are common to all.
fn report(report: &Report, view: &View, parted: bool) -> RenditionReport {
    let closed = view.next_msn.saturating_sub(1);
    RenditionReport {
        uri: sibling(report.track),
        last_msn: if parted { report.last.msn } else { report.last.msn.min(closed) },
        last_part: parted.then(|| report.last.part.into()),
    }
}

/// The media playlist of another rendition of the same generation, relative to this one's: it resolves to
/// the URL in the multivariant playlist, by which players match the two.
fn sibling(track: TrackId) -> String {
    format!("../{track}/{}", File::Playlist)
}

#[cfg(test)]
mod tests;
