//! Listing: a media playlist as it was read, with the lines that things stand in.

use super::tags::{Control, Hint, Report, Skip};
use crate::m3u8::Seconds;
use crate::media::WallTime;

/// A media playlist, whatever is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// EXT-X-VERSION.
    pub version: Option<u64>,
    /// EXT-X-TARGETDURATION, in seconds.
    pub target: Option<u64>,
    /// EXT-X-SERVER-CONTROL.
    pub control: Option<Control>,
    /// EXT-X-PART-INF:PART-TARGET.
    pub part_target: Option<Seconds>,
    /// EXT-X-MEDIA-SEQUENCE, 0 when it is not there.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: Option<u64>,
    /// EXT-X-PLAYLIST-TYPE.
    pub kind: Option<String>,
    /// EXT-X-I-FRAMES-ONLY.
    pub iframes_only: bool,
    /// EXT-X-SKIP.
    pub skip: Option<Skip>,
    /// What is listed after what is skipped: complete segments, and the parts of one that is not.
    pub entries: Vec<Entry>,
    /// EXT-X-PRELOAD-HINT.
    pub hints: Vec<Hint>,
    /// EXT-X-RENDITION-REPORT.
    pub reports: Vec<Report>,
    /// EXT-X-DATERANGE: ID and all attributes.
    pub dateranges: Vec<(String, Vec<(String, String)>)>,
    /// EXT-X-ENDLIST.
    pub ended: bool,
}

/// A segment, or what there is of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Line of the URI, or of the last tag.
    pub line: usize,
    /// EXTINF.
    pub duration: Option<Seconds>,
    /// Its URI; `None` while only parts of it are listed.
    pub uri: Option<String>,
    /// EXT-X-BYTERANGE.
    pub range: Option<String>,
    /// EXT-X-DISCONTINUITY.
    pub discontinuity: bool,
    /// EXT-X-GAP.
    pub gap: bool,
    /// EXT-X-MAP in this place: URI, and BYTERANGE behind `@` if it has one.
    pub map: Option<String>,
    /// EXT-X-PROGRAM-DATE-TIME in this place.
    pub date: Option<WallTime>,
    /// EXT-X-PART.
    pub parts: Vec<PartTag>,
}

/// EXT-X-PART (§4.4.4.9).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartTag {
    /// Line of the text.
    pub line: usize,
    /// DURATION.
    pub duration: Seconds,
    /// URI.
    pub uri: String,
    /// BYTERANGE.
    pub range: Option<String>,
    /// INDEPENDENT=YES.
    pub independent: bool,
    /// GAP=YES.
    pub gap: bool,
}

/// A place in a stream: so many whole segments, and so many parts of the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Media sequence number of the segment that is open or would open next.
    pub msn: u64,
    /// How many of its parts are listed.
    pub parts: u64,
}

impl Listing {
    /// Media sequence number of `entries[index]`.
    pub fn msn(&self, index: usize) -> u64 {
        let skipped = self.skip.as_ref().map_or(0, |skip| skip.segments);
        self.media_sequence.saturating_add(skipped).saturating_add(index as u64)
    }

    /// Complete segments, each with its media sequence number.
    pub fn segments(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.numbered().filter(|(_, entry)| entry.uri.is_some())
    }

    /// All entries, each with its media sequence number.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.iter().enumerate().map(|(index, entry)| (self.msn(index), entry))
    }

    /// The entry with this media sequence number.
    pub fn entry(&self, msn: u64) -> Option<&Entry> {
        let index = msn.checked_sub(self.msn(0))?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// How far the playlist goes.
    pub fn position(&self) -> Position {
        match self.entries.last() {
            Some(last) if last.uri.is_none() => Position {
                msn: self.msn(self.entries.len().saturating_sub(1)),
                parts: last.parts.len() as u64,
            },
            _ => Position { msn: self.msn(self.entries.len()), parts: 0 },
        }
    }

    /// The last part listed: its segment's number and its index; `None` where there are no parts.
    pub fn last_part(&self) -> Option<(u64, u64)> {
        let (msn, entry) = self.numbered().filter(|(_, entry)| !entry.parts.is_empty()).last()?;
        Some((msn, (entry.parts.len() as u64).saturating_sub(1)))
    }

    /// Whether any part is listed or promised.
    pub fn has_parts(&self) -> bool {
        self.entries.iter().any(|entry| !entry.parts.is_empty())
    }

    /// The URI hinted for `kind` (`PART` or `MAP`).
    pub fn hinted(&self, kind: &str) -> Option<&Hint> {
        self.hints.iter().find(|hint| hint.kind == kind)
    }

    /// The date at which the last part or segment ends, if any date is given.
    pub fn end_date(&self) -> Option<WallTime> {
        let mut date = None;
        for entry in &self.entries {
            date = entry.date.or(date).map(|date: WallTime| date.plus_micros(entry.micros()));
        }
        date
    }

    /// The span of all that is listed, in microseconds.
    pub(super) fn micros(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.micros().unsigned_abs()))
    }

    /// TARGETDURATION in microseconds.
    pub(super) fn target_micros(&self) -> u64 {
        self.target.unwrap_or(0).saturating_mul(1_000_000)
    }
}

impl Entry {
    /// How long it is, in microseconds: EXTINF, or the sum of its parts.
    pub fn micros(&self) -> i64 {
        let parts = || self.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.duration.micros()));
        let micros = self.duration.map_or_else(parts, Seconds::micros);
        i64::try_from(micros).unwrap_or(i64::MAX)
    }
}

impl PartTag {
    /// Whether two tags say the same, wherever they stand.
    pub(super) fn same(&self, other: &Self) -> bool {
        let facts = |part: &Self| (part.duration, part.independent, part.gap);
        facts(self) == facts(other) && self.uri == other.uri && self.range == other.range
    }
}
