//! An independent reader of parts: `mp4-atom` reads the boxes, and payloads are found by what they say.

use mp4_atom::{Decode as _, Moof};

/// A sample as a player would find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) dts: i64,
    pub(crate) cts: i64,
    pub(crate) duration: i64,
    pub(crate) key: bool,
    pub(crate) payload: Vec<u8>,
}

/// The samples of a chunk track by track: `moof` and `mdat`, with nothing before, between or behind them.
pub(crate) fn samples(chunk: &[u8]) -> Vec<(u32, Vec<Sample>)> {
    let mut rest = chunk;
    let moof = Moof::decode(&mut rest).expect("a moof");
    let (head, media) = rest.split_first_chunk::<8>().expect("the head of an mdat");
    assert_eq!(u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize, rest.len());
    assert_eq!(&head[4..], b"mdat");
    let mut at = chunk.len() - media.len();
    let mut tracks = Vec::new();
    for traf in &moof.traf {
        let mut dts = traf.tfdt.as_ref().expect("a decode time").base_media_decode_time as i64;
        let mut samples = Vec::new();
        let [trun] = &traf.trun[..] else { panic!("one run a track") };
        assert_eq!(trun.data_offset, i32::try_from(at).ok(), "payloads lie one behind the other");
        for entry in &trun.samples {
            let size = entry.size.expect("a size") as usize;
            let flags = entry.flags.or(traf.tfhd.default_sample_flags).expect("flags");
            let duration = i64::from(entry.duration.expect("a duration"));
            let (payload, cts) = (chunk[at..at + size].to_vec(), entry.cts.map_or(0, i64::from));
            samples.push(Sample { dts, cts, duration, key: flags & 0x0001_0000 == 0, payload });
            at += size;
            dts += duration;
        }
        tracks.push((traf.tfhd.track_id, samples));
    }
    assert_eq!(at, chunk.len(), "no byte is left over");
    tracks
}
