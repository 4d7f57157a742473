//! Cues: what the source says of moments of its stream, as the date ranges of its generation.
//!
//! ```text
//!   added ──▶ listed, in every rendition ──▶ over (ends before the playlists) ──▶ forgotten
//!                                            id told to clients that have it        once none can have it
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::media::{Cue, DateRange, SpliceKind, WallTime};

/// Date ranges kept at once: every one of them is in every playlist.
const MOST: usize = 128;
/// Bytes of text that they may hold together, for the same reason.
const MOST_BYTES: usize = 64 * 1_024;
/// Within this much of each other, two cues of one name are one that is told again, as splices are.
const AGAIN: i64 = 30_000_000;

/// The date ranges of a generation, in the order they were added.
#[derive(Debug, Default)]
pub(super) struct Cues {
    kept: Vec<Kept>,
    /// The same as views show them.
    shown: Arc<[Arc<DateRange>]>,
    bytes: usize,
    /// How many there have been.
    count: u64,
    /// The break that the programme is in, where its end is not known yet.
    away: Option<Arc<DateRange>>,
}

#[derive(Debug)]
struct Kept {
    range: Arc<DateRange>,
    /// What the source calls it.
    name: Option<String>,
    bytes: usize,
    /// The segment that was open when it left the playlists.
    left: Option<u64>,
}

impl Cues {
    /// Adds what happens at `start`, while segment `msn` is open or will open next. `false` when there is no
    /// room for it.
    pub(super) fn add(&mut self, cue: Cue, start: WallTime, msn: u64) -> bool {
        let name = name_of(&cue);
        if name.as_ref().is_some_and(|name| self.told(name, start)) {
            return true;
        }
        let mut range = DateRange {
            id: format!("cue-{}", self.count.saturating_add(1)),
            class: Some(cue.class.to_owned()),
            start,
            duration: Some(cue.lasts.unwrap_or_default()),
            planned: None,
            attributes: cue.attributes,
            added_msn: msn,
        };
        let Some(splice) = cue.splice else { return self.push(range, name) };
        let hex: String = splice.section.iter().map(|byte| format!("{byte:02X}")).collect();
        let attribute = |name: &str| (name.to_owned(), format!("0x{hex}"));
        match splice.kind {
            SpliceKind::Out { lasts, returns, .. } => {
                range.attributes.push(attribute("SCTE35-OUT"));
                let lasts = lasts.or(cue.lasts);
                (range.duration, range.planned) = if returns { (lasts, None) } else { (None, lasts) };
                return self.leave(range, name);
            }
            SpliceKind::In { .. } if self.away.is_some() => {
                range.attributes.push(attribute("SCTE35-IN"));
                return self.come_back(start, range.attributes, name, msn);
            }
            // Without a break that it ends, it is a command like any other.
            SpliceKind::In { .. } | SpliceKind::Command => range.attributes.push(attribute("SCTE35-CMD")),
        }
        self.push(range, name)
    }

    /// The programme is left. Whatever break it was in is over.
    fn leave(&mut self, range: DateRange, name: Option<String>) -> bool {
        let room = self.come_back(range.start, Vec::new(), None, range.added_msn);
        let away = range.duration.is_none().then(|| Arc::new(range.clone()));
        let room = room && self.push(range, name);
        if room {
            self.away = away;
        }
        room
    }

    /// The break ends at `end`: a second date range of its id says so (RFC 8216bis §4.4.5.1.1).
    fn come_back(
        &mut self,
        end: WallTime,
        attributes: Vec<(String, String)>,
        name: Option<String>,
        msn: u64,
    ) -> bool {
        let Some(away) = self.away.take() else { return true };
        let micros = end.unix_micros.saturating_sub(away.start.unix_micros).max(0);
        let duration = Some(Duration::from_micros(micros.unsigned_abs()));
        let said = DateRange {
            duration,
            planned: None,
            attributes,
            added_msn: msn,
            id: away.id.clone(),
            class: away.class.clone(),
            start: away.start,
        };
        let room = self.push(said, name);
        if !room {
            self.away = Some(away);
        }
        room
    }

    /// Whether the same has been told already.
    fn told(&self, name: &str, start: WallTime) -> bool {
        let near =
            |other: WallTime| other.unix_micros.saturating_sub(start.unix_micros).saturating_abs() < AGAIN;
        let same = |kept: &&Kept| kept.name.as_deref() == Some(name);
        // A range that ends another begins where that one did.
        let when = |range: &DateRange| match range.duration {
            Some(_) if name.starts_with("in ") => range.end().unwrap_or(range.start),
            _ => range.start,
        };
        self.kept.iter().filter(same).any(|kept| near(when(&kept.range)))
    }

    fn push(&mut self, range: DateRange, name: Option<String>) -> bool {
        let attributes = range.attributes.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        let bytes = attributes.sum::<usize>();
        let total = self.bytes.saturating_add(bytes);
        if self.kept.len() >= MOST || total > MOST_BYTES {
            return false;
        }
        self.bytes = total;
        self.count = self.count.saturating_add(1);
        self.kept.push(Kept { range: Arc::new(range), name, bytes, left: None });
        self.show();
        true
    }

    fn show(&mut self) {
        self.shown = self.kept.iter().map(|kept| Arc::clone(&kept.range)).collect();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Notes which are over now that the playlists start at `start`, while segment `next` is open or will open
    /// next, and forgets those that were over before segment `skipped`: clients whose playlist is older than
    /// that cannot be sent an update.
    pub(super) fn settle(&mut self, start: WallTime, next: u64, skipped: u64) {
        for kept in self.kept.iter_mut().filter(|kept| kept.left.is_none()) {
            let end = DateRange::end_among(&self.shown, &kept.range);
            kept.left = end.is_some_and(|end| end < start).then_some(next);
        }
        let before = self.kept.len();
        self.kept.retain(|kept| kept.left.is_none_or(|left| left >= skipped));
        if self.kept.len() != before {
            self.bytes = self.kept.iter().map(|kept| kept.bytes).sum();
            self.show();
        }
    }

    /// All that are not forgotten.
    pub(super) fn shown(&self) -> &Arc<[Arc<DateRange>]> {
        &self.shown
    }
}

/// What tells a cue from others of its class: splices are told several times before they happen.
fn name_of(cue: &Cue) -> Option<String> {
    match cue.splice.as_ref().map(|splice| splice.kind) {
        Some(SpliceKind::Out { event, .. }) => Some(format!("out {event}")),
        Some(SpliceKind::In { event }) => Some(format!("in {event}")),
        Some(SpliceKind::Command) => None,
        None => cue.name.as_ref().map(|name| format!("{} {name}", cue.class)),
    }
}

#[cfg(test)]
mod tests;
