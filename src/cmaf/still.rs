//! A still: one key picture of a chunk as a file of its own.

use bytes::Bytes;
use mp4_atom::{Decode as _, Moof};

use super::chunk::{ChunkHead, Sample};
use crate::base::Rope;

/// sample_is_non_sync_sample (14496-12 §8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// The last key picture of `chunk` (moof, mdat header and samples, as [`ChunkHead`] begins it) as a fragmented
/// file that starts at 0: `init`, a head of its own, and the picture's bytes, shared with the chunk.
///
/// `None` when no key picture is in it.
pub fn still(init: &Bytes, chunk: &Rope) -> Option<Rope> {
    let head = chunk.runs().first()?;
    let (start, sample) = last_key(head)?;
    let end = start.checked_add(u64::from(sample.size))?;
    let mut file = Rope::with_capacity(3);
    file.push(init.clone());
    file.push(ChunkHead { sequence: 1, decode_time: 0 }.write(&[Sample { offset: 0, ..sample }]));
    file.append(&chunk.slice(start..end));
    (end <= chunk.len()).then_some(file)
}

/// Where in its chunk the last key picture starts, and what its head says of it.
fn last_key(head: &Bytes) -> Option<(u64, Sample)> {
    let moof = Moof::decode(&mut head.as_ref()).ok()?;
    let traf = moof.traf.first()?;
    let run = traf.trun.first()?;
    let mut at = u64::try_from(run.data_offset?).ok()?;
    let mut found = None;
    for entry in run.samples.iter() {
        let size = entry.size.or(traf.tfhd.default_sample_size)?;
        let flags = entry.flags.or(traf.tfhd.default_sample_flags)?;
        if flags & NON_SYNC == 0 {
            let duration = entry.duration.or(traf.tfhd.default_sample_duration)?;
            found = Some((at, Sample { duration, size, offset: 0, sync: true }));
        }
        at = at.checked_add(u64::from(size))?;
    }
    found
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;

    fn chunk(frames: &[(u8, u32, bool)]) -> Rope {
        let sample =
            |&(_, size, sync): &(u8, u32, bool)| Sample { duration: 3_000, size, offset: 6_000, sync };
        let samples: Vec<Sample> = frames.iter().map(sample).collect();
        let mut chunk = Rope::default();
        chunk.push(ChunkHead { sequence: 7, decode_time: 90_000 }.write(&samples));
        for (fill, size, _) in frames {
            chunk.push(Bytes::from(vec![*fill; *size as usize]));
        }
        chunk
    }

    #[test]
    fn the_newest_key_picture_is_taken_wherever_it_stands() {
        let init = Bytes::from_static(b"init");
        for (frames, fill, size) in [
            (&[(1, 50, true), (2, 5, false), (3, 6, false)][..], 1, 50),
            (&[(1, 50, false), (2, 40, true), (3, 6, false)], 2, 40),
            (&[(1, 50, true), (2, 5, false), (3, 60, true)], 3, 60),
            (&[(9, 8, true)], 9, 8),
        ] {
            let chunk = chunk(frames);
            let still = still(&init, &chunk).unwrap();
            let [first, head, picture] = still.runs() else { panic!("{still:?}") };
            assert_eq!(first, &init);
            assert_eq!(picture, &Bytes::from(vec![fill; size]));
            let moof = Moof::decode(&mut head.as_ref()).unwrap();
            let traf = &moof.traf[0];
            assert_eq!(traf.tfdt.as_ref().unwrap().base_media_decode_time, 0);
            let samples: Vec<_> = traf.trun[0].samples.iter().collect();
            assert_eq!((samples.len(), samples[0].size, samples[0].cts), (1, Some(size as u32), None));
            assert_eq!(traf.trun[0].data_offset, Some(head.len() as i32));
        }
    }

    #[test]
    fn the_picture_is_shared_not_copied() {
        let chunk = chunk(&[(1, 50, true), (2, 5, false)]);
        let still = still(&Bytes::from_static(b"init"), &chunk).unwrap();
        assert_eq!(still.runs()[2].as_ptr(), chunk.runs()[1].as_ptr());
    }

    #[test]
    fn a_chunk_without_a_key_picture_or_without_its_bytes_gives_none() {
        let init = Bytes::from_static(b"init");
        assert!(still(&init, &chunk(&[(1, 50, false), (2, 5, false)])).is_none());
        assert!(still(&init, &Rope::default()).is_none());
        assert!(still(&init, &Bytes::from_static(b"no box at all").into()).is_none());
        let whole = chunk(&[(1, 50, true)]);
        assert!(still(&init, &whole.slice(0..whole.len() - 1)).is_none());
    }
}
