//! What a plain reader finds in a file.

/// One track: samples of at least one byte, in the order of the file.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) sound: bool,
    pub(super) index: u8,
    /// Units a second; `None` of milliseconds that may be put on a grid.
    pub(super) scale: Option<u32>,
    /// There is an edit list.
    pub(super) edited: bool,
    pub(super) samples: Vec<Sample>,
}

/// Where it lies, and what the file says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) at: usize,
    pub(super) size: usize,
    pub(super) dts: i128,
    pub(super) cts: i128,
    /// Where the file says it.
    pub(super) duration: Option<i128>,
    pub(super) key: bool,
}
