//! Lines: how those end that a peer sends in HTTP/1. RFC 9112 §2.2 lets us read one that ends in LF alone; a proxy before us
//! may not have, and what follows would be to it a part of the same request.
//!
//! Heads are told apart here as strictly as they can be, one behind the other, up to the first that announces a body: nothing
//! follows that on a connection, so what its bytes are is nobody's business. Whoever finds a head that was not found here has
//! read something otherwise, and must not go on.

/// The longest name of a field that matters, with its colon.
const LONGEST: usize = "transfer-encoding:".len();

/// The heads that a peer has sent in HTTP/1.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The last four bytes.
    tail: u32,
    line: Line,
    /// Whether the head that is awaited has begun: empty lines before it are none of it (RFC 9112 §2.2).
    begun: bool,
    /// Whether it announces a body.
    announced: bool,
    /// Heads that have come whole, and are not judged yet.
    heads: u32,
    /// Whether a line has ended in LF without CR.
    bare: bool,
    /// Whether what comes is a body, or behind one.
    over: bool,
}

impl Lines {
    /// Notes what came.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.over || self.bare {
                return;
            }
            self.bare = *byte == b'\n' && self.tail.to_be_bytes()[3] != b'\r';
            self.tail = (self.tail << 8) | u32::from(*byte);
            self.begun |= !matches!(byte, b'\r' | b'\n');
            self.line.goes_on(*byte);
            if *byte == b'\n' {
                self.announced |= std::mem::take(&mut self.line).announces_body();
            }
            if self.begun && self.tail == u32::from_be_bytes(*b"\r\n\r\n") {
                self.heads = self.heads.saturating_add(1);
                (self.begun, self.over) = (false, self.announced);
            }
        }
    }

    /// Whether the next head, which another reader found complete, is none that came well: one of its lines ended badly, or
    /// one behind it, or it is not where it ought to be.
    pub(super) fn judge(&mut self) -> bool {
        let bad = self.bare || self.heads == 0;
        self.heads = self.heads.saturating_sub(1);
        bad
    }
}

/// What has come of a line.
#[derive(Debug, Default)]
struct Line {
    /// How it begins, in lower case, and zeros.
    start: [u8; LONGEST],
    /// How much of that has come.
    length: usize,
    /// Whether, were it that of a length, this is more than zero, or nothing that we know.
    counts: bool,
}

impl Line {
    fn goes_on(&mut self, byte: u8) {
        if let Some(next) = self.start.get_mut(self.length) {
            *next = byte.to_ascii_lowercase();
        }
        self.counts |= self.length >= "content-length:".len() && !b"0 \t\r\n".contains(&byte);
        self.length = self.length.saturating_add(1);
    }

    /// Whether it is a field that announces a body (RFC 9112 §6). Before the colon there may be no space (§5.1).
    fn announces_body(&self) -> bool {
        let length = self.start.starts_with(b"content-length:") && self.counts;
        length || self.start.starts_with(b"transfer-encoding:")
    }
}
