//! Media playlist: its tags as a value, and the one order in which they are printed.

use std::fmt::{self, Write as _};

use super::date_range::DateRange;
use super::seconds::Seconds;
use super::skip::Skip;
use super::tags::{ByteRange, Part, RenditionReport, ServerControl};
use crate::media::WallTime;

/// A media playlist (§4.4.3 to §4.4.5), printed by `Display` or [`Media::render`].
///
/// Two values are equal if and only if they print the same text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Media {
    /// EXT-X-INDEPENDENT-SEGMENTS: every segment starts where decoding can start.
    pub independent_segments: bool,
    /// EXT-X-I-FRAMES-ONLY: every segment is one I-frame, and lasts until the next.
    pub i_frames_only: bool,
    /// EXT-X-TARGETDURATION, in seconds.
    pub target_duration: u32,
    /// EXT-X-SERVER-CONTROL.
    pub server_control: ServerControl,
    /// EXT-X-PART-INF:PART-TARGET; `None` where there are no parts.
    pub part_target: Option<Seconds>,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE: how many DISCONTINUITY tags have left the playlist.
    pub discontinuity_sequence: u64,
    /// EXT-X-SKIP: the playlist is a delta update, and its first segments are those that a client has.
    pub skip: Option<Skip>,
    /// Complete segments, oldest first.
    pub segments: Vec<Segment>,
    /// The segment of which only parts exist so far.
    pub open: Option<Open>,
    /// EXT-X-DATERANGE.
    pub date_ranges: Vec<DateRange>,
    /// EXT-X-PRELOAD-HINT:TYPE=MAP: URI of the init section that the next part needs, where it changes.
    pub map_hint: Option<String>,
    /// EXT-X-PRELOAD-HINT:TYPE=PART: URI of the part that comes next.
    pub hint: Option<String>,
    /// EXT-X-RENDITION-REPORT, one for each other rendition.
    pub reports: Vec<RenditionReport>,
    /// EXT-X-ENDLIST.
    pub ended: bool,
}

/// What is said of a segment before its first part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// EXT-X-DISCONTINUITY.
    pub discontinuity: bool,
    /// EXT-X-MAP: URI of the init section from here on, where it changes.
    pub map: Option<String>,
    /// EXT-X-PROGRAM-DATE-TIME of its first frame; printed in milliseconds.
    pub date_time: Option<WallTime>,
}

/// A complete segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// What comes before its parts.
    pub head: Head,
    /// EXT-X-GAP: nothing of it ever came, and it is not to be loaded.
    pub gap: bool,
    /// Its parts, all of them or, when it is far from the end, none.
    pub parts: Vec<Part>,
    /// EXTINF.
    pub duration: Seconds,
    /// EXT-X-BYTERANGE; `None` for the whole resource.
    pub byte_range: Option<ByteRange>,
    /// Its URI.
    pub uri: String,
}

/// The segment that is being filled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// What comes before its parts.
    pub head: Head,
    /// Its parts so far.
    pub parts: Vec<Part>,
}

impl Media {
    /// EXT-X-VERSION: the least that what is printed asks for (§8). EXT-X-MAP in an I-frame playlist asks
    /// for 5, in any other for 6, EXT-X-SKIP for 9, and for 10 where it stands for date ranges too.
    pub fn version(&self) -> u32 {
        match &self.skip {
            Some(skip) if skip.removed_date_ranges.is_some() => 10,
            Some(_) => 9,
            None if self.i_frames_only => 5,
            None => 6,
        }
    }

    /// The whole text, in one allocation as a rule.
    pub fn render(&self) -> String {
        let parts = |parts: &[Part]| parts.len().saturating_mul(80);
        let segments = self.segments.iter().map(|s| parts(&s.parts).saturating_add(112)).sum::<usize>();
        let open = self.open.as_ref().map_or(0, |open| parts(&open.parts).saturating_add(112));
        let reports = self.reports.len().saturating_mul(96);
        let mut text = String::with_capacity(
            384_usize.saturating_add(segments).saturating_add(open).saturating_add(reports),
        );
        // Writing to a String cannot fail, and no Display in this room does of its own accord.
        let _infallible = write!(text, "{self}");
        text
    }
}

/// The order that every parser accepts: the sequence numbers before the first segment, what belongs to
/// a segment before its first part, hints and reports after the last.
impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#EXTM3U\n#EXT-X-VERSION:{}", self.version())?;
        if self.independent_segments {
            f.write_str("#EXT-X-INDEPENDENT-SEGMENTS\n")?;
        }
        if self.i_frames_only {
            f.write_str("#EXT-X-I-FRAMES-ONLY\n")?;
        }
        writeln!(f, "#EXT-X-TARGETDURATION:{}", self.target_duration)?;
        self.server_control.fmt(f)?;
        if let Some(target) = self.part_target {
            writeln!(f, "#EXT-X-PART-INF:PART-TARGET={target:#}")?;
        }
        writeln!(f, "#EXT-X-MEDIA-SEQUENCE:{}", self.media_sequence)?;
        // Always there, from 0 on: a player that joins before the first discontinuity and reloads after
        // it must be able to line the two up (§4.4.3.3, Apple authoring 8.17).
        writeln!(f, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence)?;
        // After both sequence numbers, which count the skipped segments too: players that read them later
        // take them for a fault of the playlist.
        if let Some(skip) = &self.skip {
            skip.fmt(f)?;
        }
        for segment in &self.segments {
            segment.fmt(f)?;
        }
        if let Some(open) = &self.open {
            open.fmt(f)?;
        }
        for range in &self.date_ranges {
            range.fmt(f)?;
        }
        if let Some(uri) = &self.map_hint {
            writeln!(f, "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"{uri}\"")?;
        }
        if let Some(uri) = &self.hint {
            writeln!(f, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{uri}\"")?;
        }
        for report in &self.reports {
            report.fmt(f)?;
        }
        if self.ended { f.write_str("#EXT-X-ENDLIST\n") } else { Ok(()) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.discontinuity {
            f.write_str("#EXT-X-DISCONTINUITY\n")?;
        }
        if let Some(uri) = &self.map {
            writeln!(f, "#EXT-X-MAP:URI=\"{uri}\"")?;
        }
        if let Some(date) = self.date_time {
            // A clock outside the calendar has no RFC 3339 form: better no date than half a playlist.
            let mut text = String::with_capacity(24);
            if write!(text, "{date}").is_ok() {
                writeln!(f, "#EXT-X-PROGRAM-DATE-TIME:{text}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.fmt(f)?;
        if self.gap {
            f.write_str("#EXT-X-GAP\n")?;
        }
        for part in &self.parts {
            part.fmt(f)?;
        }
        writeln!(f, "#EXTINF:{},", self.duration)?;
        if let Some(range) = &self.byte_range {
            range.fmt(f)?;
        }
        writeln!(f, "{}", self.uri)
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.fmt(f)?;
        for part in &self.parts {
            part.fmt(f)?;
        }
        Ok(())
    }
}
