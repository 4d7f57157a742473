//! What HTTP/2 refuses by itself: its library tells nobody, but what it sends and how its connection ends do.

use std::error::Error as _;

use crate::media::Limit;

/// Bytes of a frame's header (RFC 9113 §4.1).
const HEAD: usize = 9;
/// Those, and the error code of a stream that is reset (§6.4).
const RESET: usize = HEAD + 4;
const HEADERS_FRAME: u8 = 1;
const RESET_FRAME: u8 = 3;
const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;

/// Reads the headers of the frames that we send, and passes over the rest.
#[derive(Debug, Default)]
pub(super) struct SentFrames {
    seen: [u8; RESET],
    len: usize,
    /// Bytes of the frame under way that say nothing.
    skip: usize,
    /// The stream that was last answered.
    answered: u32,
}

impl SentFrames {
    /// These bytes were sent; `hit` is called for each stream that was refused for a limit.
    pub(super) fn sent(&mut self, mut bytes: &[u8], mut hit: impl FnMut(Limit)) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let wanted = if self.kind() == Some(RESET_FRAME) { RESET } else { HEAD };
            let fresh = bytes.len().min(wanted.saturating_sub(self.len));
            let (new, rest) = bytes.split_at(fresh);
            if let Some(room) = self.seen.get_mut(self.len..self.len.saturating_add(fresh)) {
                room.copy_from_slice(new);
            }
            (self.len, bytes) = (self.len.saturating_add(fresh), rest);
            let whole = self.len == RESET || (self.len == HEAD && self.kind() != Some(RESET_FRAME));
            if whole {
                self.judge().into_iter().for_each(&mut hit);
            }
        }
    }

    /// The type of the frame under way, once it is known.
    fn kind(&self) -> Option<u8> {
        (self.len >= HEAD).then(|| self.seen[3])
    }

    /// What the frame says whose header is there; the rest of it is passed over.
    fn judge(&mut self) -> Option<Limit> {
        let number = |at: usize| {
            let bytes = self.seen.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u32::from_be_bytes)
        };
        let (length, stream, code) = (number(0) >> 8, number(5), number(HEAD));
        let kind = self.kind();
        let told = self.len.saturating_sub(HEAD);
        (self.skip, self.len) = ((length as usize).saturating_sub(told), 0);
        match (kind, code) {
            (Some(HEADERS_FRAME), _) => {
                self.answered = stream;
                None
            }
            (Some(RESET_FRAME), REFUSED_STREAM) => Some(Limit::HttpH2Streams),
            // It answers 431 and resets the stream; other malformed requests get no answer.
            (Some(RESET_FRAME), PROTOCOL_ERROR) if stream == self.answered => Some(Limit::HttpH2HeaderList),
            _ => None,
        }
    }
}

/// Which limit a connection ended at that hyper ended; `None` where its peer went, or was no HTTP.
pub(super) fn limit_of(error: &hyper::Error) -> Option<Limit> {
    if error.is_parse_too_large() {
        return Some(Limit::HttpHead);
    }
    if error.is_timeout() {
        return Some(Limit::HttpH2Ping);
    }
    let text = error.source()?.to_string();
    let says = |words: &str| text.contains(words);
    if !says("detected") {
        None
    } else if says("too_many_resets") || says("too_many_internal_resets") {
        Some(Limit::HttpH2PendingResets)
    } else if says("header_list_way_too_large") || says("too_many_continuations") || says("compression") {
        Some(Limit::HttpH2HeaderList)
    } else {
        None
    }
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
            frame(HEADERS_FRAME, 5, &[0x48, 0x82]),
            reset(5, PROTOCOL_ERROR),
            reset(7, PROTOCOL_ERROR),
            reset(9, 8),
            frame(4, 0, &[]),
            reset(11, REFUSED_STREAM),
        ]
        .concat();
        for cut in [1, 2, 3, 7, 9, 13, 1_000, usize::MAX] {
            let (mut frames, mut hits) = (SentFrames::default(), Vec::new());
            sent.chunks(cut.min(sent.len())).for_each(|piece| frames.sent(piece, |limit| hits.push(limit)));
            assert_eq!(hits, [Limit::HttpH2Streams, Limit::HttpH2HeaderList, Limit::HttpH2Streams], "{cut}");
        }
    }
}
