//! onMetaData of what is published (Adobe FLV 10.1 §E.5).

use bytes::{Bytes, BytesMut};

use super::clip::ClipTrack;
use crate::flv::FourCc;
use crate::flv::amf0::{self, Value};
use crate::media::{AudioCodec, CodecConfig, VideoCodec};

/// The body of the `@setDataFrame` message that describes `tracks`.
pub(super) fn body<'a>(tracks: impl Iterator<Item = &'a ClipTrack>) -> Bytes {
    let mut fields = Vec::new();
    for track in tracks {
        let kilobits = track.bit_rate().map(|bits| bits as f64 / 1_000.0);
        match &track.track.config {
            CodecConfig::Video(video) => {
                fields.push(("width", Value::Number(f64::from(video.width))));
                fields.push(("height", Value::Number(f64::from(video.height))));
                fields.extend(track.frame_rate().map(|rate| ("framerate", Value::Number(rate.fps()))));
                fields.push(("videocodecid", Value::Number(video_id(video.codec))));
                fields.extend(kilobits.map(|rate| ("videodatarate", Value::Number(rate))));
            }
            CodecConfig::Audio(audio) => {
                fields.push(("audiocodecid", Value::Number(audio_id(audio.codec))));
                fields.extend(kilobits.map(|rate| ("audiodatarate", Value::Number(rate))));
                fields.push(("audiosamplerate", Value::Number(f64::from(audio.sample_rate.per_second()))));
                fields.push(("audiochannels", Value::Number(f64::from(audio.channels))));
                fields.push(("stereo", Value::Boolean(audio.channels > 1)));
            }
        }
    }
    fields.push(("encoder", Value::String(concat!("rillcast/", env!("CARGO_PKG_VERSION")))));
    let mut out = BytesMut::with_capacity(512);
    amf0::write(&mut out, &Value::String("@setDataFrame"));
    amf0::write(&mut out, &Value::String("onMetaData"));
    amf0::write(&mut out, &Value::EcmaArray(fields));
    out.freeze()
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
