//! Captions: which channels a frame's registered user data carries.
//!
//! ```text
//! country:8 (B5)  provider:16 (31)  "GA94"  03   process:1 (x1x) count:5  FF   triplets   FF
//! triplet  11111  valid:1  type:2 (0, 1: field of 608; 3, 2: begin, rest of a 708 packet)  8  8
//! packet   sequence:2  size:6   block …          block  service:3  size:5  [7: 00 service:6]  payload
//! ```
//! Spec: ATSC A/53 part 4 §6.2.3, CTA-608 §8.4, CTA-708 §5 and §6.

use crate::media::Captions;

const HEAD: [u8; 8] = [0xB5, 0x00, 0x31, b'G', b'A', b'9', b'4', 0x03];
const PROCESS: u8 = 0x40;
/// A service number that says that the number follows.
const EXTENDED: u8 = 7;

/// What `payload`, registered user data from its country code on, says of captions.
pub(super) fn carried(payload: &[u8]) -> Captions {
    let Some([flags, _, triplets @ ..]) = payload.strip_prefix(&HEAD) else { return Captions::default() };
    if flags & PROCESS == 0 {
        return Captions::default();
    }
    let mut found = Captions::default();
    let mut packet = Packet::default();
    for triplet in triplets.chunks_exact(3).take(usize::from(flags & 0x1F)) {
        let &[head, first, second] = triplet else { continue };
        if head & 0b100 == 0 {
            continue;
        }
        found = found.with(match head & 0b11 {
            0 => field(first, second, 1),
            1 => field(first, second, 3),
            2 => packet.take(first).with(packet.take(second)),
            _ => {
                packet = Packet::begin(first);
                packet.take(second)
            }
        });
    }
    found
}

/// Two bytes of a field whose channels are `channel` and the one after it.
///
/// Padding in the first field counts for its first channel: an encoder pads where it has captions to send, and a
/// player that has read the playlist does not look again once they begin.
fn field(first: u8, second: u8, channel: u8) -> Captions {
    match (first & 0x7F, second & 0x7F) {
        // A control code says which of the two (CTA-608 §8.4).
        (code @ 0x10..=0x1F, _) => Captions::channel(channel.saturating_add(code >> 3 & 1)),
        _ if channel == 1 => Captions::channel(1),
        _ => Captions::default(),
    }
}

/// The blocks of a packet of CEA-708 as far as they are in this frame.
#[derive(Default)]
struct Packet {
    /// Bytes to come.
    left: u8,
    /// Of these, payload of the block.
    payload: u8,
    /// The next byte is an extended service number, for a block of so many bytes.
    extended: Option<u8>,
}

impl Packet {
    /// A packet by its header; 0 stands for the largest size.
    fn begin(header: u8) -> Self {
        let left = match header & 0x3F {
            0 => 127,
            size => size.saturating_mul(2).saturating_sub(1),
        };
        Self { left, ..Self::default() }
    }

    /// The service that `byte` announces, if any.
    fn take(&mut self, byte: u8) -> Captions {
        let Some(left) = self.left.checked_sub(1) else { return Captions::default() };
        self.left = left;
        if let Some(payload) = self.payload.checked_sub(1) {
            self.payload = payload;
            return Captions::default();
        }
        if let Some(size) = self.extended.take() {
            self.payload = size;
            return Captions::service(byte & 0x3F);
        }
        let (service, size) = (byte >> 5, byte & 0x1F);
        match (service, size) {
            // A null block ends the packet.
            (_, 0) | (0, _) => self.left = 0,
            (EXTENDED, size) => self.extended = Some(size),
            (_, size) => self.payload = size,
        }
        match (service, size) {
            (0 | EXTENDED, _) | (_, 0) => Captions::default(),
            (service, _) => Captions::service(service),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(triplets: &[[u8; 3]]) -> Vec<u8> {
        let mut data = HEAD.to_vec();
        data.extend([PROCESS | triplets.len() as u8, 0xFF]);
        data.extend(triplets.concat());
        data.push(0xFF);
        data
    }

    fn named(triplets: &[[u8; 3]]) -> (Vec<u8>, Vec<u8>) {
        let found = carried(&data(triplets));
        (found.channels().collect(), found.services().collect())
    }

    #[test]
    fn control_codes_name_the_channels_of_both_fields() {
        // Resume caption loading (with odd parity) on each of the four channels.
        assert_eq!(named(&[[0xFC, 0x94, 0x20]]).0, [1]);
        assert_eq!(named(&[[0xFC, 0x1C, 0x20]]).0, [2]);
        assert_eq!(named(&[[0xFD, 0x94, 0x20]]).0, [3]);
        assert_eq!(named(&[[0xFD, 0x1C, 0x20], [0xFC, 0x94, 0x20]]).0, [1, 4]);
        // Padding and text: the first channel of the first field, nothing of the second.
        assert_eq!(named(&[[0xFC, 0x80, 0x80], [0xFD, 0x80, 0x80]]).0, [1]);
        assert!(carried(&data(&[[0xFD, 0xC8, 0xE5]])).is_empty());
        // Marked invalid, as encoders with nothing to say do.
        assert_eq!(named(&[[0xF8, 0x80, 0x80], [0xFA, 0, 0], [0xF9, 0x94, 0x20]]), (vec![], vec![]));
    }

    #[test]
    fn blocks_of_a_packet_name_the_services() {
        // A packet of 7 bytes: two bytes for service 1, one for service 2.
        let packet = [[0xFF, 0x04, 0x22], [0xFE, b'a', b'b'], [0xFE, 0x41, b'c'], [0xFE, 0x00, 0x00]];
        assert_eq!(named(&packet).1, [1, 2]);
        // An extended service; and bytes that no packet began.
        assert_eq!(named(&[[0xFF, 0x03, 0xE1], [0xFE, 0x09, b'a'], [0xFE, 0, 0]]).1, [9]);
        assert!(carried(&data(&[[0xFE, 0x21, b'a']])).is_empty());
        // What is behind the end of the packet is padding.
        assert!(carried(&data(&[[0xFF, 0x01, 0x00], [0xFE, 0x21, b'a']])).is_empty());
    }

    #[test]
    fn other_user_data_is_none_of_our_business() {
        assert!(carried(&[]).is_empty());
        let mut other = data(&[[0xFC, 0x94, 0x20]]);
        for at in 0..HEAD.len() {
            other[at] ^= 1;
            assert!(carried(&other).is_empty(), "byte {at}");
            other[at] ^= 1;
        }
        other[8] &= !PROCESS;
        assert!(carried(&other).is_empty());
    }

    proptest! {
        #[test]
        fn any_user_data_is_read(tail in prop::collection::vec(any::<u8>(), 0..140)) {
            carried(&[&HEAD[..], &tail].concat());
        }
    }
}
