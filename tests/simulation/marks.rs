//! Marks: what every frame carries in its payload: who sent it, and the how-many-th of its track it is.

const MAGIC: &[u8] = b"\xF1\xA7mark";
/// Bytes of a mark.
pub(crate) const LEN: usize = MAGIC.len() + 15;

/// Of sound or of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark {
    /// Which publish.
    pub(crate) publish: u16,
    /// 0 for pictures, 1 for sound.
    pub(crate) track: u8,
    /// Counts the frames that its encoder made of the track, also those it never sent.
    pub(crate) number: u32,
}

/// In nibbles, none of which is a byte that means something in a bitstream.
pub(crate) fn write(mark: Mark) -> Vec<u8> {
    let mut plain = Vec::with_capacity(8);
    plain.extend(mark.publish.to_be_bytes());
    plain.push(mark.track);
    plain.extend(mark.number.to_be_bytes());
    let mut out = MAGIC.to_vec();
    out.extend(plain.iter().flat_map(|byte| [0x10 | byte >> 4, 0x10 | byte & 15]));
    out.push(0x40 | check(&plain));
    out
}

fn check(plain: &[u8]) -> u8 {
    plain.iter().fold(11_u8, |sum, byte| sum.rotate_left(3) ^ byte).wrapping_mul(37) >> 2
}

/// Every whole mark in `bytes`, in order.
pub(crate) fn read(bytes: &[u8]) -> Vec<Mark> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == MAGIC[0]) {
        at += next;
        match bytes.get(at..at + LEN).and_then(read_one) {
            Some(mark) => {
                found.push(mark);
                at += LEN;
            }
            None => at += 1,
        }
    }
    found
}

fn read_one(bytes: &[u8]) -> Option<Mark> {
    let nibbles = bytes.strip_prefix(MAGIC)?;
    let (nibbles, sum) = nibbles.split_at(14);
    if nibbles.iter().any(|nibble| nibble >> 4 != 1) {
        return None;
    }
    let plain: Vec<u8> = nibbles.chunks(2).map(|pair| (pair[0] & 15) << 4 | pair[1] & 15).collect();
    if sum[0] != 0x40 | check(&plain) {
        return None;
    }
    Some(Mark {
        publish: u16::from_be_bytes([plain[0], plain[1]]),
        track: plain[2],
        number: u32::from_be_bytes([plain[3], plain[4], plain[5], plain[6]]),
    })
}
