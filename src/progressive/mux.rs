//! Mux: a stream in one format, made once for all its readers.

use std::collections::VecDeque;

use bytes::Bytes;

use super::chunk::Chunk;
use super::error::Incompatible;
use super::format::Format;
use super::mp4::Fragments;
use super::tags::{Framing, Tags};
use super::ts::Packets;
use crate::media::{Frame, Track};

/// What an epoch with other tracks means for those who read already.
#[derive(Debug)]
#[must_use]
pub enum Onward {
    /// They read on.
    GoesOn,
    /// The file ends here, cleanly: what is in it is whole, nothing is added any more. A new one can be had, unless
    /// the reason is that the new tracks do not fit the format.
    MustEnd(Incompatible),
}

/// One stream in one format. Frames go in, chunks come out: mutate, then drain.
///
/// Time stamps are the generation's, and nothing depends on who reads, so that all readers share the chunks.
#[derive(Debug)]
pub struct Mux {
    writer: Writer,
    out: VecDeque<Chunk>,
    ended: bool,
    unfit: u64,
}

#[derive(Debug)]
enum Writer {
    Mp4(Fragments),
    Tags(Tags),
    Ts(Packets),
}

impl Mux {
    /// A file of `tracks`: the leading pictures and the first sound that `format` can carry.
    ///
    /// # Errors
    /// When a kind is there of which the format can carry none, and when there is nothing.
    pub fn new(format: Format, tracks: &[Track]) -> Result<Self, Incompatible> {
        let writer = match format {
            Format::Mp4 => Writer::Mp4(Fragments::new(tracks)?),
            Format::Flv => Writer::Tags(Tags::new(Framing::File, tracks)?),
            Format::Ts => Writer::Ts(Packets::new(tracks)?),
            Format::Rtmp => Writer::Tags(Tags::new(Framing::Messages, tracks)?),
        };
        Ok(Self { writer, out: VecDeque::new(), ended: false, unfit: 0 })
    }

    /// How the file begins for one who joins at the next chunk; that of each chunk is in [`Chunk::head`].
    pub fn head(&self) -> Bytes {
        match &self.writer {
            Writer::Mp4(mp4) => mp4.head(),
            Writer::Tags(tags) => tags.head(),
            Writer::Ts(_) => Bytes::new(),
        }
    }

    /// Takes the next frame, in the order of arrival and on the generation's clock: decode times of a track never go
    /// back. Those of tracks that are not in the file are passed over, and so is everything past its end.
    pub fn push(&mut self, frame: &Frame) {
        if self.ended {
            return;
        }
        let fits = match &mut self.writer {
            Writer::Mp4(mp4) => {
                mp4.push(frame, &mut self.out);
                true
            }
            Writer::Tags(tags) => tags.push(frame, &mut self.out),
            Writer::Ts(ts) => ts.push(frame, &mut self.out),
        };
        self.unfit = self.unfit.saturating_add(u64::from(!fits));
    }

    /// The next chunk, if one is ready.
    pub fn pull(&mut self) -> Option<Chunk> {
        self.out.pop_front()
    }

    /// A new epoch begins with the next frame, of `tracks`. What is held back of the last one comes out whole.
    pub fn begin(&mut self, tracks: &[Track]) -> Onward {
        if self.ended {
            return Onward::MustEnd(Incompatible::Nothing);
        }
        let onward = match &mut self.writer {
            Writer::Mp4(mp4) => mp4.begin(tracks, &mut self.out),
            Writer::Tags(tags) => tags.begin(tracks),
            Writer::Ts(ts) => ts.begin(tracks),
        };
        match onward {
            Ok(()) => Onward::GoesOn,
            Err(why) => {
                self.ended = true;
                Onward::MustEnd(why)
            }
        }
    }

    /// The stream has ended: what is held back comes out.
    pub fn end(&mut self) {
        if let Writer::Mp4(mp4) = &mut self.writer {
            mp4.flush(&mut self.out);
        }
        self.ended = true;
    }

    /// Frames left out since they do not fit the format's fields: sound of more than a header can say, pictures of
    /// more than 16 MiB in FLV and RTMP, NAL units that are not what their lengths say.
    pub fn unfit(&self) -> u64 {
        self.unfit
    }
}
