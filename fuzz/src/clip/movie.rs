//! MP4: a movie by steps, and a plain reader of tables and fragments by the letter of ISO/IEC 14496-12.

mod plain;

use crate::steps::Steps;
use crate::timeline::AVCC;

pub(super) use self::plain::plain;

/// An elementary stream descriptor of AAC-LC, 48 kHz (ISO/IEC 14496-1 §7.2.6).
const ESDS: [u8; 31] = [
    0, 0, 0, 0, 3, 25, 0, 2, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90, 6, 1, 2,
];
const SCALES: [u32; 4] = [90_000, 48_000, 1_000, 1];

fn atom(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

fn full(kind: &[u8; 4], version: u8, flags: u32, body: &[u8]) -> Vec<u8> {
    atom(kind, &[&(u32::from(version) << 24 | flags).to_be_bytes()[..], body].concat())
}

fn words(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A table's entries behind their count.
fn counted(count: usize, body: &[u8]) -> Vec<u8> {
    [&(count as u32).to_be_bytes()[..], body].concat()
}

/// A track to be written.
struct Track {
    kind: u8,
    scale: u32,
    edit: Option<(i32, u32)>,
    samples: Vec<Sample>,
    /// How many samples are in each chunk.
    chunks: Vec<u32>,
}

struct Sample {
    size: u32,
    lasts: u32,
    offset: i32,
    key: bool,
}

impl Track {
    fn read(steps: &mut Steps<'_>) -> Self {
        let how = steps.byte();
        let mut track = Self {
            kind: how & 3,
            scale: SCALES[usize::from(how >> 2 & 3)],
            edit: (how & 16 != 0).then(|| (i32::from(steps.short() as i16), steps.number() >> 12)),
            samples: Vec::new(),
            chunks: vec![0],
        };
        for _ in 0..steps.byte() & 63 {
            let step = steps.byte();
            let size = 1 + u32::from(step & 15) * if step & 16 != 0 { 9 } else { 1 };
            let offset = if how & 32 != 0 { i32::from(steps.byte() as i8) * 8 } else { 0 };
            if step & 64 != 0 {
                track.chunks.push(0);
            }
            *track.chunks.last_mut().expect("one at least") += 1;
            let lasts = if step & 128 != 0 { 1 + (steps.number() >> 16) } else { track.scale / 25 + 1 };
            track.samples.push(Sample { size, lasts, offset, key: step & 32 != 0 });
        }
        track.chunks.retain(|count| *count > 0);
        track
    }

    fn is_video(&self) -> bool {
        self.kind & 1 == 0
    }

    fn bytes(&self) -> u32 {
        self.samples.iter().map(|sample| sample.size).sum()
    }

    fn entry(&self) -> Vec<u8> {
        let head = [0_u8, 0, 0, 0, 0, 0, 0, 1];
        let heard = [0, 2, 0, 16, 0, 0, 0, 0, 0xBB, 0x80, 0, 0];
        match self.kind {
            1 => atom(b"mp4a", &[&head[..], &[0; 8], &heard, &atom(b"esds", &ESDS)].concat()),
            3 => {
                let record = atom(b"dOps", &[0, 2, 1, 0x38, 0, 0, 0xBB, 0x80, 0, 0, 0]);
                atom(b"Opus", &[&head[..], &[0; 8], &heard, &record].concat())
            }
            _ => {
                let size = [5, 0, 2, 0xD0, 0, 0x48, 0, 0, 0, 0x48, 0, 0, 0, 0, 0, 0, 0, 1];
                let fields = [&head[..], &[0; 16], &size, &[0; 32], &[0, 0x18, 0xFF, 0xFF]];
                atom(b"avc1", &[&fields.concat(), &atom(b"avcC", AVCC)[..]].concat())
            }
        }
    }

    /// Its tables, where its chunks lie at `places`; empty ones where fragments have its samples.
    fn tables(&self, places: &[u64], how: u8) -> Vec<u8> {
        let fragmented = how & 2 != 0;
        let samples: &[_] = if fragmented { &[] } else { &self.samples };
        let count = samples.len();
        let times: Vec<_> = samples.iter().flat_map(|sample| [1, sample.lasts]).collect();
        let chunks = self.chunks.iter().zip(1..).take(places.len());
        let runs: Vec<_> = chunks.flat_map(|(count, n)| [n, *count, 1]).collect();
        let sizes: Vec<_> = samples.iter().map(|sample| sample.size).collect();
        let same = sizes.first().filter(|first| sizes.iter().all(|size| size == *first));
        let sizes = match same {
            Some(size) => vec![*size, count as u32],
            None => [&[0, count as u32][..], &sizes].concat(),
        };
        let near: Vec<_> = places.iter().map(|at| *at as u32).collect();
        let far: Vec<_> = places.iter().flat_map(|at| at.to_be_bytes()).collect();
        let mut tables = vec![
            full(b"stsd", 0, 0, &counted(1, &self.entry())),
            full(b"stts", 0, 0, &counted(count, &words(&times))),
            full(b"stsc", 0, 0, &counted(places.len(), &words(&runs))),
            full(b"stsz", 0, 0, &words(&sizes)),
            match how & 4 {
                0 => full(b"stco", 0, 0, &counted(near.len(), &words(&near))),
                _ => full(b"co64", 0, 0, &counted(places.len(), &far)),
            },
        ];
        if samples.iter().any(|sample| sample.offset != 0) {
            let signed = samples.iter().any(|sample| sample.offset < 0);
            let offsets: Vec<_> = samples.iter().flat_map(|sample| [1, sample.offset as u32]).collect();
            tables.push(full(b"ctts", u8::from(signed), 0, &counted(count, &words(&offsets))));
        }
        if self.is_video() && how & 8 == 0 {
            let keys: Vec<_> = (1..).zip(samples).filter(|(_, sample)| sample.key).map(|(n, _)| n).collect();
            tables.push(full(b"stss", 0, 0, &counted(keys.len(), &words(&keys))));
        }
        atom(b"stbl", &tables.concat())
    }

    fn trak(&self, id: u32, places: &[u64], how: u8) -> Vec<u8> {
        let tkhd = full(b"tkhd", 0, 3, &[words(&[0, 0, id, 0, 0]), vec![0; 60]].concat());
        let mdhd = full(b"mdhd", 0, 0, &[words(&[0, 0, self.scale, 0]), vec![0x55, 0xC4, 0, 0]].concat());
        let handler = if self.is_video() { b"vide" } else { b"soun" };
        let hdlr = full(b"hdlr", 0, 0, &[&[0; 4][..], handler, &[0; 13]].concat());
        let edit = self.edit.map_or_else(Vec::new, |(start, lasts)| {
            let delay = if start < 0 { vec![start.unsigned_abs(), u32::MAX, 0x1_0000] } else { Vec::new() };
            let all = [delay, vec![lasts, start.max(0) as u32, 0x1_0000]].concat();
            atom(b"edts", &full(b"elst", 0, 0, &counted(all.len() / 3, &words(&all))))
        });
        let minf = atom(b"minf", &self.tables(places, how));
        let mdia = atom(b"mdia", &[mdhd, hdlr, minf].concat());
        atom(b"trak", &[tkhd, edit, mdia].concat())
    }

    /// All of it as one fragment whose data begin `at` bytes behind the beginning of the moof.
    fn traf(&self, id: u32, at: u32, how: u8) -> Vec<u8> {
        let flags = |key| if key { 0x0200_0000 } else { 0x0101_0000 };
        let entries = self
            .samples
            .iter()
            .flat_map(|sample| [sample.lasts, sample.size, flags(sample.key), sample.offset as u32]);
        let entries: Vec<_> = entries.collect();
        let trun = [words(&[self.samples.len() as u32, at]), words(&entries)].concat();
        let tfdt = if how & 16 != 0 { full(b"tfdt", 1, 0, &words(&[0, 0])) } else { Vec::new() };
        let tfhd = full(b"tfhd", 0, 0x2_0000, &words(&[id]));
        // The same bytes over and over again.
        let times = if how & 32 == 0 { 1 } else { 1 + usize::from(how >> 6) * 8 };
        atom(b"traf", &[tfhd, tfdt, full(b"trun", 1, 0xF01, &trun).repeat(times)].concat())
    }
}

/// A movie of up to three tracks, in tables or in fragments.
pub(super) fn built(how: u8, steps: &mut Steps<'_>) -> Vec<u8> {
    let tracks: Vec<_> = (0..1 + steps.byte() % 3).map(|_| Track::read(steps)).collect();
    let ftyp = atom(b"ftyp", b"isom\0\0\0\0isom");
    let mvhd = full(b"mvhd", 0, 0, &[words(&[0, 0, 1_000, 0]), vec![0; 76], words(&[9])].concat());
    let data: u32 = tracks.iter().map(Track::bytes).sum();
    let mdat = atom(b"mdat", &(0..data).map(|n| n as u8 ^ (n >> 8) as u8).collect::<Vec<_>>());
    let numbered = || (1..).zip(&tracks);
    if how & 2 != 0 {
        let traks: Vec<_> = numbered().flat_map(|(id, track)| track.trak(id, &[], how)).collect();
        let trex: Vec<_> =
            numbered().flat_map(|(id, _)| full(b"trex", 0, 0, &words(&[id, 1, 0, 0, 0]))).collect();
        let moov = atom(b"moov", &[mvhd, traks, atom(b"mvex", &trex)].concat());
        let moof = |mut at: u32| {
            let mut all = full(b"mfhd", 0, 0, &words(&[1]));
            for (id, track) in numbered() {
                all.extend(track.traf(id, at, how));
                at += track.bytes();
            }
            atom(b"moof", &all)
        };
        let base = moof(0).len() as u32 + 8;
        return [ftyp, moov, moof(base), mdat].concat();
    }
    // How long the tables are does not depend on where things lie.
    let movie = |mut at: u64| {
        let mut all = mvhd.clone();
        for (id, track) in numbered() {
            let (mut samples, mut places) = (track.samples.iter(), Vec::new());
            for count in &track.chunks {
                places.push(at);
                at +=
                    samples.by_ref().take(*count as usize).map(|sample| u64::from(sample.size)).sum::<u64>();
            }
            all.extend(track.trak(id, &places, how));
        }
        atom(b"moov", &all)
    };
    if how & 16 == 0 {
        let base = ftyp.len() + movie(0).len() + 8;
        [ftyp, movie(base as u64), mdat].concat()
    } else {
        let base = ftyp.len() as u64 + 8;
        [ftyp, mdat, movie(base)].concat()
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let picture = [0x24_u8, 9, 0xA5, 0, 4, 0, 3, 7, 5, 9, 0x46, 2, 1, 0, 3, 0, 0x50, 9, 9];
    let sound = [0x05_u8, 8, 3, 0x13, 4, 5, 0x41, 3, 8, 1];
    let edited = [0x10_u8, 0, 40, 0, 0x10, 0, 0, 6, 0x21, 3, 3, 0x21, 3, 3, 3];
    let of = |how: u8, tracks: &[&[u8]]| [&[how, tracks.len() as u8 - 1][..], &tracks.concat()].concat();
    vec![
        of(0, &[&picture, &sound]),
        of(2, &[&picture, &sound]),
        of(2 | 32 | 64 | 128, &[&picture, &sound]),
        of(4 | 16, &[&edited, &sound]),
        of(2 | 16, &[&sound, &edited]),
        of(8, &[&[0x07, 6, 3, 3, 3, 3, 3, 3]]),
    ]
}
