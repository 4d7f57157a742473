//! A checked reader of bits, most significant first, with the two Exp-Golomb forms of H.264 and HEVC.

/// A cursor over bits that cannot read past their end.
#[derive(Debug, Clone)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits already read.
    at: usize,
}

impl<'a> BitReader<'a> {
    /// A cursor at the first bit of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bits not yet read.
    pub fn remaining(&self) -> usize {
        self.bytes.len().saturating_mul(8).saturating_sub(self.at)
    }

    /// The next bit.
    pub fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let shift = 7_usize.saturating_sub(self.at % 8);
        self.at = self.at.saturating_add(1);
        Some((byte >> shift) & 1 == 1)
    }

    /// The next `n` bits (at most 32) as an unsigned integer.
    pub fn bits(&mut self, n: u32) -> Option<u32> {
        if n > 32 || self.remaining() < n as usize {
            return None;
        }
        let mut value = 0_u32;
        for _ in 0..n {
            value = (value << 1) | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// Skips `n` bits.
    pub fn skip(&mut self, n: usize) -> Option<()> {
        if self.remaining() < n {
            return None;
        }
        self.at = self.at.saturating_add(n);
        Some(())
    }

    /// An unsigned Exp-Golomb code (ITU-T H.264 §9.1); `None` when it needs more than 32 bits.
    pub fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0_u32;
        while !self.bit()? {
            zeros = zeros.saturating_add(1);
            if zeros > 31 {
                return None;
            }
        }
        let tail = self.bits(zeros)?;
        let base = 1_u32.checked_shl(zeros)?.checked_sub(1)?;
        base.checked_add(tail)
    }

    /// A signed Exp-Golomb code (ITU-T H.264 §9.1.1).
    pub fn se(&mut self) -> Option<i32> {
        let k = i64::from(self.ue()?);
        let half = k.checked_add(1)? / 2;
        i32::try_from(if k % 2 == 0 { half.checked_neg()? } else { half }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_most_significant_first() {
        let mut r = BitReader::new(&[0b1010_0000, 0xFF]);
        assert_eq!(r.bits(3), Some(0b101));
        assert_eq!(r.skip(5), Some(()));
        assert_eq!(r.bits(8), Some(0xFF));
        assert_eq!(r.bit(), None);
    }

    #[test]
    fn exp_golomb_codes_follow_the_table() {
        // 1 | 010 | 011 | 00100 | 1 (padding)
        let mut r = BitReader::new(&[0b1010_0110, 0b0100_1000]);
        assert_eq!([r.ue(), r.ue(), r.ue(), r.ue()], [Some(0), Some(1), Some(2), Some(3)]);
        let mut r = BitReader::new(&[0b1010_0110, 0b0100_1000]);
        assert_eq!([r.se(), r.se(), r.se(), r.se()], [Some(0), Some(1), Some(-1), Some(2)]);
    }

    #[test]
    fn an_exp_golomb_code_of_zeros_is_refused() {
        assert_eq!(BitReader::new(&[0; 16]).ue(), None);
        assert_eq!(BitReader::new(&[0, 1]).ue(), None);
    }
}
