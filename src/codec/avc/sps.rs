//! SPS: what a sequence parameter set says of the pictures. `h264-reader` reads it; what it does not bound, or
//! bounds harder than encoders keep to, is settled here.

use h264_reader::nal::sps::{FrameMbsFlags, PicOrderCntError, ScalingMatrixError, SeqParameterSet, SpsError};
use h264_reader::nal::{Nal, RefNal};
use h264_reader::rbsp::{BitRead, BitReaderError, Integer, Primitive};

use crate::codec::sequence::Sps;
use crate::codec::{Error, colour, rate};
use crate::media::{CodecLimits, Colour, FrameRate};

/// `nal` is one SPS with its NAL header.
pub(super) fn parse(nal: &[u8], limits: &CodecLimits) -> Result<Sps, Error> {
    let cut = Error::Truncated { field: "SPS" };
    let &[header, profile, constraints, level, ref rest @ ..] = nal else { return Err(cut) };
    // Encoders understate the level, and the reader would refuse a picture beyond it; decoders do not care, so it
    // is read as level 6.2 and held to our own ceiling below.
    let head = [header, profile, constraints, 62];
    let end = rest.iter().rposition(|byte| *byte != 0).ok_or(cut)?;
    let tail = [rest.get(..=end).unwrap_or(rest)];
    let read = |with_vui| {
        let bits = RefNal::new(&head, &tail, true).rbsp_bits();
        SeqParameterSet::from_bits(Lenient { inner: bits, with_vui })
    };
    // A broken VUI is common and tells nothing a decoder needs: then the rest is taken without it.
    let sps = read(true).or_else(|_| read(false)).map_err(fault)?;
    check_size(&sps, limits)?;
    let (width, height) = sps.pixel_dimensions().map_err(|_| Error::Crop)?;
    if width == 0 || height == 0 {
        return Err(Error::Crop);
    }
    let vui = sps.vui_parameters.as_ref();
    let aspect = vui.and_then(|vui| vui.aspect_ratio_info.as_ref()?.get());
    Ok(Sps {
        codecs: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
        width,
        height,
        pixel_aspect: aspect.unwrap_or((1, 1)),
        frame_rate: frame_rate(&sps),
        colour: colour(&sps),
    })
}

fn check_size(sps: &SeqParameterSet, limits: &CodecLimits) -> Result<(), Error> {
    let fields = if sps.frame_mbs_flags == FrameMbsFlags::Frames { 1 } else { 2 };
    let macroblocks = u64::from(sps.pic_width_in_mbs())
        .saturating_mul(u64::from(sps.pic_height_in_map_units()))
        .saturating_mul(fields);
    if macroblocks > u64::from(limits.macroblocks) {
        return Err(Error::Picture { macroblocks, max: limits.macroblocks });
    }
    Ok(())
}

/// A tick is the time of one field (H.264 §E.2.1), so a frame lasts two. Rates no camera has are not believed.
fn frame_rate(sps: &SeqParameterSet) -> Option<FrameRate> {
    let timing = sps.vui_parameters.as_ref()?.timing_info.as_ref()?;
    let (num, den) = (u64::from(timing.time_scale), u64::from(timing.num_units_in_tick).saturating_mul(2));
    rate::frame_rate(num, den)
}

fn colour(sps: &SeqParameterSet) -> Option<Colour> {
    let signal = sps.vui_parameters.as_ref()?.video_signal_type.as_ref()?;
    let points = signal.colour_description.as_ref().map(|described| {
        (described.colour_primaries, described.transfer_characteristics, described.matrix_coefficients)
    });
    colour::described(points, signal.video_full_range_flag)
}

/// A bit reader that reports nothing behind the fields we use: neither the bitstream restrictions, which encoders
/// get wrong and the reader then refuses, nor what trails the set.
struct Lenient<R> {
    inner: R,
    with_vui: bool,
}

impl<R: BitRead> BitRead for Lenient<R> {
    fn read_bit(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        match name {
            "bitstream_restriction_flag" => Ok(false),
            "vui_parameters_present_flag" if !self.with_vui => Ok(false),
            _ => self.inner.read_bit(name),
        }
    }

    fn finish_rbsp(self) -> Result<(), BitReaderError> {
        Ok(())
    }

    fn read_ue(&mut self, name: &'static str) -> Result<u32, BitReaderError> {
        self.inner.read_ue(name)
    }

    fn read_se(&mut self, name: &'static str) -> Result<i32, BitReaderError> {
        self.inner.read_se(name)
    }

    fn read<const BITS: u32, I: Integer>(&mut self, name: &'static str) -> Result<I, BitReaderError> {
        self.inner.read::<BITS, I>(name)
    }

    fn read_var<I: Integer>(&mut self, bits: u32, name: &'static str) -> Result<I, BitReaderError> {
        self.inner.read_var(bits, name)
    }

    fn read_to<V: Primitive>(&mut self, name: &'static str) -> Result<V, BitReaderError> {
        self.inner.read_to(name)
    }

    fn skip(&mut self, bits: u32, name: &'static str) -> Result<(), BitReaderError> {
        self.inner.skip(bits, name)
    }

    fn byte_aligned(&self) -> bool {
        self.inner.byte_aligned()
    }

    fn has_more_rbsp_data(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        self.inner.has_more_rbsp_data(name)
    }

    fn finish_sei_payload(self) -> Result<(), BitReaderError> {
        self.inner.finish_sei_payload()
    }
}

fn fault(error: SpsError) -> Error {
    let value = |field, value: u32| Error::Value { field, value: i64::from(value) };
    match error {
        SpsError::RbspReaderError(error)
        | SpsError::PicOrderCnt(PicOrderCntError::ReaderError(error))
        | SpsError::ScalingMatrix(ScalingMatrixError::ReaderError(error)) => bits_fault(&error),
        SpsError::BitDepthOutOfRange(n) => value("bit_depth_minus8", n),
        SpsError::PicOrderCnt(PicOrderCntError::InvalidPicOrderCountType(n)) => {
            value("pic_order_cnt_type", n)
        }
        SpsError::PicOrderCnt(PicOrderCntError::Log2MaxPicOrderCntLsbMinus4OutOfRange(n)) => {
            value("log2_max_pic_order_cnt_lsb_minus4", n)
        }
        SpsError::PicOrderCnt(PicOrderCntError::NumRefFramesInPicOrderCntCycleOutOfRange(n)) => {
            value("num_ref_frames_in_pic_order_cnt_cycle", n)
        }
        SpsError::ScalingMatrix(ScalingMatrixError::DeltaScaleOutOfRange(n)) => {
            Error::Value { field: "delta_scale", value: i64::from(n) }
        }
        SpsError::Log2MaxFrameNumMinus4OutOfRange(n) => value("log2_max_frame_num_minus4", n),
        SpsError::BadSeqParamSetId(_) | SpsError::UnknownSeqParamSetId(_) => {
            Error::Value { field: "seq_parameter_set_id", value: 32 }
        }
        SpsError::FieldValueTooLarge { name, value: n } | SpsError::FieldValueTooSmall { name, value: n } => {
            value(name, n)
        }
        SpsError::CroppingError(_) => Error::Crop,
        SpsError::CpbCountOutOfRange(n) => value("cpb_cnt_minus1", n),
    }
}

fn bits_fault(error: &BitReaderError) -> Error {
    match error {
        BitReaderError::ReaderError(field, _) => Error::Truncated { field },
        BitReaderError::ExpGolombTooLarge(field) => Error::ExpGolomb { field },
        BitReaderError::RemainingData => Error::Truncated { field: "SPS" },
    }
}
