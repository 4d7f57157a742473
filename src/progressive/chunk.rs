//! Chunk: bytes that every reader of a format gets alike, and what must come before them.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::Rope;
use crate::flv::FourCc;
use crate::live::Entry;

/// What a reader must have before a chunk. There is a new one whenever the stream's configuration is another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// For one that joins: how the file begins. Empty where a format needs none (MPEG-TS).
    pub first: Bytes,
    /// For one that had another head: the new sequence headers, in mid-stream. Empty where they are in the chunks.
    pub again: Bytes,
    /// Codecs that a peer must have announced to be sent the chunks, which only RTMP asks for.
    pub fourccs: Vec<FourCc>,
}

/// A run of bytes: a fragment, a tag, or the packets of an access unit. Chunks are cut between access units, never
/// inside one.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The bytes; payloads are the frames' own in MP4 and FLV.
    pub body: Rope,
    /// Whether a reader can begin here, given `head`.
    pub start: bool,
    /// Decode time of its first frame on the generation's clock, in microseconds.
    pub micros: i64,
    /// What it is readable under.
    pub head: Arc<Head>,
    /// For one that has missed what was before it: that it does not follow. Empty but in MPEG-TS, where no `again` is.
    pub resume: Bytes,
}

impl Chunk {
    /// What a reader must be sent before this chunk, `had` being the head of the last chunk it got: the beginning of
    /// the file when it joins; when it has `skipped` what was between, that this does not follow; new sequence headers
    /// when they have changed since; mostly nothing.
    pub fn preface(&self, had: Option<&Arc<Head>>, skipped: bool) -> Bytes {
        match had {
            None => self.head.first.clone(),
            Some(_) if skipped && !self.resume.is_empty() => self.resume.clone(),
            Some(had) if Arc::ptr_eq(had, &self.head) => Bytes::new(),
            Some(_) => self.head.again.clone(),
        }
    }
}

impl Entry for Chunk {
    fn bytes(&self) -> usize {
        let body = usize::try_from(self.body.len()).unwrap_or(usize::MAX);
        body.saturating_add(self.resume.len()).saturating_add(size_of::<Self>())
    }

    fn micros(&self) -> i64 {
        self.micros
    }

    fn start(&self) -> bool {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_the_head_once_and_the_new_one_when_it_changes() {
        let head = |first, again| {
            let (first, again) = (Bytes::from_static(first), Bytes::from_static(again));
            Arc::new(Head { first, again, ..Head::default() })
        };
        let (old, new) = (head(b"file old", b"old"), head(b"file new", b"new"));
        let chunk = |head: &Arc<Head>| Chunk {
            body: Rope::from(Bytes::from_static(b"abc")),
            start: true,
            micros: 7,
            head: Arc::clone(head),
            resume: Bytes::new(),
        };
        assert_eq!(chunk(&old).preface(None, false), "file old");
        assert_eq!(chunk(&old).preface(Some(&old), false), "");
        for skipped in [false, true] {
            assert_eq!(chunk(&new).preface(Some(&old), skipped), "new");
        }
        let marked = Chunk { resume: Bytes::from_static(b"lost some"), ..chunk(&old) };
        assert_eq!(marked.preface(Some(&old), false), "");
        assert_eq!(marked.preface(Some(&old), true), "lost some");
        assert_eq!(marked.preface(None, true), "file old");
        assert_eq!((chunk(&old).micros(), chunk(&old).start()), (7, true));
        assert!(chunk(&old).bytes() >= 3);
    }
}
