//! VUI: shape of pixels, colour and timing (H.265 §E.2.1), up to the last field we use.

use crate::base::BitReader;
use crate::codec::colour;
use crate::codec::rate::frame_rate;
use crate::media::{Colour, FrameRate};

/// What we use of it, as far as it was read.
pub(super) struct Vui {
    pub(super) pixel_aspect: (u16, u16),
    pub(super) colour: Option<Colour>,
    pub(super) frame_rate: Option<FrameRate>,
}

impl Default for Vui {
    fn default() -> Self {
        Self { pixel_aspect: (1, 1), colour: None, frame_rate: None }
    }
}

/// Pixel shapes 1 to 16 (table E.1).
const SHAPES: [(u16, u16); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
const EXTENDED_SHAPE: u32 = 255;

/// Fills `vui` as far as the bits reach; `None` when they end, or make no sense, before the timing does.
pub(super) fn parse(bits: &mut BitReader<'_>, vui: &mut Vui) -> Option<()> {
    if bits.bit()? {
        let shape = match bits.bits(8)? {
            EXTENDED_SHAPE => Some((bits.bits(16)? as u16, bits.bits(16)? as u16)),
            shape => (shape as usize).checked_sub(1).and_then(|n| SHAPES.get(n).copied()),
        };
        vui.pixel_aspect = shape.filter(|(h, v)| *h > 0 && *v > 0).unwrap_or((1, 1));
    }
    if bits.bit()? {
        bits.skip(1)?; // overscan_appropriate_flag
    }
    if bits.bit()? {
        bits.skip(3)?; // video_format
        let full_range = bits.bit()?;
        let points = match bits.bit()? {
            true => Some((bits.bits(8)? as u8, bits.bits(8)? as u8, bits.bits(8)? as u8)),
            false => None,
        };
        vui.colour = colour::described(points, full_range);
    }
    if bits.bit()? {
        bits.ue()?; // chroma_sample_loc_type_top_field
        bits.ue()?;
    }
    bits.skip(3)?; // neutral chroma, fields, frame field info
    if bits.bit()? {
        // The default display window is advice to a display, not a crop.
        for _ in 0..4 {
            bits.ue()?;
        }
    }
    if bits.bit()? {
        let (tick, scale) = (bits.bits(32)?, bits.bits(32)?);
        // A tick is the time of one picture, fields and frames alike (§E.3.1).
        vui.frame_rate = frame_rate(u64::from(scale), u64::from(tick));
    }
    Some(())
}
