//! A checked reader of big-endian integers and byte runs.

/// A cursor over bytes that cannot read past their end: every getter answers `None` instead,
/// and leaves the cursor where it was.
#[derive(Debug, Clone, Copy)]
pub struct ByteReader<'a> {
    left: &'a [u8],
}

impl<'a> ByteReader<'a> {
    /// A cursor at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.left.len()
    }

    /// Whether every byte has been read.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The unread bytes; the cursor does not move.
    pub fn rest(&self) -> &'a [u8] {
        self.left
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.left.split_at_checked(n)?;
        self.left = tail;
        Some(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.left.split_first_chunk::<N>()?;
        self.left = tail;
        Some(*head)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[b]| b)
    }

    /// The next two bytes, big-endian.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next three bytes, big-endian.
    pub fn u24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// The next three bytes, big-endian, two's complement.
    pub fn i24(&mut self) -> Option<i32> {
        self.array().map(|[a, b, c]| i32::from_be_bytes([a, b, c, 0]) >> 8)
    }

    /// The next four bytes, big-endian.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next four bytes, little-endian (RTMP's message stream id is the one such field).
    pub fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes, big-endian.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next eight bytes as an IEEE 754 double, big-endian.
    pub fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_big_endian() {
        let mut r = ByteReader::new(&[1, 0, 2, 0, 0, 3, 0xFF, 0xFF, 0xFE, 0, 0, 0, 4, 5, 0, 0, 0]);
        assert_eq!(r.u8(), Some(1));
        assert_eq!(r.u16(), Some(2));
        assert_eq!(r.u24(), Some(3));
        assert_eq!(r.i24(), Some(-2));
        assert_eq!(r.u32(), Some(4));
        assert_eq!(r.u32_le(), Some(5));
        assert!(r.is_empty());
    }

    #[test]
    fn a_short_read_answers_none_and_moves_nothing() {
        let mut r = ByteReader::new(&[1, 2]);
        assert_eq!(r.u24(), None);
        assert_eq!(r.take(3), None);
        assert_eq!(r.rest(), &[1, 2]);
        assert_eq!(r.u16(), Some(0x0102));
        assert_eq!(r.u8(), None);
    }
}
