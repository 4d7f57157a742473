//! SPS: what a sequence parameter set says of the pictures (H.265 §7.3.2.2). Every loop in it is bounded by the
//! value's range, which is checked before it runs.

use crate::base::BitReader;
use crate::codec::Error;
use crate::codec::rbsp::Rbsp;
use crate::codec::sequence::Sps;
use crate::media::CodecLimits;

use super::vui::{self, Vui};

/// Fields by name, so that an error can tell which one it was.
struct Fields<'a> {
    bits: BitReader<'a>,
}

impl Fields<'_> {
    fn bits(&mut self, n: u32, field: &'static str) -> Result<u32, Error> {
        self.bits.bits(n).ok_or(Error::Truncated { field })
    }

    fn flag(&mut self, field: &'static str) -> Result<bool, Error> {
        self.bits.bit().ok_or(Error::Truncated { field })
    }

    fn skip(&mut self, n: usize, field: &'static str) -> Result<(), Error> {
        self.bits.skip(n).ok_or(Error::Truncated { field })
    }

    /// An unsigned number of at most `max`.
    fn ue(&mut self, field: &'static str, max: u32) -> Result<u32, Error> {
        let value = self.bits.ue().ok_or_else(|| self.bad_golomb(field))?;
        if value > max { Err(Error::Value { field, value: i64::from(value) }) } else { Ok(value) }
    }

    fn se(&mut self, field: &'static str) -> Result<i32, Error> {
        self.bits.se().ok_or_else(|| self.bad_golomb(field))
    }

    /// A code that does not end is one of too many zeros, unless the bits do.
    fn bad_golomb(&self, field: &'static str) -> Error {
        if self.bits.remaining() == 0 { Error::Truncated { field } } else { Error::ExpGolomb { field } }
    }
}

/// `nal` is one SPS with its NAL header of two bytes.
pub(super) fn parse(nal: &[u8], limits: &CodecLimits) -> Result<Sps, Error> {
    let body = nal.get(2..).ok_or(Error::Truncated { field: "SPS" })?;
    let plain: Vec<u8> = Rbsp::new(body).collect();
    let mut fields = Fields { bits: BitReader::new(&plain) };
    fields.skip(4, "sps_video_parameter_set_id")?;
    let sub_layers = fields.bits(3, "sps_max_sub_layers_minus1")?;
    if sub_layers > 6 {
        return Err(Error::Value { field: "sps_max_sub_layers_minus1", value: i64::from(sub_layers) });
    }
    fields.skip(1, "sps_temporal_id_nesting_flag")?;
    let codecs = profile_tier_level(&mut fields, sub_layers)?;
    fields.ue("sps_seq_parameter_set_id", 15)?;
    let (width, height) = size(&mut fields, limits)?;
    fields.ue("bit_depth_luma_minus8", 8)?;
    fields.ue("bit_depth_chroma_minus8", 8)?;
    coding(&mut fields, sub_layers)?;
    // A broken VUI is common and tells nothing a decoder needs: what was read of it is kept.
    let mut vui = Vui::default();
    if fields.flag("vui_parameters_present_flag")? {
        let _broken = vui::parse(&mut fields.bits, &mut vui);
    }
    let Vui { pixel_aspect, colour, frame_rate } = vui;
    Ok(Sps { codecs, width, height, pixel_aspect, frame_rate, colour })
}

/// Reads `profile_tier_level` (§7.3.3) and gives the codec string (ISO/IEC 14496-15 Annex E.3).
fn profile_tier_level(fields: &mut Fields<'_>, sub_layers: u32) -> Result<String, Error> {
    const FIELD: &str = "profile_tier_level";
    let space = match fields.bits(2, FIELD)? {
        1 => "A",
        2 => "B",
        3 => "C",
        _ => "",
    };
    let tier = if fields.flag(FIELD)? { 'H' } else { 'L' };
    let profile = fields.bits(5, FIELD)?;
    let compatibility = fields.bits(32, FIELD)?.reverse_bits();
    let mut constraints = [0_u8; 6];
    for byte in &mut constraints {
        *byte = fields.bits(8, FIELD)? as u8;
    }
    let level = fields.bits(8, FIELD)?;
    let mut codecs = format!("hvc1.{space}{profile}.{compatibility:X}.{tier}{level}");
    let kept = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    for byte in constraints.iter().take(kept) {
        codecs.push_str(&format!(".{byte:X}"));
    }
    let mut lengths = 0_usize;
    for _ in 0..sub_layers {
        let profile = if fields.flag(FIELD)? { 88 } else { 0 };
        let level = if fields.flag(FIELD)? { 8 } else { 0 };
        lengths = lengths.saturating_add(profile).saturating_add(level);
    }
    if sub_layers > 0 {
        // The flags are filled up to eight pairs.
        fields.skip(8_usize.saturating_sub(sub_layers as usize).saturating_mul(2), FIELD)?;
    }
    fields.skip(lengths, FIELD)?;
    Ok(codecs)
}

/// Width and height of the picture without what the conformance window hides.
fn size(fields: &mut Fields<'_>, limits: &CodecLimits) -> Result<(u32, u32), Error> {
    let chroma = fields.ue("chroma_format_idc", 3)?;
    if chroma == 3 {
        fields.skip(1, "separate_colour_plane_flag")?;
    }
    let width = fields.ue("pic_width_in_luma_samples", u32::MAX)?;
    let height = fields.ue("pic_height_in_luma_samples", u32::MAX)?;
    let macroblocks = u64::from(width.div_ceil(16)).saturating_mul(u64::from(height.div_ceil(16)));
    if macroblocks > u64::from(limits.macroblocks) {
        return Err(Error::Picture { macroblocks, max: limits.macroblocks });
    }
    let mut hidden = (0_u32, 0_u32);
    if fields.flag("conformance_window_flag")? {
        let (across, down) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let mut pair = |unit: u32| {
            let (a, b) =
                (fields.ue("conformance window", u32::MAX)?, fields.ue("conformance window", u32::MAX)?);
            Ok(a.saturating_add(b).saturating_mul(unit))
        };
        hidden = (pair(across)?, pair(down)?);
    }
    let left = |side: u32, hidden: u32| side.checked_sub(hidden).filter(|left| *left > 0).ok_or(Error::Crop);
    Ok((left(width, hidden.0)?, left(height, hidden.1)?))
}

/// Walks what describes the coding, up to the VUI.
fn coding(fields: &mut Fields<'_>, sub_layers: u32) -> Result<(), Error> {
    let poc = fields.ue("log2_max_pic_order_cnt_lsb_minus4", 12)?;
    let each = fields.flag("sps_sub_layer_ordering_info_present_flag")?;
    for _ in 0..=(if each { sub_layers } else { 0 }) {
        for field in ["sps_max_dec_pic_buffering_minus1", "sps_max_num_reorder_pics", "sps_max_latency"] {
            fields.ue(field, u32::MAX)?;
        }
    }
    for field in [
        "log2_min_luma_coding_block_size_minus3",
        "log2_diff_max_min_luma_coding_block_size",
        "log2_min_luma_transform_block_size_minus2",
        "log2_diff_max_min_luma_transform_block_size",
        "max_transform_hierarchy_depth_inter",
        "max_transform_hierarchy_depth_intra",
    ] {
        fields.ue(field, 16)?;
    }
    if fields.flag("scaling_list_enabled_flag")? && fields.flag("sps_scaling_list_data_present_flag")? {
        scaling_lists(fields)?;
    }
    fields.skip(2, "sample_adaptive_offset_enabled_flag")?;
    if fields.flag("pcm_enabled_flag")? {
        fields.skip(8, "pcm_sample_bit_depth")?;
        fields.ue("log2_min_pcm_luma_coding_block_size_minus3", 16)?;
        fields.ue("log2_diff_max_min_pcm_luma_coding_block_size", 16)?;
        fields.skip(1, "pcm_loop_filter_disabled_flag")?;
    }
    reference_sets(fields)?;
    if fields.flag("long_term_ref_pics_present_flag")? {
        let count = fields.ue("num_long_term_ref_pics_sps", 32)?;
        for _ in 0..count {
            fields.skip((poc as usize).saturating_add(5), "lt_ref_pic_poc_lsb_sps")?;
        }
    }
    fields.skip(2, "strong_intra_smoothing_enabled_flag")
}

/// §7.3.4.
fn scaling_lists(fields: &mut Fields<'_>) -> Result<(), Error> {
    for (lists, coefficients, has_dc) in [(6, 16, false), (6, 64, false), (6, 64, true), (2, 64, true)] {
        for _ in 0..lists {
            if !fields.flag("scaling_list_pred_mode_flag")? {
                fields.ue("scaling_list_pred_matrix_id_delta", 5)?;
                continue;
            }
            if has_dc {
                fields.se("scaling_list_dc_coef_minus8")?;
            }
            for _ in 0..coefficients {
                fields.se("scaling_list_delta_coef")?;
            }
        }
    }
    Ok(())
}

/// Short-term reference picture sets (§7.3.7); each may be told by its difference from the one before.
fn reference_sets(fields: &mut Fields<'_>) -> Result<(), Error> {
    /// Pictures in one set: the largest decoded picture buffer (§A.4.1).
    const MOST: u32 = 16;
    let count = fields.ue("num_short_term_ref_pic_sets", 64)?;
    let mut before = 0_u32;
    for n in 0..count {
        let mut pictures = 0_u32;
        if n > 0 && fields.flag("inter_ref_pic_set_prediction_flag")? {
            fields.skip(1, "delta_rps_sign")?;
            fields.ue("abs_delta_rps_minus1", 0x7FFF)?;
            for _ in 0..=before {
                let kept = fields.flag("used_by_curr_pic_flag")? || fields.flag("use_delta_flag")?;
                pictures = pictures.saturating_add(u32::from(kept));
            }
        } else {
            let negative = fields.ue("num_negative_pics", MOST)?;
            pictures = negative.saturating_add(fields.ue("num_positive_pics", MOST)?);
            for _ in 0..pictures {
                fields.ue("delta_poc_minus1", 0x7FFF)?;
                fields.skip(1, "used_by_curr_pic_flag")?;
            }
        }
        if pictures > MOST {
            return Err(Error::TooMany { field: "pictures in a reference set", max: MOST as usize });
        }
        before = pictures;
    }
    Ok(())
}
