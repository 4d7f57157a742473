//! Sequence: what a sequence parameter set says of the pictures, whichever standard it is of.

use crate::media::{Colour, FrameRate};

/// What we use of an SPS.
pub(super) struct Sps {
    pub(super) codecs: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixel_aspect: (u16, u16),
    pub(super) frame_rate: Option<FrameRate>,
    pub(super) colour: Option<Colour>,
}
