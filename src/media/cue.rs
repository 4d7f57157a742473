//! Cues: what a source says of a moment of its stream, besides sound and pictures.

use std::time::Duration;

use bytes::Bytes;

/// Something that happens at a moment of the stream: a cue point, a line of text, a splice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// When, in milliseconds of the source's clock. Hearsay: it may be far from everything else the source says.
    pub at: i64,
    /// What sort of thing it is: the name of the message it came in, or `scte35`.
    pub class: &'static str,
    /// What the source calls it, when it names it: a repetition has the same name.
    pub name: Option<String>,
    /// How long it lasts; `None` when nothing is said of it.
    pub lasts: Option<Duration>,
    /// Names, each beginning with `X-` and made of `A` to `Z`, `0` to `9` and `-`, and values without control
    /// characters; no name twice.
    pub attributes: Vec<(String, String)>,
    /// The splice it signals, if it does.
    pub splice: Option<Splice>,
}

/// A splice information section (ANSI/SCTE 35 §9.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// The section whole, from its table id to its checksum.
    pub section: Bytes,
    /// What it asks for.
    pub kind: SpliceKind,
}

/// What a splice asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpliceKind {
    /// To leave the programme.
    Out {
        /// `splice_event_id`.
        event: u32,
        /// How long the break is meant to last.
        lasts: Option<Duration>,
        /// Whether the programme comes back by itself when it has lasted that long.
        returns: bool,
    },
    /// To come back to the programme.
    In {
        /// `splice_event_id`.
        event: u32,
    },
    /// Anything else.
    Command,
}
