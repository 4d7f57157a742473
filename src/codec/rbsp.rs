//! RBSP: the bytes of a NAL unit without emulation prevention, one at a time, without allocating.

/// Leaves out the third byte of each `00 00 03` (H.264 §7.4.1.1, H.265 §7.4.2.1).
pub(super) struct Rbsp<'a> {
    left: &'a [u8],
    zeros: u8,
}

impl<'a> Rbsp<'a> {
    /// `nal` without its header byte.
    pub(super) fn new(nal: &'a [u8]) -> Self {
        Self { left: nal, zeros: 0 }
    }
}

impl Iterator for Rbsp<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (mut byte, mut rest) = self.left.split_first()?;
        if self.zeros >= 2 && *byte == 3 {
            self.zeros = 0;
            (byte, rest) = rest.split_first()?;
        }
        self.zeros = if *byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        self.left = rest;
        Some(*byte)
    }
}
