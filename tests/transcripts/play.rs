//! Playing: asking, being told, what players say during it, and its end.

use std::time::Duration;

use rillcast::flv::FourCc;
use rillcast::flv::amf0::Value;
use rillcast::rtmp::chunk::Fault;
use rillcast::rtmp::{CloseReason, Error, Output, Rejection, Wait};
use rml_rtmp::rml_amf0::Amf0Value;

use crate::kit::*;

const RESET: &str = "NetStream.Play.Reset";
const START: &str = "NetStream.Play.Start";
const STOP: &str = "NetStream.Play.Stop";
const OVER: &str = "NetStream.Play.UnpublishNotify";
const FAILED: &str = "NetStream.Play.Failed";

/// The codes of all statuses that were heard.
fn codes(peer: &Peer) -> Vec<&str> {
    peer.heard.iter().filter_map(Heard::code).collect()
}

#[test]
fn a_player_is_told_what_it_needs_in_the_order_it_needs_it() {
    let mut peer = Peer::greeted();
    peer.sends(connect_with(&[
        ("app", Value::String("live?token=T")),
        ("tcUrl", Value::String("rtmp://h/live")),
        ("flashVer", Value::String("LNX 9,0,124,2")),
    ]));
    peer.sends(create_stream(2.0));
    peer.hears_result(2.0);
    peer.sends(command("getStreamLength", 3.0, &[Value::Null, Value::String("cam")]));
    let Heard::Command { values, .. } = peer.hears_result(3.0) else { panic!() };
    assert_eq!(values, [Amf0Value::Number(0.0)], "what is live has no length");
    peer.sends(play(1, "cam?key=K&x=1"));
    let request = peer.may_play();
    assert_eq!((request.app.as_str(), request.name.as_str()), ("live", "cam"));
    assert_eq!(request.player.as_deref(), Some("LNX 9,0,124,2"));
    let names: Vec<_> = request.parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x", "token"]);
    assert!(!request.codecs.take(FourCc::HEVC), "nothing was announced");
    assert!(!format!("{request:?}").contains("cam"), "a name may be a key");
    assert_eq!(peer.hears(), Heard::ChunkSize(65_536));
    assert_eq!(peer.hears(), Heard::StreamBegin(1));
    assert_eq!(codes(&peer), [RESET, START]);
    let Some(Heard::Data(values)) = peer.heard.back() else { panic!("{:?}", peer.heard) };
    let access = Amf0Value::Utf8String("|RtmpSampleAccess".into());
    assert_eq!(*values, [access, Amf0Value::Boolean(true), Amf0Value::Boolean(true)]);
    // How much it buffers is its own affair.
    peer.sends(message(4, [0, 3, 0, 0, 0, 1, 0, 0, 0x0B, 0xB8].as_slice()));
    assert_eq!(peer.error, None);
}

#[test]
fn a_play_that_keeps_what_was_played_is_not_told_of_a_reset() {
    let mut peer = Peer::connected();
    let values =
        [Value::Null, Value::String("cam"), Value::Number(-1.0), Value::Number(-1.0), Value::Boolean(false)];
    peer.sends(command("play", 4.0, &values).on(1));
    peer.may_play();
    assert_eq!(codes(&peer), [START]);
}

#[test]
fn codecs_that_a_player_announces_are_known_of_it() {
    let mut peer = Peer::greeted();
    peer.sends(connect_with(&[
        ("app", Value::String("live")),
        ("fourCcList", Value::StrictArray(vec![Value::String("hvc1"), Value::String("av01")])),
        ("audioFourCcInfoMap", Value::Object(vec![("Opus", Value::Number(1.0))])),
    ]));
    peer.sends(create_stream(2.0));
    peer.sends(play(1, "cam"));
    let codecs = peer.may_play().codecs;
    let taken = [FourCc::HEVC, FourCc::AV1, FourCc::OPUS, FourCc::VP9].map(|code| codecs.take(code));
    assert_eq!(taken, [true, true, true, false]);
}

/// Hostile case 14, of players.
#[test]
fn names_and_message_streams_that_cannot_be_are_declined_in_words() {
    let long = "n".repeat(2_000);
    for (stream, name) in
        [(1, ""), (1, "a\r\nb"), (1, "/"), (1, long.as_str()), (0, "cam"), (2, "cam"), (9, "cam")]
    {
        let mut peer = Peer::connected();
        if stream == 2 {
            peer.sends(create_stream(3.0));
        }
        peer.sends(play(stream, name));
        assert!(!peer.hears_code(FAILED).is_empty(), "{stream} {name:?}");
        assert!(matches!(peer.is_closed(), CloseReason::Declined { code: FAILED, .. }), "{stream} {name:?}");
    }
    let mut peer = Peer::connected();
    peer.sends(command("play", 4.0, &[Value::Null]).on(1));
    assert!(peer.hears_code(FAILED).contains("missing"));
    let mut peer = Peer::greeted();
    peer.sends(play(1, "cam"));
    assert!(peer.hears_code("NetConnection.Call.Failed").contains("connect first"));
}

#[test]
fn a_refused_player_is_told_why_and_closed() {
    let mut peer = Peer::connected();
    peer.sends(play(1, "nobody"));
    peer.wants();
    peer.is_rejected(&Rejection::not_found("there is no such stream"));
    assert_eq!(peer.hears_code("NetStream.Play.StreamNotFound"), "there is no such stream");
    assert_eq!(peer.is_closed(), CloseReason::Refused("NetStream.Play.StreamNotFound"));
}

#[test]
fn the_end_of_a_stream_and_a_slow_player_are_told_in_every_way_that_players_listen_for() {
    for (reason, expected) in [
        (Rejection::unpublished("the stream has ended"), vec![OVER, STOP]),
        (Rejection::too_slow("too slow"), vec!["NetStream.Play.InsufficientBW", OVER, STOP]),
        (Rejection::play_failed("other codecs"), vec![FAILED, OVER, STOP]),
    ] {
        let mut peer = Peer::playing();
        peer.session.end_play(&reason);
        peer.drain();
        assert!(peer.heard.contains(&Heard::StreamEof(1)));
        assert_eq!(codes(&peer), expected);
        assert_eq!(peer.is_closed(), CloseReason::Finished(reason.code));
        assert_eq!(peer.session.deadline(), None);
    }
}

#[test]
fn a_player_that_is_done_is_heard_and_given_time_to_close() {
    for last in [delete_stream(1), command("closeStream", 0.0, &[Value::Null]).on(1)] {
        let mut peer = Peer::playing();
        peer.sends(last);
        assert_eq!(peer.output(), Output::Stopped);
        assert_eq!(codes(&peer), [STOP]);
        peer.sends(play(1, "again"));
        assert!(peer.outputs.is_empty(), "nothing is read any more");
        peer.waits(Duration::from_secs(5));
        assert_eq!(peer.is_closed(), CloseReason::Stopped);
    }
    let mut peer = Peer::playing();
    peer.sends(delete_stream(7));
    assert!(peer.outputs.is_empty() && peer.heard.is_empty(), "that is another message stream");
}

#[test]
fn a_connection_does_one_thing_at_a_time_and_what_goes_on_is_none_the_worse() {
    let mut peer = Peer::playing();
    peer.sends(play(1, "other"));
    assert!(peer.hears_code(FAILED).contains("plays already"));
    peer.sends(publish(1, "cam"));
    assert!(peer.hears_code("NetStream.Publish.BadName").contains("plays"));
    peer.sends(fc_unpublish("cam"));
    peer.sends(key_frame(0, &[1]));
    assert!(peer.outputs.is_empty() && peer.error.is_none(), "{:?}", peer.outputs);
    let mut peer = Peer::publishing();
    peer.sends(play(1, "main"));
    assert!(peer.hears_code(FAILED).contains("publishes"));
    peer.sends(avc_config(0));
    peer.sends(key_frame(0, &[1]));
    assert_eq!(peer.frames().len(), 1);
}

#[test]
fn what_a_live_stream_does_not_have_is_declined_politely() {
    let mut peer = Peer::playing();
    for (name, code) in [
        ("pause", "NetStream.Failed"),
        ("pauseRaw", "NetStream.Failed"),
        ("seek", "NetStream.Seek.Failed"),
        ("play2", FAILED),
    ] {
        peer.sends(command(name, 0.0, &[Value::Null, Value::Boolean(true), Value::Number(0.0)]).on(1));
        let heard = peer.hears();
        // A warning: some players give up at an error.
        assert_eq!((heard.code(), heard.text("level")), (Some(code), Some("warning")), "{name}");
    }
    for name in ["receiveAudio", "receiveVideo"] {
        peer.sends(command(name, 0.0, &[Value::Null, Value::Boolean(true)]).on(1));
    }
    assert!(peer.heard.is_empty() && peer.outputs.is_empty() && peer.error.is_none());
    peer.sends(command("FCSubscribe", 8.0, &[Value::Null, Value::String("cam")]));
    assert_eq!(peer.hears().name(), "onFCSubscribe");
    peer.hears_result(8.0);
}

#[test]
fn a_player_may_say_little_whatever_it_is() {
    let rate = rillcast::media::Limits::default().rtmp.player_rate;
    for flood in [message(3, [0, 0, 0, 1].as_slice()), sound(0, &[1]), user_control(7, 1), play(1, "x")] {
        let mut peer = Peer::playing();
        // The play itself was in the same second.
        for _ in 0..=rate {
            peer.sends(flood.clone());
        }
        assert_eq!(peer.fails(), Error::Flood(rate), "type {}", flood.kind);
        assert!(codes(&peer).contains(&"NetStream.Failed"));
    }
    let mut peer = Peer::playing();
    peer.sends(video(0, vec![0x17; 20_000]));
    let Error::Chunk { fault, .. } = peer.fails() else { panic!() };
    assert_eq!(fault, Fault::MessageTooLong { kind: 9, length: 20_000, limit: 16 * 1_024 });
    let mut peer = Peer::playing();
    for _ in 0..600 {
        peer.sends(message(3, [0, 0, 0, 1].as_slice()));
        peer.now += Duration::from_millis(50);
    }
    assert_eq!(peer.error, None, "twenty a second for half a minute");
}

#[test]
fn a_player_that_answered_once_and_falls_silent_is_gone_and_one_that_never_answers_is_not() {
    let mut peer = Peer::playing();
    peer.waits(Duration::from_secs(60));
    let pings = peer.heard.iter().filter(|heard| matches!(heard, Heard::Ping(_))).count();
    assert_eq!((pings, peer.error.clone()), (6, None));
    peer.sends(user_control(7, 1));
    peer.waits(Duration::from_secs(60));
    assert!(matches!(peer.fails(), Error::Timeout { wait: Wait::Pong, .. }));

    let mut peer = Peer::playing();
    for _ in 0..30 {
        peer.waits(Duration::from_secs(11));
        let Some(Heard::Ping(time)) = peer.heard.pop_front() else { panic!("{:?}", peer.heard) };
        peer.heard.clear();
        peer.sends(user_control(7, time));
    }
    assert_eq!(peer.error, None);
}

#[test]
fn to_a_player_the_end_of_the_server_is_the_end_of_the_stream() {
    let mut peer = Peer::playing();
    peer.retires(&Rejection::shutdown("the server is stopping"));
    assert_eq!(codes(&peer), ["NetConnection.Connect.AppShutdown", OVER, STOP]);
    assert!(matches!(peer.is_closed(), CloseReason::Finished(_)));
}

#[test]
fn what_a_hasty_player_sends_ahead_waits_for_the_answer() {
    let mut peer = Peer::connected();
    let ahead = [
        peer.writer.write(&play(1, "cam")),
        peer.writer.write(&user_control(6, 77)),
        peer.writer.write(&delete_stream(1)),
    ]
    .concat();
    peer.says(&ahead);
    peer.heard.clear();
    peer.may_play();
    assert!(peer.heard.contains(&Heard::Pong(77)));
    assert_eq!(codes(&peer), [RESET, START, STOP]);
    assert_eq!(peer.output(), Output::Stopped);
}
