//! The handshake: C0-C2 in, S0-S2 out, plain or with digests.
//!
//! ```text
//!  peer ── C0 C1 ──▶        ◀── S0 S1 S2 ──        ── C2 ──▶ chunks
//! ```

use rml_rtmp::handshake::{Handshake as Inner, HandshakeProcessResult, PeerType};

use super::Error;

/// C0, C1 and C2 together.
const LENGTH: usize = 1 + 1_536 + 1_536;

/// The server's half of one handshake. What C2 says is not checked: old encoders get it wrong.
pub(super) struct Handshake {
    inner: Inner,
    /// Bytes taken of `LENGTH`.
    taken: usize,
}

impl Handshake {
    pub(super) fn new() -> Self {
        Self { inner: Inner::new(PeerType::Server), taken: 0 }
    }

    /// Takes its bytes off the front of `input`; answers what to send, and whether that was all of it.
    pub(super) fn handle(&mut self, input: &mut &[u8]) -> Result<(Vec<u8>, bool), Error> {
        if let (0, Some(&version)) = (self.taken, input.first())
            && version != 3
        {
            return Err(Error::Version(version));
        }
        let missing = LENGTH.saturating_sub(self.taken);
        let (ours, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
        *input = rest;
        if ours.is_empty() {
            return Ok((Vec::new(), false));
        }
        self.taken = self.taken.saturating_add(ours.len());
        match self.inner.process_bytes(ours) {
            Ok(HandshakeProcessResult::InProgress { response_bytes }) => Ok((response_bytes, false)),
            Ok(HandshakeProcessResult::Completed { response_bytes, .. }) => Ok((response_bytes, true)),
            Err(_) => Err(Error::Handshake),
        }
    }
}
