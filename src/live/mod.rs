//! Live: the great room: the recent past of every stream, and who is live.
//! In:  `Track`, `Frame` from an ingest.      Out: immutable `View`s of parts and segments to every delivery.
//! Belongs here: timeline, rings, generations, the registry.   Does not: HTTP, RTMP, playlists' text (see hls, m3u8).
//! Time: `Now` is passed in by the driver.  Memory: `RingLimits` and the window, per rendition.  Spec: RFC 8216bis §6.2.

mod view;

pub use self::view::{Bandwidth, Constants, MEMO_SLOTS, Memo, OpenSegment, PartPos, Report, View};
