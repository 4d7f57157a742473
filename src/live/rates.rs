//! Rates: how fast the pictures of each track come.

use crate::media::{FrameRate, TrackId};

/// The rates of those tracks whose pictures come at a steady one.
#[derive(Debug, Clone, Default)]
pub(super) struct Rates(Vec<(TrackId, FrameRate)>);

impl Rates {
    /// The rate of `track`, when it has a steady one.
    pub(super) fn of(&self, track: TrackId) -> Option<FrameRate> {
        self.0.iter().find(|(known, _)| *known == track).map(|(_, rate)| *rate)
    }

    /// Sets or forgets the rate of `track`.
    pub(super) fn set(&mut self, track: TrackId, rate: Option<FrameRate>) {
        self.0.retain(|(known, _)| *known != track);
        self.0.extend(rate.map(|rate| (track, rate)));
    }

    /// The rates of all tracks but `lead`.
    pub(super) fn others(&self, lead: TrackId) -> Vec<FrameRate> {
        self.0.iter().filter(|(track, _)| *track != lead).map(|(_, rate)| *rate).collect()
    }
}
