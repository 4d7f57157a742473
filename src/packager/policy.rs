//! Policy: whether a segment ends here. Pure: durations in, a decision out.

/// The rules of one generation, in ticks of the track that leads.
///
/// A segment ends at the first keyframe at or past its target, or at an earlier one when the next
/// would, by the length of the last GOP, come too late for the target duration. A GOP too long for
/// that is cut without a keyframe, at part boundaries and into about equal pieces
/// (RFC 8216bis §4.4.3.1: no segment may round to more than the target duration).
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// What a segment aims at.
    pub(super) target: i64,
    /// What it may not pass.
    pub(super) limit: i64,
    /// A part of the leading track.
    pub(super) part: i64,
    /// Distance between the last two keyframes.
    gop: Option<i64>,
    last_key: Option<i64>,
}

impl Policy {
    pub(super) fn new(target: i64, limit: i64, part: i64) -> Self {
        Self { target, limit, part, gop: None, last_key: None }
    }

    /// Notes a keyframe at decode time `at`.
    pub(super) fn saw_key(&mut self, at: i64) {
        if let Some(last) = self.last_key {
            self.gop = Some(at.saturating_sub(last).max(1));
        }
        self.last_key = Some(at);
    }

    /// Forgets what the last epoch taught.
    pub(super) fn forget(&mut self) {
        self.gop = None;
        self.last_key = None;
    }

    /// Distance between the last two keyframes, when it is too long to make segments of.
    pub(super) fn long_gop(&self) -> Option<i64> {
        self.gop.filter(|gop| *gop > self.limit)
    }

    /// Whether to end the segment before a keyframe, `elapsed` into it and `into_part` into its open part.
    pub(super) fn at_key(&self, elapsed: i64, into_part: i64) -> bool {
        let gop = self.gop.unwrap_or(elapsed);
        // Where keyframes are closer than parts, only part boundaries are worth a cut.
        let boundary = elapsed.saturating_sub(into_part).saturating_add(self.part);
        if gop < self.part && into_part > 0 && boundary <= self.limit {
            return false;
        }
        elapsed >= self.target || elapsed.saturating_add(gop.max(self.part)) > self.limit
    }

    /// Whether to end the segment at a part boundary `at`, `elapsed` into it, where no keyframe is in sight.
    pub(super) fn at_boundary(&self, elapsed: i64, at: i64) -> bool {
        let due = self.last_key.zip(self.gop).map(|(key, gop)| key.saturating_add(gop).saturating_sub(at));
        match due.filter(|due| *due > 0) {
            // The next keyframe is expected: wait for it, or cut what is left until then into equal pieces.
            Some(due) => {
                let left = elapsed.saturating_add(due);
                let pieces = left.saturating_add(self.limit - 1) / self.limit.max(1);
                pieces > 1 && elapsed.saturating_add(self.part / 2) > left / pieces
            }
            None => elapsed.saturating_add(self.part) > self.limit,
        }
    }

    /// Whether a frame that lasts `next` would take the segment past its limit.
    pub(super) fn over(&self, elapsed: i64, next: i64) -> bool {
        elapsed.saturating_add(next) > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segment lengths, in frames, that a steady GOP gives at 25 fps with 12-frame parts.
    fn segments(gop: i64, frames: i64) -> Vec<(i64, bool)> {
        let frame = 3_600;
        let mut policy = Policy::new(180_000, 220_500, 12 * frame);
        let (mut start, mut part, mut keyed, mut out) = (0, 0, true, Vec::new());
        for n in 0..frames {
            let at = n * frame;
            let key = n % gop == 0;
            if key {
                policy.saw_key(at);
            }
            if at > start
                && (key && policy.at_key(at - start, part * frame) || policy.over(at - start, frame))
            {
                out.push(((at - start) / frame, keyed));
                (start, part, keyed) = (at, 0, key);
            }
            part += 1;
            if part == 12 {
                part = 0;
                if policy.at_boundary(at + frame - start, at + frame) {
                    out.push(((at + frame - start) / frame, keyed));
                    (start, keyed) = (at + frame, (n + 1) % gop == 0);
                }
            }
        }
        out
    }

    #[test]
    fn segments_end_at_the_keyframe_nearest_past_the_target() {
        assert!(segments(50, 1_000).iter().all(|s| *s == (50, true)));
        assert!(segments(25, 1_000).iter().skip(1).all(|s| *s == (50, true)));
        assert!(segments(60, 1_000).iter().all(|s| *s == (60, true)));
        assert!(segments(61, 1_000).iter().skip(2).all(|s| *s == (61, true)));
        assert!(segments(20, 1_000).iter().skip(1).all(|s| *s == (60, true)));
    }

    #[test]
    fn a_gop_that_two_would_overshoot_is_a_segment_of_its_own() {
        assert!(segments(32, 1_000).iter().all(|s| *s == (32, true)));
        assert!(segments(40, 1_000).iter().all(|s| *s == (40, true)));
    }

    #[test]
    fn a_long_gop_is_cut_without_a_keyframe_and_never_too_long() {
        for gop in [62, 75, 132, 250, 10_000] {
            let cut = segments(gop, 3_000);
            assert!(cut.iter().all(|(frames, _)| *frames <= 61), "gop {gop}: {cut:?}");
            assert!(cut.iter().skip(8).all(|(frames, _)| *frames >= 12), "gop {gop}: {cut:?}");
            let keyed = cut.iter().filter(|(_, keyed)| *keyed).count() as i64;
            assert!(keyed >= 3_000 / gop - 1, "gop {gop}: {keyed} segments begin with a keyframe");
        }
    }

    #[test]
    fn keyframes_everywhere_still_make_whole_parts() {
        let cut = segments(1, 1_000);
        assert!(cut.iter().all(|(frames, _)| frames % 12 == 0 && *frames >= 48), "{cut:?}");
    }
}
