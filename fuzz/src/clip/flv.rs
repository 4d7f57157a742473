//! FLV: a file by steps, and a plain walk over tags.

use std::collections::BTreeMap;

use super::plain::{Plain, Sample};
use crate::steps::Steps;
use crate::timeline::AVCC;

/// What a tag begins with: H.264 and AAC as they always were, MP3, and H.264, AAC and Opus behind a FourCC.
const HEADS: [&[u8]; 8] = [
    &[0x17, 1, 0, 0, 0],
    &[0x27, 1, 0, 0, 0],
    &[0xAF, 1],
    &[0x2F],
    &[0xA3, b'a', b'v', b'c', b'1'],
    &[0x91, b'm', b'p', b'4', b'a'],
    &[0x91, b'O', b'p', b'u', b's'],
    &[0x91, b'a', b'v', b'c', b'1', 0, 0, 0],
];

/// A file of tags: each is of a kind, a time after the one before it, and has a length.
pub(super) fn built(steps: &mut Steps<'_>) -> Vec<u8> {
    let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
    let how = steps.byte();
    let mut time = if how & 1 == 0 { 0 } else { steps.number() };
    if how & 2 == 0 {
        tag(&mut file, 9, time, &[&[0x17, 0, 0, 0, 0], AVCC].concat());
    }
    if how & 4 == 0 {
        tag(&mut file, 8, time, &[0xAF, 0, 0x11, 0x90]);
    }
    for _ in 0..=steps.byte() {
        let step = steps.byte();
        time = match step >> 5 {
            0 => time,
            7 => steps.number(),
            wait => time.wrapping_add(u32::from(wait) * 20).wrapping_add(u32::from(step >> 4 & 1)),
        };
        match step & 15 {
            kind @ 0..8 => {
                let mut body = HEADS[usize::from(kind)].to_vec();
                let length = steps.byte();
                if kind < 2 && length & 0x80 != 0 {
                    body[2..5].copy_from_slice(&steps.number().to_be_bytes()[1..]);
                }
                body.extend((0..length & 0x7F).map(|n| n ^ step));
                tag(&mut file, if matches!(kind, 0 | 1 | 4 | 7) { 9 } else { 8 }, time, &body);
            }
            // A cue, and whatever else there may be.
            8 => tag(&mut file, 18, time, b"\x02\0\x0AonCuePoint\x05"),
            9 => tag(&mut file, 18, time, steps.body()),
            10 => tag(&mut file, 8, time, steps.body()),
            11 => tag(&mut file, 9, time, steps.body()),
            12 => tag(&mut file, steps.byte(), time, &[]),
            _ => {}
        }
        if steps.is_empty() || file.len() > 6_000 {
            break;
        }
    }
    file
}

fn tag(file: &mut Vec<u8>, kind: u8, time: u32, body: &[u8]) {
    let [high, times @ ..] = time.to_be_bytes();
    let length = body.len() as u32;
    file.push(kind);
    file.extend(&length.to_be_bytes()[1..]);
    file.extend(times);
    file.extend([high, 0, 0, 0]);
    file.extend(body);
    file.extend((11 + length).to_be_bytes());
}

/// What the tags hold by the letter of FLV 10.1 annex E; `None` where there is more in them than is known here.
pub(super) fn plain(file: &[u8]) -> Option<Vec<Plain>> {
    let size = u32::from_be_bytes(file.get(5..9)?.try_into().ok()?);
    let mut at = (size as usize).max(9).checked_add(4)?;
    let mut clocks = [None::<i128>; 2];
    let mut tracks = BTreeMap::<bool, Vec<Sample>>::new();
    while let Some(head) = file.get(at..at + 11) {
        let length = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
        let time = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
        let (body_at, kind) = (at + 11, head[0]);
        let Some(body) = file.get(body_at..body_at + length) else { break };
        at = body_at + length + 4;
        let sound = match kind & 0x1F {
            _ if kind & 0x20 != 0 => return None,
            8 => true,
            9 => false,
            _ => continue,
        };
        let (skip, frame, key, cts) = if sound { sound_of(body)? } else { picture_of(body)? };
        if frame && body.len() <= skip {
            continue;
        }
        let clock = &mut clocks[usize::from(sound)];
        let now = match *clock {
            None => i128::from(time),
            Some(last) => {
                let step = time.wrapping_sub(last as u32) as i32;
                // Whether that is forwards or back is anybody's guess.
                if step == i32::MIN {
                    return None;
                }
                last + i128::from(step)
            }
        };
        *clock = Some(now);
        if frame {
            let samples = tracks.entry(sound).or_default();
            let dts = samples.last().map_or(now, |last| now.max(last.dts));
            let (at, size) = (body_at + skip, body.len() - skip);
            samples.push(Sample { at, size, dts, cts, duration: None, key });
        }
    }
    let track = |(sound, samples)| Plain { sound, index: 0, scale: None, edited: false, samples };
    Some(tracks.into_iter().map(track).collect())
}

/// How much stands before what it holds, whether that is a frame, whether of key, and its composition time.
type Told = (usize, bool, bool, i128);

fn sound_of(body: &[u8]) -> Option<Told> {
    let first = *body.first()?;
    match (first >> 4, first & 15) {
        (10, _) => Some((2, *body.get(1)? == 1, true, 0)),
        (2 | 14, _) => Some((1, true, true, 0)),
        (9, packet @ 0..=4) if body.len() >= 5 => Some((5, packet == 1, true, 0)),
        _ => None,
    }
}

fn picture_of(body: &[u8]) -> Option<Told> {
    let first = *body.first()?;
    let key = match first >> 4 & 7 {
        1 | 4 => true,
        5 => return None,
        _ => false,
    };
    let offset = |at: usize| {
        let three = body.get(at..at + 3)?;
        Some(i128::from(i32::from_be_bytes([three[0], three[1], three[2], 0]) >> 8))
    };
    if first & 0x80 == 0 {
        let frame = (first & 15 == 7).then(|| body.get(1).map(|kind| *kind == 1))??;
        return Some((5, frame, key, if frame { offset(2)? } else { 0 }));
    }
    let timed = matches!(body.get(1..5)?, b"avc1" | b"hvc1" | b"vvc1");
    match first & 15 {
        1 if timed => Some((8, true, key, offset(5)?)),
        1 | 3 => Some((5, true, key, 0)),
        0 | 2 | 4 => Some((5, false, key, 0)),
        _ => None,
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let some: Vec<u8> =
        [&[0x40_u8, 9][..], &[0x02, 20], &[0x51, 0x88, 0, 0, 0, 40], &[0x32, 30], &[0x48], &[0x41, 3]]
            .concat();
    let steps = |how: &[u8], more: &[u8]| [&[1_u8][..], how, &[11], &some, more, &some].concat();
    vec![
        steps(&[0], &[]),
        steps(&[1, 0xFF, 0xFF, 0xFF, 0xF0], &[0x24, 7, 0x26, 8]),
        steps(&[4], &[0x43, 9, 0x43, 9]),
    ]
}
