//! What a reader of an endless file got, read back: whole units only, and beginning at a keyframe.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rillcast::flv::{File, PacketKind, Tag, TagKind};

use crate::demux::Ts;

/// A picture: its decode time in milliseconds, and whether it is a keyframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) time: i64,
    pub(crate) key: bool,
}

/// Reads `body` for `time`; whether it ended comes back with what there was, and whether well.
pub(crate) async fn read_for(body: &mut Incoming, time: Duration) -> (Bytes, Option<bool>) {
    let (mut bytes, deadline) = (BytesMut::new(), tokio::time::Instant::now() + time);
    loop {
        match tokio::time::timeout_at(deadline, body.frame()).await {
            Err(_) => return (bytes.freeze(), None),
            Ok(None) => return (bytes.freeze(), Some(true)),
            Ok(Some(Err(_))) => return (bytes.freeze(), Some(false)),
            Ok(Some(Ok(frame))) => bytes.extend_from_slice(&frame.into_data().unwrap()),
        }
    }
}

/// The pictures of a file of the kind `ending`; where it does not end in a whole unit, without the last.
pub(crate) fn pictures(ending: &str, bytes: &Bytes, whole: bool) -> Vec<Picture> {
    match ending {
        "flv" => flv(bytes, whole),
        "ts" => ts(bytes, whole),
        _ => mp4(bytes, whole),
    }
}

fn flv(bytes: &Bytes, whole: bool) -> Vec<Picture> {
    let mut pictures = Vec::new();
    for tag in File::open(bytes.clone()).unwrap() {
        let tag = match tag {
            Ok(tag) => tag,
            Err(error) => {
                assert!(!whole, "{error}");
                break;
            }
        };
        if tag.kind != TagKind::Video {
            continue;
        }
        let Tag::Video(packets) = Tag::parse(tag.kind, tag.body).unwrap() else { panic!("no pictures") };
        for packet in packets {
            if let PacketKind::Frames { key, .. } = packet.kind {
                pictures.push(Picture { time: i64::from(tag.time), key });
            }
        }
    }
    pictures
}

/// What a reader has missed is said in its packets.
fn ts(bytes: &Bytes, whole: bool) -> Vec<Picture> {
    let end = bytes.len() - bytes.len() % 188;
    assert!(!whole || bytes.len() == end, "{} bytes", bytes.len());
    let mut ts = if whole { Ts::read(bytes) } else { Ts::read_cut(&bytes[..end]) };
    let (_, video) = ts.streams.drain().find(|(_, stream)| stream.stream_type == 0x1B).unwrap();
    let pictures = video.units.into_iter();
    pictures.map(|unit| Picture { time: unit.dts / 90, key: unit.random_access }).collect()
}

/// The size and type of the box at the front of `bytes`.
fn front(bytes: &[u8]) -> Option<(usize, [u8; 4])> {
    let size = u32::from_be_bytes(bytes.get(..4)?.try_into().unwrap());
    Some((usize::try_from(size).unwrap(), bytes.get(4..8)?.try_into().unwrap()))
}

/// Boxes with their contents.
fn boxes(mut bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut boxes = Vec::new();
    while let Some((size, name)) = front(bytes).filter(|(size, _)| *size <= bytes.len()) {
        boxes.push((name, &bytes[8..size]));
        bytes = &bytes[size..];
    }
    boxes
}

/// Fragments as pictures: each begins at its first sample's time, and is key where that sample is.
fn mp4(bytes: &Bytes, whole: bool) -> Vec<Picture> {
    let all = boxes(bytes);
    let length: usize = all.iter().map(|(_, content)| content.len() + 8).sum();
    assert!(!whole || length == bytes.len(), "{} bytes are no box", bytes.len() - length);
    assert_eq!((&all[0].0, &all[1].0), (b"ftyp", b"moov"));
    let tracks = boxes(all[1].1);
    let scale = tracks.iter().filter(|(name, _)| name == b"trak").find_map(|(_, trak)| {
        let media = boxes(trak).into_iter().find(|(name, _)| name == b"mdia")?.1;
        let header = boxes(media).into_iter().find(|(name, _)| name == b"mdhd")?.1;
        let at = if header[0] == 1 { 20 } else { 12 };
        Some(i64::from(u32::from_be_bytes(header[at..at + 4].try_into().unwrap())))
    });
    let mut pictures = Vec::new();
    for pair in all[2..].chunks(2) {
        assert_eq!(&pair[0].0, b"moof");
        assert!(!whole || pair.len() == 2, "a fragment without its media");
        assert!(pair.len() < 2 || &pair[1].0 == b"mdat");
        let lead = boxes(pair[0].1).into_iter().find(|(name, _)| name == b"traf").unwrap().1;
        let child = |wanted: &[u8; 4]| boxes(lead).into_iter().find(|(name, _)| name == wanted).map(|b| b.1);
        let header = child(b"tfhd").unwrap();
        if header[4..8] != [0, 0, 0, 1] {
            continue;
        }
        let time = child(b"tfdt").unwrap();
        let time = i64::from_be_bytes(time[4..12].try_into().unwrap());
        pictures.push(Picture {
            time: time * 1_000 / scale.unwrap(),
            key: first_is_key(header, child(b"trun").unwrap()),
        });
    }
    pictures
}

/// Whether the first sample of a track run is one to begin at (ISO/IEC 14496-12 §8.8.8).
fn first_is_key(header: &[u8], run: &[u8]) -> bool {
    let said =
        |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) & 0x1_0000 == 0;
    let flags = u32::from_be_bytes(run[..4].try_into().unwrap());
    let mut at = 8 + if flags & 1 != 0 { 4 } else { 0 };
    if flags & 4 == 0 {
        at += [0x100, 0x200].iter().filter(|flag| flags & **flag != 0).count() * 4;
        if flags & 0x400 == 0 {
            let given = u32::from_be_bytes(header[..4].try_into().unwrap());
            assert!(given & 0x20 != 0, "samples say what they are");
            let before = [(1, 8), (2, 4), (8, 4), (0x10, 4)].iter().filter(|(flag, _)| given & flag != 0);
            return said(header, 8 + before.map(|(_, size)| size).sum::<usize>());
        }
    }
    said(run, at)
}

/// That `pictures` begin at a keyframe and go on without a hole of more than `most` milliseconds but before keyframes.
/// How many holes there are.
pub(crate) fn begins_anew_after_holes(pictures: &[Picture], most: i64) -> usize {
    assert!(pictures[0].key, "{:?}", &pictures[..3]);
    let mut holes = 0;
    for pair in pictures.windows(2) {
        assert!(pair[1].time >= pair[0].time, "back from {:?} to {:?}", pair[0], pair[1]);
        if pair[1].time - pair[0].time > most {
            assert!(pair[1].key, "after a hole from {:?} comes {:?}", pair[0], pair[1]);
            holes += 1;
        }
    }
    holes
}
