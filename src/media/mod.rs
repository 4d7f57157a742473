//! Media: the nouns every other room speaks in: frames, tracks, time, names.
//! In:  nothing.   Out: plain structs, used as the one currency between rooms.
//! Belongs here: what is true of media in any format.   Does not: bitstreams (see codec), containers (see flv, cmaf).
//! Time: integers in a stated timescale; nothing here reads a clock.  Memory: payloads are shared `Bytes`.  Spec: none.

mod audio;
mod captions;
mod colour;
mod cue;
mod date_range;
mod encoder;
mod frame;
mod limit;
mod limits;
mod limits_http;
mod limits_viewers;
mod name;
mod time;
mod track;
mod video;
mod wall;

pub use self::audio::{AudioCodec, AudioConfig};
pub use self::captions::Captions;
pub use self::colour::{Colour, VideoRange};
pub use self::cue::{Cue, Splice, SpliceKind};
pub use self::date_range::DateRange;
pub use self::encoder::{EncoderReport, RenditionFrames, SessionFrames};
pub use self::frame::{Frame, TrackId, TrackKind};
pub use self::limit::{Hits, Limit};
pub use self::limits::{CodecLimits, Limits, RingLimits, RtmpLimits};
pub use self::limits_http::{HttpLimits, TlsLimits};
pub use self::limits_viewers::ViewerLimits;
pub use self::name::{NameError, StreamName};
pub use self::time::{Ticks, Timescale, Unroll, rescale};
pub use self::track::{CodecConfig, Track};
pub use self::video::{FrameRate, VideoCodec, VideoConfig};
pub use self::wall::{Now, WallTime};
