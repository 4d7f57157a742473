//! MP4 files: the sample tables of a movie, laid out as tracks (ISO/IEC 14496-12 §8).
//!
//! Table contents are decoded by `mp4-atom`. Nothing is allocated from a declared count: every sample
//! must be backed by bytes of the file, and those of one track together by no more than the file has.

use bytes::Bytes;
use mp4_atom::{Co64, Ctts, Elst, Hdlr, Mdhd, Mp4a, Mvhd, Stco, Stsc, Stss, Stsz, StszSamples, Stts, Tkhd};

use super::boxes::{self, Node};
use super::clip::{Coding, Edit, RawTrack, Sample};
use super::error::{ClipError, FourChars};
use super::fragments;
use crate::codec::opus;
use crate::media::{AudioCodec, Timescale, VideoCodec, rescale};

/// Samples of one track: nine hours at 120 frames a second.
pub(super) const MAX_SAMPLES: usize = 4_000_000;

/// The first video and the first audio track of `file`.
pub(super) fn read(file: &Bytes) -> Result<Vec<RawTrack>, ClipError> {
    let moov = boxes::find("file", file, b"moov")?.ok_or(ClipError::Missing("moov"))?;
    let mvhd: Mvhd = moov.need("mvhd", b"mvhd")?.decode("mvhd")?;
    let movie = Timescale::new(mvhd.timescale).ok_or(ClipError::damaged("mvhd", "its timescale is zero"))?;
    let mut tracks: Vec<RawTrack> = Vec::new();
    for node in boxes::walk("moov", moov.body) {
        let node = node?;
        if node.kind != *b"trak" {
            continue;
        }
        let Some(video) = is_video(&node)? else { continue };
        if tracks.iter().all(|track| track.coding.is_video() != video) {
            tracks.push(track(&node, video, movie, file)?);
        }
    }
    if let Some(mvex) = moov.find("moov", b"mvex")? {
        fragments::read(file, &mvex, &mut tracks)?;
    }
    Ok(tracks)
}

/// Whether the track is video (`true`) or audio (`false`); `None` for anything else.
fn is_video(trak: &Node<'_>) -> Result<Option<bool>, ClipError> {
    let hdlr: Hdlr = trak.need("mdia", b"mdia")?.need("hdlr", b"hdlr")?.decode("hdlr")?;
    Ok(match &<[u8; 4]>::from(hdlr.handler) {
        b"vide" => Some(true),
        b"soun" => Some(false),
        _ => None,
    })
}

fn track(trak: &Node<'_>, video: bool, movie: Timescale, file: &Bytes) -> Result<RawTrack, ClipError> {
    let tkhd: Tkhd = trak.need("tkhd", b"tkhd")?.decode("tkhd")?;
    let mdia = trak.need("mdia", b"mdia")?;
    let mdhd: Mdhd = mdia.need("mdhd", b"mdhd")?.decode("mdhd")?;
    let scale = Timescale::new(mdhd.timescale).ok_or(ClipError::damaged("mdhd", "its timescale is zero"))?;
    let stbl = mdia.need("minf", b"minf")?.need("stbl", b"stbl")?;
    let elst = match trak.find("trak", b"edts")? {
        Some(edts) => edts.find("edts", b"elst")?.map(|elst| elst.decode("elst")).transpose()?,
        None => None,
    };
    Ok(RawTrack {
        id: tkhd.track_id,
        index: 0,
        coding: coding(&stbl, video, file)?,
        scale,
        edit: elst.map_or_else(|| Ok(Edit::default()), |elst| edit(&elst, movie, scale))?,
        samples: Tables::read(&stbl)?.samples(file)?,
    })
}

/// The codec and its configuration record, from the first sample entry.
fn coding(stbl: &Node<'_>, video: bool, file: &Bytes) -> Result<Coding, ClipError> {
    let stsd = stbl.need("stsd", b"stsd")?;
    // A full box with a count of entries before the entries themselves.
    let entries = stsd.body.get(8..).ok_or(ClipError::damaged("stsd", "is cut short"))?;
    let entry = boxes::walk("stsd", entries).next().ok_or(ClipError::damaged("stsd", "has no entry"))??;
    match &entry.kind {
        b"avc1" | b"avc3" if video => record(&entry, VideoCodec::Avc, ("avcC", b"avcC"), file),
        b"hvc1" | b"hev1" if video => record(&entry, VideoCodec::Hevc, ("hvcC", b"hvcC"), file),
        b"av01" if video => record(&entry, VideoCodec::Av1, ("av1C", b"av1C"), file),
        b"vp09" if video => record(&entry, VideoCodec::Vp9, ("vpcC", b"vpcC"), file),
        b"mp4a" if !video => described(&entry),
        b"Opus" if !video => {
            let refused = |source| ClipError::Config { place: "dOps", source };
            let record = inside(&entry, "dOps", b"dOps")?;
            Coding::sound(AudioCodec::Opus, Some(opus::head(record.body).map_err(refused)?))
        }
        b"fLaC" if !video => {
            // Metadata blocks behind the version and flags of a full box.
            let blocks = inside(&entry, "dfLa", b"dfLa")?.body.get(4..);
            let blocks = blocks.ok_or(ClipError::damaged("dfLa", "is cut short"))?;
            Coding::sound(AudioCodec::Flac, Some(file.slice_ref(blocks)))
        }
        // What their boxes say, every frame says too.
        b"ac-3" if !video => Coding::sound(AudioCodec::Ac3, None),
        b"ec-3" if !video => Coding::sound(AudioCodec::Eac3, None),
        b".mp3" if !video => Coding::sound(AudioCodec::Mp3, None),
        _ => Err(ClipError::Codec { place: "stsd", codec: FourChars(entry.kind) }),
    }
}

/// Sound that an elementary stream descriptor tells the codec of (ISO/IEC 14496-14 §5.6).
fn described(entry: &Node<'_>) -> Result<Coding, ClipError> {
    let mp4a: Mp4a = entry.decode("mp4a")?;
    let config = mp4a.esds.es_desc.dec_config;
    // Object types (MP4RA): AAC of MPEG-4 and of MPEG-2, and MP3 of MPEG-2 and of MPEG-1.
    match config.object_type_indication {
        0x40 | 0x66..=0x68 => {
            let specific = config.dec_specific.ok_or(ClipError::Missing("esds decoder configuration"))?;
            Coding::sound(AudioCodec::Aac, Some(Bytes::from(specific.raw)))
        }
        0x69 | 0x6B => Coding::sound(AudioCodec::Mp3, None),
        _ => Err(ClipError::Codec { place: "esds", codec: FourChars(entry.kind) }),
    }
}

/// A box in an audio sample entry, behind its fixed fields (§12.2.3).
fn inside<'a>(entry: &Node<'a>, name: &'static str, kind: &[u8; 4]) -> Result<Node<'a>, ClipError> {
    let inner = entry.body.get(28..).ok_or(ClipError::damaged("audio sample entry", "is cut short"))?;
    boxes::find("audio sample entry", inner, kind)?.ok_or(ClipError::Missing(name))
}

/// The configuration record in a visual sample entry.
fn record(
    entry: &Node<'_>,
    codec: VideoCodec,
    (name, kind): (&'static str, &[u8; 4]),
    file: &Bytes,
) -> Result<Coding, ClipError> {
    // The fixed fields (§12.1.3) come before the boxes.
    let inner = entry.body.get(78..).ok_or(ClipError::damaged("video sample entry", "is cut short"))?;
    let record = boxes::find("video sample entry", inner, kind)?.ok_or(ClipError::Missing(name))?;
    Ok(Coding::Video(codec, file.slice_ref(record.body)))
}

/// What the edit list says (§8.6.6): empty edits delay the track, then one edit shows a span of it.
fn edit(elst: &Elst, movie: Timescale, scale: Timescale) -> Result<Edit, ClipError> {
    let mut edit = Edit::default();
    let mut shown = false;
    for entry in &elst.entries {
        let span = i64::try_from(entry.segment_duration).unwrap_or(i64::MAX);
        let span = rescale(span, movie, scale);
        match entry.media_time {
            None if shown => {}
            None => edit.delay = edit.delay.saturating_add(span),
            Some(_) if shown => {
                return Err(ClipError::damaged(
                    "elst",
                    "shows more than one span, which cannot be published",
                ));
            }
            Some(start) => {
                shown = true;
                edit.start =
                    i64::try_from(start).map_err(|_| ClipError::damaged("elst", "starts too late"))?;
                // Zero means to the end, where fragments follow.
                edit.length = (span > 0).then_some(span);
            }
        }
    }
    Ok(edit)
}

/// The sample table of one track.
struct Tables {
    stts: Stts,
    ctts: Ctts,
    stss: Option<Stss>,
    stsc: Stsc,
    stsz: Stsz,
    chunks: Vec<u64>,
}

impl Tables {
    fn read(stbl: &Node<'_>) -> Result<Self, ClipError> {
        let chunks = match stbl.find("stbl", b"co64")? {
            Some(co64) => co64.decode::<Co64>("co64")?.entries,
            None => {
                let stco: Stco = stbl.need("stco", b"stco")?.decode("stco")?;
                stco.entries.into_iter().map(u64::from).collect()
            }
        };
        let ctts = stbl.find("stbl", b"ctts")?.map(|ctts| ctts.decode("ctts")).transpose()?;
        Ok(Self {
            stts: stbl.need("stts", b"stts")?.decode("stts")?,
            ctts: ctts.unwrap_or_default(),
            stss: stbl.find("stbl", b"stss")?.map(|stss| stss.decode("stss")).transpose()?,
            stsc: stbl.need("stsc", b"stsc")?.decode("stsc")?,
            stsz: stbl.need("stsz", b"stsz")?.decode("stsz")?,
            chunks,
        })
    }

    fn samples(&self, file: &Bytes) -> Result<Vec<Sample>, ClipError> {
        let mut samples = Vec::new();
        let mut bytes = 0_usize;
        let mut dts = 0_i64;
        let mut durations =
            runs(self.stts.entries.iter().map(|e| (e.sample_count, i64::from(e.sample_delta))));
        let mut offsets = runs(self.ctts.entries.iter().map(|e| (e.sample_count, e.sample_offset)));
        let mut keys = self.stss.as_ref().map(|stss| stss.entries.iter().copied().peekable());
        let mut places = self.places();
        for (number, size) in (1_u32..).zip(self.sizes()) {
            let at = places
                .next(size)
                .ok_or(ClipError::damaged("stsc", "has no place for every sample of stsz"))?;
            let size = size as usize;
            bytes = bytes.saturating_add(size);
            if samples.len() >= MAX_SAMPLES || bytes > file.len() {
                return Err(ClipError::damaged("stsz", "has more samples than the file can hold"));
            }
            let duration =
                durations.next().ok_or(ClipError::damaged("stts", "has fewer samples than stsz"))?;
            let key = match &mut keys {
                // No table: every sample is a sync sample (§8.6.2).
                None => true,
                Some(keys) => {
                    while keys.next_if(|&key| key < number).is_some() {}
                    keys.next_if_eq(&number).is_some()
                }
            };
            let cts = offsets.next().unwrap_or(0);
            let payload =
                slice(file, at, size).ok_or(ClipError::damaged("stco", "points past the end of the file"))?;
            if !payload.is_empty() {
                samples.push(Sample { dts, cts, duration, key, payload });
            }
            dts = dts.saturating_add(duration);
        }
        Ok(samples)
    }

    fn sizes(&self) -> impl Iterator<Item = u32> {
        let (same, each) = match &self.stsz.samples {
            StszSamples::Identical { count, size } => (std::iter::repeat_n(*size, *count as usize), &[][..]),
            StszSamples::Different { sizes } => (std::iter::repeat_n(0, 0), sizes.as_slice()),
        };
        same.chain(each.iter().copied())
    }

    fn places(&self) -> Places<'_> {
        Places { tables: self, chunk: 0, left: 0, at: 0, run: 0 }
    }
}

/// Walks the chunks (§8.7.4): where each sample lies in the file.
struct Places<'a> {
    tables: &'a Tables,
    /// Chunks begun.
    chunk: u32,
    /// Samples left in the chunk.
    left: u32,
    /// Offset of its next sample.
    at: u64,
    /// The entry of stsc that holds.
    run: usize,
}

impl Places<'_> {
    /// The offset of the next sample, which is `size` bytes long.
    fn next(&mut self, size: u32) -> Option<u64> {
        while self.left == 0 {
            self.at = *self.tables.chunks.get(self.chunk as usize)?;
            self.chunk = self.chunk.checked_add(1)?;
            let entries = &self.tables.stsc.entries;
            let following = self.run.saturating_add(1);
            if entries.get(following).is_some_and(|entry| entry.first_chunk <= self.chunk) {
                self.run = following;
            }
            self.left = entries.get(self.run)?.samples_per_chunk;
        }
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        self.at = at.checked_add(u64::from(size))?;
        Some(at)
    }
}

/// Run lengths as single values.
fn runs(entries: impl Iterator<Item = (u32, i64)>) -> impl Iterator<Item = i64> {
    entries.flat_map(|(count, value)| std::iter::repeat_n(value, count as usize))
}

/// `size` bytes of the file from `at`, shared.
pub(super) fn slice(file: &Bytes, at: u64, size: usize) -> Option<Bytes> {
    let start = usize::try_from(at).ok()?;
    let end = start.checked_add(size)?;
    (end <= file.len()).then(|| file.slice(start..end))
}

#[cfg(test)]
mod tests {
    use mp4_atom::{ElstEntry, StscEntry, SttsEntry};

    use super::*;

    fn entry(segment_duration: u64, media_time: Option<u64>) -> ElstEntry {
        ElstEntry { segment_duration, media_time, media_rate: 1.into() }
    }

    #[test]
    fn an_edit_list_delays_then_shows_one_span() {
        let (movie, scale) = (Timescale::MILLIS, Timescale::VIDEO);
        let read = |entries| edit(&Elst { entries }, movie, scale);
        let simple = read(vec![entry(1_000, Some(3_000))]).unwrap();
        assert_eq!(simple, Edit { start: 3_000, delay: 0, length: Some(90_000) });
        let delayed = read(vec![entry(40, None), entry(0, Some(0))]).unwrap();
        assert_eq!(delayed, Edit { start: 0, delay: 3_600, length: None });
        let error = read(vec![entry(1, Some(0)), entry(1, Some(9))]).unwrap_err();
        assert!(error.to_string().starts_with("elst: shows more than one span"), "{error}");
    }

    #[test]
    fn chunks_are_walked_as_their_runs_say() {
        let run = |first_chunk, samples_per_chunk| StscEntry {
            first_chunk,
            samples_per_chunk,
            sample_description_index: 1,
        };
        let tables = Tables {
            stts: Stts { entries: vec![SttsEntry { sample_count: 6, sample_delta: 5 }] },
            ctts: Ctts::default(),
            stss: Some(Stss { entries: vec![1, 5] }),
            stsc: Stsc { entries: vec![run(1, 2), run(3, 1)] },
            stsz: Stsz { samples: StszSamples::Different { sizes: vec![1, 2, 3, 0, 4, 5] } },
            chunks: vec![100, 50, 0, 20],
        };
        let file = Bytes::from((0..200).collect::<Vec<u8>>());
        let samples = tables.samples(&file).unwrap();
        let seen: Vec<_> = samples.iter().map(|s| (s.payload[0], s.payload.len(), s.dts, s.key)).collect();
        // The fourth is empty and left out; time goes on.
        assert_eq!(
            seen,
            [(100, 1, 0, true), (101, 2, 5, false), (50, 3, 10, false), (0, 4, 20, true), (20, 5, 25, false)]
        );
        let short = Tables { chunks: vec![100, 50], ..tables };
        assert_eq!(
            short.samples(&file).unwrap_err().to_string(),
            "stsc: has no place for every sample of stsz"
        );
    }
}
