//! FLV and RTMP: the same bodies as the tags of a file, and as messages in chunks.

use rillcast::flv::{File, Metadata, PacketKind, Tag, TagKind};
use rillcast::live::Entry as _;
use rillcast::media::{AudioCodec, CodecConfig, RtmpLimits, Track, VideoCodec};
use rillcast::progressive::Format;
use rillcast::rtmp::chunk::{PLAY_CHUNK, PLAY_STREAM, Reader};

use super::source::{Epoch, Given};
use super::{made, scaled, sent};

/// A tag or message: its type, time and body.
pub(super) type Said = (u8, u32, Vec<u8>);

/// What is said, in order, where everything fits; each frame's body is what a plain reader of FLV 10.1 annex E and of
/// Enhanced RTMP expects, and what our own reader makes of it.
pub(super) fn judge(format: Format, epochs: &[Epoch]) -> Option<Vec<Said>> {
    let made = made(format, epochs, |_| true)?;
    assert_eq!(made.unfit, 0);
    let there = &epochs[..made.begins.len()];
    let count = there.iter().map(|epoch| epoch.frames.len()).sum::<usize>();
    assert_eq!(made.chunks.len(), count, "one chunk a frame");
    let said = read(format, &sent(&[&made.chunks]));
    let mut rest = said.iter();
    for (n, epoch) in there.iter().enumerate().filter(|(_, epoch)| !epoch.frames.is_empty()) {
        // Headers come before the first frame under them, and at its time but for who has just come.
        let first = there[..n].iter().all(|epoch| epoch.frames.is_empty());
        let time = rest.as_slice().first().map_or(0, |(_, time, _)| *time);
        assert!(!first || time == 0);
        begins(&mut rest, epoch, time);
        for given in &epoch.frames {
            let track = epoch.tracks.iter().find(|track| track.id == given.frame.track);
            frame(rest.next().expect("a tag of each frame"), track.expect("its track"), given);
        }
    }
    assert!(rest.next().is_none(), "nothing else is said");
    // One can join at each key frame of what leads.
    let chunks = &made.chunks;
    for start in (0..chunks.len()).filter(|n| chunks[*n].start()).take(3) {
        let joined = read(format, &sent(&[&chunks[start..]]));
        let last = said.last().expect("a frame at least");
        assert_eq!(joined.last(), Some(last));
        assert!(joined.len() <= said.len() + 3);
    }
    Some(said)
}

fn read(format: Format, bytes: &[u8]) -> Vec<Said> {
    if bytes.is_empty() {
        return Vec::new();
    }
    match format {
        Format::Flv => tags(bytes),
        _ => messages(bytes),
    }
}

/// The tags of a file, walked by hand, and by our own reader.
fn tags(bytes: &[u8]) -> Vec<Said> {
    let (header, mut rest) = bytes.split_at(13);
    assert_eq!((&header[..4], &header[5..]), (&b"FLV\x01"[..], &[0, 0, 0, 9, 0, 0, 0, 0][..]));
    let mut said = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_be_bytes([0, rest[1], rest[2], rest[3]]);
        let time = u32::from_be_bytes([rest[7], rest[4], rest[5], rest[6]]);
        assert_eq!(rest[8..11], [0; 3]);
        let (tag, after) = rest.split_at(11 + length as usize);
        assert_eq!(after[..4], (length + 11).to_be_bytes(), "the size of the tag before");
        let promised = [(8, 4), (9, 1)].into_iter().find(|(kind, _)| *kind == tag[0]);
        assert!(promised.is_none_or(|(_, bit)| header[4] & bit != 0), "what comes was promised");
        said.push((tag[0], time, tag[11..].to_vec()));
        rest = &after[4..];
    }
    let own = File::open(bytes.to_vec().into()).expect("a file").map(|tag| {
        let tag = tag.expect("a tag");
        (tag.kind.id(), tag.time, tag.body.to_vec())
    });
    assert!(own.eq(said.iter().cloned()), "read by our own reader");
    said
}

fn messages(mut bytes: &[u8]) -> Vec<Said> {
    let limits = RtmpLimits::default();
    let mut reader = Reader::new(&limits);
    reader.trust(&limits);
    reader.set_chunk_size(PLAY_CHUNK).expect("a size there can be");
    let mut said = Vec::new();
    while let Some(message) = reader.next(&mut bytes).expect("what was written can be read") {
        assert_eq!(message.stream, PLAY_STREAM);
        said.push((message.kind, message.timestamp, message.payload.to_vec()));
    }
    assert!(bytes.is_empty() && reader.reserved() == 0, "nothing is left over");
    said
}

/// What describes the stream, and a sequence header of each track that has one.
fn begins(said: &mut std::slice::Iter<'_, Said>, epoch: &Epoch, at: u32) {
    let (18, time, body) = said.next().expect("metadata") else { panic!("no metadata") };
    let told = Metadata::parse(body, &RtmpLimits::default()).expect("metadata").expect("metadata");
    let has =
        |video| Some(epoch.tracks.iter().any(|track| matches!(track.config, CodecConfig::Video(_)) == video));
    assert_eq!((told.video, told.audio, *time), (has(true), has(false), at));
    for track in &epoch.tracks {
        let expected = match &track.config {
            CodecConfig::Video(video) => {
                let head: &[u8] = match video.codec {
                    VideoCodec::Avc => &[0x17, 0, 0, 0, 0],
                    VideoCodec::Hevc => b"\x90hvc1",
                    _ => b"\x90vp09",
                };
                (9, at, [head, &video.record].concat())
            }
            CodecConfig::Audio(audio) => match audio.codec {
                AudioCodec::Mp3 => continue,
                AudioCodec::Aac => (8, at, [&[0xAF, 0][..], &audio.record].concat()),
                AudioCodec::Opus => (8, at, b"\x90OpusOpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0".to_vec()),
                _ => (8, at, b"\x90ac-3".to_vec()),
            },
        };
        assert_eq!(said.next(), Some(&expected));
    }
}

/// A frame as its tag.
fn frame(said: &Said, track: &Track, given: &Given) {
    let frame = &given.frame;
    let millis = |ticks: i64| scaled(ticks, frame.dts.scale.per_second(), 1_000);
    let dts = millis(frame.dts.value);
    let cts = (millis(frame.dts.value + frame.cts) - dts).clamp(-0x80_0000, 0x7F_FFFF);
    let offset = &(cts as i32).to_be_bytes()[1..];
    let key = if frame.key { 0x10 } else { 0x20 };
    let (kind, head) = match &track.config {
        CodecConfig::Video(video) => match video.codec {
            VideoCodec::Avc => (9, [&[key | 7, 1][..], offset].concat()),
            // The short form where there is nothing between decoding and showing it.
            VideoCodec::Hevc if cts == 0 => (9, [&[0x80 | key | 3][..], b"hvc1"].concat()),
            VideoCodec::Hevc => (9, [&[0x80 | key | 1][..], b"hvc1", offset].concat()),
            _ => (9, [&[0x80 | key | 1][..], b"vp09"].concat()),
        },
        CodecConfig::Audio(audio) => match audio.codec {
            AudioCodec::Aac => (8, vec![0xAF, 1]),
            AudioCodec::Mp3 => (8, vec![0x2F]),
            AudioCodec::Opus => (8, b"\x91Opus".to_vec()),
            _ => (8, b"\x91ac-3".to_vec()),
        },
    };
    let expected = (kind, dts as u32, [&head, &frame.payload[..]].concat());
    let shape = |said: &Said| (said.0, said.1, said.2[..said.2.len().min(10)].to_vec(), said.2.len());
    assert!(*said == expected, "{:?}, and not {:?}", shape(said), shape(&expected));
    if frame.payload.is_empty() {
        return;
    }
    let kind = TagKind::from_id(kind).expect("a type of tag");
    let (Ok(Tag::Video(packets)) | Ok(Tag::Audio(packets))) = Tag::parse(kind, said.2.clone().into()) else {
        panic!("no tag that we would read")
    };
    let packet = packets.into_iter().next().expect("a packet").kind;
    let PacketKind::Frames { key, payload, .. } = packet else { panic!("no frame") };
    assert_eq!((key, payload), (frame.key, frame.payload.clone()));
}
