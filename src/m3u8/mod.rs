//! M3U8: playlists as values with a renderer; a tag is a type.
//! In:  a `Media` or `Multivariant` filled by hls, or text.      Out: text, or the `Media` that a text says.
//! Belongs here: the grammar, the order of tags, how numbers are printed.   Does not: which state to show, waiting (see hls).
//! Time: none; dates come as `WallTime`.  Memory: grows with the playlist that is given, by nothing it declares.
//! Spec: draft-pantos-hls-rfc8216bis-22 §4.
#![deny(clippy::arithmetic_side_effects)]

mod attributes;
mod date;
mod date_range;
mod media;
mod multivariant;
mod parse;
mod seconds;
mod skip;
mod tags;

pub use self::date::parse as parse_date;
pub use self::date_range::{DateRange, Value};
pub use self::media::{Head, Media, Open, Segment};
pub use self::multivariant::{Audio, IFrames, Multivariant, Variant};
pub use self::parse::{Error, Fault};
pub use self::seconds::Seconds;
pub use self::skip::Skip;
pub use self::tags::{ByteRange, Part, RenditionReport, ServerControl};
