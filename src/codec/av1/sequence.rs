//! Sequence: what a sequence header says of the pictures (AV1 §5.5).

use crate::base::BitReader;
use crate::codec::rate::frame_rate;
use crate::codec::{Error, colour};
use crate::media::{CodecLimits, Colour, FrameRate};

/// "Select" of `seq_force_screen_content_tools`.
const SELECT: u32 = 2;
/// CP_BT_709, TC_SRGB, MC_IDENTITY: pictures in RGB, whose range and sampling are not coded.
const SRGB: (u8, u8, u8) = (1, 13, 0);

/// What we use of a sequence header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sequence {
    /// Whether frame headers are left out: every picture is a shown key frame.
    pub(super) reduced: bool,
    pub(super) profile: u8,
    pub(super) level: u8,
    pub(super) high_tier: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) frame_rate: Option<FrameRate>,
    pub(super) format: Format,
}

/// How samples are stored: `color_config`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Format {
    pub(super) depth: u8,
    pub(super) monochrome: bool,
    /// Whether chroma is halved across and down.
    pub(super) subsampling: (bool, bool),
    pub(super) sample_position: u8,
    pub(super) colour: Option<Colour>,
}

impl Sequence {
    /// Reads the payload of a sequence header OBU.
    pub(super) fn parse(payload: &[u8], limits: &CodecLimits) -> Result<Self, Error> {
        let mut bits = BitReader::new(payload);
        let cut = Error::Truncated { field: "AV1 sequence header" };
        let sequence = read(&mut bits).ok_or(cut)?;
        if sequence.profile > 2 {
            return Err(Error::Value { field: "seq_profile", value: i64::from(sequence.profile) });
        }
        let blocks =
            u64::from(sequence.width.div_ceil(16)).saturating_mul(u64::from(sequence.height.div_ceil(16)));
        if blocks > u64::from(limits.macroblocks) {
            return Err(Error::Picture { macroblocks: blocks, max: limits.macroblocks });
        }
        Ok(sequence)
    }

    /// The codec string (AV1-ISOBMFF §5): the fields that have defaults are all there or all left out.
    pub(super) fn codecs(&self) -> String {
        let Format { depth, monochrome, subsampling: (x, y), sample_position, colour } = &self.format;
        let tier = if self.high_tier { 'H' } else { 'M' };
        let short = format!("av01.{}.{:02}{tier}.{depth:02}", self.profile, self.level);
        let plain = !monochrome && *x && *y && *sample_position == 0;
        let points = colour::suffix(*colour);
        if plain && points.is_none() {
            return short;
        }
        let (mono, x, y) = (u8::from(*monochrome), u8::from(*x), u8::from(*y));
        let points = points.unwrap_or_else(|| "01.01.01".to_owned());
        let full = u8::from(colour.is_some_and(|colour| colour.full_range));
        format!("{short}.{mono}.{x}{y}{sample_position}.{points}.{full}")
    }

    /// The four bytes in front of a record's OBUs (AV1-ISOBMFF §2.3.3).
    pub(super) fn record_head(&self) -> [u8; 4] {
        let Format { depth, monochrome, subsampling: (x, y), sample_position, .. } = &self.format;
        let flags = [self.high_tier, *depth > 8, *depth > 10, *monochrome, *x, *y];
        let flags = flags.iter().fold(0_u8, |all, flag| all << 1 | u8::from(*flag));
        [0x81, self.profile << 5 | self.level, flags << 2 | sample_position, 0]
    }
}

fn read(bits: &mut BitReader<'_>) -> Option<Sequence> {
    let profile = bits.bits(3)? as u8;
    bits.skip(1)?; // still_picture
    let reduced = bits.bit()?;
    let (level, high_tier, frame_rate) = match reduced {
        true => (bits.bits(5)? as u8, false, None),
        false => operating_points(bits)?,
    };
    let (across, down) = (bits.bits(4)?.checked_add(1)?, bits.bits(4)?.checked_add(1)?);
    let (width, height) = (bits.bits(across)?.checked_add(1)?, bits.bits(down)?.checked_add(1)?);
    if !reduced && bits.bit()? {
        bits.skip(7)?; // lengths of frame ids
    }
    bits.skip(3)?; // superblock size, filter intra, intra edge filter
    if !reduced {
        tools(bits)?;
    }
    bits.skip(3)?; // superres, cdef, restoration
    let format = format(bits, profile)?;
    Some(Sequence { reduced, profile, level, high_tier, width, height, frame_rate, format })
}

/// Timing and operating points; gives level and tier of the first one, which is the whole stream.
fn operating_points(bits: &mut BitReader<'_>) -> Option<(u8, bool, Option<FrameRate>)> {
    let mut rate = None;
    let mut delay_length = None;
    if bits.bit()? {
        let (tick, scale) = (bits.bits(32)?, bits.bits(32)?);
        if bits.bit()? {
            let ticks = u64::from(bits.ue()?).saturating_add(1);
            rate = frame_rate(u64::from(scale), u64::from(tick).saturating_mul(ticks));
        }
        if bits.bit()? {
            delay_length = Some(bits.bits(5)?.checked_add(1)? as usize);
            bits.skip(32 + 5 + 5)?; // decoding tick, removal and presentation time lengths
        }
    }
    let has_display_delay = bits.bit()?;
    let more = bits.bits(5)?;
    let mut first = None;
    for _ in 0..=more {
        bits.skip(12)?; // operating_point_idc
        let level = bits.bits(5)? as u8;
        let high_tier = level > 7 && bits.bit()?;
        first.get_or_insert((level, high_tier));
        if let Some(length) = delay_length
            && bits.bit()?
        {
            bits.skip(length.saturating_mul(2).saturating_add(1))?;
        }
        if has_display_delay && bits.bit()? {
            bits.skip(4)?;
        }
    }
    first.map(|(level, high_tier)| (level, high_tier, rate))
}

/// From `enable_interintra_compound` to `order_hint_bits_minus_1`.
fn tools(bits: &mut BitReader<'_>) -> Option<()> {
    bits.skip(4)?;
    let order_hint = bits.bit()?;
    if order_hint {
        bits.skip(2)?;
    }
    let screen_content = if bits.bit()? { SELECT } else { bits.bits(1)? };
    if screen_content > 0 && !bits.bit()? {
        bits.skip(1)?; // seq_force_integer_mv
    }
    if order_hint {
        bits.skip(3)?;
    }
    Some(())
}

fn format(bits: &mut BitReader<'_>, profile: u8) -> Option<Format> {
    let high = bits.bit()?;
    let depth = match (profile, high) {
        (_, false) => 8,
        (2, true) if bits.bit()? => 12,
        (_, true) => 10,
    };
    let monochrome = profile != 1 && bits.bit()?;
    let points = match bits.bit()? {
        true => Some((bits.bits(8)? as u8, bits.bits(8)? as u8, bits.bits(8)? as u8)),
        false => None,
    };
    if !monochrome && points == Some(SRGB) {
        let colour = colour::described(points, true);
        return Some(Format { depth, monochrome, subsampling: (false, false), sample_position: 0, colour });
    }
    let full_range = bits.bit()?;
    let subsampling = match (profile, depth) {
        _ if monochrome => (true, true),
        (0, _) => (true, true),
        (1, _) => (false, false),
        (_, 12) => {
            let across = bits.bit()?;
            (across, across && bits.bit()?)
        }
        _ => (true, false),
    };
    let placed = !monochrome && subsampling == (true, true);
    let sample_position = if placed { bits.bits(2)? as u8 } else { 0 };
    let colour = colour::described(points, full_range);
    Some(Format { depth, monochrome, subsampling, sample_position, colour })
}
