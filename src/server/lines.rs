//! Lines: how those end that a peer sends in HTTP/1. RFC 9112 §2.2 lets us read one that ends in LF alone; a proxy before us
//! may not have, and what follows would be to it a part of the same request.
//!
//! Heads are told apart here as strictly as they can be, one behind the other, up to the first that announces a body: nothing
//! follows that on a connection, so what its bytes are is nobody's business. Whoever finds a head that was not found here has
//! read something otherwise, and must not go on.

/// The longest name of a field that matters, with its colon.
const LONGEST: usize = "transfer-encoding:".len();
const LENGTH: &[u8] = b"content-length:";

/// The heads that a peer has sent in HTTP/1.
#[derive(Debug, Default)]
pub(super) struct Lines {
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
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.over || self.bare {
                return;
            }
            match self.line.goes_on(piece) {
                End::Open => {}
                End::Bare => self.bare = true,
                End::Whole => self.ends(),
            }
        }
    }

    fn ends(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.begun = true;
            self.announced |= line.announces_body();
        } else if self.begun {
            self.heads = self.heads.saturating_add(1);
            (self.begun, self.over) = (false, self.announced);
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

/// How a line ends, as far as it has come.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Open,
    /// In LF without CR.
    Bare,
    Whole,
}

/// What has come of a line.
#[derive(Debug, Default)]
struct Line {
    /// How it begins, in lower case, and zeros.
    start: [u8; LONGEST],
    /// How much has come.
    length: usize,
    /// The last of it.
    last: u8,
    /// Whether, were it that of a length, this is more than zero, or nothing that we know.
    counts: bool,
}

impl Line {
    /// Takes what came next of it, not more than up to its LF.
    fn goes_on(&mut self, piece: &[u8]) -> End {
        let start = self.start.get_mut(self.length..).unwrap_or_default();
        start.iter_mut().zip(piece).for_each(|(to, byte)| *to = byte.to_ascii_lowercase());
        if self.start.starts_with(LENGTH) {
            let value = piece.get(LENGTH.len().saturating_sub(self.length)..).unwrap_or_default();
            self.counts |= value.iter().any(|byte| !b"0 \t\r\n".contains(byte));
        }
        self.length = self.length.saturating_add(piece.len());
        let before = match piece {
            [.., before, _] => *before,
            _ => self.last,
        };
        self.last = piece.last().copied().unwrap_or(self.last);
        match (before, self.last) {
            (b'\r', b'\n') => End::Whole,
            (_, b'\n') => End::Bare,
            _ => End::Open,
        }
    }

    /// Whether it has nothing but its end.
    fn is_empty(&self) -> bool {
        self.length <= 2
    }

    /// Whether it is a field that announces a body (RFC 9112 §6). Before the colon there may be no space (§5.1).
    fn announces_body(&self) -> bool {
        self.counts || self.start.starts_with(b"transfer-encoding:")
    }
}
