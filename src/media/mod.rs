//! Media: the nouns every other room speaks in: frames, tracks, time, names.
//! In:  nothing.   Out: plain structs, used as the one currency between rooms.
//! Belongs here: what is true of media in any format.   Does not: bitstreams (see codec), containers (see flv, cmaf).
//! Time: integers in a stated timescale; nothing here reads a clock.  Memory: payloads are shared `Bytes`.  Spec: none.

mod frame;
mod limits;
mod name;
mod time;
mod track;

pub use self::frame::{Frame, TrackId, TrackKind};
pub use self::limits::{CodecLimits, HttpLimits, Limits, RingLimits, RtmpLimits};
pub use self::name::{NameError, StreamName};
pub use self::time::{Now, Ticks, Timescale, Unroll, WallTime, rescale};
pub use self::track::{
    AudioCodec, AudioConfig, CodecConfig, Colour, FrameRate, Track, VideoCodec, VideoConfig,
};
