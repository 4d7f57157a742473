//! Policy: whether a segment ends here. Pure: durations in, a decision out.

/// The rules of one generation, in ticks of the track that leads.
///
/// A segment ends at the first keyframe at or past its target, or at an earlier one when the next
/// would, by the length of the last GOP, come too late for the target duration. A GOP too long for
/// that is cut without a keyframe, at part boundaries and into about equal pieces
/// (RFC 8216bis §4.4.3.1: no segment may round to more than the target duration).
///
/// Where keyframes come at a steady distance the end of a segment is known by its last frame: waiting for the
/// keyframe itself would make every such part a frame late. A keyframe that then does not come leaves a segment
/// that begins without one, and the distance is believed only after twice as many agree.
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
    /// How often in a row that distance has been the same as the one before it, and how often it must have been.
    steady: u32,
    wanted: u32,
    /// Whether the next frame was taken to be a keyframe.
    foreseen: bool,
}

/// Steady distances asked for at first, and at most.
const WANTED: (u32, u32) = (1, 256);

impl Policy {
    pub(super) fn new(target: i64, limit: i64, part: i64) -> Self {
        let (steady, wanted) = (0, WANTED.0);
        Self { target, limit, part, gop: None, last_key: None, steady, wanted, foreseen: false }
    }

    /// Notes a frame at decode time `at` that lasts about `frame`, and whether it is a keyframe.
    pub(super) fn saw(&mut self, at: i64, frame: i64, key: bool) {
        if std::mem::take(&mut self.foreseen) && !key {
            self.steady = 0;
            self.wanted = self.wanted.saturating_mul(2).min(WANTED.1);
        }
        if !key {
            return;
        }
        if let Some(last) = self.last_key {
            let gop = at.saturating_sub(last).max(1);
            let same = self.gop.is_some_and(|before| before.abs_diff(gop) <= frame.unsigned_abs() / 2);
            self.steady = if same { self.steady.saturating_add(1) } else { 0 };
            self.gop = Some(gop);
        }
        self.last_key = Some(at);
    }

    /// Whether to end the segment with a frame that ends at `end` and lasts `frame`, because the next one will be
    /// a keyframe to end it before; `elapsed` and `into_part` as in [`at_key`](Self::at_key).
    pub(super) fn foresees_key(&mut self, end: i64, frame: i64, elapsed: i64, into_part: i64) -> bool {
        let due = self.last_key.zip(self.gop).map(|(key, gop)| key.saturating_add(gop));
        self.foreseen = self.steady >= self.wanted
            && due.is_some_and(|due| due.abs_diff(end) <= frame.unsigned_abs() / 2)
            && self.at_key(elapsed, into_part);
        self.foreseen
    }

    /// Forgets what the last epoch taught.
    pub(super) fn forget(&mut self) {
        self.gop = None;
        self.last_key = None;
        self.steady = 0;
        self.foreseen = false;
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

    /// The most that a following track may lack of the segment before one of gaps and leave to that: a part, as far as
    /// there is room for one of the leader beside it.
    pub(super) fn handed(&self) -> i64 {
        self.part.min(self.limit.saturating_sub(self.part))
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
            policy.saw(at, frame, key);
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
    fn a_keyframe_is_foreseen_at_a_steady_distance_and_doubted_after_one_that_did_not_come() {
        let frame = 3_600;
        let mut policy = Policy::new(180_000, 220_500, 12 * frame);
        let (mut at, mut foreseen) = (0, Vec::new());
        // Every fourth group is two frames longer than the others.
        for (group, len) in [50, 50, 50, 52].into_iter().cycle().take(40).enumerate() {
            for n in 0..len {
                policy.saw(at, frame, n == 0);
                at += frame;
                if policy.foresees_key(at, frame, (n + 1) * frame, (n % 12 + 1) * frame) {
                    foreseen.push((group, n + 1));
                }
            }
        }
        // The third group of fifty, rightly; the longer one, wrongly; once more wrongly after two distances that
        // agreed; and never again, for there are no four that do.
        assert_eq!(foreseen, [(2, 50), (3, 50), (7, 50)]);
    }

    #[test]
    fn keyframes_everywhere_still_make_whole_parts() {
        let cut = segments(1, 1_000);
        assert!(cut.iter().all(|(frames, _)| frames % 12 == 0 && *frames >= 48), "{cut:?}");
    }
}
