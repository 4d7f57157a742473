//! Tags with attributes: a tag is a type that prints its own line.

use std::fmt;

use super::seconds::Seconds;

/// EXT-X-SERVER-CONTROL (§4.4.3.8): what the server offers and how far from the end to play.
///
/// It must be the same in every media playlist of a presentation (§6.2.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerControl {
    /// Whether playlist requests may be held: CAN-BLOCK-RELOAD=YES.
    pub can_block_reload: bool,
    /// PART-HOLD-BACK; required when there is a PART-TARGET, at least three times that.
    pub part_hold_back: Option<Seconds>,
    /// HOLD-BACK; at least three target durations.
    pub hold_back: Option<Seconds>,
    /// CAN-SKIP-UNTIL, the skip boundary of delta updates; at least six target durations.
    pub can_skip_until: Option<Seconds>,
    /// CAN-SKIP-DATERANGES=YES: whether delta updates can leave date ranges out too. Said only together
    /// with CAN-SKIP-UNTIL.
    pub can_skip_date_ranges: bool,
}

impl fmt::Display for ServerControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lead = "#EXT-X-SERVER-CONTROL:";
        if self.can_block_reload {
            write!(f, "{lead}CAN-BLOCK-RELOAD=YES")?;
            lead = ",";
        }
        if let Some(span) = self.part_hold_back {
            write!(f, "{lead}PART-HOLD-BACK={span:#}")?;
            lead = ",";
        }
        if let Some(span) = self.hold_back {
            write!(f, "{lead}HOLD-BACK={span:#}")?;
            lead = ",";
        }
        if let Some(span) = self.can_skip_until {
            write!(f, "{lead}CAN-SKIP-UNTIL={span:#}")?;
            lead = ",";
            if self.can_skip_date_ranges {
                f.write_str(",CAN-SKIP-DATERANGES=YES")?;
            }
        }
        // An attribute list is never empty: a tag with nothing to say is not printed.
        if lead == "," { f.write_str("\n") } else { Ok(()) }
    }
}

/// EXT-X-BYTERANGE (§4.4.4.2): the part of the resource that a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Length in bytes.
    pub length: u64,
    /// Where it starts; `None` where the range of the segment before ends.
    pub offset: Option<u64>,
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#EXT-X-BYTERANGE:{}", self.length)?;
        match self.offset {
            Some(offset) => writeln!(f, "@{offset}"),
            None => writeln!(f),
        }
    }
}

/// EXT-X-PART (§4.4.4.9): one partial segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// DURATION, never above PART-TARGET.
    pub duration: Seconds,
    /// URI.
    pub uri: String,
    /// INDEPENDENT=YES: decoding can start in it.
    pub independent: bool,
    /// GAP=YES: it stands for media that never came, and is not to be loaded.
    pub gap: bool,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let independent = if self.independent { ",INDEPENDENT=YES" } else { "" };
        let gap = if self.gap { ",GAP=YES" } else { "" };
        writeln!(f, "#EXT-X-PART:DURATION={},URI=\"{}\"{independent}{gap}", self.duration, self.uri)
    }
}

/// EXT-X-RENDITION-REPORT (§4.4.5.4): how far another rendition has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionReport {
    /// URI of its media playlist, relative as the specification demands.
    pub uri: String,
    /// LAST-MSN: its last segment, or the one of its last part.
    pub last_msn: u64,
    /// LAST-PART: index of its last listed part; `None` where there are no parts.
    pub last_part: Option<u64>,
}

impl fmt::Display for RenditionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#EXT-X-RENDITION-REPORT:URI=\"{}\",LAST-MSN={}", self.uri, self.last_msn)?;
        match self.last_part {
            Some(part) => writeln!(f, ",LAST-PART={part}"),
            None => writeln!(f),
        }
    }
}
