//! Level: the lowest one that a picture's size and rate fit in (VP9 levels, webmproject.org/vp9/levels).

use crate::media::FrameRate;

/// Level, luma samples a second, luma samples a picture, longest side.
const LEVELS: [(u8, u64, u64, u32); 14] = [
    (10, 829_440, 36_864, 512),
    (11, 2_764_800, 73_728, 768),
    (20, 4_608_000, 122_880, 960),
    (21, 9_216_000, 245_760, 1_344),
    (30, 20_736_000, 552_960, 2_048),
    (31, 36_864_000, 983_040, 2_752),
    (40, 83_558_400, 2_228_224, 4_160),
    (41, 160_432_128, 2_228_224, 4_160),
    (50, 311_951_360, 8_912_896, 8_384),
    (51, 588_251_136, 8_912_896, 8_384),
    (52, 1_176_502_272, 8_912_896, 8_384),
    (60, 1_176_502_272, 35_651_584, 16_832),
    (61, 2_353_004_544, 35_651_584, 16_832),
    (62, 4_706_009_088, 35_651_584, 16_832),
];
/// What is assumed of a stream that does not say: a level too high costs less than one too low.
const ASSUMED: FrameRate = FrameRate { num: 60, den: 1 };

/// The level of pictures of `width` x `height` at `rate`; the highest when none is enough.
pub(super) fn level(width: u32, height: u32, rate: Option<FrameRate>) -> u8 {
    let rate = rate.unwrap_or(ASSUMED);
    let samples = u64::from(width).saturating_mul(u64::from(height));
    let a_second = samples.saturating_mul(u64::from(rate.num)).div_ceil(u64::from(rate.den).max(1));
    let fits = |&&(_, per_second, per_picture, side): &&(u8, u64, u64, u32)| {
        a_second <= per_second && samples <= per_picture && width.max(height) <= side
    };
    LEVELS.iter().find(fits).map_or(62, |(level, ..)| *level)
}
