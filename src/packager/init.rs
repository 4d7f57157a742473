//! Initialisation sections: which one a track needs, and its number.

use std::sync::Arc;

use super::assemble::Error;
use super::lane::Lane;
use super::part::Init;
use crate::cmaf;
use crate::media::{Timescale, Track};

/// The first initialisation section of a track, counted in `scale`.
pub(super) fn first(track: &Track, scale: Timescale) -> Result<Arc<Init>, Error> {
    let bytes = cmaf::init(track, scale).map_err(|source| Error::Init { track: track.id, source })?;
    Ok(Arc::new(Init { number: 0, bytes }))
}

/// A new section only where the bytes differ: EXT-X-MAP stays where nothing changed.
pub(super) fn next(track: &Track, lane: &mut Lane) -> Result<Arc<Init>, Error> {
    // The lane's timescale, which playlists count in, stays: sound of another rate is counted in it.
    let new = first(track, lane.scale)?;
    if let Some(same) = [&lane.init, &lane.made].into_iter().find(|old| old.bytes == new.bytes) {
        return Ok(Arc::clone(same));
    }
    let number = lane.made.number.saturating_add(1);
    lane.made = Arc::new(Init { number, bytes: new.bytes.clone() });
    Ok(Arc::clone(&lane.made))
}
