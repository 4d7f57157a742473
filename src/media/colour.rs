//! Colour, as plain data that `codec` fills.

/// Colour description by the code points of ISO/IEC 23091-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// Colour primaries.
    pub primaries: u8,
    /// Transfer characteristics.
    pub transfer: u8,
    /// Matrix coefficients.
    pub matrix: u8,
    /// Whether samples use the full range.
    pub full_range: bool,
}

/// How a display must render the pictures, as VIDEO-RANGE tells it (draft-pantos-hls-rfc8216bis §4.4.6.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum VideoRange {
    /// Standard dynamic range, which is also what is meant when nothing is said.
    #[default]
    Sdr,
    /// Hybrid log-gamma.
    Hlg,
    /// Perceptual quantizer.
    Pq,
}

impl VideoRange {
    /// The range that a colour description's transfer characteristics are of.
    pub fn of(colour: Option<Colour>) -> Self {
        match colour.map(|colour| colour.transfer) {
            Some(16) => Self::Pq,
            Some(18) => Self::Hlg,
            _ => Self::Sdr,
        }
    }
}
