//! Scan: one walk over the NAL units of an access unit, which decides whether it is sound and where decoding can start.

use crate::base::{BitReader, ByteReader};
use crate::codec::rbsp::Rbsp;
use crate::codec::{Error, bpm, captions, nal, sei};
use crate::media::{Captions, CodecLimits, EncoderReport};

/// NAL unit types (H.264 table 7-1).
mod kind {
    pub(super) const SLICE: u8 = 1;
    pub(super) const PARTITION_A: u8 = 2;
    pub(super) const IDR: u8 = 5;
    pub(super) const SEI: u8 = 6;
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;
}

/// What an access unit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessUnit {
    /// Every slice belongs to an IDR picture: decoding can start here, and nothing later refers to what was before.
    pub idr: bool,
    /// Every slice is an I or SI slice: the picture refers to no other, though later ones may refer past it.
    pub intra: bool,
    /// A recovery point SEI is there: decoding from here comes right after some frames.
    pub recovery_point: bool,
    /// An SPS or PPS travels with the frame.
    pub parameter_sets: bool,
    /// Captions that its SEI carries.
    pub captions: Captions,
    /// What its SEI tells of the encoder.
    pub report: EncoderReport,
    /// NAL units in all.
    pub nals: usize,
}

/// Walks `payload`, NAL units behind lengths of `length_size` bytes (1, 2 or 4; see [`Config::length_size`]).
///
/// Allocates nothing; of slices only the first bytes are read.
///
/// # Errors
/// When a length is zero or does not fit, when there are more NAL units than `limits.nals`, and when no slice is
/// among them.
///
/// [`Config::length_size`]: super::Config::length_size
pub fn scan(payload: &[u8], length_size: u8, limits: &CodecLimits) -> Result<AccessUnit, Error> {
    let mut reader = ByteReader::new(payload);
    let mut unit = AccessUnit {
        idr: true,
        intra: true,
        recovery_point: false,
        parameter_sets: false,
        captions: Captions::default(),
        report: EncoderReport::default(),
        nals: 0,
    };
    let mut slices = false;
    while !reader.is_empty() {
        if unit.nals >= limits.nals {
            return Err(Error::TooMany { field: "NAL units", max: limits.nals });
        }
        unit.nals = unit.nals.saturating_add(1);
        let [header, body @ ..] = nal::next(&mut reader, length_size)? else {
            return Err(Error::Truncated { field: "NAL unit" });
        };
        match header & 0b1_1111 {
            unit_type @ (kind::SLICE | kind::PARTITION_A | kind::IDR) => {
                slices = true;
                unit.idr &= unit_type == kind::IDR;
                unit.intra &= is_intra(body);
            }
            kind::SEI => sei::walk(body, |kind, payload| match kind {
                sei::RECOVERY_POINT => unit.recovery_point = true,
                sei::REGISTERED => unit.captions = unit.captions.with(captions::carried(payload)),
                sei::UNREGISTERED => unit.report = unit.report.with(bpm::told(payload)),
                _ => {}
            }),
            kind::SPS | kind::PPS => unit.parameter_sets = true,
            _ => {}
        }
    }
    if slices { Ok(unit) } else { Err(Error::Missing { field: "slice in the frame" }) }
}

/// Whether a slice is of type I or SI; an unreadable header says no (H.264 §7.3.3, table 7-6).
fn is_intra(slice: &[u8]) -> bool {
    /// `first_mb_in_slice` takes at most 35 bits and `slice_type` 7.
    const HEAD: usize = 8;
    let mut head = [0; HEAD];
    let read = head.iter_mut().zip(Rbsp::new(slice)).map(|(to, byte)| *to = byte).count();
    let mut bits = BitReader::new(head.get(..read).unwrap_or_default());
    let slice_type = bits.ue().and_then(|_first_mb| bits.ue());
    matches!(slice_type, Some(2 | 4 | 7 | 9))
}
