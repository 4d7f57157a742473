//! Packager: decides where a cut falls, and seals frames into parts and segments.
//! In:  `Frame` on the generation's clock from live.      Out: `Sealed` (segment heads, parts, segments) to live.
//! Belongs here: cutting policy, part geometry, CMAF chunk assembly.   Does not: who reads (see live), playlists (see m3u8, hls).
//! Time: media time only; no clock.  Memory: the open part of each track and the frames of tracks that run ahead, within
//! `RingLimits::skew`.  Spec: RFC 8216bis §4.4.4.9, §6.2.1; ISO/IEC 23000-19 §7.

mod assemble;
mod follower;
mod geometry;
mod init;
mod lane;
mod part;
mod policy;
mod segment;

pub use self::assemble::{Error, Packager};
pub use self::geometry::{Geometry, Settings};
pub use self::part::{Init, Part, Sealed};
pub use self::segment::{Epoch, Segment, SegmentHead};
