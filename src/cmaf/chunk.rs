//! The head of a chunk: `moof` and the `mdat` header, by hand because it is the hot path.
//!
//! ```text
//! moof ─ mfhd  sequence number
//!      └ traf ─ tfhd  default-base-is-moof, default duration, size and flags
//!             ├ tfdt  version 1: decode time of the first sample
//!             └ trun  version 1: data offset · [first flags] · per sample: duration size [flags] [signed offset]
//! mdat   header only; the samples follow as shared payloads
//! ```
//! Spec: ISO/IEC 14496-12 §8.8; ISO/IEC 23000-19 §7.3.2: one moof, one traf, one trun, one mdat a chunk;
//! a fragment of several tracks has a traf for each, and their payloads one after the other.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::init::TRACK_ID;

/// sample_depends_on = 2: depends on no other (14496-12 §8.8.3.1).
const FLAGS_SYNC: u32 = 0x0200_0000;
/// sample_depends_on = 1, sample_is_non_sync_sample = 1.
const FLAGS_NON_SYNC: u32 = 0x0101_0000;

const TFHD_FLAGS: u32 = 0x02_0038; // default-base-is-moof, default duration, size, flags
const TRUN_DATA_OFFSET: u32 = 0x0001;
const TRUN_FIRST_FLAGS: u32 = 0x0004;
const TRUN_DURATION: u32 = 0x0100;
const TRUN_SIZE: u32 = 0x0200;
const TRUN_FLAGS: u32 = 0x0400;
const TRUN_OFFSETS: u32 = 0x0800;

const MFHD: u32 = 16;
const TFHD: u32 = 28;
const TFDT: u32 = 20;
const BOX: u32 = 8;

/// One sample of a chunk, as trun describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// In the track's timescale.
    pub duration: u32,
    /// In bytes.
    pub size: u32,
    /// Presentation time minus decode time, signed, in the track's timescale.
    pub offset: i32,
    /// Whether decoding can start here.
    pub sync: bool,
}

/// What a chunk head says, besides its samples.
#[derive(Debug, Clone, Copy)]
pub struct ChunkHead {
    /// mfhd sequence number: counts up by one a chunk over the rendition's life.
    pub sequence: u32,
    /// tfdt: decode time of the first sample, in the track's timescale.
    pub decode_time: u64,
}

/// The samples of one track in a fragment that holds several.
#[derive(Debug, Clone, Copy)]
pub struct TrackRun<'a> {
    /// The track's number in `moov`, from 1 on.
    pub track: u32,
    /// tfdt: decode time of the first sample, in the track's timescale.
    pub decode_time: u64,
    /// Its samples; at least one.
    pub samples: &'a [Sample],
}

impl ChunkHead {
    /// The bytes of `moof` and of the `mdat` header for `samples`, whose payloads follow in order.
    ///
    /// Lengths are those of a chunk the packager has bounded to a few MiB; sums saturate rather than wrap.
    pub fn write(&self, samples: &[Sample]) -> Bytes {
        fragment(self.sequence, &[TrackRun { track: TRACK_ID, decode_time: self.decode_time, samples }])
    }
}

/// The bytes of `moof` and of the `mdat` header for several tracks, whose payloads follow run by run: a traf with one
/// trun each (ISO/IEC 14496-12 §8.8.6). `sequence` counts up by one a fragment.
///
/// Lengths are those of a fragment bounded to some tens of MiB; sums saturate rather than wrap.
pub fn fragment(sequence: u32, runs: &[TrackRun<'_>]) -> Bytes {
    let trafs = runs.iter().map(|run| traf_len(run.samples)).fold(0, u32::saturating_add);
    let moof = [BOX, MFHD, trafs].into_iter().fold(0, u32::saturating_add);

    let mut out = BytesMut::with_capacity(moof.saturating_add(BOX) as usize);
    open(&mut out, moof, b"moof");
    open(&mut out, MFHD, b"mfhd");
    out.put_u32(0);
    out.put_u32(sequence);
    let mut offset = moof.saturating_add(BOX); // past the mdat header
    for run in runs {
        put_traf(&mut out, run, offset);
        offset = run.samples.iter().fold(offset, |at, sample| at.saturating_add(sample.size));
    }
    open(&mut out, offset.saturating_sub(moof), b"mdat");
    out.freeze()
}

fn trun_len(samples: &[Sample]) -> u32 {
    let flags = trun_flags(samples);
    let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    BOX.saturating_add(12)
        .saturating_add(if flags & TRUN_FIRST_FLAGS != 0 { 4 } else { 0 })
        .saturating_add(count.saturating_mul(sample_len(flags)))
}

fn traf_len(samples: &[Sample]) -> u32 {
    [BOX, TFHD, TFDT, trun_len(samples)].into_iter().fold(0, u32::saturating_add)
}

/// `offset` is where the run's first payload lies, from the first byte of `moof`.
fn put_traf(out: &mut BytesMut, run: &TrackRun<'_>, offset: u32) {
    let samples = run.samples;
    open(out, traf_len(samples), b"traf");
    put_tfhd(out, run.track, samples);
    open(out, TFDT, b"tfdt");
    out.put_u32(0x0100_0000);
    out.put_u64(run.decode_time);
    let flags = trun_flags(samples);
    open(out, trun_len(samples), b"trun");
    out.put_u32(0x0100_0000 | flags);
    out.put_u32(u32::try_from(samples.len()).unwrap_or(u32::MAX));
    out.put_u32(offset);
    if flags & TRUN_FIRST_FLAGS != 0 {
        out.put_u32(flags_of(samples.first()));
    }
    put_samples(out, samples, flags);
}

/// Defaults stand in every chunk, so that it can be read without trex (brand `cmf2`).
fn put_tfhd(out: &mut BytesMut, track: u32, samples: &[Sample]) {
    open(out, TFHD, b"tfhd");
    out.put_u32(TFHD_FLAGS);
    out.put_u32(track);
    out.put_u32(samples.first().map_or(0, |sample| sample.duration));
    out.put_u32(samples.first().map_or(0, |sample| sample.size));
    out.put_u32(default_flags(samples));
}

fn open(out: &mut BytesMut, len: u32, kind: &[u8; 4]) {
    out.put_u32(len);
    out.put_slice(kind);
}

fn flags_of(sample: Option<&Sample>) -> u32 {
    if sample.is_some_and(|sample| sample.sync) { FLAGS_SYNC } else { FLAGS_NON_SYNC }
}

/// The default: what the second sample is, for it is the first that may differ without a field of its own.
fn default_flags(samples: &[Sample]) -> u32 {
    flags_of(samples.get(1).or_else(|| samples.first()))
}

/// The shortest form that says everything: flags per sample only where one default and one exception
/// for the first sample are not enough; offsets only where one is not zero.
fn trun_flags(samples: &[Sample]) -> u32 {
    let mut flags = TRUN_DATA_OFFSET | TRUN_DURATION | TRUN_SIZE;
    let default = default_flags(samples);
    if samples.iter().skip(1).any(|sample| flags_of(Some(sample)) != default) {
        flags |= TRUN_FLAGS;
    } else if flags_of(samples.first()) != default {
        flags |= TRUN_FIRST_FLAGS;
    }
    if samples.iter().any(|sample| sample.offset != 0) {
        flags |= TRUN_OFFSETS;
    }
    flags
}

fn sample_len(flags: u32) -> u32 {
    [TRUN_DURATION, TRUN_SIZE, TRUN_FLAGS, TRUN_OFFSETS]
        .into_iter()
        .filter(|field| flags & field != 0)
        .count()
        .saturating_mul(4) as u32
}

fn put_samples(out: &mut BytesMut, samples: &[Sample], flags: u32) {
    for sample in samples {
        out.put_u32(sample.duration);
        out.put_u32(sample.size);
        if flags & TRUN_FLAGS != 0 {
            out.put_u32(if sample.sync { FLAGS_SYNC } else { FLAGS_NON_SYNC });
        }
        if flags & TRUN_OFFSETS != 0 {
            out.put_i32(sample.offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Decode as _, Moof};

    use super::*;

    fn sample(sync: bool, offset: i32) -> Sample {
        Sample { duration: 3_600, size: 10, offset, sync }
    }

    fn read(head: &Bytes) -> Moof {
        Moof::decode(&mut head.as_ref()).unwrap()
    }

    #[test]
    fn an_independent_reader_finds_every_field() {
        let samples = [sample(true, 0), sample(false, 7_200), sample(false, -3_600)];
        let head = ChunkHead { sequence: 9, decode_time: 1 << 33 }.write(&samples);
        let moof = read(&head);
        assert_eq!(moof.mfhd.sequence_number, 9);
        let traf = &moof.traf[0];
        assert!(traf.tfhd.default_base_is_moof);
        assert_eq!(traf.tfhd.default_sample_flags, Some(FLAGS_NON_SYNC));
        assert_eq!(traf.tfdt.as_ref().unwrap().base_media_decode_time, 1 << 33);
        let trun = &traf.trun[0];
        assert_eq!(trun.data_offset, Some(head.len() as i32));
        let offsets: Vec<_> = trun.samples.iter().map(|sample| sample.cts).collect();
        assert_eq!(offsets, [Some(0), Some(7_200), Some(-3_600)]);
        assert!(trun.samples.iter().all(|sample| sample.duration == Some(3_600) && sample.size == Some(10)));
        assert_eq!(trun.samples.iter().next().unwrap().flags, Some(FLAGS_SYNC));
        assert_eq!(&head[head.len() - 8..], [0, 0, 0, 38, b'm', b'd', b'a', b't']);
    }

    #[test]
    fn a_key_picture_in_mid_chunk_is_flagged_where_it_stands() {
        let samples = [sample(false, 0), sample(true, 0), sample(false, 0)];
        let head = ChunkHead { sequence: 0, decode_time: 0 }.write(&samples);
        let moof = read(&head);
        let flags: Vec<_> = moof.traf[0].trun[0].samples.iter().map(|sample| sample.flags).collect();
        assert_eq!(flags, [Some(FLAGS_NON_SYNC), Some(FLAGS_SYNC), Some(FLAGS_NON_SYNC)]);
    }

    #[test]
    fn the_runs_of_several_tracks_follow_each_other() {
        let (pictures, sound) = ([sample(true, 0), sample(false, -1)], [sample(true, 0); 3]);
        let runs = [
            TrackRun { track: 1, decode_time: 7, samples: &pictures },
            TrackRun { track: 2, decode_time: 9, samples: &sound },
        ];
        let head = fragment(4, &runs);
        let moof = read(&head);
        let told = |index: usize| {
            let traf = &moof.traf[index];
            let time = traf.tfdt.as_ref().unwrap().base_media_decode_time;
            (traf.tfhd.track_id, time, traf.trun[0].samples.iter().count(), traf.trun[0].data_offset.unwrap())
        };
        let start = head.len() as i32;
        assert_eq!([told(0), told(1)], [(1, 7, 2, start), (2, 9, 3, start + 20)]);
        assert_eq!(head[head.len() - 8..head.len() - 4], 58_u32.to_be_bytes());
    }

    #[test]
    fn sound_needs_neither_flags_nor_offsets_per_sample() {
        let samples = [sample(true, 0); 20];
        let head = ChunkHead { sequence: 0, decode_time: 0 }.write(&samples);
        assert_eq!(head.len(), 8 + 16 + 8 + 28 + 20 + 20 + 20 * 8 + 8);
        assert_eq!(read(&head).traf[0].tfhd.default_sample_flags, Some(FLAGS_SYNC));
    }
}
