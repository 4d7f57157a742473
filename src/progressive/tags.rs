//! Tags: one FLV tag or RTMP message a frame, each as soon as it comes. Both have the same bodies in other frames.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::choice::Choice;
use super::chunk::{Chunk, Head};
use super::error::Incompatible;
use super::format::Format;
use crate::base::Rope;
use crate::flv::{FourCc, TagKind, mux, shared};
use crate::media::{AudioCodec, CodecConfig, Frame, Track, TrackKind, VideoCodec};
use crate::rtmp::chunk::write;

/// What stands around the bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// The tags of a file, after its header.
    File,
    /// Messages in chunks, chunked once for all players.
    Messages,
}

/// A stream in tags.
#[derive(Debug)]
pub(super) struct Tags {
    framing: Framing,
    choice: Choice<()>,
    head: Arc<Head>,
    /// Time of the latest tag.
    last: u32,
}

impl Tags {
    pub(super) fn new(framing: Framing, tracks: &[Track]) -> Result<Self, Incompatible> {
        let choice = choose(tracks)?;
        let head = Arc::new(framing.head(&choice, 0));
        Ok(Self { framing, choice, head, last: 0 })
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
        let Some(body) = self.framing.tag(kind, self.last, &body) else { return false };
        let (start, micros) = (place == 0 && frame.key, frame.dts.micros());
        out.push_back(Chunk { body, start, micros, head: Arc::clone(&self.head), resume: Bytes::new() });
        true
    }

    /// New metadata and sequence headers, for those who had others too. The header of a file has promised which kinds
    /// there are: no kind can be added to it. Nothing was promised of messages.
    pub(super) fn begin(&mut self, tracks: &[Track]) -> Result<(), Incompatible> {
        let choice = choose(tracks)?;
        let has = |choice: &Choice<()>, kind| choice.tracks().iter().any(|track| track.id.kind == kind);
        let kinds = [TrackKind::Video, TrackKind::Audio];
        let added = kinds.iter().any(|kind| has(&choice, *kind) && !has(&self.choice, *kind));
        if added && self.framing == Framing::File {
            return Err(Incompatible::Changed { format: Format::Flv });
        }
        self.head = Arc::new(self.framing.head(&choice, self.last));
        self.choice = choice;
        Ok(())
    }
}

impl Framing {
    /// One body in its frame; `None` when it is larger than the frame can say.
    fn tag(self, kind: TagKind, time: u32, body: &Rope) -> Option<Rope> {
        match self {
            Self::File => shared::file_tag(kind, time, body),
            Self::Messages => write(kind.id(), time, body),
        }
    }

    /// `onMetaData` and the sequence headers, behind the header of a file.
    fn head(self, choice: &Choice<()>, time: u32) -> Head {
        let tracks = choice.tracks();
        let has = |kind| tracks.iter().any(|track| track.id.kind == kind);
        let file = match self {
            Self::File => mux::file_header(has(TrackKind::Audio), has(TrackKind::Video)),
            Self::Messages => Bytes::new(),
        };
        let tags = |time| {
            let described = (TagKind::Script, shared::metadata(&tracks));
            let starts = tracks.iter().filter_map(|track| shared::start(track));
            let all = std::iter::once(described).chain(starts);
            all.filter_map(|(kind, body)| self.tag(kind, time, &Rope::from(body)))
                .flat_map(Rope::into_iter)
                .collect::<Vec<_>>()
        };
        let first: Vec<_> = std::iter::once(file).chain(tags(0)).collect();
        let fourccs = tracks.iter().filter_map(|track| fourcc(&track.config)).collect();
        Head { first: first.concat().into(), again: tags(time).concat().into(), fourccs }
    }
}

/// Every codec there is has a form, legacy or enhanced; a record must be what its codec says.
fn choose(tracks: &[Track]) -> Result<Choice<()>, Incompatible> {
    Choice::of(tracks, |_| Ok(()))
}

/// The FourCC that a player must know, where there is no form without one.
fn fourcc(config: &CodecConfig) -> Option<FourCc> {
    match config {
        CodecConfig::Video(video) => {
            Some(video.codec).filter(|codec| *codec != VideoCodec::Avc).map(FourCc::from)
        }
        CodecConfig::Audio(audio) => {
            let legacy = matches!(audio.codec, AudioCodec::Aac | AudioCodec::Mp3);
            (!legacy).then(|| FourCc::from(audio.codec))
        }
    }
}
