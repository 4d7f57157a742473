//! Shared: the bodies of tags around a frame's own bytes, for what is sent to many: an FLV stream, or RTMP play.
//!
//! What every player reads is written where there is such a form (H.264, AAC, MP3), and the rest with a FourCC.

use bytes::{Bytes, BytesMut};

use super::amf0::{self, Value};
use super::audio::{FORMAT_AAC, FORMAT_MP3};
use super::fourcc::FourCc;
use super::mux::{self, Form};
use super::tag::TagKind;
use super::video::CODEC_AVC;
use crate::base::Rope;
use crate::media::{
    AudioCodec, AudioConfig, CodecConfig, Frame, Timescale, Track, TrackKind, VideoCodec, VideoConfig,
};

/// The sequence header of `track`: what a player must have before its first frame. `None` where there is none to
/// send: MP3, or a record that is not its codec's.
pub fn start(track: &Track) -> Option<(TagKind, Bytes)> {
    match &track.config {
        CodecConfig::Video(video) => {
            Some((TagKind::Video, mux::video_start(Form::Legacy, video.codec, &video.record)))
        }
        CodecConfig::Audio(audio) => {
            Some((TagKind::Audio, mux::audio_start(form(audio.codec), audio.codec, &audio.record)?))
        }
    }
}

/// The body of `frame`, of the track configured by `config`: a few bytes in front of its payload, which is shared.
/// Its composition offset is in milliseconds, such that decode and presentation time are each to the nearest.
pub fn frame(config: &CodecConfig, frame: &Frame) -> (TagKind, Rope) {
    let (kind, head) = match config {
        CodecConfig::Video(video) => {
            let cts = frame.clone().to(Timescale::MILLIS).cts;
            let cts = i32::try_from(cts).unwrap_or(if cts < 0 { i32::MIN } else { i32::MAX });
            let head = mux::video_frame_head(Form::Legacy, video.codec, cts, frame.key, 0);
            (TagKind::Video, head.freeze())
        }
        CodecConfig::Audio(audio) => (TagKind::Audio, mux::audio_frame_head(form(audio.codec), audio.codec)),
    };
    let mut body = Rope::with_capacity(2);
    body.push(head);
    body.push(frame.payload.clone());
    (kind, body)
}

/// The time of `frame`'s tag or message: milliseconds in 32 bits, which wrap after 49.7 days.
pub fn time(frame: &Frame) -> u32 {
    wrapped(frame.dts.to(Timescale::MILLIS).value)
}

/// The lowest 32 bits of `millis`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "timestamps wrap")]
fn wrapped(millis: i64) -> u32 {
    millis as u32
}

/// `onMetaData` that describes `tracks`, the first of each kind; without `@setDataFrame`, which is for publishers.
pub fn metadata(tracks: &[&Track]) -> Bytes {
    let of = |kind| tracks.iter().find(|track| track.id.kind == kind).map(|track| &track.config);
    let (video, audio) = (of(TrackKind::Video), of(TrackKind::Audio));
    let mut fields = Vec::with_capacity(12);
    if let Some(CodecConfig::Video(video)) = video {
        fields.extend(pictures(video));
    }
    if let Some(CodecConfig::Audio(audio)) = audio {
        fields.extend(sound(audio));
    }
    fields.push(("hasVideo", Value::Boolean(video.is_some())));
    fields.push(("hasAudio", Value::Boolean(audio.is_some())));
    fields.push(("encoder", Value::String(concat!("rillcast/", env!("CARGO_PKG_VERSION")))));
    let mut out = BytesMut::with_capacity(320);
    amf0::write(&mut out, &Value::String("onMetaData"));
    amf0::write(&mut out, &Value::EcmaArray(fields));
    out.freeze()
}

/// One tag of a file around a body that is shared; `None` when it does not fit the 24 bits of its size.
pub fn file_tag(kind: TagKind, time: u32, body: &Rope) -> Option<Rope> {
    let (head, size) = mux::tag_head(kind, time, body.len(), 0)?;
    let mut tag = Rope::with_capacity(body.runs().len().saturating_add(2));
    tag.push(head.freeze());
    tag.append(body);
    tag.push(Bytes::copy_from_slice(&size.to_be_bytes()));
    Some(tag)
}

/// The form of sound that most players read: a FourCC only where there is no other.
fn form(codec: AudioCodec) -> Form {
    match codec {
        AudioCodec::Aac | AudioCodec::Mp3 => Form::Legacy,
        AudioCodec::Opus | AudioCodec::Flac | AudioCodec::Ac3 | AudioCodec::Eac3 => Form::Enhanced,
    }
}

fn pictures(video: &VideoConfig) -> Vec<(&'static str, Value<'static>)> {
    let id = match video.codec {
        VideoCodec::Avc => u32::from(CODEC_AVC),
        codec => u32::from_be_bytes(FourCc::from(codec).0),
    };
    let mut fields = vec![
        ("width", Value::Number(video.width.into())),
        ("height", Value::Number(video.height.into())),
        ("videocodecid", Value::Number(id.into())),
    ];
    fields.extend(video.frame_rate.map(|rate| ("framerate", Value::Number(rate.fps()))));
    fields
}

fn sound(audio: &AudioConfig) -> Vec<(&'static str, Value<'static>)> {
    let id = match audio.codec {
        AudioCodec::Aac => u32::from(FORMAT_AAC),
        AudioCodec::Mp3 => u32::from(FORMAT_MP3),
        codec => u32::from_be_bytes(FourCc::from(codec).0),
    };
    vec![
        ("audiocodecid", Value::Number(id.into())),
        ("audiosamplerate", Value::Number(audio.sample_rate.per_second().into())),
        ("audiochannels", Value::Number(audio.channels.into())),
        ("stereo", Value::Boolean(audio.channels == 2)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flv::{Metadata, PacketKind, Tag};
    use crate::media::{RtmpLimits, Ticks, TrackId};

    fn video(codec: VideoCodec) -> Track {
        let config = VideoConfig {
            codec,
            record: Bytes::from_static(b"record"),
            codecs: String::new(),
            width: 640,
            height: 360,
            pixel_aspect: (1, 1),
            frame_rate: None,
            colour: None,
        };
        Track { id: TrackId::VIDEO, config: CodecConfig::Video(config) }
    }

    fn picture(dts: i64, cts: i64, payload: &Bytes) -> Frame {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let arrival = std::time::Instant::now();
        let (dts, payload) = (Ticks::new(dts, Timescale::VIDEO), payload.clone());
        Frame { track: TrackId::VIDEO, dts, cts, duration: None, key: true, payload, arrival }
    }

    fn read(kind: TagKind, body: &Rope) -> PacketKind {
        let body = body.runs().concat();
        let (Tag::Video(packets) | Tag::Audio(packets)) = Tag::parse(kind, body.into()).unwrap() else {
            panic!("script data")
        };
        packets.into_iter().next().unwrap().kind
    }

    #[test]
    fn a_body_is_read_back_and_holds_the_payload_itself() {
        let payload = Bytes::from(vec![1, 2, 3]);
        for codec in [VideoCodec::Avc, VideoCodec::Hevc] {
            // 2999 ticks are 33.32 ms and 5998 are 66.64 ms: 67 ms less 33 ms.
            let (kind, body) = frame(&video(codec).config, &picture(2_999, 2_999, &payload));
            let expected = PacketKind::Frames { cts: 34, nanos: 0, key: true, payload: payload.clone() };
            assert_eq!(read(kind, &body), expected);
            assert_eq!(body.runs()[1].as_ptr(), payload.as_ptr());
            let (kind, head) = start(&video(codec)).unwrap();
            let record = PacketKind::SequenceStart(Bytes::from_static(b"record"));
            assert_eq!(read(kind, &head.into()), record);
        }
    }

    #[test]
    fn times_wrap_after_49_days() {
        let at = |millis: i64| time(&picture(millis * 90, 0, &Bytes::new()));
        assert_eq!(at(0xFFFF_FFFF), u32::MAX);
        assert_eq!(at(0x1_0000_0007), 7);
        assert_eq!(at(-1), u32::MAX);
    }

    #[test]
    fn metadata_says_what_there_is() {
        let track = video(VideoCodec::Hevc);
        let told = Metadata::parse(&metadata(&[&track]), &RtmpLimits::default()).unwrap().unwrap();
        assert_eq!(
            (told.width, told.height, told.video, told.audio),
            (Some(640), Some(360), Some(true), Some(false))
        );
    }

    #[test]
    fn a_tag_is_the_one_that_is_written_whole() {
        let mut body = Rope::default();
        body.push(Bytes::from_static(b"ab"));
        body.push(Bytes::from_static(b"cd"));
        let tag = file_tag(TagKind::Video, 0x0123_4567, &body).unwrap();
        assert_eq!(tag.runs().concat(), mux::file_tag(TagKind::Video, 0x0123_4567, b"abcd").unwrap());
    }
}
