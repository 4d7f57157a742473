//! Ways in which other implementations are known to fall over: each is a regression test here.

use rillcast::flv::amf0::Value;
use rillcast::rtmp::{Error, Output};
use rml_rtmp::rml_amf0::Amf0Value;

use crate::kit::*;

#[test]
fn a_command_of_two_values_before_connect_does_no_harm() {
    let mut peer = Peer::greeted();
    peer.sends(command("connect", 1.0, &[]));
    // No application is named, so it is turned away, in order.
    peer.hears_code("NetConnection.Connect.Rejected");
    for name in ["createStream", "releaseStream", "nonsense", ""] {
        let mut peer = Peer::greeted();
        peer.sends(command(name, 1.0, &[]));
        assert_eq!((peer.hears().name(), peer.error), ("_error", None));
    }
    for body in [&b""[..], b"\x05", b"\0\x3F\xF0\0\0\0\0\0\0"] {
        let mut peer = Peer::greeted();
        peer.sends(message(20, body.to_vec()).csid(3));
        assert!(matches!(peer.fails(), Error::NoCommandName { .. }));
    }
}

#[test]
fn a_lone_set_data_frame_does_no_harm() {
    let body = b"\x02\0\x0D@setDataFrame";
    let mut peer = Peer::greeted();
    peer.sends(message(18, body.to_vec()).csid(3));
    assert_eq!(peer.error, None);
    let mut peer = Peer::publishing();
    peer.sends(message(18, body.to_vec()).csid(3).on(1));
    assert!(peer.error.is_none() && peer.outputs.is_empty());
}

#[test]
fn a_sound_inside_a_picture_of_many_chunks_arrives_first() {
    let mut peer = Peer::publishing();
    peer.sends(avc_config(0));
    peer.sends(aac_config(0));
    let (picture, noise) = (key_frame(40, &[1; 1_000]), sound(40, &[2; 200]));
    let mut bytes = Vec::new();
    let mut at = peer.writer.chunk(&mut bytes, &picture, 0);
    bytes.extend(peer.writer.write(&noise));
    while at < picture.body.len() {
        at = peer.writer.chunk(&mut bytes, &picture, at);
    }
    peer.says(&bytes);
    let frames = peer.frames();
    assert_eq!(frames.iter().map(|frame| frame.payload.len()).collect::<Vec<_>>(), [200, 1_006]);
}

/// Extended deltas below 2^24 - 1 are odd but mean what they say.
#[test]
fn an_extended_delta_that_needed_none_is_taken() {
    let mut peer = Peer::publishing();
    peer.sends(aac_config(0));
    peer.sends(sound(10, b"a"));
    let mut bytes = vec![0x44, 0xFF, 0xFF, 0xFF, 0, 0, 3, 8, 0, 0, 0, 30];
    bytes.extend([0xAF, 1, 0xBB]);
    peer.says(&bytes);
    let times: Vec<_> = peer.frames().iter().map(|frame| frame.dts.value).collect();
    assert_eq!((times, peer.error), (vec![10, 40], None));
}

#[test]
fn every_kind_of_amf0_value_may_stand_in_connect() {
    let values = [
        Value::Date { millis: 1.0, zone: 0 },
        Value::Xml("<a/>"),
        Value::Typed { class: "C", fields: vec![("x", Value::Undefined)] },
        Value::Unsupported,
        Value::EcmaArray(vec![("y", Value::StrictArray(vec![Value::Null]))]),
    ];
    for value in values {
        let mut peer = Peer::greeted();
        peer.sends(connect_with(&[("odd", value), ("app", Value::String("live"))]));
        peer.hears_result(1.0);
    }
    // A long string, by its own marker.
    let mut body = connect("live").body.to_vec();
    body.truncate(body.len() - 3);
    body.extend(b"\0\x04long\x0C\0\0\0\x02ab\0\0\x09");
    let mut peer = Peer::greeted();
    peer.sends(message(20, body).csid(3));
    peer.hears_result(1.0);
}

/// What we do not know we do not read: an AMF3 value in it is nobody's business.
#[test]
fn an_unknown_command_need_not_be_amf0() {
    let mut peer = Peer::connected();
    let mut body = command("telemetry", 0.0, &[]).body.to_vec();
    body.extend(b"\x11\x0A\x0B\x01");
    peer.sends(message(20, body).csid(3));
    assert_eq!(peer.error, None);
}

#[test]
fn an_unknown_user_control_event_is_no_reason_to_part() {
    let mut peer = Peer::publishing();
    for event in [26, 27, 31, 32, 99] {
        peer.sends(user_control(event, 1));
    }
    assert_eq!(peer.error, None);
}

#[test]
fn an_acknowledgement_carries_the_total_not_what_came_since_the_last() {
    let mut peer = Peer::publishing();
    peer.sends(set_chunk_size(1 << 20));
    peer.sends(window_size(100_000));
    peer.sends(aac_config(0));
    peer.heard.clear();
    for n in 0..10 {
        peer.sends(sound(n, &vec![0; 60_000]));
    }
    let totals: Vec<_> = peer.heard.iter().collect();
    assert_eq!(totals.len(), 5, "{totals:?}");
    assert!(matches!(totals[4], Heard::Acknowledgement(total) if *total > 600_000));
}

#[test]
fn release_stream_and_fc_publish_are_answered() {
    let mut peer = Peer::connected();
    peer.sends(release_stream(3.0, "main"));
    let Heard::Command { values, object, .. } = peer.hears_result(3.0) else { panic!() };
    assert_eq!((object, values.len()), (Amf0Value::Null, 1));
    peer.sends(fc_publish(4.0, "main"));
    assert_eq!(peer.hears().name(), "onFCPublish");
    peer.hears_result(4.0);
}

#[test]
fn publish_without_a_kind_is_a_publish() {
    let mut peer = Peer::connected();
    peer.sends(command("publish", 0.0, &[Value::Null, Value::String("main")]).on(1));
    assert!(matches!(peer.output(), Output::PublishRequested(_)));
}

#[test]
fn type_three_messages_move_on_by_the_delta() {
    let mut peer = Peer::publishing();
    peer.writer.dialect = Dialect::FFMPEG;
    peer.sends(aac_config(1_000));
    for n in 0..4 {
        peer.sends(sound(1_000 + n * 23, b"same length"));
    }
    let times: Vec<_> = peer.frames().iter().map(|frame| frame.dts.value).collect();
    assert_eq!(times, [1_000, 1_023, 1_046, 1_069]);
}
