//! Lines: how those end that a peer sends in HTTP/1. RFC 9112 §2.2 lets us read one that ends in LF alone; a proxy before us
//! may not have, and what follows would be to it a part of the same request.

/// How the lines end that a peer has sent in HTTP/1.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The last four bytes.
    tail: u32,
    /// Whether the head that is awaited has begun: empty lines before it are none of it (RFC 9112 §2.2).
    begun: bool,
    /// The same of the next.
    ahead: bool,
    /// Whether the head that is awaited has come whole.
    whole: bool,
    /// Whether a line of it has ended in LF without CR.
    bare: bool,
    /// The same of what came after it.
    later: bool,
}

impl Lines {
    /// Notes what came.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let bare = *byte == b'\n' && self.tail.to_be_bytes()[3] != b'\r';
            self.tail = (self.tail << 8) | u32::from(*byte);
            self.bare |= bare && !self.whole;
            self.later |= bare && self.whole;
            let begins = !matches!(byte, b'\r' | b'\n');
            self.ahead |= begins && self.whole;
            self.begun |= begins;
            self.whole |= self.begun && self.tail == u32::from_be_bytes(*b"\r\n\r\n");
        }
    }

    /// Whether a line of the head that is complete ended badly; where no `body` may follow it, also one of what has come
    /// since. The next head is awaited from here on.
    pub(super) fn judge(&mut self, body: bool) -> bool {
        let bad = self.bare || (self.later && !body);
        // What came after the head is the next one, or several: as a whole it is good or bad.
        (self.bare, self.later, self.whole) = (self.bare || self.later, false, false);
        (self.begun, self.ahead) = (self.ahead, false);
        bad
    }
}
