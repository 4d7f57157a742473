//! The carry: header bytes of a chunk that reads have cut, in a small fixed array.

use super::header::LONGEST;

/// At most one header's worth of bytes.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Carry {
    bytes: [u8; LONGEST],
    pub(super) len: usize,
}

impl Carry {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Takes what fits off the front of `input`.
    pub(super) fn push(&mut self, input: &mut &[u8]) {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let n = room.len().min(input.len());
        let (head, rest) = input.split_at_checked(n).unwrap_or((input, &[]));
        room.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        self.len = self.len.saturating_add(n);
        *input = rest;
    }

    pub(super) fn drop_front(&mut self, n: usize) {
        let n = n.min(self.len);
        self.bytes.copy_within(n..self.len, 0);
        self.len = self.len.saturating_sub(n);
    }
}
