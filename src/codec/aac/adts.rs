//! ADTS: the header that makes a raw frame of AAC readable by itself, from an AudioSpecificConfig.
//!
//! ```text
//! FFF:12  MPEG-2:1 (0)  layer:2  no CRC:1 (1)  object type-1:2  rate index:4  private:1  channels:3  0:4
//! frame length:13, header included   fullness:11 (7FF: variable)  frames-1:2 (0)
//! ```
//! Spec: ISO/IEC 14496-3 §1.A.2.2.

use crate::base::BitReader;
use crate::codec::Error;

use super::config::{RATES, core_of};

/// Bytes of a header.
const LEN: usize = 7;
/// Length is 13 bits.
const MOST: usize = 0x1FFF;

/// The headers of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adts {
    /// Object type, rate index and channels, as they stand in bytes 2 and 3.
    fields: u16,
}

impl Adts {
    /// Reads `record`, an AudioSpecificConfig. Of HE-AAC it is the core that a header describes: decoders find the
    /// extension by themselves.
    ///
    /// # Errors
    /// Names what a header has no room for: rates outside the table, layouts of channels past 7.1, frames of 960
    /// samples, object types past AAC-LTP.
    pub fn of(record: &[u8]) -> Result<Self, Error> {
        let core = core_of(&mut BitReader::new(record))?;
        let refused = |field, value: u32| Err(Error::Value { field, value: value.into() });
        let Some(index) = RATES.iter().position(|rate| *rate == core.rate) else {
            return refused("sample rate", core.rate);
        };
        if !(1..=7).contains(&core.configuration) {
            return refused("channel configuration", core.configuration);
        }
        if core.short {
            return refused("samples in a frame", 960);
        }
        // `core_of` lets object types 1 to 4 through.
        let object = u16::try_from(core.object.saturating_sub(1)).unwrap_or(1) & 0b11;
        let index = u16::try_from(index).unwrap_or(0);
        let channels = u16::try_from(core.configuration).unwrap_or(0);
        Ok(Self { fields: (object << 14) | (index << 10) | (channels << 6) })
    }

    /// The header of a frame of `len` bytes; `None` when it does not fit the 13 bits of its size.
    pub fn header(self, len: usize) -> Option<[u8; LEN]> {
        let whole = len.checked_add(LEN).filter(|whole| *whole <= MOST)?;
        let whole = u32::try_from(whole).ok()?;
        let [two, three] = self.fields.to_be_bytes();
        // The size straddles bytes 3 to 5; the fullness follows.
        let [_, _, five, six] = ((whole & 0b111) << 13 | 0x7FF << 2).to_be_bytes();
        let high = u8::try_from(whole >> 11).ok()?;
        let middle = u8::try_from(whole >> 3 & 0xFF).ok()?;
        Some([0xFF, 0xF1, two, three | high, middle, five, six])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_the_record_does() {
        // AAC-LC 48 kHz stereo, as ffmpeg writes it in front of a frame of 0x123 bytes.
        let adts = Adts::of(&[0x11, 0x90]).unwrap();
        assert_eq!(adts.header(0x123 - 7), Some([0xFF, 0xF1, 0x4C, 0x80, 0x24, 0x7F, 0xFC]));
        // HE-AAC of 48 kHz: the core runs at 24 kHz.
        assert_eq!(Adts::of(&[0x2B, 0x11, 0x88, 0x00]).unwrap().fields, 0b01_0110_0010 << 6);
    }

    #[test]
    fn what_a_header_cannot_say_is_refused() {
        assert!(Adts::of(&[0x11, 0x94]).is_err(), "frames of 960 samples");
        assert!(Adts::of(&[0x11]).is_err(), "a record that is cut");
        let adts = Adts::of(&[0x11, 0x90]).unwrap();
        assert!(adts.header(MOST - LEN).is_some());
        assert_eq!(adts.header(MOST - LEN + 1), None);
        assert_eq!(adts.header(usize::MAX), None);
    }
}
