//! Rate: what a bitstream's timing fields say, as far as it can be believed.

use crate::media::FrameRate;

/// `num / den` frames a second, as a standard rate where it is near one. Rates no camera has are not believed.
pub(super) fn frame_rate(num: u64, den: u64) -> Option<FrameRate> {
    let fps = num as f64 / den as f64;
    if !(1.0..=300.0).contains(&fps) {
        return None;
    }
    let nearest = FrameRate::nearest(fps)?;
    if nearest.den != 1_000 {
        return Some(nearest);
    }
    let shared = gcd(num, den).max(1);
    let whole = |n: u64| n.checked_div(shared).and_then(|n| u32::try_from(n).ok());
    FrameRate::new(whole(num)?, whole(den)?).or(Some(nearest))
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a.checked_rem(b).unwrap_or(0));
    }
    a
}
