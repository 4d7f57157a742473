//! A small reader of ISO base media files, written against the standard and not against our writer.

use sha2::{Digest, Sha256};

use crate::reference::hex;

/// What an init section says of its one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) timescale: i64,
    /// The sample entry's type.
    pub(crate) entry: String,
    /// SHA-256 of the configuration record as it would stand anywhere (see [`normal`]), or of the AudioSpecificConfig.
    pub(crate) record: String,
    /// SHA-256 of the configuration record as it stands here.
    pub(crate) raw: String,
    /// Size in the visual sample entry.
    pub(crate) size: Option<(u16, u16)>,
    pub(crate) pixel_aspect: Option<(u32, u32)>,
    /// Primaries, transfer and matrix.
    pub(crate) colour: Option<(u16, u16, u16)>,
    /// Duration, size and flags that trex gives to samples which have none of their own.
    defaults: [u32; 3],
}

/// One sample of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) dts: i64,
    pub(crate) cts: i64,
    pub(crate) duration: i64,
    pub(crate) key: bool,
    /// Whether it is the first of its part.
    pub(crate) leads: bool,
    pub(crate) hash: String,
}

/// The boxes in `bytes`: type, payload, and where the box starts.
fn boxes(bytes: &[u8]) -> Vec<([u8; 4], &[u8], usize)> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let size = u32_at(bytes, at) as usize;
        assert!(size >= 8 && at + size <= bytes.len(), "a box of {size} at {at} of {}", bytes.len());
        out.push((bytes[at + 4..at + 8].try_into().unwrap(), &bytes[at + 8..at + size], at));
        at += size;
    }
    out
}

fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    let found: Vec<_> = boxes(bytes).into_iter().filter(|(name, ..)| name == kind).collect();
    assert!(found.len() <= 1, "{} stands {} times", String::from_utf8_lossy(kind), found.len());
    found.first().map(|(_, payload, _)| *payload)
}

fn path<'a>(bytes: &'a [u8], kinds: &[&[u8; 4]]) -> &'a [u8] {
    kinds.iter().fold(bytes, |bytes, kind| find(bytes, kind).expect("the box is there"))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}

impl Init {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let moov = path(bytes, &[b"moov"]);
        let trak = path(moov, &[b"trak"]);
        assert!(find(trak, b"edts").is_none(), "cmf2 has no edit list");
        let mdhd = path(trak, &[b"mdia", b"mdhd"]);
        let timescale = if mdhd[0] == 1 { u32_at(mdhd, 20) } else { u32_at(mdhd, 12) };
        let trex = path(moov, &[b"mvex", b"trex"]);
        let entry = &path(trak, &[b"mdia", b"minf", b"stbl", b"stsd"])[8..];
        let (kind, entry, _) = boxes(entry)[0];
        let mut colour = None;
        let (record, size, pixel_aspect) = match &kind {
            b"avc1" | b"hvc1" | b"av01" | b"vp09" => {
                let inner = &entry[78..];
                colour = find(inner, b"colr").map(|colr| {
                    assert_eq!(&colr[..4], b"nclx");
                    (u16_at(colr, 4), u16_at(colr, 6), u16_at(colr, 8))
                });
                let name = match &kind {
                    b"avc1" => b"avcC",
                    b"hvc1" => b"hvcC",
                    b"av01" => b"av1C",
                    _ => b"vpcC",
                };
                let pasp = find(inner, b"pasp").map(|pasp| (u32_at(pasp, 0), u32_at(pasp, 4)));
                let size = (u16_at(entry, 24), u16_at(entry, 26));
                (path(inner, &[name]), Some(size), pasp)
            }
            b"mp4a" => (specific_config(path(&entry[28..], &[b"esds"])), None, None),
            b"Opus" => (path(&entry[28..], &[b"dOps"]), None, None),
            b"fLaC" => (path(&entry[28..], &[b"dfLa"]), None, None),
            b"ac-3" => (path(&entry[28..], &[b"dac3"]), None, None),
            b"ec-3" => (path(&entry[28..], &[b"dec3"]), None, None),
            other => panic!("unknown sample entry {}", String::from_utf8_lossy(other)),
        };
        Self {
            timescale: i64::from(timescale),
            entry: String::from_utf8_lossy(&kind).into_owned(),
            record: hex(&Sha256::digest(normal(&kind, record))),
            raw: hex(&Sha256::digest(record)),
            size,
            pixel_aspect,
            colour,
            defaults: [u32_at(trex, 12), u32_at(trex, 16), u32_at(trex, 20)],
        }
    }

    /// The samples of a part: one moof and one mdat, which holds nothing else.
    pub(crate) fn samples(&self, part: &[u8]) -> Vec<Sample> {
        let all = boxes(part);
        let media: Vec<_> = all.iter().filter(|(name, ..)| name == b"moof" || name == b"mdat").collect();
        assert_eq!(media.len(), 2, "a part is one chunk");
        let (moof, moof_at) = (media[0].1, media[0].2);
        let mdat = media[1].2 + 8..media[1].2 + 8 + media[1].1.len();
        let traf = path(moof, &[b"traf"]);
        let mut defaults = self.defaults;
        let tfhd = path(traf, &[b"tfhd"]);
        let flags = u32_at(tfhd, 0) & 0xFF_FFFF;
        assert_eq!(flags & 0x1, 0, "no base data offset");
        assert_ne!(flags & 0x02_0000, 0, "offsets count from the moof");
        let mut at = if flags & 0x2 != 0 { 12 } else { 8 };
        for (slot, bit) in [0x8, 0x10, 0x20].into_iter().enumerate() {
            if flags & bit != 0 {
                defaults[slot] = u32_at(tfhd, at);
                at += 4;
            }
        }
        let tfdt = path(traf, &[b"tfdt"]);
        let mut dts = if tfdt[0] == 1 { u64_at(tfdt, 4) as i64 } else { i64::from(u32_at(tfdt, 4)) };
        let trun = path(traf, &[b"trun"]);
        let flags = u32_at(trun, 0) & 0xFF_FFFF;
        assert_ne!(flags & 0x1, 0, "the data offset is given");
        let mut from = (moof_at as i64 + i64::from(u32_at(trun, 8) as i32)) as usize;
        assert_eq!(from, mdat.start);
        at = if flags & 0x4 != 0 { 16 } else { 12 };
        let first_flags = (flags & 0x4 != 0).then(|| u32_at(trun, 12));
        let mut out = Vec::new();
        for n in 0..u32_at(trun, 4) {
            let mut field = |bit: u32, default: u32| {
                if flags & bit == 0 {
                    return default;
                }
                at += 4;
                u32_at(trun, at - 4)
            };
            let duration = i64::from(field(0x100, defaults[0]));
            let size = field(0x200, defaults[1]) as usize;
            let own = field(0x400, first_flags.filter(|_| n == 0).unwrap_or(defaults[2]));
            let cts = i64::from(field(0x800, 0) as i32);
            let hash = hex(&Sha256::digest(&part[from..from + size]));
            let leads = n == 0;
            out.push(Sample { dts, cts, duration, key: own & 0x1_0000 == 0, leads, hash });
            dts += duration;
            from += size;
        }
        assert_eq!(from, mdat.end, "mdat holds the samples and nothing else");
        assert_eq!(at, trun.len(), "trun is as long as it says");
        out
    }
}

/// A record without what may differ from place to place: whether an hvcC's arrays are complete, and the version and
/// flags in front of a vpcC.
pub(crate) fn normal(kind: &[u8; 4], record: &[u8]) -> Vec<u8> {
    let mut out = record.to_vec();
    if kind == b"vp09" && record.starts_with(&[1, 0, 0, 0]) {
        out.drain(..4);
    }
    if kind == b"hvc1" {
        let mut at = 23;
        for _ in 0..record[22] {
            out[at] &= 0x7F;
            let count = u16_at(record, at + 1);
            at += 3;
            for _ in 0..count {
                at += 2 + usize::from(u16_at(record, at));
            }
        }
        assert_eq!(at, record.len());
    }
    out
}

/// The AudioSpecificConfig in an esds box: ES_Descriptor > DecoderConfigDescriptor > DecoderSpecificInfo.
fn specific_config(esds: &[u8]) -> &[u8] {
    let mut rest = &esds[4..];
    // MP3 has none.
    while !rest.is_empty() {
        let (tag, mut len, mut at) = (rest[0], 0, 1);
        loop {
            len = len << 7 | usize::from(rest[at] & 0x7F);
            at += 1;
            if rest[at - 1] & 0x80 == 0 {
                break;
            }
        }
        let body = &rest[at..at + len];
        rest = match tag {
            3 => &body[3..],
            4 => &body[13..],
            5 => return body,
            _ => &rest[at + len..],
        };
    }
    rest
}
