//! Ladder: which renditions an encoder is asked for, by its picture, its machine, its bandwidth and the policy.

use super::encoder::Encoder;
use super::request::{Canvas, Request};
use crate::media::{FrameRate, VideoCodec};

/// What the operator allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Most kilobits per second of all renditions and the sound together.
    pub most_kilobits: u64,
    /// Most renditions.
    pub most_renditions: usize,
    /// What they are coded in, where OBS and the machine can; else in H.264, as every player knows.
    pub codec: VideoCodec,
    /// Seconds between keyframes: a segment's length.
    pub keyframe_seconds: u64,
}

/// One rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// By which encoder.
    pub encoder: Encoder,
    /// In which codec.
    pub codec: VideoCodec,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Pictures a second: the canvas's, or a whole part of it.
    pub rate: FrameRate,
    /// Kilobits per second.
    pub kilobits: u64,
}

/// Why there is no ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bandwidth is too small for the smallest rendition.
    #[error("{allowed} kbit/s are too few to stream with: allow {needed} kbit/s at least")]
    Bandwidth {
        /// What was allowed, in kilobits per second.
        allowed: u64,
        /// What it takes.
        needed: u64,
    },
    /// A picture smaller than any that is worth encoding.
    #[error("the output resolution {width}x{height} is too small: make it 64x64 at least")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}

/// Kilobits per second of the sound.
pub(super) const SOUND: u64 = 160;
/// Lines of each rendition, and kilobits per second that H.264 takes for them at up to 30 pictures a second.
const STEPS: [(u32, u64); 7] =
    [(2_160, 14_000), (1_440, 8_000), (1_080, 4_500), (720, 2_300), (480, 1_200), (360, 650), (240, 300)];
/// Below so many lines, half of more than 30 pictures a second is enough.
const SMALL: u32 = 720;
/// The order in which renditions are added, the largest being the 0th: each more distant from the others than the next.
const ORDER: [usize; 7] = [0, 2, 1, 3, 4, 5, 6];
/// How much of its bit rate a rendition can do without, in percent.
const THRIFT: u64 = 25;
/// How much of all the largest may take, in percent: an adaptive player must have somewhere to go.
const LARGEST: u64 = 70;

/// The renditions for `request`, the largest first.
pub fn ladder(request: &Request, policy: &Policy) -> Result<Vec<Rung>, Refusal> {
    let Canvas { width, height, .. } = request.canvas;
    if width < 64 || height < 64 {
        return Err(Refusal::Size { width, height });
    }
    let allowed = request.most_kilobits.unwrap_or(u64::MAX).min(policy.most_kilobits);
    let count = usize::try_from(request.most_renditions.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let count = count.min(policy.most_renditions).min(request.encoder.renditions(request.processors)).max(1);
    let budget = allowed.saturating_sub(SOUND);
    let mut steps = steps(request, policy);
    // The largest that leaves something for others; where nothing does, the smallest.
    while steps.len() > 1 && steps.first().is_some_and(|top| thrifty(top.kilobits) > share(budget, LARGEST)) {
        steps.remove(0);
    }
    let mut chosen: Vec<Rung> = Vec::new();
    for step in ORDER.iter().filter_map(|index| steps.get(*index)).take(count) {
        let sum = chosen.iter().chain([step]).map(|rung| thrifty(rung.kilobits)).sum::<u64>();
        if sum <= budget {
            chosen.push(*step);
        }
    }
    if chosen.is_empty() {
        let needed = steps.last().map_or(0, |least| thrifty(least.kilobits)).saturating_add(SOUND);
        return Err(Refusal::Bandwidth { allowed, needed });
    }
    chosen.sort_by_key(|rung| std::cmp::Reverse(rung.height));
    let sum: u64 = chosen.iter().map(|rung| rung.kilobits).sum();
    for rung in &mut chosen {
        rung.kilobits = rung.kilobits.min(part(rung.kilobits, budget, sum));
    }
    Ok(chosen)
}

/// Every rendition that the picture has, the largest first, at its full bit rate.
fn steps(request: &Request, policy: &Policy) -> Vec<Rung> {
    let canvas = request.canvas;
    let can = |codec| match codec {
        VideoCodec::Hevc => request.hevc,
        VideoCodec::Av1 => request.av1,
        _ => codec == VideoCodec::Avc,
    };
    let wanted = Some(policy.codec).filter(|codec| can(*codec) && request.encoder.id(*codec).is_some());
    let codec = wanted.unwrap_or(VideoCodec::Avc);
    // A portrait picture has its lines the other way.
    let lines = canvas.width.min(canvas.height);
    let below = STEPS
        .iter()
        .map(|(lines, _)| *lines)
        .filter(|step| step.saturating_mul(5) <= lines.saturating_mul(4));
    let sizes = std::iter::once(lines).chain(below);
    let rung = |step: u32| {
        let rate = slower(canvas.rate, step);
        let scaled = |size: u32| even(part(size.into(), step.into(), lines.into()));
        let (width, height) = (scaled(canvas.width), scaled(canvas.height));
        Rung { encoder: request.encoder, codec, width, height, rate, kilobits: kilobits(step, rate, codec) }
    };
    sizes.map(rung).collect()
}

/// The canvas's rate, or the whole part of it that suits a picture of so many lines.
fn slower(rate: FrameRate, lines: u32) -> FrameRate {
    let most = if lines < SMALL { 30.5 } else { 60.5 };
    let parts = (1..=16).find(|parts| rate.fps() / f64::from(*parts) <= most).unwrap_or(16);
    FrameRate::new(rate.num, rate.den.saturating_mul(parts)).unwrap_or(rate)
}

/// Kilobits per second for so many lines, between the steps in proportion.
fn kilobits(lines: u32, rate: FrameRate, codec: VideoCodec) -> u64 {
    let above = STEPS.iter().rev().find(|(step, _)| *step >= lines).unwrap_or(&STEPS[0]);
    let share = (f64::from(lines) / f64::from(above.0)).clamp(0.1, 4.0);
    // A third more for twice the pictures; a third less for the newer codecs.
    let pictures = if rate.fps() > 30.5 { 4.0 / 3.0 } else { 1.0 };
    let codec = if codec == VideoCodec::Avc { 1.0 } else { 2.0 / 3.0 };
    let exact = above.1 as f64 * share.powf(1.5) * pictures * codec;
    ((exact / 50.0).round() as u64).saturating_mul(50).max(150)
}

fn thrifty(kilobits: u64) -> u64 {
    share(kilobits, 100 - THRIFT)
}

fn share(of: u64, percent: u64) -> u64 {
    part(of, percent, 100)
}

/// `of` times `numerator` over `denominator`.
fn part(of: u64, numerator: u64, denominator: u64) -> u64 {
    let product = u128::from(of).saturating_mul(numerator.into());
    product.checked_div(denominator.into()).and_then(|part| u64::try_from(part).ok()).unwrap_or(u64::MAX)
}

/// The nearest even number, for encoders that halve the colour.
fn even(size: u64) -> u32 {
    u32::try_from(size.saturating_add(1) / 2).unwrap_or(u32::MAX / 2).saturating_mul(2).max(2)
}
