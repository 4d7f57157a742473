//! Frame: the beginning of a frame, or of the first one of a superframe.

use crate::base::BitReader;
use crate::codec::Error;

const SYNC_CODE: u32 = 0x49_8342;
const COLOUR_RGB: u32 = 7;

/// What a sample holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Width and height of a key frame; `None` of any other: decoding can start where there is one.
    pub key: Option<(u32, u32)>,
    /// The profile it is coded in.
    pub profile: u8,
}

/// Reads the first frame of `sample`, and the index of a superframe.
///
/// # Errors
/// When it is no VP9 frame, when a key frame's header is cut short, and when a superframe's sizes do not fit.
pub fn scan(sample: &[u8]) -> Result<Frame, Error> {
    superframe(sample)?;
    let cut = Error::Truncated { field: "VP9 frame header" };
    let mut bits = BitReader::new(sample);
    let marker = bits.bits(2).ok_or(cut)?;
    if marker != 2 {
        return Err(Error::Value { field: "VP9 frame_marker", value: i64::from(marker) });
    }
    let (low, high) = (bits.bits(1).ok_or(cut)?, bits.bits(1).ok_or(cut)?);
    let profile = (high << 1 | low) as u8;
    if profile == 3 && bits.bit().ok_or(cut)? {
        return Err(Error::Value { field: "VP9 profile", value: 4 });
    }
    let shows_existing = bits.bit().ok_or(cut)?;
    if shows_existing || bits.bit().ok_or(cut)? {
        return Ok(Frame { key: None, profile });
    }
    bits.skip(2).ok_or(cut)?; // show_frame, error_resilient_mode
    let sync = bits.bits(24).ok_or(cut)?;
    if sync != SYNC_CODE {
        return Err(Error::Value { field: "VP9 frame_sync_code", value: i64::from(sync) });
    }
    let size = colour_and_size(&mut bits, profile).ok_or(cut)?;
    Ok(Frame { key: Some(size), profile })
}

/// `color_config` and `frame_size` of a key frame (§6.2.2, §6.2.3).
fn colour_and_size(bits: &mut BitReader<'_>, profile: u8) -> Option<(u32, u32)> {
    if profile >= 2 {
        bits.skip(1)?; // ten_or_twelve_bit
    }
    let rgb = bits.bits(3)? == COLOUR_RGB;
    let sampled = profile == 1 || profile == 3;
    bits.skip(match (rgb, sampled) {
        (false, true) => 4, // color_range, subsampling across and down, reserved
        (true, false) => 0,
        _ => 1,
    })?;
    let (width, height) = (bits.bits(16)?, bits.bits(16)?);
    Some((width.checked_add(1)?, height.checked_add(1)?))
}

/// Holds a superframe's index, if there is one, to the sample's size (Annex B).
fn superframe(sample: &[u8]) -> Result<(), Error> {
    let Some(&marker) = sample.last() else { return Err(Error::Truncated { field: "VP9 frame" }) };
    if marker >> 5 != 0b110 {
        return Ok(());
    }
    let (frames, width) =
        (usize::from(marker & 0b111).saturating_add(1), usize::from(marker >> 3 & 0b11).saturating_add(1));
    let length = frames.saturating_mul(width).saturating_add(2);
    let Some((coded, index)) = sample.len().checked_sub(length).and_then(|at| sample.split_at_checked(at))
    else {
        return Ok(());
    };
    // Only two equal markers make an index; one alone is a frame's last byte.
    if index.first() != Some(&marker) {
        return Ok(());
    }
    let sizes = index.get(1..length.saturating_sub(1)).unwrap_or_default().chunks_exact(width);
    let size = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
    let total = sizes.map(size).fold(0_u64, u64::saturating_add);
    if total > coded.len() as u64 { Err(Error::Truncated { field: "VP9 superframe" }) } else { Ok(()) }
}
