//! Movie fragments: the samples that moof boxes add to a movie's tracks (ISO/IEC 14496-12 §8.8).

use bytes::Bytes;
use mp4_atom::{Tfdt, Tfhd, Trex, Trun, TrunEntry};

use super::boxes::{self, Node};
use super::clip::{RawTrack, Sample};
use super::error::ClipError;
use super::mp4::{MAX_SAMPLES, slice};

/// `sample_is_non_sync_sample` in sample flags (§8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// A track that fragments add to, and the bytes of its samples so far.
struct Growing<'a> {
    track: &'a mut RawTrack,
    bytes: usize,
}

impl<'a> Growing<'a> {
    fn of(track: &'a mut RawTrack) -> Self {
        let bytes = track.samples.iter().map(|sample| sample.payload.len()).sum();
        Self { track, bytes }
    }
}

/// Appends the fragments' samples to `tracks`.
pub(super) fn read(file: &Bytes, mvex: &Node<'_>, tracks: &mut [RawTrack]) -> Result<(), ClipError> {
    let mut defaults = Vec::new();
    for node in boxes::walk("mvex", mvex.body) {
        let node = node?;
        if node.kind == *b"trex" {
            defaults.push(node.decode::<Trex>("trex")?);
        }
    }
    let mut tracks: Vec<_> = tracks.iter_mut().map(Growing::of).collect();
    for moof in boxes::walk("file", file) {
        let moof = moof?;
        if moof.kind != *b"moof" {
            continue;
        }
        let mut end = moof.at as u64;
        for traf in boxes::walk("moof", moof.body) {
            let traf = traf?;
            if traf.kind == *b"traf" {
                end = run(file, &moof, &traf, end, &defaults, &mut tracks)?;
            }
        }
    }
    Ok(())
}

/// Reads one track fragment; answers where its data end, which is where the next one's may begin.
fn run(
    file: &Bytes,
    moof: &Node<'_>,
    traf: &Node<'_>,
    previous_end: u64,
    defaults: &[Trex],
    tracks: &mut [Growing<'_>],
) -> Result<u64, ClipError> {
    let tfhd: Tfhd = traf.need("tfhd", b"tfhd")?.decode("tfhd")?;
    let trex = defaults.iter().find(|trex| trex.track_id == tfhd.track_id).cloned().unwrap_or_default();
    // §8.8.7.1: an explicit base, else the moof, else the end of the data of the track before.
    let base = match (tfhd.base_data_offset, tfhd.default_base_is_moof) {
        (Some(base), _) => base,
        (None, true) => moof.at as u64,
        (None, false) => previous_end,
    };
    let Some(growing) = tracks.iter_mut().find(|growing| growing.track.id == tfhd.track_id) else {
        return Ok(base);
    };
    let defaults = TrunEntry {
        duration: Some(tfhd.default_sample_duration.unwrap_or(trex.default_sample_duration)),
        size: Some(tfhd.default_sample_size.unwrap_or(trex.default_sample_size)),
        flags: Some(tfhd.default_sample_flags.unwrap_or(trex.default_sample_flags)),
        cts: None,
    };
    let last = growing.track.samples.last();
    let mut dts = match traf.find("traf", b"tfdt")? {
        Some(tfdt) => {
            let time = i64::try_from(tfdt.decode::<Tfdt>("tfdt")?.base_media_decode_time);
            let time = time.map_err(|_| ClipError::damaged("tfdt", "is too late"))?;
            // A time that steps back cannot be sent: the sample follows the one before it at once.
            last.map_or(time, |last| time.max(last.dts))
        }
        None => last.map_or(0, |last| last.dts.saturating_add(last.duration)),
    };
    let mut at = base;
    for node in boxes::walk("traf", traf.body) {
        let node = node?;
        if node.kind == *b"trun" {
            let trun: Trun = node.decode("trun")?;
            if let Some(offset) = trun.data_offset {
                at = base
                    .checked_add_signed(i64::from(offset))
                    .ok_or(ClipError::damaged("trun", "its data offset lies outside the file"))?;
            }
            samples(file, &trun, &defaults, growing, &mut dts, &mut at)?;
        }
    }
    Ok(at)
}

/// Appends the samples of one run, the first of which is decoded at `dts` and lies at `at`.
fn samples(
    file: &Bytes,
    trun: &Trun,
    defaults: &TrunEntry,
    growing: &mut Growing<'_>,
    dts: &mut i64,
    at: &mut u64,
) -> Result<(), ClipError> {
    let Growing { track, bytes } = growing;
    let audio = !track.coding.is_video();
    for entry in trun.samples.iter() {
        let size = entry.size.or(defaults.size).unwrap_or(0);
        let duration = i64::from(entry.duration.or(defaults.duration).unwrap_or(0));
        let flags = entry.flags.or(defaults.flags).unwrap_or(0);
        let payload = slice(file, *at, size as usize)
            .ok_or(ClipError::damaged("trun", "points past the end of the file"))?;
        // Empty samples would let a run be as long as its count says, with nothing behind it; and runs that have the
        // same bytes, as many times as there is room for a run.
        *bytes = bytes.saturating_add(payload.len());
        if track.samples.len() >= MAX_SAMPLES || payload.is_empty() || *bytes > file.len() {
            return Err(ClipError::damaged("trun", "has more samples than the file can hold"));
        }
        let key = audio || flags & NON_SYNC == 0;
        track.samples.push(Sample { dts: *dts, cts: entry.cts.unwrap_or(0), duration, key, payload });
        *dts = dts.saturating_add(duration);
        *at = at.saturating_add(u64::from(size));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use mp4_atom::{Encode as _, TrunSamples};

    use super::*;
    use crate::media::{AudioCodec, Timescale};
    use crate::push::clip::{Coding, Edit};

    fn sound() -> RawTrack {
        let coding = Coding::sound(AudioCodec::Mp3, None).unwrap();
        let (scale, edit) = (Timescale::MILLIS, Edit::default());
        RawTrack { id: 1, index: 0, coding, scale, edit, samples: Vec::new() }
    }

    /// A fragment of one sample, at a time if it says one.
    fn traf(time: Option<u64>) -> Vec<u8> {
        let mut body = Vec::new();
        let (size, duration) = (Some(1), Some(10));
        let tfhd = Tfhd {
            track_id: 1,
            default_base_is_moof: true,
            default_sample_size: size,
            default_sample_duration: duration,
            ..Tfhd::default()
        };
        tfhd.encode(&mut body).unwrap();
        time.into_iter().for_each(|time| Tfdt { base_media_decode_time: time }.encode(&mut body).unwrap());
        let samples = TrunSamples::Inherited { count: 1, first_flags: None };
        Trun { data_offset: Some(0), samples }.encode(&mut body).unwrap();
        [&(body.len() as u32 + 8).to_be_bytes()[..], b"traf", &body].concat()
    }

    #[test]
    fn a_fragment_that_says_an_earlier_time_follows_at_once() {
        let (mut track, file) = (sound(), Bytes::from_static(&[7; 20]));
        let moof = Node { kind: *b"moof", at: 0, whole: &file, body: &file };
        let mut growing = [Growing::of(&mut track)];
        for time in [Some(1_000), Some(400), None, Some(2_000)] {
            let bytes = traf(time);
            let node = boxes::walk("moof", &bytes).next().unwrap().unwrap();
            run(&file, &moof, &node, 0, &[], &mut growing).unwrap();
        }
        let times: Vec<_> = track.samples.iter().map(|sample| sample.dts).collect();
        assert_eq!(times, [1_000, 1_000, 1_010, 2_000]);
    }

    #[test]
    fn runs_that_have_the_same_bytes_have_no_more_than_the_file() {
        let mut track = sound();
        let file = Bytes::from_static(&[7; 20]);
        let trun =
            Trun { data_offset: Some(0), samples: TrunSamples::Inherited { count: 8, first_flags: None } };
        let defaults = TrunEntry { size: Some(2), ..TrunEntry::default() };
        let mut growing = Growing::of(&mut track);
        let mut read = || samples(&file, &trun, &defaults, &mut growing, &mut 0, &mut 0);
        read().unwrap();
        assert_eq!(read().unwrap_err().to_string(), "trun: has more samples than the file can hold");
    }
}
