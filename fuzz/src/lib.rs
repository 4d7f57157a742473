//! What the fuzz targets do with their input. Each must end soon, in the same words for the same bytes, and never by a
//! panic; what is taken must be fit to be packaged.

mod admin;
mod chunks;
mod clip;
mod cmaf;
mod config;
mod endless;
mod handover;
mod heap;
mod hls_query;
mod http;
mod http2;
mod http_head;
mod judge;
mod nal;
mod playlist;
mod round_trip;
mod script;
mod session;
mod steps;
mod timeline;

use bytes::Bytes;
use rillcast::codec::{self, Sound, Video};
use rillcast::flv::{Packet, PacketKind, Tag, TagKind};
use rillcast::media::{AudioCodec, CodecConfig, CodecLimits, Track, TrackId, VideoCodec};
use rillcast::{cmaf as boxes, flv};

pub use self::admin::admin;
pub use self::chunks::chunks;
pub use self::clip::clip;
pub use self::cmaf::cmaf;
pub use self::config::config;
pub use self::endless::{endless, ts};
pub use self::handover::handover;
pub use self::heap::Heap;
pub use self::hls_query::hls_query;
pub use self::http_head::http_head;
pub use self::http2::http2;
pub use self::nal::nal;
pub use self::playlist::playlist;
pub use self::round_trip::chunk_roundtrip;
pub use self::script::{amf0, bpm, colour_info};
pub use self::session::session;
pub use self::timeline::timeline;

/// A file of a corpus: its target and its bytes.
pub type Seed = (&'static str, Vec<u8>);

/// A video codec: a configuration record behind its length (16 bits), and a frame after it, twice.
pub fn video(codec: VideoCodec, data: &[u8]) {
    let Some((record, frame)) = halves(data) else { return };
    let limits = CodecLimits::default();
    let Ok(mut video) = Video::parse(codec, record, &limits) else { return };
    described(&video);
    for declared in [false, true] {
        if let Ok(picture) = video.take(frame.clone(), declared, &limits) {
            assert!(picture.payload.len() <= frame.len());
            assert!(!picture.reconfigured || video.config().is_some());
        }
        described(&video);
    }
}

fn described(video: &Video) {
    let Some(config) = video.config() else { return };
    assert!(config.width > 0 && config.height > 0);
    assert!(config.pixel_aspect.0 > 0 && config.pixel_aspect.1 > 0);
    assert!(!config.codecs.contains(['"', ',', '\n']));
    packaged(TrackId::VIDEO, CodecConfig::Video(config.clone()));
}

/// An audio codec: a sequence header behind its length (16 bits), and a frame after it, twice.
pub fn audio(codec: AudioCodec, data: &[u8]) {
    let Some((header, frame)) = halves(data) else { return };
    let mut sound = Sound::new(codec);
    let _declared = sound.declare(header, &CodecLimits::default()).is_ok();
    for _ in 0..2 {
        let heard = sound.hear(&frame).is_ok();
        let Some(config) = sound.config() else { continue };
        assert!(config.channels > 0 && config.frame_samples > 0);
        let samples = codec::samples(config, &frame);
        assert!(samples != Ok(0));
        assert!(!heard || samples.is_ok(), "a frame that was heard can be measured");
        packaged(TrackId::AUDIO, CodecConfig::Audio(config.clone()));
    }
}

/// A tag's body, enhanced or not: what comes out is a part of what went in, and says the same again.
pub fn tag(kind: TagKind, data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let parsed = Tag::parse(kind, body.clone());
    assert_eq!(parsed, Tag::parse(kind, body.clone()));
    let (Ok(Tag::Video(packets)) | Ok(Tag::Audio(packets))) = parsed else { return };
    let mut carried = 0;
    for Packet { kind, .. } in packets {
        carried += match kind {
            PacketKind::SequenceStart(bytes)
            | PacketKind::Frames { payload: bytes, .. }
            | PacketKind::Metadata(bytes)
            | PacketKind::MultichannelConfig(bytes)
            | PacketKind::Mpeg2TsStart(bytes) => bytes.len(),
            PacketKind::SequenceEnd => 0,
        };
    }
    assert!(carried <= data.len(), "no byte is in two packets");
}

fn halves(data: &[u8]) -> Option<(Bytes, Bytes)> {
    let (length, rest) = data.split_at_checked(2)?;
    let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
    let (first, second) = rest.split_at_checked(length)?;
    Some((Bytes::copy_from_slice(first), Bytes::copy_from_slice(second)))
}

fn packaged(id: TrackId, config: CodecConfig) {
    let track = Track { id, config };
    let init = boxes::init(&track, track.timescale());
    assert!(init.is_ok(), "a configuration that is taken can be packaged: {:?}", init.err());
}

/// What a file of FLV gives to begin from: every kind of tag once, a publish of its first tags, and the configuration
/// of each track with its first frames.
pub fn seeds(file: &[u8]) -> Vec<Seed> {
    let (mut seeds, mut starts) = (Vec::new(), Vec::<(&'static str, Vec<u8>, usize)>::new());
    let Ok(tags) = flv::File::open(Bytes::copy_from_slice(file)) else { return seeds };
    let tags: Vec<_> = tags.flatten().collect();
    seeds.extend(clip::cut(file).map(|cut| ("clip", cut)));
    seeds.extend(script::told().into_iter().map(|told| ("bpm", told)));
    let kind = |kind| match kind {
        TagKind::Audio => 8,
        TagKind::Video => 9,
        TagKind::Script => 18,
    };
    let small = tags.iter().filter(|tag| tag.body.len() <= 1_024).take(20);
    let small: Vec<_> = small.map(|tag| (kind(tag.kind), tag.body.clone())).collect();
    seeds.extend([("session", session::publish(&small)), ("chunks", session::chunked(&small))]);
    for tag in tags {
        let target = match tag.kind {
            TagKind::Video => "video_tag",
            TagKind::Audio => "audio_tag",
            TagKind::Script => "amf0",
        };
        // Tags of more than this teach nothing more.
        if tag.body.len() <= 2_048 && seeds.len() < 200 {
            seeds.push((target, tag.body.to_vec()));
        }
        let (Ok(Tag::Video(packets)) | Ok(Tag::Audio(packets))) = Tag::parse(tag.kind, tag.body) else {
            continue;
        };
        for packet in packets {
            let Some(name) = name(&packet) else { continue };
            let known = starts.iter().position(|(known, ..)| *known == name);
            match packet.kind {
                PacketKind::SequenceStart(record) => starts.push((name, record.to_vec(), 0)),
                PacketKind::Frames { payload, .. } => {
                    let at = known.unwrap_or_else(|| {
                        starts.push((name, Vec::new(), 0));
                        starts.len() - 1
                    });
                    let (_, record, count) = &mut starts[at];
                    *count += 1;
                    if *count <= 4 {
                        let length = (record.len() as u16).to_be_bytes();
                        let frame = &payload[..payload.len().min(4_096)];
                        seeds.push((name, [&length, &record[..], frame].concat()));
                        let hevc = name == "hevc";
                        let units = if hevc || name == "avc" { nal::seed(&payload, hevc) } else { None };
                        seeds.extend(units.map(|units| ("nal", units)));
                    }
                }
                PacketKind::Metadata(body) => seeds.push(("colour_info", body.to_vec())),
                _ => {}
            }
        }
    }
    seeds
}

/// What a file of MP4 gives.
pub fn movie(file: &[u8]) -> Vec<Seed> {
    clip::cut(file).map(|cut| ("clip", cut)).into_iter().collect()
}

/// What targets begin from that no file gives them.
pub fn own_seeds() -> Vec<Seed> {
    let all: [(&'static str, Vec<Vec<u8>>); 14] = [
        ("admin", self::admin::seeds()),
        ("chunk_roundtrip", round_trip::seeds()),
        ("clip", self::clip::seeds()),
        ("cmaf", self::cmaf::seeds()),
        ("config", config::seeds()),
        ("endless", self::endless::seeds()),
        ("handover", self::handover::seeds()),
        ("hls_query", hls_query::seeds()),
        ("http2", self::http2::seeds()),
        ("http_head", self::http_head::seeds()),
        ("nal", nal::sections()),
        ("playlist", playlist::seeds()),
        ("timeline", timeline::seeds()),
        ("ts", self::endless::seeds()),
    ];
    all.into_iter().flat_map(|(target, seeds)| seeds.into_iter().map(move |seed| (target, seed))).collect()
}

fn name(packet: &Packet) -> Option<&'static str> {
    let video = packet.codec.video().map(|codec| match codec {
        VideoCodec::Avc => "avc",
        VideoCodec::Hevc => "hevc",
        VideoCodec::Av1 => "av1",
        VideoCodec::Vp9 => "vp9",
    });
    video.or_else(|| {
        packet.codec.audio().map(|codec| match codec {
            AudioCodec::Aac => "aac",
            AudioCodec::Opus => "opus",
            AudioCodec::Flac => "flac",
            AudioCodec::Ac3 => "ac3",
            AudioCodec::Eac3 => "eac3",
            AudioCodec::Mp3 => "mp3",
        })
    })
}
