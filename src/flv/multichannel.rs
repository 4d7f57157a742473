//! MultichannelConfig: which speakers the channels of an audio track are for.
//!
//! ```text
//! order:8 ─┬─ 0 unspecified   channels:8
//!          ├─ 1 native        channels:8  speakers:32   one bit each, channels in the order of the bits
//!          └─ 2 custom        channels:8  speaker:8 × channels
//! ```
//! Spec: Enhanced RTMP v2, `AudioPacketType.MultichannelConfig`.

use super::error::Error;
use crate::base::ByteReader;

/// What a publisher says of a track's channels. Decoders go by the bitstream; this can only agree with it or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Multichannel {
    /// How many there are.
    pub channels: u8,
}

impl Multichannel {
    /// Reads the body of a MultichannelConfig packet.
    ///
    /// # Errors
    /// Names what is short, reserved or contradicts itself.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        const FIELD: &str = "multichannel configuration";
        let cut = Error::Truncated { field: FIELD };
        let mut reader = ByteReader::new(body);
        let order = reader.u8().ok_or(cut)?;
        let channels = reader.u8().ok_or(cut)?;
        let mapped = match order {
            0 => true,
            1 => reader.u32().ok_or(cut)?.count_ones() == u32::from(channels),
            2 => reader.take(channels.into()).is_some(),
            order => return Err(Error::ChannelOrder { order }),
        };
        match (channels, mapped) {
            (0, _) | (_, false) => Err(Error::Speakers { channels }),
            _ => Ok(Self { channels }),
        }
    }
}
