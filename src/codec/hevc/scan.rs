//! Scan: one walk over the NAL units of an access unit, which decides whether it is sound and where decoding can start.

use crate::base::ByteReader;
use crate::codec::{Error, bpm, captions, nal, sei};
use crate::media::{Captions, CodecLimits, EncoderReport};

/// NAL unit types (H.265 table 7-1).
mod kind {
    pub(super) const RASL_N: u8 = 8;
    pub(super) const RASL_R: u8 = 9;
    pub(super) const BLA_W_LP: u8 = 16;
    pub(super) const IDR_W_RADL: u8 = 19;
    pub(super) const IDR_N_LP: u8 = 20;
    pub(super) const CRA: u8 = 21;
    /// Pictures end here; 22 and 23 are reserved for further random access points.
    pub(super) const LAST_SLICE: u8 = 31;
    pub(super) const VPS: u8 = 32;
    pub(super) const PPS: u8 = 34;
    pub(super) const PREFIX_SEI: u8 = 39;
    pub(super) const SUFFIX_SEI: u8 = 40;
}

/// What an access unit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessUnit {
    /// The picture is a whole IDR, BLA or CRA picture: decoding can start here.
    pub random_access: bool,
    /// It is an IDR picture: nothing later refers to what was before.
    pub idr: bool,
    /// It cannot be decoded after a start at the random access picture before it (RASL); a decoder leaves it out.
    pub skipped: bool,
    /// A VPS, SPS or PPS travels with the frame.
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
/// What is said of pictures is said of the base layer: further layers (depth, a second eye, alpha) are carried and
/// not looked at. Allocates nothing; of slices only the first bytes are read.
///
/// # Errors
/// When a length is zero or does not fit, when there are more NAL units than `limits.nals`, and when no slice is
/// among them.
///
/// [`Config::length_size`]: super::Config::length_size
pub fn scan(payload: &[u8], length_size: u8, limits: &CodecLimits) -> Result<AccessUnit, Error> {
    let mut reader = ByteReader::new(payload);
    let mut nals = 0_usize;
    let mut parameter_sets = false;
    let mut captions = Captions::default();
    let mut report = EncoderReport::default();
    let mut picture: Option<Slices> = None;
    while !reader.is_empty() {
        if nals >= limits.nals {
            return Err(Error::TooMany { field: "NAL units", max: limits.nals });
        }
        nals = nals.saturating_add(1);
        let unit = nal::next(&mut reader, length_size)?;
        let [first, second, body @ ..] = unit else { return Err(Error::Truncated { field: "NAL unit" }) };
        let layer = (first & 1) << 5 | second >> 3;
        let kind = first >> 1 & 0b11_1111;
        match kind {
            0..=kind::LAST_SLICE if layer == 0 => {
                // first_slice_segment_in_pic_flag: without it the picture's beginning is lost.
                let begins = body.first().is_some_and(|byte| byte & 0x80 != 0);
                let slices = picture.get_or_insert(Slices { kind, whole: begins });
                slices.whole &= slices.kind == kind;
            }
            kind::VPS..=kind::PPS => parameter_sets = true,
            // Captions come before the picture; OBS tells of itself behind it.
            unit_type @ (kind::PREFIX_SEI | kind::SUFFIX_SEI) if layer == 0 => {
                sei::walk(body, |kind, payload| {
                    if kind == sei::REGISTERED && unit_type == kind::PREFIX_SEI {
                        captions = captions.with(captions::carried(payload));
                    } else if kind == sei::UNREGISTERED {
                        report = report.with(bpm::told(payload));
                    }
                })
            }
            _ => {}
        }
    }
    let Slices { kind, whole } = picture.ok_or(Error::Missing { field: "slice in the frame" })?;
    Ok(AccessUnit {
        random_access: whole && (kind::BLA_W_LP..=kind::CRA).contains(&kind),
        idr: whole && (kind == kind::IDR_W_RADL || kind == kind::IDR_N_LP),
        skipped: kind == kind::RASL_N || kind == kind::RASL_R,
        parameter_sets,
        captions,
        report,
        nals,
    })
}

/// The slices of a picture, which are of one kind (§7.4.2.2).
struct Slices {
    kind: u8,
    whole: bool,
}
