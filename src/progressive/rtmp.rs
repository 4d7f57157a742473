//! RTMP: one message a frame, each as soon as it comes, chunked once for all players.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::choice::Choice;
use super::chunk::{Chunk, Head};
use super::error::Incompatible;
use crate::base::Rope;
use crate::flv::{FourCc, TagKind, shared};
use crate::media::{AudioCodec, CodecConfig, Frame, Track, VideoCodec};
use crate::rtmp::chunk::write;

/// What is played to everybody who plays.
#[derive(Debug)]
pub(super) struct Messages {
    choice: Choice<()>,
    head: Arc<Head>,
    /// Time of the latest message.
    last: u32,
}

impl Messages {
    pub(super) fn new(tracks: &[Track]) -> Result<Self, Incompatible> {
        let choice = Choice::of(tracks, |_| Ok(()))?;
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
        let Some(body) = write(kind.id(), self.last, &body) else { return false };
        let (start, micros) = (place == 0 && frame.key, frame.dts.micros());
        out.push_back(Chunk { body, start, micros, head: Arc::clone(&self.head), resume: Bytes::new() });
        true
    }

    /// New metadata and sequence headers, of other tracks too: nothing was promised of them.
    pub(super) fn begin(&mut self, tracks: &[Track]) -> Result<(), Incompatible> {
        self.choice = Choice::of(tracks, |_| Ok(()))?;
        self.head = Arc::new(head(&self.choice, self.last));
        Ok(())
    }
}

/// `onMetaData` and the sequence headers.
fn head(choice: &Choice<()>, time: u32) -> Head {
    let tracks = choice.tracks();
    let messages = |time| {
        let described = (TagKind::Script, shared::metadata(&tracks));
        let starts = tracks.iter().filter_map(|track| shared::start(track));
        let all = std::iter::once(described).chain(starts);
        let runs = all.filter_map(|(kind, body)| write(kind.id(), time, &Rope::from(body)));
        Bytes::from(runs.flat_map(Rope::into_iter).collect::<Vec<_>>().concat())
    };
    let fourccs = tracks.iter().filter_map(|track| fourcc(&track.config)).collect();
    Head { first: messages(0), again: messages(time), fourccs }
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
