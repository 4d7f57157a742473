//! Reading a media playlist back into the value it prints.

use super::attributes::Attributes;
use super::date;
use super::date_range::DateRange;
use super::media::{Head, Media, Open, Segment};
use super::seconds::Seconds;
use super::skip::Skip;
use super::tags::{ByteRange, Part, RenditionReport, ServerControl};

/// Why a text is not a media playlist, and in which line (counted from 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Error {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first line is another one (§4.4.1.1).
    #[error("a playlist starts with #EXTM3U")]
    NoHeader,
    /// A tag whose value does not follow its grammar; the tag's name.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A tag that may stand once only (§4.4.3).
    #[error("{0} appears twice")]
    Twice(&'static str),
    /// A tag of the playlist's head after the first segment (§4.4.3.2, §4.4.3.3).
    #[error("{0} comes after the first segment")]
    Late(&'static str),
    /// A segment's URI without EXTINF, or EXTINF without URI (§4.4.4.1).
    #[error("EXTINF and the segment's URI do not come together")]
    Unpaired,
    /// No EXT-X-TARGETDURATION by the end.
    #[error("no EXT-X-TARGETDURATION")]
    NoTarget,
}

impl Media {
    /// Reads a media playlist. Tags it does not know are passed over, as clients must (§6.3.1).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut reader = Reader::default();
        let mut line = 0_usize;
        for content in text.lines() {
            line = line.saturating_add(1);
            let read = match line {
                1 if content == "#EXTM3U" => Ok(()),
                1 => Err(Fault::NoHeader),
                _ => reader.line(content),
            };
            read.map_err(|fault| Error { line, fault })?;
        }
        if line == 0 {
            return Err(Error { line: 1, fault: Fault::NoHeader });
        }
        reader.finish().map_err(|fault| Error { line, fault })
    }
}

/// What has been read so far, and the segment whose URI has not come yet.
#[derive(Default)]
struct Reader {
    media: Media,
    /// Tags that may stand once and have.
    seen: Vec<&'static str>,
    head: Head,
    parts: Vec<Part>,
    gap: bool,
    duration: Option<Seconds>,
    byte_range: Option<ByteRange>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), Fault> {
        if !line.starts_with('#') {
            return if line.is_empty() { Ok(()) } else { self.uri(line) };
        }
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-VERSION" => {
                self.once("EXT-X-VERSION")?;
                let _any: u32 = number(value, "EXT-X-VERSION")?;
            }
            "#EXT-X-INDEPENDENT-SEGMENTS" => {
                self.once("EXT-X-INDEPENDENT-SEGMENTS")?;
                self.media.independent_segments = true;
            }
            "#EXT-X-I-FRAMES-ONLY" => {
                self.once("EXT-X-I-FRAMES-ONLY")?;
                self.media.i_frames_only = true;
            }
            "#EXT-X-TARGETDURATION" => {
                self.once("EXT-X-TARGETDURATION")?;
                self.media.target_duration = number(value, "EXT-X-TARGETDURATION")?;
            }
            "#EXT-X-MEDIA-SEQUENCE" => {
                self.early("EXT-X-MEDIA-SEQUENCE")?;
                self.media.media_sequence = number(value, "EXT-X-MEDIA-SEQUENCE")?;
            }
            "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                self.early("EXT-X-DISCONTINUITY-SEQUENCE")?;
                self.media.discontinuity_sequence = number(value, "EXT-X-DISCONTINUITY-SEQUENCE")?;
            }
            "#EXT-X-SKIP" => {
                self.early("EXT-X-SKIP")?;
                self.media.skip = Some(Skip::parse(value).ok_or(Fault::Malformed("EXT-X-SKIP"))?);
            }
            "#EXT-X-SERVER-CONTROL" => {
                self.once("EXT-X-SERVER-CONTROL")?;
                self.media.server_control =
                    server_control(value).ok_or(Fault::Malformed("EXT-X-SERVER-CONTROL"))?;
            }
            "#EXT-X-PART-INF" => {
                self.once("EXT-X-PART-INF")?;
                self.media.part_target = Some(part_target(value).ok_or(Fault::Malformed("EXT-X-PART-INF"))?);
            }
            "#EXT-X-ENDLIST" => {
                self.once("EXT-X-ENDLIST")?;
                self.media.ended = true;
            }
            _ => return self.segment_tag(tag, value),
        }
        Ok(())
    }

    fn segment_tag(&mut self, tag: &str, value: &str) -> Result<(), Fault> {
        match tag {
            "#EXT-X-DISCONTINUITY" => self.head.discontinuity = true,
            "#EXT-X-GAP" => self.gap = true,
            "#EXT-X-MAP" => self.head.map = Some(uri_of(value).ok_or(Fault::Malformed("EXT-X-MAP"))?),
            "#EXT-X-PROGRAM-DATE-TIME" => {
                let date = date::parse(value).ok_or(Fault::Malformed("EXT-X-PROGRAM-DATE-TIME"))?;
                self.head.date_time = Some(date);
            }
            "#EXT-X-PART" => self.parts.push(part(value).ok_or(Fault::Malformed("EXT-X-PART"))?),
            "#EXTINF" => {
                if self.duration.is_some() {
                    return Err(Fault::Unpaired);
                }
                let span = value.split_once(',').map_or(value, |(span, _title)| span);
                self.duration = Some(Seconds::parse(span).ok_or(Fault::Malformed("EXTINF"))?);
            }
            "#EXT-X-BYTERANGE" => {
                self.byte_range = Some(byte_range(value).ok_or(Fault::Malformed("EXT-X-BYTERANGE"))?);
            }
            "#EXT-X-DATERANGE" => {
                let range = DateRange::parse(value).ok_or(Fault::Malformed("EXT-X-DATERANGE"))?;
                self.media.date_ranges.push(range);
            }
            "#EXT-X-PRELOAD-HINT" => self.hint(value).ok_or(Fault::Malformed("EXT-X-PRELOAD-HINT"))?,
            "#EXT-X-RENDITION-REPORT" => {
                let report = report(value).ok_or(Fault::Malformed("EXT-X-RENDITION-REPORT"))?;
                self.media.reports.push(report);
            }
            _ => {}
        }
        Ok(())
    }

    fn uri(&mut self, uri: &str) -> Result<(), Fault> {
        let duration = self.duration.take().ok_or(Fault::Unpaired)?;
        let (head, parts) = (std::mem::take(&mut self.head), std::mem::take(&mut self.parts));
        let gap = std::mem::take(&mut self.gap);
        let byte_range = self.byte_range.take();
        self.media.segments.push(Segment { head, gap, parts, duration, byte_range, uri: uri.to_owned() });
        Ok(())
    }

    /// TYPE=PART and TYPE=MAP are kept; other types are for other readers.
    fn hint(&mut self, list: &str) -> Option<()> {
        let mut kind = None;
        let mut attributes = Attributes::new(list);
        for attribute in attributes.by_ref().filter(|a| a.name == "TYPE" && !a.quoted) {
            kind = Some(attribute.value);
        }
        attributes.finish()?;
        match kind? {
            "PART" => self.media.hint = Some(uri_of(list)?),
            "MAP" => self.media.map_hint = Some(uri_of(list)?),
            _ => {}
        }
        Some(())
    }

    fn once(&mut self, tag: &'static str) -> Result<(), Fault> {
        if self.seen.contains(&tag) {
            return Err(Fault::Twice(tag));
        }
        self.seen.push(tag);
        Ok(())
    }

    fn early(&mut self, tag: &'static str) -> Result<(), Fault> {
        self.once(tag)?;
        // EXT-X-SKIP stands for segments: what comes after it comes after the first one.
        let segments = !self.media.segments.is_empty() || self.media.skip.is_some();
        let begun = segments || !self.parts.is_empty();
        if begun { Err(Fault::Late(tag)) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<Media, Fault> {
        if self.duration.is_some() {
            return Err(Fault::Unpaired);
        }
        if !self.seen.contains(&"EXT-X-TARGETDURATION") {
            return Err(Fault::NoTarget);
        }
        if self.head != Head::default() || !self.parts.is_empty() {
            self.media.open = Some(Open { head: self.head, parts: self.parts });
        }
        Ok(self.media)
    }
}

fn number<T: std::str::FromStr>(text: &str, tag: &'static str) -> Result<T, Fault> {
    integer(text).ok_or(Fault::Malformed(tag))
}

/// A decimal-integer (§4.2): digits alone, no sign.
pub(super) fn integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn uri_of(list: &str) -> Option<String> {
    let mut attributes = Attributes::new(list);
    let uri = attributes.by_ref().filter(|a| a.name == "URI" && a.quoted).last();
    attributes.finish()?;
    uri.map(|a| a.value.to_owned())
}

fn server_control(list: &str) -> Option<ServerControl> {
    let mut control = ServerControl::default();
    let mut attributes = Attributes::new(list);
    for attribute in attributes.by_ref() {
        match attribute.name {
            "CAN-BLOCK-RELOAD" => control.can_block_reload = attribute.value == "YES",
            "PART-HOLD-BACK" => control.part_hold_back = Some(Seconds::parse(attribute.value)?),
            "HOLD-BACK" => control.hold_back = Some(Seconds::parse(attribute.value)?),
            "CAN-SKIP-DATERANGES" => control.can_skip_date_ranges = attribute.value == "YES",
            "CAN-SKIP-UNTIL" => control.can_skip_until = Some(Seconds::parse(attribute.value)?),
            _ => {}
        }
    }
    attributes.finish()?;
    Some(control)
}

/// `LENGTH` or `LENGTH@OFFSET`.
fn byte_range(text: &str) -> Option<ByteRange> {
    let (length, offset) = text.split_once('@').map_or((text, None), |(n, o)| (n, Some(o)));
    let offset = match offset {
        Some(offset) => Some(integer(offset)?),
        None => None,
    };
    Some(ByteRange { length: integer(length)?, offset })
}

fn part_target(list: &str) -> Option<Seconds> {
    let mut attributes = Attributes::new(list);
    let target = attributes.by_ref().filter(|a| a.name == "PART-TARGET").last();
    attributes.finish()?;
    Seconds::parse(target?.value)
}

fn part(list: &str) -> Option<Part> {
    let (mut duration, mut independent, mut gap) = (None, false, false);
    let mut attributes = Attributes::new(list);
    for attribute in attributes.by_ref() {
        match attribute.name {
            "DURATION" => duration = Some(Seconds::parse(attribute.value)?),
            "INDEPENDENT" => independent = attribute.value == "YES",
            "GAP" => gap = attribute.value == "YES",
            _ => {}
        }
    }
    attributes.finish()?;
    Some(Part { duration: duration?, uri: uri_of(list)?, independent, gap })
}

fn report(list: &str) -> Option<RenditionReport> {
    let (mut last_msn, mut last_part) = (None, None);
    let mut attributes = Attributes::new(list);
    for attribute in attributes.by_ref() {
        match attribute.name {
            "LAST-MSN" => last_msn = Some(integer(attribute.value)?),
            "LAST-PART" => last_part = Some(integer(attribute.value)?),
            _ => {}
        }
    }
    attributes.finish()?;
    Some(RenditionReport { uri: uri_of(list)?, last_msn: last_msn?, last_part })
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests;
