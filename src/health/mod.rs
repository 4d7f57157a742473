//! Health: how well an encoder does: what is measured of a publish, and what is wrong with it in words.
//! In:  frames, tracks, announcements, encoder reports of one publish.   Out: `Change`s to log, a JSON document, `Counts`.
//! Belongs here: measures, thresholds, words and the setting that mends.   Does not: what becomes of frames (see live).
//! Time: passed in; media time in microseconds.  Memory: ten buckets a track and thirty a publish, at most 32 tracks.
//! Spec: none; thresholds stand beside what they judge.

mod counts;
mod finding;
mod report;
mod track;
mod verdict;
mod watch;

pub use self::counts::Counts;
pub use self::finding::{Change, Finding};
pub use self::verdict::{Rates, Verdict};
pub use self::watch::{Declared, Watch};
