//! What HTTP/2 refuses by itself: its library tells nobody, but what it sends and how its connection ends do.

use crate::media::Limit;

/// Bytes of a frame's header (RFC 9113 §4.1).
const HEAD: usize = 9;
/// Those, and the error code of a stream that is reset (§6.4).
const RESET: usize = HEAD + 4;
/// Those, and the last stream, the error code and enough of the words of a connection's end to tell them (§6.8).
const MOST: usize = HEAD + 8 + 12;
/// Those, and how a header block begins.
const BLOCK: usize = HEAD + 1;
const HEADERS_FRAME: u8 = 1;
/// Flag of the last frame of a stream (§6.2).
const END_STREAM: u8 = 1;
/// A header block that says nothing but a status: three digits that are in no table (RFC 7541 §6.2.1), or a place in one.
const STATUS_ALONE: (u8, usize) = (0x48, 5);
const STATUS_AGAIN: usize = 1;
const RESET_FRAME: u8 = 3;
const GOAWAY_FRAME: u8 = 7;
const REFUSED_STREAM: u32 = 7;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Reads the headers of the frames that we send, and passes over the rest.
#[derive(Debug)]
pub(super) struct SentFrames {
    seen: [u8; MOST],
    len: usize,
    /// Bytes of the frame under way that say nothing.
    skip: usize,
}

impl SentFrames {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { seen: [0; MOST], len: 0, skip: 0 }
    }

    /// These bytes were sent; `hit` is called for each stream or connection that was refused for a limit.
    pub(super) fn sent(&mut self, mut bytes: &[u8], mut hit: impl FnMut(Limit)) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip = self.skip.saturating_sub(skipped);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let (new, rest) = bytes.split_at(bytes.len().min(self.wanted().saturating_sub(self.len)));
            if let Some(room) = self.seen.get_mut(self.len..self.len.saturating_add(new.len())) {
                room.copy_from_slice(new);
            }
            (self.len, bytes) = (self.len.saturating_add(new.len()), rest);
            if self.len > 0 && self.len == self.wanted() {
                self.judge().into_iter().for_each(&mut hit);
            }
        }
    }

    /// How much of the frame under way is looked at, as far as that is known.
    fn wanted(&self) -> usize {
        match self.seen.get(3).filter(|_| self.len >= HEAD) {
            Some(&RESET_FRAME) => RESET,
            Some(&HEADERS_FRAME) => BLOCK.min(HEAD.saturating_add(self.length())),
            Some(&GOAWAY_FRAME) => HEAD.saturating_add(self.length()).min(MOST),
            _ => HEAD,
        }
    }

    /// Length of the frame's payload.
    fn length(&self) -> usize {
        (self.number(0) >> 8) as usize
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.seen.get(at..at.saturating_add(4)).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    }

    /// What the frame says, of which enough is there; the rest of it is passed over.
    fn judge(&mut self) -> Option<Limit> {
        let len = std::mem::take(&mut self.len);
        self.skip = self.length().saturating_sub(len.saturating_sub(HEAD));
        let kind = self.seen.get(3).copied();
        match (kind, self.number(HEAD)) {
            // 431 and no other word, where every answer of ours has a date: the library's own.
            (Some(HEADERS_FRAME), _) => self.is_bare().then_some(Limit::HttpH2HeaderList),
            (Some(RESET_FRAME), REFUSED_STREAM) => Some(Limit::HttpH2Streams),
            (Some(GOAWAY_FRAME), _) => self.farewell(self.seen.get(HEAD + 8..len).unwrap_or_default()),
            _ => None,
        }
    }

    /// Whether the header block under way is a status alone, with nothing after it.
    fn is_bare(&self) -> bool {
        let ends = self.seen.get(4).is_some_and(|flags| flags & END_STREAM != 0);
        let first = self.seen.get(HEAD).copied().unwrap_or_default();
        ends && (self.length() == STATUS_AGAIN || (first, self.length()) == STATUS_ALONE)
    }

    /// Why a connection is ended, by the words that the library gives.
    fn farewell(&self, words: &[u8]) -> Option<Limit> {
        let begins = |with: &str| words.starts_with(with.as_bytes());
        match self.number(HEAD + 4) {
            COMPRESSION_ERROR => Some(Limit::HttpH2HeaderList),
            ENHANCE_YOUR_CALM if begins("header_list") || begins("too_many_con") => {
                Some(Limit::HttpH2HeaderList)
            }
            ENHANCE_YOUR_CALM if begins("too_many_res") || begins("too_many_int") => {
                Some(Limit::HttpH2PendingResets)
            }
            ENHANCE_YOUR_CALM => Some(Limit::HttpH2Unasked),
            _ => None,
        }
    }
}

/// Which limit a connection ended at that hyper ended; `None` where its peer went, or was no HTTP.
pub(super) fn limit_of(error: &hyper::Error) -> Option<Limit> {
    if error.is_parse_too_large() {
        return Some(Limit::HttpHead);
    }
    error.is_timeout().then_some(Limit::HttpH2Ping)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0], &stream.to_be_bytes(), payload].concat()
    }

    #[test]
    fn what_is_refused_is_seen_wherever_writes_cut_it() {
        let reset = |stream, code: u32| frame(RESET_FRAME, stream, &code.to_be_bytes());
        let sent = [
            frame(4, 0, &[0; 18]),
            frame(HEADERS_FRAME, 1, &[0x88]),
            frame(0, 1, &[RESET_FRAME; 20_000]),
            reset(3, REFUSED_STREAM),
            [&[0, 0, 5, HEADERS_FRAME, 5, 0, 0, 0, 5, 0x48, 0x83][..], &[0x68, 0xCB, 0x7F]].concat(),
            [0, 0, 5, HEADERS_FRAME, 5, 0, 0, 0, 5, 0xBF, 0xC0, 0xC1, 0xC2, 0xC3].to_vec(),
            reset(5, 1),
            reset(7, 1),
            reset(9, 8),
            [0, 0, 1, HEADERS_FRAME, 5, 0, 0, 0, 9, 0xBE].to_vec(),
            frame(4, 0, &[]),
            reset(11, REFUSED_STREAM),
            frame(GOAWAY_FRAME, 0, &[0; 8]),
            frame(GOAWAY_FRAME, 0, &[&[0, 0, 0, 9, 0, 0, 0, 11][..], b"too_many_resets"].concat()),
            frame(GOAWAY_FRAME, 0, &[&[0, 0, 0, 9, 0, 0, 0, 11][..], b"header_list_way_too_large"].concat()),
            reset(13, REFUSED_STREAM),
        ]
        .concat();
        for cut in [1, 2, 3, 7, 9, 13, 1_000, usize::MAX] {
            let (mut frames, mut hits) = (SentFrames::new(), Vec::new());
            sent.chunks(cut.min(sent.len())).for_each(|piece| frames.sent(piece, |limit| hits.push(limit)));
            let (streams, list) = (Limit::HttpH2Streams, Limit::HttpH2HeaderList);
            assert_eq!(
                hits,
                [streams, list, list, streams, Limit::HttpH2PendingResets, list, streams],
                "{cut}"
            );
        }
    }
}
