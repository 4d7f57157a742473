//! Gzip (RFC 1952) of playlists, with a compressor that each thread keeps.
//!
//! Setting a deflate state up costs some ten times what compressing a playlist does, and that time would
//! lie between a part and everybody who waits for it.

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Magic number, deflate, no flags, no time, no hint, unknown system: equal texts are equal bytes.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

thread_local! {
    /// About 300 KiB a thread that has compressed once.
    static DEFLATE: RefCell<Compress> = RefCell::new(Compress::new(Compression::default(), false));
}

/// `text` as one gzip member.
pub(super) fn compressed(text: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(text.len() / 4 + 256);
    out.extend_from_slice(&HEADER);
    DEFLATE.with_borrow_mut(|deflate| {
        deflate.reset();
        loop {
            let read = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
            let rest = text.get(read..).unwrap_or_default();
            // Fills the spare room; there is more to come until the end is written.
            match deflate.compress_vec(rest, &mut out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => break,
                _ => out.reserve(text.len() / 4 + 256),
            }
        }
    });
    let mut crc = Crc::new();
    crc.update(text);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&crc.amount().to_le_bytes());
    out.into()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_compressed_is_read_back(text in prop::collection::vec(any::<u8>(), 0..20_000), times in 1_usize..20) {
            let text = text.repeat(times);
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&*compressed(&text)).read_to_end(&mut back).unwrap();
            prop_assert_eq!(back, text);
        }
    }

    #[test]
    fn equal_texts_are_equal_bytes_whatever_came_between() {
        let first = compressed(b"#EXTM3U\n");
        compressed(&[7; 100_000]);
        assert_eq!(compressed(b"#EXTM3U\n"), first);
    }
}
