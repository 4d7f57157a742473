//! SEI: the messages of a supplemental enhancement information unit (H.264 §7.3.2.3.1, H.265 §7.3.5).
//!
//! ```text
//! type: 255 … n   size: 255 … n   payload: 8 × size   … 80
//! ```

use super::rbsp::Rbsp;

/// A recovery point (H.264 §D.1.8).
pub(super) const RECOVERY_POINT: u64 = 6;
/// User data registered by ITU-T T.35 (H.264 §D.1.6, H.265 §D.2.6): captions, for one.
pub(super) const REGISTERED: u64 = 4;
/// User data under a UUID (H.264 §D.1.7, H.265 §D.2.7): what an encoder tells of itself, for one.
pub(super) const UNREGISTERED: u64 = 5;
/// What is shown of a payload: captions of a frame take at most 31 times three bytes and eleven, and the four times
/// of an encoder 125.
const SHOWN: usize = 128;

/// Shows `each` the type and the first bytes of every message of `sei`, a NAL unit without its header.
pub(super) fn walk(sei: &[u8], mut each: impl FnMut(u64, &[u8])) {
    let mut bytes = Rbsp::new(sei);
    while let Some((kind, size)) = number(&mut bytes).zip(number(&mut bytes)) {
        let mut payload = [0; SHOWN];
        let mut read = 0_u64;
        let mut places = payload.iter_mut();
        while read < size {
            let Some(byte) = bytes.next() else { break };
            if let Some(place) = places.next() {
                *place = byte;
            }
            read = read.saturating_add(1);
        }
        let shown = usize::try_from(read).unwrap_or(SHOWN).min(SHOWN);
        each(kind, payload.get(..shown).unwrap_or_default());
        if read < size {
            return;
        }
    }
}

/// A number written as a run of 255s and a last byte below 255.
fn number(bytes: &mut Rbsp<'_>) -> Option<u64> {
    let mut sum = 0_u64;
    loop {
        let byte = bytes.next()?;
        sum = sum.saturating_add(u64::from(byte));
        if byte != u8::MAX {
            return Some(sum);
        }
    }
}
