//! What is said of what is published: onMetaData (Adobe FLV 10.1 §E.5) and the properties of `connect`.

use bytes::{Bytes, BytesMut};

use super::clip::ClipTrack;
use crate::flv::FourCc;
use crate::flv::amf0::{self, Value};
use crate::media::{AudioCodec, CodecConfig, TrackKind, VideoCodec};

/// `capsEx`: several tracks.
const CAPS_MULTITRACK: f64 = 2.0;

/// Names and values of an object.
type Fields<'a> = Vec<(&'a str, Value<'a>)>;

/// The body of the `@setDataFrame` message that describes `tracks`: the first of each kind as every server reads it,
/// and where there are several of a kind, all of them by their numbers (Enhanced RTMP v2, "Metadata Frame").
pub(super) fn body(tracks: &[ClipTrack]) -> Bytes {
    let of = |kind| tracks.iter().filter(move |track| track.track.id.kind == kind);
    let kinds = [TrackKind::Video, TrackKind::Audio];
    let mut fields: Fields<'_> =
        kinds.iter().filter_map(|kind| of(*kind).next()).flat_map(described).collect();
    let numbers: Vec<String> = tracks.iter().map(|track| track.track.id.index.to_string()).collect();
    for (kind, name) in kinds.into_iter().zip(["videoTrackIdInfoMap", "audioTrackIdInfoMap"]) {
        if of(kind).nth(1).is_some() {
            let own = numbers.iter().zip(tracks).filter(|(_, track)| track.track.id.kind == kind);
            let entries = own.map(|(number, track)| (number.as_str(), Value::Object(described(track))));
            fields.push((name, Value::Object(entries.collect())));
        }
    }
    fields.push(("encoder", Value::String(concat!("rillcast/", env!("CARGO_PKG_VERSION")))));
    let mut out = BytesMut::with_capacity(512);
    amf0::write(&mut out, &Value::String("@setDataFrame"));
    amf0::write(&mut out, &Value::String("onMetaData"));
    amf0::write(&mut out, &Value::EcmaArray(fields));
    out.freeze()
}

/// What `connect` says of Enhanced RTMP, where `tracks` need it: servers that know nothing of it see nothing of it
/// as long as they need not.
pub(super) fn enhancements(tracks: &[ClipTrack]) -> Fields<'static> {
    let several = tracks.iter().any(|track| track.track.id.index > 0);
    let mut codecs: Vec<&'static str> = Vec::new();
    for codec in tracks.iter().filter_map(|track| fourcc(&track.track.config, several)) {
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
    }
    let mut fields = Vec::new();
    if !codecs.is_empty() {
        fields.push(("fourCcList", Value::StrictArray(codecs.into_iter().map(Value::String).collect())));
    }
    if several {
        fields.push(("capsEx", Value::Number(CAPS_MULTITRACK)));
    }
    fields
}

/// The FourCC of a codec that has no other form, or of any when `all`.
fn fourcc(config: &CodecConfig, all: bool) -> Option<&'static str> {
    Some(match config {
        CodecConfig::Video(video) => match video.codec {
            VideoCodec::Avc => return all.then_some("avc1"),
            VideoCodec::Hevc => "hvc1",
            VideoCodec::Av1 => "av01",
            VideoCodec::Vp9 => "vp09",
        },
        CodecConfig::Audio(audio) => match audio.codec {
            AudioCodec::Aac => return all.then_some("mp4a"),
            AudioCodec::Mp3 => return all.then_some(".mp3"),
            AudioCodec::Opus => "Opus",
            AudioCodec::Flac => "fLaC",
            AudioCodec::Ac3 => "ac-3",
            AudioCodec::Eac3 => "ec-3",
        },
    })
}

/// What is said of one track.
fn described(track: &ClipTrack) -> Fields<'static> {
    let mut fields = Vec::new();
    let kilobits = track.bit_rate().map(|bits| Value::Number(bits as f64 / 1_000.0));
    match &track.track.config {
        CodecConfig::Video(video) => {
            fields.push(("width", Value::Number(f64::from(video.width))));
            fields.push(("height", Value::Number(f64::from(video.height))));
            fields.extend(track.frame_rate().map(|rate| ("framerate", Value::Number(rate.fps()))));
            fields.push(("videocodecid", Value::Number(video_id(video.codec))));
            fields.extend(kilobits.map(|rate| ("videodatarate", rate)));
        }
        CodecConfig::Audio(audio) => {
            fields.push(("audiocodecid", Value::Number(audio_id(audio.codec))));
            fields.extend(kilobits.map(|rate| ("audiodatarate", rate)));
            fields.push(("audiosamplerate", Value::Number(f64::from(audio.sample_rate.per_second()))));
            fields.push(("audiochannels", Value::Number(f64::from(audio.channels))));
            fields.push(("stereo", Value::Boolean(audio.channels > 1)));
        }
    }
    fields
}

/// FLV's number for video: of old for H.264, the FourCC as a number for what came with Enhanced RTMP.
fn video_id(codec: VideoCodec) -> f64 {
    match codec {
        VideoCodec::Avc => 7.0,
        codec => number(codec.into()),
    }
}

/// The same for sound: of old for AAC and MP3.
fn audio_id(codec: AudioCodec) -> f64 {
    match codec {
        AudioCodec::Aac => 10.0,
        AudioCodec::Mp3 => 2.0,
        codec => number(codec.into()),
    }
}

fn number(FourCc(letters): FourCc) -> f64 {
    f64::from(u32::from_be_bytes(letters))
}
