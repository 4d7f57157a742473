//! Mux: tag bodies of pictures, sound and metadata, and the file around them, for what we send ourselves.

use bytes::{BufMut, Bytes, BytesMut};

use super::amf0::{self, Value};
use super::audio::{FORMAT_AAC, FORMAT_ENHANCED, FORMAT_MP3};
use super::enhanced::{MANY_CODECS, MANY_TRACKS, MAX_NANOS, MODIFIER_NANO_OFFSET, packet_type};
use super::fourcc::FourCc;
use super::metadata::Metadata;
use super::tag::TagKind;
use super::video::{CODEC_AVC, ENHANCED};
use crate::codec::{flac, opus};
use crate::media::{AudioCodec, VideoCodec};

/// How a tag body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As every server reads it; what has no such form (all but H.264, AAC and MP3) is written with a FourCC.
    Legacy,
    /// With a FourCC (Enhanced RTMP v1).
    Enhanced,
    /// With a FourCC and a track number, one track a tag (Enhanced RTMP v2).
    Track(u8),
}

impl Form {
    /// The nearest form that `codec` has.
    fn of(self, codec: VideoCodec) -> Self {
        if self == Self::Legacy && codec != VideoCodec::Avc { Self::Enhanced } else { self }
    }
}

/// Composition times are 24 bits, signed.
const CTS_RANGE: std::ops::RangeInclusive<i32> = -0x80_0000..=0x7F_FFFF;
const FRAME_KEY: u8 = 1;
const FRAME_INTER: u8 = 2;
/// 44 kHz, 16 bits, stereo: what FLV §E.4.2.1 wants of every AAC tag, whatever the sound is. MP3 frames say it better
/// themselves.
const SOUND: u8 = 0x0F;

/// A sequence header: the configuration record that `codec` has.
pub fn video_start(form: Form, codec: VideoCodec, record: &[u8]) -> Bytes {
    let form = form.of(codec);
    let mut out = video_head(form, codec, FRAME_KEY, packet_type::SEQUENCE_START, record.len());
    if form == Form::Legacy {
        out.put_int(0, 3);
    }
    out.put_slice(record);
    out.freeze()
}

/// One access unit. `cts` is in milliseconds, and clamped to the 24 bits there are for it; AV1 and VP9 have none.
pub fn video_frame(form: Form, codec: VideoCodec, cts: i32, key: bool, payload: &[u8]) -> Bytes {
    let mut out = video_frame_head(form, codec, cts, key, payload.len());
    out.put_slice(payload);
    out.freeze()
}

/// What stands in front of an access unit, with room for `payload` bytes behind it.
pub(super) fn video_frame_head(
    form: Form,
    codec: VideoCodec,
    cts: i32,
    key: bool,
    payload: usize,
) -> BytesMut {
    let form = form.of(codec);
    let timed = FourCc::from(codec).has_composition_time();
    let frame_type = if key { FRAME_KEY } else { FRAME_INTER };
    let cts = cts.clamp(*CTS_RANGE.start(), *CTS_RANGE.end());
    // The short packet exists only where there is a time to leave out.
    let bare = timed && cts == 0 && form != Form::Legacy;
    let packet_type = if bare { packet_type::CODED_FRAMES_X } else { packet_type::CODED_FRAMES };
    let mut out = video_head(form, codec, frame_type, packet_type, payload);
    if timed && !bare {
        out.put_int(i64::from(cts), 3);
    }
    out
}

/// The end of a sequence.
pub fn video_end(form: Form, codec: VideoCodec) -> Bytes {
    let form = form.of(codec);
    let mut out = video_head(form, codec, FRAME_KEY, packet_type::SEQUENCE_END, 0);
    if form == Form::Legacy {
        out.put_int(0, 3);
    }
    out.freeze()
}

/// The sequence header of sound whose configuration record is `record`; `None` where the form has none, which is
/// legacy MP3, or `record` is none of `codec`. Codecs whose frames say everything have an empty one.
pub fn audio_start(form: Form, codec: AudioCodec, record: &[u8]) -> Option<Bytes> {
    let head = match codec {
        AudioCodec::Mp3 if form == Form::Legacy => return None,
        AudioCodec::Aac => Bytes::copy_from_slice(record),
        AudioCodec::Opus => opus::head(record).ok()?,
        AudioCodec::Flac => flac::head(record).ok()?,
        AudioCodec::Ac3 | AudioCodec::Eac3 | AudioCodec::Mp3 => Bytes::new(),
    };
    Some(audio(form, codec, packet_type::SEQUENCE_START, &head))
}

/// One frame of sound as its codec has it.
pub fn audio_frame(form: Form, codec: AudioCodec, payload: &[u8]) -> Bytes {
    audio(form, codec, packet_type::CODED_FRAMES, payload)
}

/// What stands in front of a frame of sound.
pub(super) fn audio_frame_head(form: Form, codec: AudioCodec) -> Bytes {
    audio_head(form, codec, packet_type::CODED_FRAMES, 0).freeze()
}

/// One tag for several tracks, from one-track tags ([`Form::Track`]) that say the same kind of thing: with one FourCC
/// when all have the same codec, else with one for each track. `None` when there is none, when they are not alike, or
/// when one does not fit the 24 bits of its size.
pub fn gather(tags: &[Bytes]) -> Option<Bytes> {
    let tracks: Vec<OneTrack<'_>> = tags.iter().map(|tag| OneTrack::of(tag)).collect::<Option<_>>()?;
    let first = tracks.first()?;
    if tracks.iter().any(|track| (track.head, track.packet_type) != (first.head, first.packet_type)) {
        return None;
    }
    let shared = tracks.iter().all(|track| track.codec == first.codec);
    let form = if shared { MANY_TRACKS } else { MANY_CODECS };
    let mut out = BytesMut::with_capacity(tags.iter().map(|tag| tag.len().saturating_add(4)).sum());
    out.put_slice(&[first.head, (form << 4) | first.packet_type]);
    if shared {
        out.put_slice(&first.codec);
    }
    for track in tracks {
        if !shared {
            out.put_slice(&track.codec);
        }
        let size = u32::try_from(track.body.len()).ok().filter(|size| *size <= 0xFF_FFFF)?;
        out.put_u8(track.number);
        out.put_uint(u64::from(size), 3);
        out.put_slice(track.body);
    }
    Some(out.freeze())
}

/// `tag`, which has a FourCC, with `nanos` nanoseconds added to its time; below one millisecond, or it is clamped.
/// `None` when it is a legacy tag, which has no place for them.
pub fn offset(kind: TagKind, nanos: u32, tag: &[u8]) -> Option<Bytes> {
    let (head, rest) = tag.split_first()?;
    let (flags, packet_type) = (head & 0xF0, head & 0x0F);
    let enhanced = match kind {
        TagKind::Video => head & ENHANCED != 0,
        TagKind::Audio => head >> 4 == FORMAT_ENHANCED,
        TagKind::Script => false,
    };
    if !enhanced {
        return None;
    }
    let mut out = BytesMut::with_capacity(tag.len().saturating_add(5));
    // The size of what follows, less one; then the kind of modifier, and what type of packet this one is.
    out.put_slice(&[flags | packet_type::MOD_EX, 2]);
    out.put_uint(u64::from(nanos.min(MAX_NANOS)), 3);
    out.put_u8((MODIFIER_NANO_OFFSET << 4) | packet_type);
    out.put_slice(rest);
    Some(out.freeze())
}

/// A one-track tag, taken apart.
struct OneTrack<'a> {
    head: u8,
    packet_type: u8,
    codec: [u8; 4],
    number: u8,
    body: &'a [u8],
}

impl<'a> OneTrack<'a> {
    fn of(tag: &'a [u8]) -> Option<Self> {
        let (&[head, form, a, b, c, d, number], body) = tag.split_first_chunk()?;
        let several = matches!(head & 0x0F, packet_type::AUDIO_MULTITRACK | packet_type::VIDEO_MULTITRACK);
        let one = several && head & ENHANCED != 0 && form >> 4 == 0;
        one.then_some(Self { head, packet_type: form & 0x0F, codec: [a, b, c, d], number, body })
    }
}

/// `onMetaData` as a script tag holds it; publishing wants `set_data_frame`, which puts `@setDataFrame` in front.
pub fn metadata(metadata: &Metadata, set_data_frame: bool) -> Bytes {
    let kilobits = |bits: u32| Value::Number(f64::from(bits) / 1_000.0);
    let number = |n: u32| Value::Number(f64::from(n));
    let fields = [
        ("width", metadata.width.map(number)),
        ("height", metadata.height.map(number)),
        ("framerate", metadata.frame_rate.map(|rate| Value::Number(rate.fps()))),
        ("videocodecid", (metadata.video == Some(true)).then(|| number(u32::from(CODEC_AVC)))),
        ("videodatarate", metadata.video_bitrate.map(kilobits)),
        ("audiocodecid", (metadata.audio == Some(true)).then(|| number(u32::from(FORMAT_AAC)))),
        ("audiodatarate", metadata.audio_bitrate.map(kilobits)),
        ("hasVideo", metadata.video.map(Value::Boolean)),
        ("hasAudio", metadata.audio.map(Value::Boolean)),
        ("encoder", metadata.encoder.as_deref().map(Value::String)),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let mut out = BytesMut::new();
    if set_data_frame {
        amf0::write(&mut out, &Value::String("@setDataFrame"));
    }
    amf0::write(&mut out, &Value::String("onMetaData"));
    amf0::write(&mut out, &Value::EcmaArray(fields));
    out.freeze()
}

/// The header of a file and the size before its first tag.
pub fn file_header(audio: bool, video: bool) -> Bytes {
    let mut out = BytesMut::with_capacity(13);
    out.put_slice(b"FLV\x01");
    out.put_u8((u8::from(audio) << 2) | u8::from(video));
    out.put_u32(9);
    out.put_u32(0);
    out.freeze()
}

/// One tag of a file, with the size behind it; `None` when `body` does not fit the 24 bits of its size.
pub fn file_tag(kind: TagKind, time: u32, body: &[u8]) -> Option<Bytes> {
    let (mut out, size) = tag_head(kind, time, body.len() as u64, body.len())?;
    out.put_slice(body);
    out.put_u32(size);
    Some(out.freeze())
}

/// The head of a file's tag with a body of `len` bytes and with room for `more` besides, and the size that stands
/// behind it; `None` when the body does not fit the 24 bits of its size.
pub(super) fn tag_head(kind: TagKind, time: u32, len: u64, more: usize) -> Option<(BytesMut, u32)> {
    let size = u32::try_from(len).ok().filter(|size| *size <= 0xFF_FFFF)?;
    let mut out = BytesMut::with_capacity(more.saturating_add(15));
    out.put_u8(kind.id());
    out.put_uint(u64::from(size), 3);
    out.put_uint(u64::from(time & 0xFF_FFFF), 3);
    out.put_uint(u64::from(time >> 24), 1);
    out.put_uint(0, 3);
    Some((out, size.saturating_add(11)))
}

fn video_head(form: Form, codec: VideoCodec, frame_type: u8, packet_type: u8, payload: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(payload.saturating_add(10));
    match form {
        Form::Legacy => out.put_slice(&[(frame_type << 4) | CODEC_AVC, packet_type]),
        Form::Enhanced => {
            out.put_u8(ENHANCED | (frame_type << 4) | packet_type);
            out.put_slice(&FourCc::from(codec).0);
        }
        Form::Track(track) => {
            out.put_slice(&[ENHANCED | (frame_type << 4) | packet_type::VIDEO_MULTITRACK, packet_type]);
            out.put_slice(&FourCc::from(codec).0);
            out.put_u8(track);
        }
    }
    out
}

fn audio(form: Form, codec: AudioCodec, packet_type: u8, payload: &[u8]) -> Bytes {
    let mut out = audio_head(form, codec, packet_type, payload.len());
    out.put_slice(payload);
    out.freeze()
}

fn audio_head(form: Form, codec: AudioCodec, packet_type: u8, payload: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(payload.saturating_add(7));
    match (form, codec) {
        (Form::Legacy, AudioCodec::Aac) => out.put_slice(&[(FORMAT_AAC << 4) | SOUND, packet_type]),
        (Form::Legacy, AudioCodec::Mp3) => out.put_u8((FORMAT_MP3 << 4) | SOUND),
        (Form::Legacy | Form::Enhanced, _) => {
            out.put_u8((FORMAT_ENHANCED << 4) | packet_type);
            out.put_slice(&FourCc::from(codec).0);
        }
        (Form::Track(track), _) => {
            out.put_slice(&[(FORMAT_ENHANCED << 4) | packet_type::AUDIO_MULTITRACK, packet_type]);
            out.put_slice(&FourCc::from(codec).0);
            out.put_u8(track);
        }
    }
    out
}
