//! A small reader of FLV files with enhanced tags, written against the format and not against our reader: the ffprobe
//! that is at hand need not know them. AAC is read from legacy tags.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::fmp4::normal;
use crate::reference::{Packet, Track, hex};

/// The video and the audio track of `file`, which says nothing of the size of its pictures.
pub(crate) fn read(file: &Path, size: (u64, u64), pixel_aspect: &str) -> Vec<Track> {
    let empty = |video, base| Track {
        video,
        base,
        record: String::new(),
        size: if video { size } else { (0, 0) },
        pixel_aspect: if video { pixel_aspect.to_owned() } else { String::new() },
        packets: Vec::new(),
    };
    // Sound comes in whole AAC frames, which milliseconds can only round.
    let (mut video, mut audio) = (empty(true, (1, 1_000)), empty(false, (1, 48_000)));
    for (kind, time, body) in tags(&std::fs::read(file).unwrap()) {
        match kind {
            8 => sound(&mut audio, time, body),
            9 => picture(&mut video, time, body),
            _ => {}
        }
    }
    vec![video, audio]
}

/// Type, time in milliseconds and body of every tag of a file.
pub(crate) fn tags(file: &[u8]) -> Vec<(u8, i64, &[u8])> {
    assert_eq!(&file[..5], b"FLV\x01\x05");
    let number = |at: usize, len: usize| file[at..at + len].iter().fold(0, |n, b| n << 8 | i64::from(*b));
    let (mut tags, mut at) = (Vec::new(), 13);
    while at < file.len() {
        let len = number(at + 1, 3) as usize;
        let time = number(at + 7, 1) << 24 | number(at + 4, 3);
        tags.push((file[at], time, &file[at + 11..at + 11 + len]));
        at += len + 15;
    }
    tags
}

fn picture(track: &mut Track, time: i64, body: &[u8]) {
    let fourcc: &[u8; 4] = body[1..5].try_into().unwrap();
    assert_eq!(body[0] & 0x80, 0x80, "an enhanced tag");
    let timed = fourcc == b"hvc1";
    let (cts, payload) = match body[0] & 0x0F {
        0 => {
            track.record = hex(&Sha256::digest(normal(fourcc, &body[5..])));
            return;
        }
        1 if timed => (i64::from(i32::from_be_bytes([body[5], body[6], body[7], 0]) >> 8), &body[8..]),
        1 | 3 => (0, &body[5..]),
        _ => return,
    };
    // A sample has no temporal delimiter.
    let payload =
        if fourcc == b"av01" { payload.strip_prefix(&[0x12, 0]).unwrap_or(payload) } else { payload };
    let key = body[0] >> 4 & 0b111 == 1;
    track.packets.push(Packet { pts: time + cts, dts: time, key, hash: hex(&Sha256::digest(payload)) });
}

fn sound(track: &mut Track, time: i64, body: &[u8]) {
    assert_eq!(body[0] >> 4, 10, "AAC");
    if body[1] == 0 {
        track.record = hex(&Sha256::digest(&body[2..]));
    } else if body.len() > 2 {
        let dts =
            track.packets.first().map_or(time * 48, |first| first.dts) + 1_024 * track.packets.len() as i64;
        assert!((dts - time * 48).abs() <= 48, "a steady clock");
        track.packets.push(Packet { pts: dts, dts, key: true, hash: hex(&Sha256::digest(&body[2..])) });
    }
}
