//! Geometry: the durations a generation promises before its first playlist and keeps to its end.

use std::time::Duration;

use crate::media::{CodecConfig, FrameRate, RingLimits, Timescale, Track};

/// What an operator wants of the packager.
#[derive(Debug, Clone)]
pub struct Settings {
    /// About how long a part is.
    pub part: Duration,
    /// About how long a segment is; they begin at keyframes.
    pub segment: Duration,
    /// Bounds on bytes and on waiting.
    pub limits: RingLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            part: Duration::from_millis(500),
            segment: Duration::from_secs(2),
            limits: RingLimits::default(),
        }
    }
}

impl Settings {
    /// How long a track is waited for that lacks something before a cut of the leader, whose pictures come at this `rate`:
    /// where they come seldom, five of them. Some are decoded early, and muxers hold back sound until the next one.
    pub(super) fn skew(&self, rate: Option<FrameRate>) -> Duration {
        self.limits.skew.max(rate.map_or(Duration::ZERO, |rate| micros(rate.span(5, Timescale::MICROS))))
    }
}

/// The fixed durations of a generation: parts of a whole number of frames, segments within the target.
///
/// PART-TARGET is `n` frames and 3 %: enough that `n` frames in rounded time fit, little enough that
/// every part is over 85 % of it (RFC 8216bis §4.4.4.9). TARGETDURATION comes from the setting alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    /// EXT-X-TARGETDURATION, in seconds.
    pub target_duration: u32,
    /// PART-TARGET of the track that leads.
    pub part_target: Duration,
    /// What a part of the leading track lasts when nothing is missing.
    pub part_span: Duration,
    /// What a segment aims at.
    pub segment: Duration,
}

impl Geometry {
    /// The geometry for a leading track with this frame rate; `None` when it has no steady one. `others` are
    /// the rates of the pictures that follow it: where parts of about the wanted length are whole frames of
    /// theirs too, they are.
    pub fn new(settings: &Settings, rate: Option<FrameRate>, others: &[FrameRate]) -> Self {
        let part_span = match rate {
            Some(rate) => {
                // Halves go down: of two equally near lengths the shorter one is sooner there.
                let frames = (settings.part.as_secs_f64() * rate.fps() - 0.5).ceil().max(1.0) as i64;
                let shared =
                    (1..=frames).find(|count| others.iter().all(|other| whole(rate, *count, *other)));
                let frames = match shared {
                    Some(step) => {
                        ((frames as f64 / step as f64 - 0.5).ceil() as i64).max(1).saturating_mul(step)
                    }
                    None => frames,
                };
                micros(rate.span(frames, Timescale::MICROS))
            }
            None => settings.part,
        };
        let segment = settings.segment.max(part_span);
        Self {
            target_duration: (segment.as_secs_f64().round() as u32).max(1),
            part_target: ceil_millis(part_span.mul_f64(SLACK)),
            part_span,
            segment,
        }
    }

    /// PART-TARGET of `track`, with pictures at `rate` where that is steady: the leader's own, or a follower's in
    /// whole frames of its own.
    pub fn part_target_of(&self, track: &Track, rate: Option<FrameRate>) -> Duration {
        match (&track.config, rate) {
            (CodecConfig::Audio(audio), _) => {
                self.following_part_target(audio.sample_rate, audio.frame_samples)
            }
            (CodecConfig::Video(_), None) => self.part_target,
            (CodecConfig::Video(_), Some(rate)) => {
                let frames = (self.part_span.as_secs_f64() * rate.fps() - 1e-3).ceil().max(1.0);
                ceil_millis(Duration::from_secs_f64(frames / rate.fps()).mul_f64(SLACK))
            }
        }
    }

    /// PART-TARGET of a track of `samples`-long frames that follows the leader's cuts: the most whole
    /// frames that can begin within one part of the leader.
    pub fn following_part_target(&self, rate: Timescale, samples: u32) -> Duration {
        let frame = f64::from(samples.max(1)) / f64::from(rate.per_second());
        let frames = (self.part_span.as_secs_f64() / frame - 1e-6).ceil().max(1.0);
        ceil_millis(Duration::from_secs_f64(frames * frame))
    }

    /// Longest segment in ticks of `scale`: its EXTINF must round to the target duration or less in
    /// every rendition, and a following track may overshoot by a frame. Where 1.5 target durations, after which the
    /// next segment must be out, come sooner than that, sound a little behind its pictures must be able to come in.
    pub(super) fn segment_limit(&self, scale: Timescale) -> i64 {
        let slack = Duration::from_millis(if self.target_duration > 1 { 450 } else { 250 });
        ticks(Duration::from_secs(self.target_duration.into()) + slack, scale)
    }
}

/// PART-TARGET in parts: see [`Geometry`].
const SLACK: f64 = 1.03;

/// Whether `count` frames at `rate` last as long as some whole number of frames at `other`.
fn whole(rate: FrameRate, count: i64, other: FrameRate) -> bool {
    let ticks = i128::from(count) * i128::from(rate.den) * i128::from(other.num);
    ticks % (i128::from(rate.num) * i128::from(other.den)).max(1) == 0
}

fn micros(count: i64) -> Duration {
    Duration::from_micros(count.max(0).unsigned_abs())
}

fn ceil_millis(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

/// `span` in ticks of `scale`, rounded down.
pub(super) fn ticks(span: Duration, scale: Timescale) -> i64 {
    i64::try_from(span.as_nanos() * u128::from(scale.per_second()) / 1_000_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_frames_and_the_target_three_percent_over() {
        let rates =
            [(24_000, 1_001), (24, 1), (25, 1), (30_000, 1_001), (30, 1), (50, 1), (60_000, 1_001), (60, 1)];
        for part in [200, 250, 500, 1_000] {
            let settings = Settings { part: Duration::from_millis(part), ..Settings::default() };
            for (num, den) in rates {
                let rate = FrameRate::new(num, den).unwrap();
                let geometry = Geometry::new(&settings, Some(rate), &[]);
                let frames = geometry.part_span.as_secs_f64() * rate.fps();
                assert!((frames - frames.round()).abs() < 1e-3, "{frames} frames at {num}/{den}");
                let over = geometry.part_target.as_secs_f64() / geometry.part_span.as_secs_f64();
                assert!((1.02..=1.04).contains(&over), "{over} at {num}/{den}, part {part}");
                for audio in [44_100, 48_000] {
                    let scale = Timescale::new(audio).unwrap();
                    let target = geometry.following_part_target(scale, 1_024).as_secs_f64();
                    let frame = 1_024.0 / f64::from(audio);
                    let fewest = (geometry.part_span.as_secs_f64() / frame).floor() * frame;
                    assert!(fewest >= 0.85 * target, "audio {audio}: {fewest} of {target}");
                }
            }
        }
    }

    #[test]
    fn the_target_duration_comes_from_the_setting() {
        let rate = FrameRate::new(25, 1);
        assert_eq!(Geometry::new(&Settings::default(), rate, &[]).target_duration, 2);
        let long = Settings { segment: Duration::from_secs(6), ..Settings::default() };
        assert_eq!(Geometry::new(&long, rate, &[]).target_duration, 6);
        // One frame in five seconds: a part cannot be shorter, nor a segment.
        assert_eq!(Geometry::new(&Settings::default(), FrameRate::new(1, 5), &[]).target_duration, 5);
    }

    #[test]
    fn parts_are_whole_frames_of_those_who_follow_where_they_can_be() {
        let settings = Settings { part: Duration::from_millis(250), ..Settings::default() };
        let rate = |num, den| FrameRate::new(num, den).unwrap();
        for (lead, other, millis) in
            [((60, 1), (30, 1), 233), ((30, 1), (60, 1), 233), ((60, 1), (25, 1), 200)]
        {
            let geometry = Geometry::new(
                &settings,
                Some(rate(lead.0, lead.1)),
                &[rate(other.0, other.1), rate(lead.0, lead.1)],
            );
            let frames = geometry.part_span.as_secs_f64() * rate(other.0, other.1).fps();
            assert!((frames - frames.round()).abs() < 1e-3, "{frames} frames at {other:?} under {lead:?}");
            assert_eq!(geometry.part_span.as_millis(), millis, "{other:?} under {lead:?}");
        }
        // No part is a whole number of frames of both.
        let geometry = Geometry::new(&settings, Some(rate(60, 1)), &[rate(60_000, 1_001)]);
        assert_eq!(geometry.part_span, Duration::from_millis(250));
    }
}
