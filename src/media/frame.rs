//! Frame: one access unit of one track, the currency between rooms.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use super::time::{Ticks, Timescale, rescale};

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// Which elementary stream of its ingest a frame belongs to. Index 0 is the first of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId {
    /// Video or audio.
    pub kind: TrackKind,
    /// The publisher's number for it among its kind.
    pub index: u8,
}

impl TrackId {
    /// The first video track.
    pub const VIDEO: Self = Self { kind: TrackKind::Video, index: 0 };
    /// The first audio track.
    pub const AUDIO: Self = Self { kind: TrackKind::Audio, index: 0 };
}

/// `v0`, `a0`, …: also the rendition's name in URLs.
impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            TrackKind::Video => 'v',
            TrackKind::Audio => 'a',
        };
        write!(f, "{letter}{}", self.index)
    }
}

/// One access unit of one track.
///
/// A frame leaves an ingest in the source's own clock (`dts` in milliseconds for RTMP, unwrapped, but
/// jittery and from an arbitrary zero) and with no `duration`. `live::Timeline` maps it onto the
/// generation's clock: `dts` then counts in the track's timescale, on the exact grid where the input
/// is steady, and `duration` says how long it lasts when that is known before the next frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The track it belongs to.
    pub track: TrackId,
    /// Decode time.
    pub dts: Ticks,
    /// Composition offset: presentation time minus decode time, in the timescale of `dts`.
    pub cts: i64,
    /// How long it lasts, in the timescale of `dts`, when the frame grid knows that beforehand.
    pub duration: Option<i64>,
    /// Whether decoding can start here: an IDR picture; every frame of audio.
    pub key: bool,
    /// The coded bytes as the sample is stored in ISO-BMFF (H.264: length-prefixed NAL units;
    /// AAC: one raw frame), shared, never copied.
    pub payload: Bytes,
    /// When its last byte arrived.
    pub arrival: Instant,
}

impl Frame {
    /// The same frame counted in `scale`. Where one ends as the next begins they still do: it is their times that
    /// are rounded, and a duration is what lies between two of them.
    #[must_use]
    pub fn to(self, scale: Timescale) -> Self {
        let from = self.dts;
        if from.scale == scale {
            return self;
        }
        let dts = from.to(scale);
        let after =
            |span: i64| rescale(from.value.saturating_add(span), from.scale, scale).saturating_sub(dts.value);
        Self { dts, cts: after(self.cts), duration: self.duration.map(after), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_follow_each_other_exactly_still_do_in_another_timescale() {
        let [from, to] = [44_100, 48_000].map(|rate| Timescale::new(rate).unwrap());
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let arrival = Instant::now();
        let mut chain = 0;
        for n in 0..10_000 {
            let dts = Ticks::new(n * 1_024, from);
            let (track, payload) = (TrackId::AUDIO, Bytes::new());
            let frame = Frame { track, dts, cts: 0, duration: Some(1_024), key: true, payload, arrival };
            let frame = frame.to(to);
            assert_eq!((frame.dts.value, frame.dts.scale), (chain, to));
            chain += frame.duration.unwrap();
        }
        assert_eq!(chain, rescale(10_000 * 1_024, from, to));
    }
}
