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

impl Colour {
    /// The code point that says nothing, of each of the three.
    pub const UNSPECIFIED: u8 = 2;

    /// Whether none of the three says anything.
    pub fn is_unspecified(self) -> bool {
        [self.primaries, self.transfer, self.matrix] == [Self::UNSPECIFIED; 3]
    }

    /// What `own` says, and for what it leaves unspecified what `told` says.
    pub fn filled(own: Option<Self>, told: Option<Self>) -> Option<Self> {
        let (Some(own), Some(told)) = (own, told) else { return own.or(told) };
        let either = |own, told| if own == Self::UNSPECIFIED { told } else { own };
        Some(Self {
            primaries: either(own.primaries, told.primaries),
            transfer: either(own.transfer, told.transfer),
            matrix: either(own.matrix, told.matrix),
            full_range: own.full_range,
        })
    }
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
