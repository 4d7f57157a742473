//! Encoders of the field: their order of commands and their layout of chunks.

use rillcast::flv::amf0::Value;
use rillcast::rtmp::Output;
use rml_rtmp::rml_amf0::Amf0Value;

use crate::kit::*;

/// Sends a few seconds of media on the given chunk streams, and checks that all of it came.
fn streams(peer: &mut Peer, video_csid: u32, audio_csid: u32, origin: u32) {
    peer.sends(metadata().csid(audio_csid));
    peer.sends(avc_config(origin).csid(video_csid));
    peer.sends(aac_config(origin).csid(audio_csid));
    let mut sent = Vec::new();
    for n in 0..100_u32 {
        let time = origin + n * 40;
        let fill = vec![n as u8; 200 + (n as usize * 977) % 20_000];
        peer.sends(
            if n % 50 == 0 { key_frame(time, &fill) } else { inter_frame(time, &fill) }.csid(video_csid),
        );
        sent.push((time, n % 50 == 0));
        for step in [7, 28] {
            peer.sends(sound(time + step, &[n as u8; 300]).csid(audio_csid));
            sent.push((time + step, true));
        }
    }
    let times: Vec<_> = peer.frames().iter().map(|f| (f.dts.value as u32, f.key)).collect();
    assert_eq!(times, sent);
    assert_eq!((peer.tracks().len(), peer.error.clone()), (2, None));
    assert!(matches!(peer.output(), Output::Announced(_)));
    assert!(peer.outputs.is_empty());
}

/// ffmpeg: chunk size before anything else, releaseStream and FCPublish before createStream, commands on chunk
/// stream 3, deltas wherever they can be, large chunk size only where asked; leaves by FCUnpublish and deleteStream.
#[test]
fn ffmpeg_publishes() {
    let mut peer = Peer::greeted();
    peer.writer.dialect = Dialect::FFMPEG;
    peer.sends(connect_with(&[
        ("app", Value::String("live")),
        ("type", Value::String("nonprivate")),
        ("flashVer", Value::String("FMLE/3.0 (compatible; Lavf60.16.100)")),
        ("tcUrl", Value::String("rtmp://127.0.0.1:1935/live")),
        ("fourCcList", Value::StrictArray(["av01", "hvc1", "vp09"].map(Value::String).to_vec())),
    ]));
    peer.hears_result(1.0);
    // It answers our window and bandwidth with a window of its own.
    peer.sends(window_size(2_500_000));
    peer.sends(release_stream(2.0, "main?key=K"));
    peer.sends(fc_publish(3.0, "main?key=K"));
    peer.sends(create_stream(4.0));
    let Heard::Command { values, .. } = peer.hears_result(4.0) else { panic!() };
    assert_eq!(values, [Amf0Value::Number(1.0)]);
    peer.sends(publish(1, "main?key=K"));
    let request = peer.is_accepted();
    assert_eq!((request.path.as_str(), request.key.unwrap().expose()), ("main", "K"));
    assert_eq!(request.encoder.as_deref(), Some("FMLE/3.0 (compatible; Lavf60.16.100)"));
    streams(&mut peer, 6, 4, 0);
    peer.sends(fc_unpublish("main?key=K"));
    peer.sends(delete_stream(1));
    peer.hears_code("NetStream.Unpublish.Success");
    assert_eq!(peer.output(), Output::Unpublished);
}

/// OBS (librtmp): chunk size 4096 before connect, both kinds of media on chunk stream 4, whole headers at time 0
/// and type 1 after it, the key as the name, `_checkbw` after connect.
#[test]
fn obs_publishes() {
    let mut peer = Peer::greeted();
    peer.sends(set_chunk_size(4_096));
    peer.writer.dialect = Dialect::FFMPEG;
    peer.sends(connect_with(&[
        ("app", Value::String("live")),
        ("type", Value::String("nonprivate")),
        ("flashVer", Value::String("FMLE/3.0 (compatible; FMSc/1.0)")),
        ("swfUrl", Value::String("rtmp://127.0.0.1/live")),
        ("tcUrl", Value::String("rtmp://127.0.0.1/live")),
    ]));
    peer.hears_result(1.0);
    peer.sends(release_stream(2.0, "s3cret-key"));
    peer.sends(fc_publish(3.0, "s3cret-key"));
    peer.sends(create_stream(4.0));
    peer.hears_result(2.0);
    assert_eq!(peer.hears().name(), "onFCPublish");
    peer.hears_result(4.0);
    peer.sends(publish(1, "s3cret-key"));
    assert_eq!(peer.is_accepted().path, "s3cret-key");
    streams(&mut peer, 4, 4, 0);
    peer.sends(fc_unpublish("s3cret-key"));
    peer.sends(delete_stream(1));
    assert_eq!(peer.output(), Output::Unpublished);
}

/// GStreamer's rtmp2sink: createStream right after connect without waiting, larger chunk stream ids, messages of
/// one stream interleaved with those of the other, and timestamps that begin anywhere.
#[test]
fn gstreamer_publishes() {
    let mut peer = Peer::greeted();
    peer.writer.dialect = Dialect::FFMPEG;
    let mut early: Vec<u8> = Vec::new();
    for wire in [
        connect_with(&[
            ("app", Value::String("live")),
            ("tcUrl", Value::String("rtmp://127.0.0.1:1935/live")),
            ("type", Value::String("nonprivate")),
            ("flashVer", Value::String("FMLE/3.0 (compatible; GStreamer/1.24)")),
        ]),
        release_stream(2.0, "main"),
        fc_publish(3.0, "main"),
        create_stream(4.0),
    ] {
        early.extend(peer.writer.write(&wire));
    }
    peer.says(&early);
    peer.hears_result(4.0);
    peer.sends(publish(1, "main"));
    peer.is_accepted();
    peer.sends(window_size(1_000_000));
    streams(&mut peer, 67, 66, 18_000_000);
    peer.sends(command("closeStream", 0.0, &[Value::Null]).on(1));
    assert_eq!(peer.output(), Output::Unpublished);
}
