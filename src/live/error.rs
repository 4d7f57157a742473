//! Why a publish cannot go on, or not begin; and what is worth telling the publisher meanwhile.

use std::fmt;
use std::time::Duration;

use crate::media::{Limit, StreamName, TrackId};
use crate::packager;

/// What a publisher is known to send, from its announcement; `None` where it did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Expect {
    /// Whether there is video.
    pub video: Option<bool>,
    /// Whether there is audio.
    pub audio: Option<bool>,
    /// Announced frame rate of the video.
    pub frame_rate: Option<crate::media::FrameRate>,
    /// Announced bits per second of everything together.
    pub bitrate: Option<u64>,
}

/// Why a publish is refused or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody is live on the stream.
    #[error("stream {0} already has a publisher")]
    Busy(StreamName),
    /// The holder has been asked to make room.
    #[error("stream {0} is being taken over")]
    Yielding(StreamName),
    /// Video without a keyframe.
    #[error("no keyframe within {waited:.1?} of video: set the encoder's keyframe interval to 2 s")]
    NoKeyframe {
        /// Since the first frame.
        waited: Duration,
    },
    /// All timestamps are the same.
    #[error("timestamps stand still at {at} ms: the encoder sends no usable clock")]
    ClockStopped {
        /// The timestamp, in milliseconds.
        at: i64,
    },
    /// Timestamps are far apart though frames are not.
    #[error("timestamps are {step} ms apart from frame to frame: RTMP wants milliseconds, not microseconds")]
    ClockUnit {
        /// The last step, in milliseconds.
        step: i64,
    },
    /// Somebody would publish to a group itself.
    #[error("stream {0} is a group: publish its members, each with its own key")]
    Group(StreamName),
    /// Nobody of that name is to join a group.
    #[error("{0} is no member that joins this group")]
    NoMember(StreamName),
    /// A member of a group runs on another clock than its leader.
    #[error(
        "timestamps are {:.1} s {} those of the group's first stream, and may be {:.1} s at most: the encoders of a group need one clock",
        seconds(by.saturating_abs()), if *by > 0 { "ahead of" } else { "behind" }, seconds(*most)
    )]
    OffClock {
        /// How far it is ahead, in milliseconds.
        by: i64,
        /// How far it may be, in milliseconds.
        most: i64,
    },
    /// A member of a group changes its configuration again and again.
    #[error(
        "the configuration of {0} changes too often: each time every viewer of the group passes a discontinuity"
    )]
    Restless(TrackId),
    /// What playlists must list of a track is more than is kept of one.
    #[error("{track} has {} MiB within three target durations, and {} may be kept: lower the encoder's bit rate", bytes >> 20, most >> 20)]
    TooMuch {
        /// The track.
        track: TrackId,
        /// What must be listed, in bytes.
        bytes: u64,
        /// What may be kept, in bytes.
        most: u64,
    },
    /// No id can be drawn for a new generation.
    #[error("the system has no randomness for a new stream's address: {0}")]
    Entropy(getrandom::Error),
    /// The packager refuses.
    #[error(transparent)]
    Packager(#[from] packager::Error),
}

impl Error {
    /// Which limit was run into, if it was one.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::NoKeyframe { .. } => Some(Limit::RingFirstKeyframe),
            Self::TooMuch { .. } => Some(Limit::RingBytes),
            _ => None,
        }
    }
}

/// Something about the input that viewers will notice, with what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notice {
    /// Segments cannot all begin with a keyframe.
    LongGop {
        /// Distance between keyframes, in milliseconds.
        millis: i64,
    },
    /// The source's clock jumped, and a new epoch began.
    ClockJump(TrackId),
    /// A new configuration began a new epoch.
    NewConfig(TrackId),
    /// Nothing came for so long that gaps took its place, and then it came after all.
    Stalled {
        /// For how long nothing came, in milliseconds.
        millis: u64,
    },
    /// A track began after the stream's tracks were settled.
    LateTrack(TrackId),
    /// A video track's keyframes are not where the first one's are, and it left the ladder.
    Misaligned(TrackId),
    /// Pictures come at no steady rate: each part waits for one frame more.
    NoSteadyRate,
    /// A track that has no place in its group.
    LeftOut(TrackId),
    /// More timed metadata than playlists can hold.
    TooManyCues,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LongGop { millis } => {
                let seconds = *millis as f64 / 1_000.0;
                write!(
                    f,
                    "keyframes every {seconds:.1} s: segments are cut without one; set the keyframe interval to 2 s"
                )
            }
            Self::ClockJump(track) => {
                write!(f, "timestamps of {track} jumped: playback goes on behind a discontinuity")
            }
            Self::NewConfig(track) => {
                write!(f, "configuration of {track} changed: playback goes on behind a discontinuity")
            }
            Self::Stalled { millis } => {
                let seconds = *millis as f64 / 1_000.0;
                write!(f, "the input stalled for {seconds:.1} s: playback goes on behind a discontinuity")
            }
            Self::LateTrack(track) => {
                write!(f, "{track} began after the stream did: it is left out until the next publish")
            }
            Self::Misaligned(track) => write!(
                f,
                "keyframes of {track} do not come within a frame of v0's: it is left out of the ladder until they have for a whole playlist; give every rendition the same keyframe interval"
            ),
            Self::LeftOut(track) => write!(f, "{track} has no place in its group and is left out"),
            Self::TooManyCues => {
                f.write_str("too much timed metadata: what playlists have no room for is left out")
            }
            Self::NoSteadyRate => f.write_str("no steady frame rate: parts are published one frame later"),
        }
    }
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}
