//! Connecting, publishing and parting, verb by verb.

use std::time::Duration;

use rillcast::flv::amf0::Value;
use rillcast::rtmp::{CloseReason, Output, Rejection};
use rml_rtmp::rml_amf0::Amf0Value;

use crate::kit::*;

#[test]
fn connecting_is_answered_with_window_bandwidth_chunk_size_and_success() {
    let mut peer = Peer::greeted();
    peer.sends(connect("live"));
    assert_eq!(peer.hears(), Heard::WindowSize(2_500_000));
    assert_eq!(peer.hears(), Heard::Bandwidth(2_500_000));
    assert_eq!(peer.hears(), Heard::ChunkSize(4_096));
    let result = peer.hears_result(1.0);
    assert_eq!(result.code(), Some("NetConnection.Connect.Success"));
    assert_eq!(result.field("objectEncoding"), Some(&Amf0Value::Number(0.0)));
    // Nothing of Enhanced RTMP where nothing was offered.
    assert_eq!(result.field("capsEx"), None);
    assert_eq!(result.field("videoFourCcInfoMap"), None);
    peer.sends(create_stream(2.0));
    let Heard::Command { values, .. } = peer.hears_result(2.0) else { panic!() };
    assert_eq!(values, [Amf0Value::Number(1.0)]);
}

#[test]
fn enhanced_rtmp_is_answered_in_kind_and_no_further_than_we_go() {
    let mut peer = Peer::greeted();
    peer.sends(connect_with(&[
        ("app", Value::String("live")),
        ("tcUrl", Value::String("rtmp://h/live")),
        ("fourCcList", Value::StrictArray(vec![Value::String("av01"), Value::String("avc1")])),
        ("videoFourCcInfoMap", Value::Object(vec![("*", Value::Number(7.0))])),
        ("audioFourCcInfoMap", Value::Object(vec![("mp4a", Value::Number(2.0))])),
        ("capsEx", Value::Number(15.0)),
    ]));
    let result = peer.hears_result(1.0);
    let forwards = |codecs: &[&str]| {
        let entry = |codec: &&str| ((*codec).to_owned(), Amf0Value::Number(4.0));
        Amf0Value::Object(codecs.iter().map(entry).collect())
    };
    let video = ["avc1", "hvc1", "av01", "vp09"];
    let audio = ["mp4a", "Opus", "fLaC", "ac-3", "ec-3", ".mp3"];
    assert_eq!(result.field("videoFourCcInfoMap"), Some(&forwards(&video)));
    assert_eq!(result.field("audioFourCcInfoMap"), Some(&forwards(&audio)));
    // Reconnecting, several tracks, modifiers, nanoseconds.
    assert_eq!(result.field("capsEx"), Some(&Amf0Value::Number(15.0)));
    let all = video.iter().chain(&audio).map(|codec| Amf0Value::Utf8String((*codec).to_owned()));
    assert_eq!(result.field("fourCcList"), Some(&Amf0Value::StrictArray(all.collect())));
}

#[test]
fn a_client_that_can_connect_anew_is_asked_to_before_the_server_goes_and_another_is_not() {
    for (capabilities, asked) in [(Some(15.0), true), (Some(14.0), false), (None, false)] {
        let mut peer = Peer::greeted();
        let mut offer = vec![("app", Value::String("live")), ("tcUrl", Value::String("rtmp://h/live"))];
        offer.extend(capabilities.map(|bits| ("capsEx", Value::Number(bits))));
        peer.sends(connect_with(&offer));
        peer.sends(create_stream(2.0));
        peer.sends(publish(1, "cam"));
        peer.is_accepted();
        peer.heard.clear();
        peer.retires(&Rejection::shutdown("The server is stopping."));
        let codes: Vec<_> = peer.heard.iter().filter_map(Heard::code).collect();
        let (request, shutdown) =
            ("NetConnection.Connect.ReconnectRequest", "NetConnection.Connect.AppShutdown");
        assert_eq!(codes, if asked { vec![request, shutdown] } else { vec![shutdown] });
        assert_eq!(peer.is_closed(), CloseReason::Finished(shutdown));
    }
}

#[test]
fn another_application_is_turned_away_in_words() {
    let mut peer = Peer::greeted();
    peer.sends(connect("my-secret-key"));
    let words = peer.hears_code("NetConnection.Connect.Rejected");
    assert!(words.contains("/live") && !words.contains("my-secret-key"), "{words}");
    assert_eq!(peer.is_closed().code(), Some("NetConnection.Connect.Rejected"));
    peer.sends(create_stream(2.0));
    assert!(peer.heard.is_empty(), "nothing is answered after the close");
}

#[test]
fn a_publish_is_asked_for_accepted_and_ends_once() {
    let mut peer = Peer::greeted();
    peer.sends(connect("live/a?key=app"));
    peer.sends(create_stream(2.0));
    peer.sends(publish(1, "b?key=name%21&clientConfigId=c_7"));
    let request = peer.asks();
    assert_eq!((request.app.as_str(), request.path.as_str()), ("live", "a/b"));
    assert_eq!(request.key.as_ref().unwrap().expose(), "name!");
    assert_eq!(request.parameters[0].0, "clientConfigId");
    let printed = format!("{request:?} {:?}", peer.outputs);
    assert!(!printed.contains("name") && !printed.contains("c_7") && !printed.contains("a/b"), "{printed}");
    peer.heard.clear();
    peer.session.accept();
    peer.drain();
    assert_eq!(peer.hears(), Heard::StreamBegin(1));
    peer.hears_code("NetStream.Publish.Start");
    peer.sends(fc_unpublish("b"));
    assert_eq!(peer.hears().name(), "_result");
    peer.hears_code("NetStream.Unpublish.Success");
    assert_eq!(peer.output(), Output::Unpublished);
    peer.sends(delete_stream(1));
    assert!(peer.outputs.is_empty(), "it ended already");
    peer.waits(Duration::from_secs(6));
    assert_eq!(peer.is_closed(), CloseReason::Unpublished);
}

#[test]
fn a_rejected_publisher_hears_why_and_is_closed() {
    let mut peer = Peer::connected();
    peer.sends(publish(1, "main?key=wrong"));
    peer.asks();
    peer.is_rejected(&Rejection::bad_name("The key is not right."));
    assert_eq!(peer.hears_code("NetStream.Publish.BadName"), "The key is not right.");
    assert_eq!(peer.is_closed().code(), Some("NetStream.Publish.BadName"));
    assert_eq!(peer.session.deadline(), None);
}

#[test]
fn a_server_that_shuts_down_says_so() {
    let mut peer = Peer::publishing();
    peer.is_finished(&Rejection::shutdown("The server is going down."));
    assert_eq!(peer.hears_code("NetConnection.Connect.AppShutdown"), "The server is going down.");
    assert_eq!(peer.is_closed(), CloseReason::Finished("NetConnection.Connect.AppShutdown"));
    let mut peer = Peer::silent();
    peer.is_finished(&Rejection::shutdown("The server is going down."));
    assert_eq!(peer.is_closed(), CloseReason::Finished("NetConnection.Connect.AppShutdown"));
}

#[test]
fn publish_takes_one_two_or_three_arguments() {
    let name = Value::String("main");
    for values in [
        vec![Value::Null, name.clone()],
        vec![Value::Null, name.clone(), Value::String("live")],
        vec![Value::Null, name.clone(), Value::String("live"), Value::Null],
        vec![name.clone()],
    ] {
        let mut peer = Peer::connected();
        peer.sends(command("publish", 0.0, &values).on(1));
        assert_eq!(peer.asks().path, "main");
    }
}

#[test]
fn questions_that_make_encoders_wait_are_answered() {
    let mut peer = Peer::connected();
    for (transaction, name) in [(3.0, "_checkbw"), (4.0, "getStreamLength"), (5.0, "releaseStream")] {
        peer.sends(command(name, transaction, &[Value::Null]));
        peer.hears_result(transaction);
    }
    peer.sends(command("somethingElse", 9.0, &[Value::Null]));
    assert_eq!(peer.hears().name(), "_error");
    peer.sends(command("somethingElse", 0.0, &[Value::Null]));
    assert!(peer.heard.is_empty() && peer.error.is_none());
}

#[test]
fn a_ping_is_answered_with_its_own_time() {
    let mut peer = Peer::publishing();
    peer.sends(user_control(6, 0xDEAD_BEEF));
    assert_eq!(peer.hears(), Heard::Pong(0xDEAD_BEEF));
    peer.sends(user_control(3, 1));
    assert!(peer.heard.is_empty());
}

#[test]
fn commands_marked_as_amf3_are_read_too() {
    let mut peer = Peer::greeted();
    let mut message = connect("live");
    message.kind = 17;
    message.body = [&[0], &message.body[..]].concat().into();
    peer.sends(message);
    peer.hears_result(1.0);
    let mut bare = create_stream(2.0);
    bare.kind = 17;
    peer.sends(bare);
    peer.hears_result(2.0);
}

#[test]
fn a_publisher_that_does_not_wait_for_our_answer_loses_nothing() {
    let mut peer = Peer::connected();
    let mut bytes = peer.writer.write(&publish(1, "main"));
    for message in [metadata(), avc_config(0), key_frame(0, &[7; 20_000])] {
        bytes.extend(peer.writer.write(&message));
    }
    peer.says(&bytes);
    assert_eq!(peer.outputs.len(), 1, "nothing but the request yet");
    peer.is_accepted();
    assert_eq!(peer.error, None);
    assert_eq!((peer.tracks().len(), peer.frames().len()), (1, 1));
}

#[test]
fn a_publisher_is_told_of_its_error_in_words() {
    let mut peer = Peer::publishing();
    peer.sends(set_chunk_size(0));
    let error = peer.fails();
    assert_eq!(peer.hears_code("NetStream.Failed"), error.to_string());
    assert!(error.to_string().contains("chunk size 0x0"), "{error}");
}

#[test]
fn a_session_may_move_between_threads() {
    fn moves<T: Send>(_: &T) {}
    moves(&Peer::silent().session);
}
