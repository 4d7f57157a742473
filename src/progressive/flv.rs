//! FLV: one tag a frame, each as soon as it comes.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::choice::Choice;
use super::chunk::{Chunk, Head};
use super::error::Incompatible;
use super::format::Format;
use crate::base::Rope;
use crate::flv::{TagKind, mux, shared};
use crate::media::{Frame, Track, TrackKind};

/// A file's tags.
#[derive(Debug)]
pub(super) struct Tags {
    choice: Choice<()>,
    head: Arc<Head>,
    /// Time of the latest tag.
    last: u32,
}

impl Tags {
    pub(super) fn new(tracks: &[Track]) -> Result<Self, Incompatible> {
        let choice = choose(tracks)?;
        let head = Arc::new(head(&choice, 0));
        Ok(Self { choice, head, last: 0 })
    }

    pub(super) fn head(&self) -> Bytes {
        self.head.first.clone()
    }

    /// Whether the frame fits.
    pub(super) fn push(&mut self, frame: &Frame, out: &mut VecDeque<Chunk>) -> bool {
        let Some(place) = self.choice.place(frame.track) else { return true };
        let Some((track, ())) = self.choice.0.get(place) else { return true };
        let (kind, body) = shared::frame(&track.config, frame);
        self.last = shared::time(frame);
        let Some(body) = shared::file_tag(kind, self.last, &body) else { return false };
        let (start, micros) = (place == 0 && frame.key, frame.dts.micros());
        out.push_back(Chunk { body, start, micros, head: Arc::clone(&self.head), resume: Bytes::new() });
        true
    }

    /// New sequence headers, for those who had others too. The header of the file has promised which kinds there
    /// are: no kind can be added.
    pub(super) fn begin(&mut self, tracks: &[Track]) -> Result<(), Incompatible> {
        let choice = choose(tracks)?;
        let has = |choice: &Choice<()>, kind| choice.tracks().iter().any(|track| track.id.kind == kind);
        let kinds = [TrackKind::Video, TrackKind::Audio];
        if kinds.iter().any(|kind| has(&choice, *kind) && !has(&self.choice, *kind)) {
            return Err(Incompatible::Changed { format: Format::Flv });
        }
        self.head = Arc::new(head(&choice, self.last));
        self.choice = choice;
        Ok(())
    }
}

/// Every codec there is has a form, legacy or enhanced; a record must be what its codec says.
fn choose(tracks: &[Track]) -> Result<Choice<()>, Incompatible> {
    Choice::of(tracks, |_| Ok(()))
}

fn head(choice: &Choice<()>, time: u32) -> Head {
    let tracks = choice.tracks();
    let has = |kind| tracks.iter().any(|track| track.id.kind == kind);
    let file = mux::file_header(has(TrackKind::Audio), has(TrackKind::Video));
    let tags = |time| {
        let described = (TagKind::Script, shared::metadata(&tracks));
        let starts = tracks.iter().filter_map(|track| shared::start(track));
        let all = std::iter::once(described).chain(starts);
        all.filter_map(|(kind, body)| shared::file_tag(kind, time, &Rope::from(body)))
            .flat_map(Rope::into_iter)
            .collect::<Vec<_>>()
    };
    let first: Vec<_> = std::iter::once(file).chain(tags(0)).collect();
    Head { first: first.concat().into(), again: tags(time).concat().into(), ..Head::default() }
}
