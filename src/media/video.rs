//! Video configuration, as plain data that `codec` fills.

use bytes::Bytes;

use super::colour::Colour;
use super::time::Timescale;

/// Which video codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264; the record is an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1).
    Avc,
    /// HEVC; the record is an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1).
    Hevc,
    /// AV1; the record is an AV1CodecConfigurationRecord (AV1-ISOBMFF §2.3.3).
    Av1,
    /// VP9; the record is a VPCodecConfigurationRecord (VP codec binding), with neither version nor flags of the box.
    Vp9,
}

/// Configuration of a video track.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoConfig {
    /// The codec.
    pub codec: VideoCodec,
    /// Its configuration record, as it stands in the sample entry.
    pub record: Bytes,
    /// RFC 6381 string.
    pub codecs: String,
    /// Width of the cropped picture, in pixels.
    pub width: u32,
    /// Height of the cropped picture, in pixels.
    pub height: u32,
    /// Width to height of one pixel.
    pub pixel_aspect: (u16, u16),
    /// The frame rate the bitstream declares.
    pub frame_rate: Option<FrameRate>,
    /// Colour description, when the bitstream or, where that says nothing, its publisher has one.
    pub colour: Option<Colour>,
}

impl VideoConfig {
    /// Width and height on a display whose pixels are square: the picture is stretched across, as players do it.
    /// Neither is zero or past 16 bits, which is what there is for them in a track header.
    pub fn display_size(&self) -> (u32, u32) {
        const MOST: u64 = 65_535;
        let (across, down) = (u64::from(self.pixel_aspect.0), u64::from(self.pixel_aspect.1).max(1));
        let twice = u64::from(self.width).saturating_mul(across).saturating_mul(2);
        let nearest = (twice.saturating_add(down) / (2 * down)).clamp(1, MOST);
        let height = u64::from(self.height).clamp(1, MOST);
        (nearest as u32, height as u32)
    }
}

/// Frames per second as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// Numerator.
    pub num: u32,
    /// Denominator, never zero.
    pub den: u32,
}

impl FrameRate {
    /// `num / den` frames a second; `None` when either is zero.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        (num > 0 && den > 0).then_some(Self { num, den })
    }

    /// The rates that cameras and encoders use, the whole ones first.
    pub const STANDARD: [Self; 14] = [
        Self { num: 25, den: 1 },
        Self { num: 30, den: 1 },
        Self { num: 60, den: 1 },
        Self { num: 50, den: 1 },
        Self { num: 24, den: 1 },
        Self { num: 15, den: 1 },
        Self { num: 20, den: 1 },
        Self { num: 10, den: 1 },
        Self { num: 12, den: 1 },
        Self { num: 48, den: 1 },
        Self { num: 120, den: 1 },
        Self { num: 30_000, den: 1_001 },
        Self { num: 60_000, den: 1_001 },
        Self { num: 24_000, den: 1_001 },
    ];

    /// The standard rate within 0.02 % of `fps`, else `fps` in thousandths.
    pub fn nearest(fps: f64) -> Option<Self> {
        if !(fps.is_finite() && (0.1..=1_000.0).contains(&fps)) {
            return None;
        }
        let standard = Self::STANDARD.into_iter().find(|rate| (rate.fps() / fps - 1.0).abs() < 0.000_2);
        standard.or_else(|| Self::new((fps * 1_000.0).round() as u32, 1_000))
    }

    /// Frames per second, for printing and comparing; media time never uses it.
    pub fn fps(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// The duration of `frames` frames in `scale`, to the nearest unit: exact grids are made of these.
    pub fn span(self, frames: i64, scale: Timescale) -> i64 {
        let units = i128::from(frames) * i128::from(self.den) * i128::from(scale.per_second());
        let num = i128::from(self.num);
        let rounded = (units + units.signum() * (num / 2)) / num;
        i64::try_from(rounded).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_to_display_is_rounded_and_never_out_of_bounds() {
        let shown = |width, aspect| {
            let config = VideoConfig {
                codec: VideoCodec::Avc,
                record: Bytes::new(),
                codecs: String::new(),
                width,
                height: 576,
                pixel_aspect: aspect,
                frame_rate: None,
                colour: None,
            };
            config.display_size().0
        };
        assert_eq!((shown(720, (64, 45)), shown(720, (16, 11)), shown(720, (12, 11))), (1_024, 1_047, 785));
        assert_eq!((shown(1_440, (4, 3)), shown(1_280, (1, 1)), shown(3, (1, 2))), (1_920, 1_280, 2));
        assert_eq!(
            (shown(16, (1, 65_535)), shown(16_384, (65_535, 1)), shown(720, (1, 0))),
            (1, 65_535, 720)
        );
    }

    #[test]
    fn a_rate_near_a_standard_one_is_that_one() {
        assert_eq!(FrameRate::nearest(29.97), FrameRate::new(30_000, 1_001));
        assert_eq!(FrameRate::nearest(30.0), FrameRate::new(30, 1));
        assert_eq!(FrameRate::nearest(23.976), FrameRate::new(24_000, 1_001));
        assert_eq!(FrameRate::nearest(12.5), FrameRate::new(12_500, 1_000));
        assert_eq!(FrameRate::nearest(f64::NAN), None);
        assert_eq!(FrameRate::nearest(0.0), None);
    }

    #[test]
    fn spans_of_a_rate_are_exact() {
        let ntsc = FrameRate::new(30_000, 1_001).unwrap();
        assert_eq!(ntsc.span(1, Timescale::VIDEO), 3_003);
        assert_eq!(ntsc.span(30_000, Timescale::VIDEO), 90_090_000);
        assert_eq!(ntsc.span(-1, Timescale::VIDEO), -3_003);
    }
}
