//! Verdicts: what can be wrong with a publish, with what was measured, in words, and the setting that mends it.

use std::fmt;

/// One thing that is wrong, as it was measured last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Keyframes are farther apart than a segment should last.
    KeyframesFar {
        /// The longest of the last distances.
        seconds: f64,
    },
    /// Keyframes come at no steady distance.
    KeyframesUneven {
        /// The shortest of the last distances, in seconds.
        shortest: f64,
        /// The longest.
        longest: f64,
    },
    /// Pictures are sent in another order than they are shown.
    BFrames {
        /// By how much the composition offsets differ.
        millis: f64,
    },
    /// Pictures and sound of one time come apart.
    Skew {
        /// Time stamps of the pictures ahead of the sound's; negative when they are behind.
        millis: f64,
    },
    /// Time stamps jumped.
    Jumps {
        /// How often since the publish began.
        count: u32,
        /// The last jump; negative when it went back.
        millis: f64,
    },
    /// More bits than declared.
    BitrateHigh(Rates),
    /// Far fewer bits than declared.
    BitrateLow(Rates),
    /// Another frame rate than declared.
    FrameRate(Rates),
    /// Frames were thrown away since the network did not take them.
    Dropped {
        /// Of those sent and dropped.
        percent: f64,
    },
    /// Frames were composed too late.
    Lagged {
        /// Of those composed.
        percent: f64,
    },
    /// The encoder was behind and left frames out.
    Skipped {
        /// Of those offered to it.
        percent: f64,
    },
    /// Long from the picture's composition to its arrival.
    Late {
        /// By both clocks.
        seconds: f64,
    },
    /// Pictures arrive before they are composed.
    ClockAhead {
        /// How long before.
        seconds: f64,
    },
    /// Nothing comes of a track.
    Stalled {
        /// For how long.
        seconds: f64,
    },
}

/// What was measured, and what the encoder declared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Bits or frames per second.
    pub measured: f64,
    /// In the same unit.
    pub declared: f64,
}

impl Verdict {
    /// Its name, for logs and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::KeyframesFar { .. } => "keyframes_far",
            Self::KeyframesUneven { .. } => "keyframes_uneven",
            Self::BFrames { .. } => "b_frames",
            Self::Skew { .. } => "av_skew",
            Self::Jumps { .. } => "timestamp_jumps",
            Self::BitrateHigh(_) => "bitrate_high",
            Self::BitrateLow(_) => "bitrate_low",
            Self::FrameRate(_) => "frame_rate",
            Self::Dropped { .. } => "encoder_dropped",
            Self::Lagged { .. } => "encoder_lagged",
            Self::Skipped { .. } => "encoder_skipped",
            Self::Late { .. } => "latency_high",
            Self::ClockAhead { .. } => "clock_ahead",
            Self::Stalled { .. } => "stalled",
        }
    }

    /// The value that was measured, in the unit that its name says.
    pub fn measured(&self) -> (&'static str, f64) {
        match *self {
            Self::KeyframesFar { seconds }
            | Self::Late { seconds }
            | Self::ClockAhead { seconds }
            | Self::Stalled { seconds } => ("seconds", seconds),
            Self::KeyframesUneven { longest, .. } => ("seconds", longest),
            Self::BFrames { millis } | Self::Skew { millis } | Self::Jumps { millis, .. } => {
                ("milliseconds", millis)
            }
            Self::BitrateHigh(rates) | Self::BitrateLow(rates) => ("bits_per_second", rates.measured),
            Self::FrameRate(rates) => ("frames_per_second", rates.measured),
            Self::Dropped { percent } | Self::Lagged { percent } | Self::Skipped { percent } => {
                ("percent", percent)
            }
        }
    }

    /// What to set in OBS Studio so that it ends.
    pub fn mend(&self) -> &'static str {
        match self {
            Self::KeyframesFar { .. } => {
                "Settings, Output, Streaming: Keyframe Interval 2 s (0 leaves it to the encoder)"
            }
            Self::KeyframesUneven { .. } => {
                "Settings, Output, Streaming: Keyframe Interval 2 s; with x264 also scenecut=0 in x264 Options"
            }
            Self::BFrames { .. } => {
                "Settings, Output, Streaming: B-Frames 0; with x264 bframes=0 in x264 Options"
            }
            Self::Skew { .. } => "Edit, Advanced Audio Properties: Sync Offset 0 ms for every source",
            Self::Jumps { .. } => "Properties of each capture device: Use Device Timestamps off",
            Self::BitrateHigh(_) => {
                "Settings, Output, Streaming: Rate Control CBR, and the Bitrate that is meant"
            }
            Self::BitrateLow(_) => {
                "Settings, Output, Streaming: Rate Control CBR; Settings, Advanced, Network: Dynamically change bitrate off, if the network takes it"
            }
            Self::FrameRate(_) => "Settings, Video: a frame rate that the machine keeps up",
            Self::Dropped { .. } => {
                "Settings, Output, Streaming: a lower Bitrate; Settings, Advanced, Network: Dynamically change bitrate on"
            }
            Self::Lagged { .. } => {
                "Settings, Video: a lower frame rate or resolution; limit the frame rate of the game"
            }
            Self::Skipped { .. } => {
                "Settings, Output, Streaming: a faster preset, or a lower output resolution"
            }
            Self::Late { .. } => {
                "Settings, Advanced: Stream Delay off; set the clocks of both machines by NTP"
            }
            Self::ClockAhead { .. } => "no setting of OBS: set the clocks of both machines by NTP",
            Self::Stalled { .. } => {
                "Docks, Stats: whether the output still runs; see to the source of the track, and to the network"
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::KeyframesFar { seconds } => {
                write!(
                    f,
                    "keyframes come every {seconds:.1} s: players wait for them, and segments are as long"
                )
            }
            Self::KeyframesUneven { shortest, longest } => {
                write!(f, "keyframes come {shortest:.1} to {longest:.1} s apart: segments differ as much")
            }
            Self::BFrames { millis } => {
                write!(f, "B-frames: pictures come up to {millis:.0} ms out of order")
            }
            Self::Skew { millis } if millis < 0.0 => {
                write!(f, "the pictures come {:.0} ms behind the sound", millis.abs())
            }
            Self::Skew { millis } => write!(f, "the sound comes {millis:.0} ms behind the pictures"),
            Self::Jumps { count, millis } => {
                write!(
                    f,
                    "time stamps jumped by {millis:.0} ms, {count} times in all: playback is broken there"
                )
            }
            Self::BitrateHigh(Rates { measured, declared }) => {
                let (measured, declared) = (measured / 1_000.0, declared / 1_000.0);
                write!(f, "{measured:.0} kbit/s come where {declared:.0} were declared")
            }
            Self::BitrateLow(Rates { measured, declared }) => {
                let (measured, declared) = (measured / 1_000.0, declared / 1_000.0);
                write!(f, "only {measured:.0} kbit/s come where {declared:.0} were declared")
            }
            Self::FrameRate(Rates { measured, declared }) => {
                write!(f, "{measured:.2} pictures a second come where {declared:.2} were declared")
            }
            Self::Dropped { percent } => {
                write!(f, "the encoder dropped {percent:.1} % of its frames: the network does not take them")
            }
            Self::Lagged { percent } => {
                write!(
                    f,
                    "the encoder composed {percent:.1} % of its frames too late: the graphics card is busy"
                )
            }
            Self::Skipped { percent } => {
                write!(f, "the encoder left {percent:.1} % of its frames out: encoding takes too long")
            }
            Self::Late { seconds } => write!(f, "pictures arrive {seconds:.1} s after they were composed"),
            Self::ClockAhead { seconds } => {
                write!(f, "pictures arrive {seconds:.1} s before they were composed: a clock is wrong")
            }
            Self::Stalled { seconds } => write!(f, "nothing has come for {seconds:.1} s"),
        }
    }
}
