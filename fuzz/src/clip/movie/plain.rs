//! A plain reader of movies: everything is looked up where it stands, nothing is kept.

use std::collections::BTreeMap;

use super::super::plain::{Plain, Sample};

/// A box: its type, where it begins in the file, where its body does, and where it ends.
#[derive(Clone, Copy)]
struct Node {
    kind: [u8; 4],
    at: usize,
    body: usize,
    end: usize,
}

/// A file.
#[derive(Clone, Copy)]
struct Movie<'a>(&'a [u8]);

struct Track {
    id: u32,
    plain: Plain,
}

/// The first track of pictures and the first of sound; `None` where a plain reader gives up.
pub(in super::super) fn plain(file: &[u8]) -> Option<Vec<Plain>> {
    let movie = Movie(file);
    let top = movie.nodes(0, file.len())?;
    let moov = *top.iter().find(|node| &node.kind == b"moov")?;
    let mut tracks: Vec<Track> = Vec::new();
    for trak in movie.all(moov, b"trak")? {
        let hdlr = movie.below(trak, &[b"mdia", b"hdlr"])?;
        let sound = match file.get(hdlr.body + 8..hdlr.body + 12)? {
            b"vide" => false,
            b"soun" => true,
            _ => continue,
        };
        if tracks.iter().any(|track| track.plain.sound == sound) {
            continue;
        }
        // In version 1 two fields before it are twice as long.
        let field = |node: Node| {
            let (words, version) = movie.table(node)?;
            words.get(if version >> 24 == 0 { 2 } else { 4 }).copied()
        };
        let id = field(movie.below(trak, &[b"tkhd"])?)?;
        let scale = Some(field(movie.below(trak, &[b"mdia", b"mdhd"])?)?);
        let samples = movie.samples(movie.below(trak, &[b"mdia", b"minf", b"stbl"])?, sound)?;
        let edited = movie.below(trak, &[b"edts"]).is_some();
        tracks.push(Track { id, plain: Plain { sound, index: 0, scale, edited, samples } });
    }
    if let Some(mvex) = movie.below(moov, &[b"mvex"]) {
        let mut defaults = BTreeMap::new();
        for trex in movie.all(mvex, b"trex")? {
            let (words, _) = movie.table(trex)?;
            defaults.entry(*words.first()?).or_insert([*words.get(2)?, *words.get(3)?, *words.get(4)?]);
        }
        for moof in top.iter().filter(|node| &node.kind == b"moof") {
            let mut end = moof.at as u64;
            for traf in movie.all(*moof, b"traf")? {
                end = movie.fragment(moof.at as u64, traf, end, &defaults, &mut tracks)?;
            }
        }
    }
    tracks.iter_mut().for_each(|track| track.plain.samples.retain(|sample| sample.size > 0));
    Some(tracks.into_iter().map(|track| track.plain).collect())
}

impl Movie<'_> {
    /// The boxes from `at` to `end`.
    fn nodes(self, mut at: usize, end: usize) -> Option<Vec<Node>> {
        let mut all = Vec::new();
        while end - at >= 8 {
            let (size, head) = match self.word(at, end)? {
                0 => ((end - at) as u64, 8),
                1 => (u64::from(self.word(at + 8, end)?) << 32 | u64::from(self.word(at + 12, end)?), 16),
                size => (u64::from(size), 8),
            };
            let size = usize::try_from(size).ok().filter(|size| *size >= head && *size <= end - at)?;
            let kind = self.0[at + 4..at + 8].try_into().ok()?;
            all.push(Node { kind, at, body: at + head, end: at + size });
            at += size;
        }
        Some(all)
    }

    fn word(self, at: usize, end: usize) -> Option<u32> {
        let four = self.0.get(at..at + 4).filter(|_| at + 4 <= end)?;
        Some(u32::from_be_bytes(four.try_into().ok()?))
    }

    fn all(self, node: Node, kind: &[u8; 4]) -> Option<Vec<Node>> {
        Some(self.nodes(node.body, node.end)?.into_iter().filter(|inner| inner.kind == *kind).collect())
    }

    /// The box at `path` below `node`, the first of its kind each time.
    fn below(self, node: Node, path: &[&[u8; 4]]) -> Option<Node> {
        path.iter().try_fold(node, |node, kind| self.all(node, kind)?.first().copied())
    }

    /// The words of a full box, and before them its version and flags.
    fn table(self, node: Node) -> Option<(Vec<u32>, u32)> {
        let flags = self.word(node.body, node.end)?;
        let words = (node.body + 4..node.end).step_by(4).map_while(|at| self.word(at, node.end));
        Some((words.collect(), flags))
    }

    /// The entries of a table of so many words each, and its version.
    fn counted(self, stbl: Node, kind: &[u8; 4], each: usize) -> Option<(Vec<u32>, u32)> {
        let (words, flags) = self.table(self.below(stbl, &[kind])?)?;
        let count = *words.first()? as usize;
        Some((words.get(1..1 + count.checked_mul(each)?)?.to_vec(), flags >> 24))
    }

    fn samples(self, stbl: Node, sound: bool) -> Option<Vec<Sample>> {
        let (stsz, _) = self.table(self.below(stbl, &[b"stsz"])?)?;
        let (size, count) = (*stsz.first()?, *stsz.get(1)? as usize);
        // Those without a byte need a size each.
        if count > self.0.len() {
            return None;
        }
        let sizes = if size > 0 { vec![size; count] } else { stsz.get(2..2 + count)?.to_vec() };
        let times = runs(&self.counted(stbl, b"stts", 2)?.0, count);
        let (offsets, version) = match self.below(stbl, &[b"ctts"]) {
            Some(_) => self.counted(stbl, b"ctts", 2)?,
            None => Default::default(),
        };
        let offsets = runs(&offsets, count);
        let keys = match self.below(stbl, &[b"stss"]) {
            Some(_) => Some(self.counted(stbl, b"stss", 1)?.0),
            None => None,
        };
        // What is not in order has no meaning; and all of sound can be decoded from.
        if keys.as_ref().is_some_and(|keys| !keys.is_sorted() || sound) {
            return None;
        }
        let places = self.places(stbl, &sizes)?;
        let (mut dts, mut all) = (0_i128, Vec::new());
        for (n, size) in sizes.into_iter().enumerate() {
            let (at, size) = (usize::try_from(*places.get(n)?).ok()?, size as usize);
            self.0.get(at..at.checked_add(size)?)?;
            let duration = i128::from(*times.get(n)?);
            let cts = offsets.get(n).copied().unwrap_or(0);
            let cts = if version == 1 { i128::from(cts as i32) } else { cts.into() };
            let key = keys.as_ref().is_none_or(|keys| keys.contains(&(n as u32 + 1)));
            all.push(Sample { at, size, dts, cts, duration: Some(duration), key });
            dts += duration;
        }
        Some(all)
    }

    /// Where each sample lies.
    fn places(self, stbl: Node, sizes: &[u32]) -> Option<Vec<u64>> {
        let far = |two: &[u32]| u64::from(two[0]) << 32 | u64::from(two[1]);
        let chunks: Vec<u64> = match self.below(stbl, &[b"co64"]) {
            Some(_) => self.counted(stbl, b"co64", 2)?.0.chunks(2).map(far).collect(),
            None => self.counted(stbl, b"stco", 1)?.0.into_iter().map(u64::from).collect(),
        };
        let (stsc, _) = self.counted(stbl, b"stsc", 3)?;
        let runs: Vec<_> = stsc.chunks(3).map(|run| (run[0], run[1])).collect();
        let ordered = runs.windows(2).all(|two| two[0].0 < two[1].0);
        if runs.first().is_some_and(|first| first.0 != 1) || !ordered {
            return None;
        }
        let mut places = Vec::new();
        for (n, chunk) in (1_u32..).zip(&chunks) {
            let each = runs.iter().rev().find(|(first, _)| *first <= n).map_or(0, |(_, each)| *each);
            let mut at = *chunk;
            for _ in 0..(each as usize).min(sizes.len() - places.len()) {
                places.push(at);
                at = at.checked_add(u64::from(sizes[places.len() - 1]))?;
            }
        }
        Some(places)
    }

    /// Appends what a track fragment has to its track; answers where its data end.
    fn fragment(
        self,
        moof: u64,
        traf: Node,
        before: u64,
        defaults: &BTreeMap<u32, [u32; 3]>,
        tracks: &mut [Track],
    ) -> Option<u64> {
        let (tfhd, flags) = self.table(self.below(traf, &[b"tfhd"])?)?;
        let id = *tfhd.first()?;
        let base = match flags & 0x2_0001 {
            0 => before,
            0x2_0000 => moof,
            _ => u64::from(*tfhd.get(1)?) << 32 | u64::from(*tfhd.get(2)?),
        };
        let mut fields = tfhd.iter().copied().skip(if flags & 1 != 0 { 3 } else { 1 });
        let mut take = |bit: u32| Some(if flags & bit != 0 { Some(fields.next()?) } else { None });
        let (_, lasts, size, said) = (take(2)?, take(8)?, take(0x10)?, take(0x20)?);
        let own = defaults.get(&id).copied().unwrap_or([0; 3]);
        let own = [lasts.unwrap_or(own[0]), size.unwrap_or(own[1]), said.unwrap_or(own[2])];
        let Some(track) = tracks.iter_mut().find(|track| track.id == id) else { return Some(base) };
        let last = track.plain.samples.last();
        let mut dts = match self.below(traf, &[b"tfdt"]) {
            Some(tfdt) => {
                let (words, flags) = self.table(tfdt)?;
                let first = i128::from(*words.first()?);
                let said = if flags >> 24 == 0 { first } else { first << 32 | i128::from(*words.get(1)?) };
                // Times that are sent never fall.
                last.map_or(said, |last| said.max(last.dts))
            }
            None => last.map_or(0, |last| last.dts + last.duration.unwrap_or(0)),
        };
        let mut at = base;
        for trun in self.all(traf, b"trun")? {
            self.run(trun, own, base, &mut at, &mut dts, &mut track.plain)?;
        }
        Some(at)
    }

    fn run(
        self,
        trun: Node,
        own: [u32; 3],
        base: u64,
        at: &mut u64,
        dts: &mut i128,
        track: &mut Plain,
    ) -> Option<()> {
        let (words, flags) = self.table(trun)?;
        let (signed, mut words) = (flags >> 24 == 1, words.into_iter());
        let count = words.next()? as usize;
        // Flags of the first and of each may not both be there (§8.8.8.1); no sample is without a byte.
        if flags & 0x404 == 0x404 || count > self.0.len() {
            return None;
        }
        if flags & 1 != 0 {
            *at = base.checked_add_signed(i64::from(words.next()? as i32))?;
        }
        let mut first = if flags & 4 != 0 { Some(words.next()?) } else { None };
        for _ in 0..count {
            let mut take = |bit: u32| Some(if flags & bit != 0 { Some(words.next()?) } else { None });
            let (lasts, size) = (take(0x100)?.unwrap_or(own[0]), take(0x200)?.unwrap_or(own[1]) as usize);
            let said = take(0x400)?.or(first.take()).unwrap_or(own[2]);
            let cts = take(0x800)?.map_or(0, |cts| if signed { i128::from(cts as i32) } else { cts.into() });
            let place = usize::try_from(*at).ok()?;
            self.0.get(place..place.checked_add(size)?)?;
            let key = track.sound || said & 0x1_0000 == 0;
            let duration = Some(lasts.into());
            track.samples.push(Sample { at: place, size, dts: *dts, cts, duration, key });
            *dts += i128::from(lasts);
            *at += size as u64;
        }
        Some(())
    }
}

/// Values behind how often each holds, up to so many.
fn runs(words: &[u32], most: usize) -> Vec<u32> {
    let mut all = Vec::new();
    for run in words.chunks(2) {
        all.extend(std::iter::repeat_n(run[1], (run[0] as usize).min(most - all.len())));
    }
    all
}
