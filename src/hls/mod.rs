//! HLS: one delivery's decisions: what to answer to a request, from what there is now.
//! In:  `View`s from live, a path, a query, header values.      Out: `Answer`: shared bytes, a wait, or a refusal.
//! Belongs here: URLs, blocking reload, hints, cache lives, CORS, ranges.   Does not: sockets, waiting, clocks (see
//! server), the text of playlists (see m3u8), what is kept (see live).
//! Time: none; a wait says how long at most, the driver holds it.  Memory: one rendering a view and variant, kept by
//! the view.  Spec: draft-pantos-hls-rfc8216bis-22 §4.4, §6.2.5, §6.2.6, B.1; RFC 9110 §14.

mod answer;
mod delta;
mod gzip;
mod headers;
mod iframes;
mod multivariant;
mod range;
mod ranges;
mod refusal;
mod render;
mod reply;
mod request;
mod route;
mod sound;
mod thumbnail;
mod urgency;

pub use self::answer::{answer, at_once};
pub use self::headers::{ALLOWED_METHODS, CORS, PREFLIGHT, accepts_gzip, knows_only_segments, none_match};
pub use self::multivariant::{Entry, Form, Presentation, VIEWER, multivariant};
pub use self::range::Selection;
pub use self::refusal::Refusal;
pub use self::render::playlist;
pub use self::reply::{Answer, Cache, Reply, Wait};
pub use self::request::{Directives, Request};
pub use self::route::{File, Route};
pub use self::thumbnail::thumbnail;
pub use self::urgency::{LEISURELY, URGENT, urgency};

#[cfg(test)]
mod fixture;
