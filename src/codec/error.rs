//! Error: why a configuration record or a frame is refused. The blame is always the peer's.

use crate::media::Limit;

/// What is wrong, and with which field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end before the field, or inside it.
    #[error("{field} is cut short")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// There must be at least one, and there is none.
    #[error("there is no {field}")]
    Missing {
        /// What is missing.
        field: &'static str,
    },
    /// Longer than allowed.
    #[error("{field} is {len} bytes, more than {max}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The ceiling.
        max: usize,
    },
    /// More than allowed.
    #[error("there are more than {max} of {field}")]
    TooMany {
        /// What there is too much of.
        field: &'static str,
        /// The ceiling.
        max: usize,
    },
    /// A value that is reserved, out of its range, or of a kind that is not supported.
    #[error("{field} of {value} is not supported")]
    Value {
        /// The field.
        field: &'static str,
        /// Its value.
        value: i64,
    },
    /// A number coded in more bits than it may have.
    #[error("{field} is coded in more than 32 bits")]
    ExpGolomb {
        /// The field.
        field: &'static str,
    },
    /// A picture larger than allowed.
    #[error("picture of {macroblocks} macroblocks is larger than {max}")]
    Picture {
        /// Its size.
        macroblocks: u64,
        /// The ceiling.
        max: u32,
    },
    /// Cropping that leaves no picture.
    #[error("cropping leaves nothing of the picture")]
    Crop,
}

impl Error {
    /// Which limit was run into, if it was one: the fields are named where the limits are held.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Picture { .. } => Some(Limit::CodecMacroblocks),
            Self::TooLong { field, .. } => match *field {
                "SPS" | "AV1 sequence header" => Some(Limit::CodecSps),
                "splice section" | "OBU size" => None,
                _ => Some(Limit::CodecConfig),
            },
            Self::TooMany { field, .. } => match *field {
                "SPS" | "VPS" => Some(Limit::CodecSpsCount),
                "PPS" | "NAL units of an HEVC array" => Some(Limit::CodecPpsCount),
                "NAL units" | "OBUs" => Some(Limit::CodecNals),
                _ => None,
            },
            Self::Truncated { .. }
            | Self::Missing { .. }
            | Self::Value { .. }
            | Self::ExpGolomb { .. }
            | Self::Crop => None,
        }
    }
}
