//! Live: the great room: the recent past of every stream, and who is live.
//! In:  `Track`, `Frame`, `Cue` from an ingest.      Out: `View`s of parts and segments, and `Moment`s, to every delivery.
//! Belongs here: timeline, rings, generations, the registry.   Does not: HTTP, RTMP, playlists' text (see hls, m3u8).
//! Time: `Now` is passed in by the driver.  Memory: `RingLimits` and the window, per rendition; for moments, per track.  Spec: RFC 8216bis §6.2.

mod clock;
mod constants;
mod cues;
mod declared;
mod error;
mod generation;
mod group;
mod lane;
mod lead;
mod moment;
mod offset;
mod position;
mod publisher;
mod rates;
mod readers;
mod registry;
mod ring;
mod sanity;
mod scene;
mod seat;
mod settle;
mod timeline;
mod view;
mod writer;

pub use self::constants::Constants;
pub use self::error::{Error, Expect, Notice};
pub use self::generation::{Generation, GenerationId, Ouster};
pub use self::group::{Calls, Group};
pub use self::lead::Lead;
pub use self::moment::{EpochTracks, Moment};
pub use self::position::{PartPos, Report};
pub use self::publisher::Publisher;
pub use self::readers::{
    Bounds, End, Entry, Join, Lag, Occupancy, Reason, Ring, Slow, Subscriber, Taken, Totals,
};
pub use self::registry::{Registry, Settings, Takeover, Terms};
pub use self::ring::{Changes, Rendition};
pub use self::scene::Scene;
pub use self::seat::Seat;
pub use self::view::{Bandwidth, MEMO_SLOTS, Memo, OpenSegment, View};
