//! Lint: judges what an HLS origin says, and names every rule that it breaks.
//! In:  playlists as bytes, two states of one playlist, responses and reloads as they happened, parts as bytes.
//! Out: `Finding`s, each with its rule, its place, what was measured and what was expected; and what was read.
//! Belongs here: the rules, and a reader that reads on after a fault.   Does not: sockets, what to ask next, how to
//! print (see server); the playlists this product writes (see m3u8).
//! Time: passed in with what happened.  Memory: grows with the playlist given; findings of one look are bounded.
//! Spec: draft-pantos-hls-rfc8216bis-22; HLS Authoring Specification for Apple Devices, 2025-06.
#![deny(clippy::arithmetic_side_effects)]

mod align;
mod attributes;
mod bandwidth;
mod cadence;
mod change;
mod change_dates;
mod change_parts;
mod control;
mod delivery;
mod delta;
mod ends;
mod finding;
mod lines;
mod listing;
mod measure;
mod media;
mod multivariant;
mod parts;
mod read;
mod reload;
mod rule;
mod segments;
mod tags;
mod variants;
mod versions;

pub use self::align::{Sibling, renditions, reports};
pub use self::bandwidth::{Bits, bandwidth};
pub use self::cadence::{Cadence, same_state};
pub use self::change::change;
pub use self::delivery::{Class, Exchange, exchange};
pub use self::delta::{delta, merge};
pub use self::finding::{Finding, Place, Severity};
pub use self::listing::{Entry, Listing, PartTag, Position};
pub use self::measure::{Chunk, Init, Sound, chunk, init};
pub use self::media::{parts_of_segment, sealed_part, section};
pub use self::multivariant::{Presentation, Stream, Track, multivariant};
pub use self::read::media_playlist;
pub use self::reload::{Asked, Reload, reload};
pub use self::rule::Rule;
pub use self::tags::{Control, Hint, Report, Skip};
pub use self::variants::variant;
