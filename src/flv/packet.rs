//! Packet: what a tag says about one track. A plain tag holds one, a multitrack tag several.

use std::{iter, option, vec};

use bytes::Bytes;

use super::fourcc::FourCc;

/// What a tag says about one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The publisher's number for the track among its kind; 0 when the tag has none.
    pub track: u8,
    /// Its codec; legacy H.264 and AAC tags carry `FourCc::AVC` and `FourCc::AAC`.
    pub codec: FourCc,
    /// What is said.
    pub kind: PacketKind,
}

/// What a packet says. All bytes are slices of the tag's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PacketKind {
    /// The codec's configuration record.
    SequenceStart(Bytes),
    /// One access unit, or several audio frames where the codec packs them; never empty.
    Frames {
        /// Composition offset in milliseconds: presentation minus decode time.
        cts: i32,
        /// What to add to the tag's time, in nanoseconds, below one millisecond.
        nanos: u32,
        /// Whether the tag calls it a keyframe; true for audio.
        key: bool,
        /// The coded bytes.
        payload: Bytes,
    },
    /// No more frames under the last configuration.
    SequenceEnd,
    /// Script data about the pictures: `colorInfo` for HDR.
    Metadata(Bytes),
    /// A video descriptor of an MPEG-2 transport stream in place of a configuration record.
    Mpeg2TsStart(Bytes),
    /// How audio channels map to speakers.
    MultichannelConfig(Bytes),
}

/// The packets of one tag, in order; none when the tag has nothing to say (a seek command, an empty body).
///
/// A tag for a single track, which is nearly every tag, allocates nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packets {
    first: Option<Packet>,
    more: Vec<Packet>,
}

impl Packets {
    pub(super) fn push(&mut self, packet: Packet) {
        if self.first.is_none() {
            self.first = Some(packet);
        } else {
            self.more.push(packet);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Each in order.
    pub fn iter(&self) -> impl Iterator<Item = &Packet> {
        self.first.iter().chain(&self.more)
    }
}

impl IntoIterator for Packets {
    type Item = Packet;
    type IntoIter = iter::Chain<option::IntoIter<Packet>, vec::IntoIter<Packet>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}
