//! Messages as an encoder writes them.

use bytes::{Bytes, BytesMut};
use rillcast::flv::amf0::{self, Value};
use rillcast::flv::mux::{self, Form};
use rillcast::media::{AudioCodec, VideoCodec};

/// A message to be written as chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) csid: u32,
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) time: u32,
    pub(crate) body: Bytes,
}

pub(crate) fn message(kind: u8, body: impl Into<Bytes>) -> Wire {
    Wire { csid: 2, kind, stream: 0, time: 0, body: body.into() }
}

impl Wire {
    pub(crate) fn on(self, stream: u32) -> Self {
        Self { stream, ..self }
    }

    pub(crate) fn at(self, time: u32) -> Self {
        Self { time, ..self }
    }

    pub(crate) fn csid(self, csid: u32) -> Self {
        Self { csid, ..self }
    }
}

/// A command: the name, the transaction and values.
pub(crate) fn command(name: &str, transaction: f64, values: &[Value<'_>]) -> Wire {
    let mut body = BytesMut::new();
    amf0::write(&mut body, &Value::String(name));
    amf0::write(&mut body, &Value::Number(transaction));
    values.iter().for_each(|value| amf0::write(&mut body, value));
    message(20, body.freeze()).csid(3)
}

pub(crate) fn connect(app: &str) -> Wire {
    let tc_url = format!("rtmp://localhost:1935/{app}");
    connect_with(&[("app", Value::String(app)), ("tcUrl", Value::String(&tc_url))])
}

pub(crate) fn connect_with(properties: &[(&'static str, Value<'_>)]) -> Wire {
    let properties = properties.to_vec();
    command("connect", 1.0, &[Value::Object(properties)])
}

pub(crate) fn create_stream(transaction: f64) -> Wire {
    command("createStream", transaction, &[Value::Null])
}

pub(crate) fn release_stream(transaction: f64, name: &str) -> Wire {
    command("releaseStream", transaction, &[Value::Null, Value::String(name)])
}

pub(crate) fn fc_publish(transaction: f64, name: &str) -> Wire {
    command("FCPublish", transaction, &[Value::Null, Value::String(name)])
}

pub(crate) fn publish(stream: u32, name: &str) -> Wire {
    let values = [Value::Null, Value::String(name), Value::String("live")];
    command("publish", 5.0, &values).on(stream)
}

pub(crate) fn play(stream: u32, name: &str) -> Wire {
    let values = [Value::Null, Value::String(name), Value::Number(-2_000.0)];
    command("play", 4.0, &values).on(stream)
}

pub(crate) fn fc_unpublish(name: &str) -> Wire {
    command("FCUnpublish", 6.0, &[Value::Null, Value::String(name)])
}

pub(crate) fn delete_stream(stream: u32) -> Wire {
    command("deleteStream", 7.0, &[Value::Null, Value::Number(f64::from(stream))])
}

pub(crate) fn set_chunk_size(size: u32) -> Wire {
    message(1, size.to_be_bytes().to_vec())
}

pub(crate) fn abort(csid: u32) -> Wire {
    message(2, csid.to_be_bytes().to_vec())
}

pub(crate) fn window_size(size: u32) -> Wire {
    message(5, size.to_be_bytes().to_vec())
}

pub(crate) fn user_control(event: u16, value: u32) -> Wire {
    message(4, [&event.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
}

/// 1280x720, High, from a real encoder.
pub(crate) const AVC_RECORD: &[u8] = &[
    0x01, 0x64, 0x00, 0x1f, 0xff, 0xe1, 0x00, 0x1a, 0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x80, 0x50, 0x05,
    0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x83, 0x19, 0xa0,
    0x01, 0x00, 0x06, 0x68, 0xe9, 0x78, 0xb2, 0xc8, 0xb0, 0xfd, 0xf8, 0xf8, 0x00,
];

/// The same size, Main.
pub(crate) const AVC_RECORD_MAIN: &[u8] = &[
    0x01, 0x4d, 0x40, 0x1f, 0xff, 0xe1, 0x00, 0x17, 0x67, 0x4d, 0x40, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xec,
    0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0c, 0x83, 0xc6, 0x0c, 0xa8, 0x01, 0x00, 0x04,
    0x68, 0xef, 0x3c, 0x80,
];

/// AAC-LC, 48 kHz, stereo.
pub(crate) const AAC_RECORD: &[u8] = &[0x11, 0x90];

/// One length-prefixed slice: IDR, intra or inter.
fn slice(header: u8, first: u8, fill: &[u8]) -> Vec<u8> {
    let len = u32::try_from(fill.len()).unwrap() + 2;
    [&len.to_be_bytes()[..], &[header, first], fill].concat()
}

pub(crate) fn idr(fill: &[u8]) -> Vec<u8> {
    slice(0x65, 0x88, fill)
}

/// An I slice outside an IDR picture.
pub(crate) fn intra(fill: &[u8]) -> Vec<u8> {
    slice(0x41, 0x88, fill)
}

pub(crate) fn inter(fill: &[u8]) -> Vec<u8> {
    slice(0x41, 0x9A, fill)
}

pub(crate) fn video(time: u32, body: impl Into<Bytes>) -> Wire {
    message(9, body).csid(6).on(1).at(time)
}

pub(crate) fn audio(time: u32, body: impl Into<Bytes>) -> Wire {
    message(8, body).csid(4).on(1).at(time)
}

pub(crate) fn avc_config(time: u32) -> Wire {
    video(time, mux::video_start(Form::Legacy, VideoCodec::Avc, AVC_RECORD))
}

pub(crate) fn aac_config(time: u32) -> Wire {
    audio(time, mux::audio_start(Form::Legacy, AudioCodec::Aac, AAC_RECORD).unwrap())
}

pub(crate) fn key_frame(time: u32, fill: &[u8]) -> Wire {
    video(time, mux::video_frame(Form::Legacy, VideoCodec::Avc, 80, true, &idr(fill)))
}

pub(crate) fn inter_frame(time: u32, fill: &[u8]) -> Wire {
    video(time, mux::video_frame(Form::Legacy, VideoCodec::Avc, 0, false, &inter(fill)))
}

pub(crate) fn sound(time: u32, fill: &[u8]) -> Wire {
    audio(time, mux::audio_frame(Form::Legacy, AudioCodec::Aac, fill))
}

/// `@setDataFrame` with `onMetaData`, as encoders send it.
pub(crate) fn metadata() -> Wire {
    let mut body = BytesMut::new();
    amf0::write(&mut body, &Value::String("@setDataFrame"));
    amf0::write(&mut body, &Value::String("onMetaData"));
    amf0::write(
        &mut body,
        &Value::EcmaArray(vec![
            ("duration", Value::Number(0.0)),
            ("width", Value::Number(1280.0)),
            ("height", Value::Number(720.0)),
            ("videodatarate", Value::Number(2_000.0)),
            ("framerate", Value::Number(25.0)),
            ("videocodecid", Value::Number(7.0)),
            ("audiodatarate", Value::Number(160.0)),
            ("audiosamplerate", Value::Number(48_000.0)),
            ("stereo", Value::Boolean(true)),
            ("audiocodecid", Value::Number(10.0)),
            ("encoder", Value::String("Lavf60.16.100")),
        ]),
    );
    message(18, body.freeze()).csid(4).on(1)
}
