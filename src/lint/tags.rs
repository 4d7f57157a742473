//! Tags of a media playlist as they were read.

use crate::m3u8::Seconds;

/// EXT-X-SERVER-CONTROL (§4.4.3.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// CAN-BLOCK-RELOAD=YES.
    pub can_block_reload: bool,
    /// PART-HOLD-BACK.
    pub part_hold_back: Option<Seconds>,
    /// HOLD-BACK.
    pub hold_back: Option<Seconds>,
    /// CAN-SKIP-UNTIL.
    pub can_skip_until: Option<Seconds>,
    /// CAN-SKIP-DATERANGES=YES.
    pub can_skip_dateranges: bool,
}

/// EXT-X-SKIP (§4.4.5.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skip {
    /// SKIPPED-SEGMENTS.
    pub segments: u64,
    /// RECENTLY-REMOVED-DATERANGES, when it is there.
    pub removed_dateranges: Option<Vec<String>>,
}

/// EXT-X-PRELOAD-HINT (§4.4.5.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    /// Line of the text.
    pub line: usize,
    /// TYPE.
    pub kind: String,
    /// URI.
    pub uri: String,
    /// BYTERANGE-START, when it is there.
    pub start: Option<u64>,
}

/// EXT-X-RENDITION-REPORT (§4.4.5.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Line of the text.
    pub line: usize,
    /// URI.
    pub uri: String,
    /// LAST-MSN.
    pub last_msn: Option<u64>,
    /// LAST-PART.
    pub last_part: Option<u64>,
}
