//! An input read as steps: small numbers and short bodies, whatever the bytes are.

/// What is left of the steps; where it ends, zeros follow.
pub(crate) struct Steps<'a>(pub(crate) &'a [u8]);

impl<'a> Steps<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(first, rest)| (*first, rest));
        self.0 = rest;
        first
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from(self.byte()) << 8 | u16::from(self.byte())
    }

    pub(crate) fn number(&mut self) -> u32 {
        (0..4).fold(0, |number, _| number << 8 | u32::from(self.byte()))
    }

    pub(crate) fn body(&mut self) -> &'a [u8] {
        let length = usize::from(self.short());
        let (body, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        body
    }

    pub(crate) fn text(&mut self) -> &'a str {
        let body = self.body();
        std::str::from_utf8(body).unwrap_or("main")
    }
}

/// Numbers that follow from one byte (xorshift), to cut what is read.
pub(crate) struct Cuts {
    state: u32,
    most: usize,
}

impl Cuts {
    pub(crate) fn new(how: u8) -> Self {
        Self { state: u32::from(how) | 0x100, most: 1 + (usize::from(how) >> 1) * 7 }
    }

    /// The length of the next piece of what is `left`, never none.
    pub(crate) fn next(&mut self, left: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        (self.state as usize % self.most).clamp(1, left)
    }
}
