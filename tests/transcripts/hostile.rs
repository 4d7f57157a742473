//! Hostile peers, numbered as in the catalogue of faults.

use std::thread;
use std::time::Duration;

use rillcast::flv;
use rillcast::flv::amf0::Value;
use rillcast::media::StreamName;
use rillcast::rtmp::chunk::Fault;
use rillcast::rtmp::{Blame, CloseReason, Error, Output, Rejection, Wait};

use crate::kit::*;

/// Hostile case 1: the deadlines are absolute, however slowly bytes drip.
#[test]
fn a_peer_that_says_nothing_or_drips_is_given_up_on_time() {
    let greeting = Error::Timeout { wait: Wait::Handshake, limit: Duration::from_secs(5) };
    let mut peer = Peer::silent();
    peer.waits(Duration::from_millis(4_999));
    assert_eq!(peer.error, None);
    peer.waits(Duration::from_millis(1));
    assert_eq!(peer.fails(), greeting);

    let mut peer = Peer::silent();
    for byte in c0_c1() {
        peer.waits(Duration::from_secs(4));
        peer.says(&[byte]);
    }
    assert_eq!(peer.fails(), greeting);

    let mut peer = Peer::connected();
    for _ in 0..4 {
        peer.waits(Duration::from_secs(3));
        peer.sends(user_control(6, 1));
    }
    let error = peer.fails();
    assert_eq!(error, Error::Timeout { wait: Wait::Publish, limit: Duration::from_secs(10) });
    assert_eq!(error.blame(), Blame::Peer);
}

/// Hostile case 1: a publish nobody answers runs into the same deadline.
#[test]
fn a_publish_that_is_never_answered_ends_too() {
    let mut peer = Peer::connected();
    peer.sends(publish(1, "main"));
    peer.asks();
    peer.waits(Duration::from_secs(11));
    assert!(matches!(peer.fails(), Error::Timeout { wait: Wait::Publish, .. }));
}

/// Hostile case 2.
#[test]
fn versions_other_than_three_are_refused_by_what_they_look_like() {
    for (version, words) in
        [(0, "version 0"), (6, "RTMPE"), (0x16, "TLS"), (b'G', "HTTP"), (255, "version 255")]
    {
        let mut peer = Peer::silent();
        peer.says(&[version]);
        let error = peer.fails();
        assert_eq!(error, Error::Version(version));
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(peer.sent, 0);
    }
}

/// Hostile cases 2 and 3: both handshakes, a wrong C2, and any cut; what follows C2 goes on to the chunks.
#[test]
fn plain_and_digest_handshakes_succeed_however_they_are_cut() {
    let connect = Writer::new(Dialect::PLAIN).write(&connect("live"));
    for reads in [1, 2, 1_535, 1_536, 1_537, usize::MAX] {
        for wrong in [false, true] {
            let mut peer = Peer::silent();
            peer.reads = reads;
            let c2 = if wrong { vec![0xEE; 1_536] } else { c0_c1()[1..].to_vec() };
            peer.says(&[c0_c1(), c2, connect.clone()].concat());
            peer.hears_result(1.0);
        }
    }
    use rml_rtmp::handshake::{Handshake, PeerType};
    let mut client = Handshake::new(PeerType::Client);
    let mut peer = Peer::silent();
    peer.says(&client.generate_outbound_p0_and_p1().unwrap());
    assert_eq!(peer.sent, 3_073);
    peer.says(&[1; 1_536]);
    peer.says(&connect);
    peer.hears_result(1.0);
}

/// Hostile case 3: a whole publish, cut at every byte, ends the same.
#[test]
fn a_conversation_cut_at_every_byte_means_the_same() {
    let conversation = |reads: &[usize]| {
        let mut peer = Peer::silent();
        let mut writer = Writer::new(Dialect::FFMPEG);
        let mut bytes = [c0_c1(), vec![0; 1_536]].concat();
        for wire in [connect("live/a"), create_stream(2.0), publish(1, "b?key=K")] {
            bytes.extend(writer.write(&wire));
        }
        let ask = bytes.len();
        for wire in [metadata(), avc_config(0), aac_config(0), key_frame(0x100_0000, &[1; 300])] {
            bytes.extend(writer.write(&wire));
        }
        bytes.extend(writer.write(&set_chunk_size(500)));
        writer.chunk_size = 500;
        for wire in [sound(0x100_0010, &[2; 40]), inter_frame(0x100_0028, &[3; 700]), fc_unpublish("b")] {
            bytes.extend(writer.write(&wire));
        }
        let mut log = Vec::new();
        let mut rest = &bytes[..];
        let mut accepted = false;
        let mut cuts = reads.iter().copied().chain(std::iter::repeat(usize::MAX));
        while !rest.is_empty() {
            let (read, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            rest = tail;
            peer.says(read);
            if !accepted && peer.outputs.iter().any(|output| matches!(output, Output::PublishRequested(_))) {
                let request = peer.is_accepted();
                log.push(format!("{} {}", request.path, request.key.unwrap().expose()));
                accepted = true;
            }
        }
        assert_eq!(peer.error, None);
        log.extend(
            peer.heard
                .drain(..)
                .filter(|heard| matches!(heard, Heard::Command { .. }))
                .map(|heard| format!("{} {:?}", heard.name(), heard.code())),
        );
        for output in peer.outputs.drain(..) {
            log.push(match output {
                // Instants differ from run to run.
                Output::Frame(frame) => {
                    format!("{:?}", (frame.track, frame.dts, frame.cts, frame.key, frame.payload))
                }
                other => format!("{other:?}"),
            });
        }
        (log, bytes.len(), ask)
    };
    let (whole, len, ask) = conversation(&[]);
    assert!(whole.len() >= 9, "{whole:#?}");
    assert!(ask < len);
    for cut in 1..len {
        assert_eq!(conversation(&[cut]).0, whole, "cut at {cut}");
    }
    assert_eq!(conversation(&vec![1; len]).0, whole, "byte by byte");
}

/// Hostile case 4.
#[test]
fn a_chunk_size_of_zero_or_with_its_top_bit_ends_the_conversation() {
    for size in [0, 0x8000_0001] {
        let mut peer = Peer::greeted();
        peer.sends(set_chunk_size(size));
        assert!(matches!(peer.fails(), Error::Chunk { fault: Fault::ChunkSize(_), .. }));
    }
    let mut peer = Peer::greeted();
    peer.sends(set_chunk_size(0x7FFF_FFFF));
    peer.sends(connect("live"));
    peer.hears_result(1.0);
}

/// Hostile case 5.
#[test]
fn nobody_gets_a_large_message_before_a_publish_is_accepted() {
    let mut peer = Peer::connected();
    peer.sends(set_chunk_size(1 << 20));
    peer.sends(video(0, vec![0; 16_385]));
    assert!(matches!(
        peer.fails(),
        Error::Chunk { csid: 6, fault: Fault::MessageTooLong { limit: 16_384, .. }, .. }
    ));
    let mut peer = Peer::publishing();
    peer.sends(set_chunk_size(1 << 20));
    peer.sends(avc_config(0));
    peer.sends(key_frame(0, &vec![0; 8_388_000]));
    assert_eq!((peer.frames().len(), peer.error.clone()), (1, None));
    peer.sends(message(18, vec![0; 65_537]).on(1));
    assert!(matches!(peer.fails(), Error::Chunk { fault: Fault::MessageTooLong { limit: 65_536, .. }, .. }));
}

/// Hostile case 12.
#[test]
fn acknowledgements_carry_the_running_total_and_never_storm() {
    for (window, most) in [(0, 16), (1, 16), (100_000, 11), (u32::MAX, 0)] {
        let mut peer = Peer::publishing();
        peer.sends(set_chunk_size(1 << 20));
        peer.sends(window_size(window));
        peer.sends(aac_config(0));
        for n in 0..1_024 {
            peer.sends(sound(n, &[0; 1_000]));
        }
        let totals: Vec<u32> = peer
            .heard
            .drain(..)
            .filter_map(|heard| match heard {
                Heard::Acknowledgement(total) => Some(total),
                _ => None,
            })
            .collect();
        assert!(totals.len() <= most && (most == 0 || totals.len() >= 9), "{window}: {totals:?}");
        assert!(totals.windows(2).all(|pair| pair[1] - pair[0] >= 65_536));
    }
}

/// Hostile case 12: without a word about windows, ours holds.
#[test]
fn a_peer_that_asks_for_no_acknowledgements_gets_them_by_our_window() {
    let mut peer = Peer::publishing();
    peer.sends(set_chunk_size(1 << 20));
    peer.sends(aac_config(0));
    for n in 0..30 {
        peer.sends(sound(n, &vec![0; 100_000]));
    }
    assert!(matches!(peer.hears(), Heard::Acknowledgement(total) if total >= 2_500_000));
}

/// Hostile case 13.
#[test]
fn unknown_messages_of_every_type_are_ignored() {
    for published in [false, true] {
        let mut peer = if published { Peer::publishing() } else { Peer::connected() };
        for kind in 0..=255_u8 {
            // Those that mean something are tested where they are.
            if !matches!(kind, 1 | 2 | 5 | 8 | 9 | 17 | 20 | 22) {
                peer.sends(message(kind, vec![kind; 40]).on(1));
            }
        }
        for event in [0, 1, 26, 31, 32, 0xFFFF] {
            peer.sends(user_control(event, 1));
        }
        peer.sends(message(4, vec![]));
        peer.sends(message(4, vec![0]));
        peer.sends(message(4, vec![0, 6]));
        assert_eq!(peer.error, None);
        assert!(peer.frames().is_empty());
    }
}

/// Hostile case 13.
#[test]
fn a_flood_of_pings_ends_the_conversation() {
    let mut peer = Peer::publishing();
    peer.waits(Duration::from_secs(1));
    for n in 0..1_000 {
        peer.sends(user_control(6, n));
    }
    assert_eq!(peer.error, None);
    peer.sends(user_control(6, 0));
    assert_eq!(peer.fails(), Error::Flood(1_000));
    let mut peer = Peer::publishing();
    peer.sends(aac_config(0));
    for n in 0..3_000 {
        peer.sends(user_control(6, n));
        peer.waits(Duration::from_millis(2));
    }
    assert_eq!(peer.error, None);
}

/// Hostile cases 13 and 18: what one read makes us say is bounded.
#[test]
fn answers_to_one_read_are_bounded() {
    let mut peer = Peer::connected();
    let bytes: Vec<u8> =
        (0..900).flat_map(|n| peer.writer.write(&command("x", f64::from(n + 1), &[]))).collect();
    peer.says(&bytes);
    assert_eq!(peer.fails(), Error::Outbound(16_384));
    assert!(peer.sent <= 16_384 + 8_192);
}

/// Hostile case 14: whatever is wrong with a publish, it ends in `BadName`, a close, and nothing else.
#[test]
fn an_evil_publish_ends_in_bad_name() {
    let long = "n".repeat(10 * 1_024);
    let names =
        ["", "/", "?", "a/../../b", "%2e%2e", "a\0b", "a\r\nb", "\u{1F3A5}", "..", ".hidden", "a b", &long];
    for name in names {
        let mut peer = Peer::connected();
        peer.sends(publish(1, name));
        // What the session lets through is judged by whoever knows the rules for names.
        if let Some(Output::PublishRequested(request)) = peer.outputs.front() {
            let fault = StreamName::parse(&request.path).expect_err(name);
            peer.outputs.clear();
            peer.is_rejected(&Rejection::bad_name(fault.to_string()));
        }
        peer.hears_code("NetStream.Publish.BadName");
        assert_eq!(peer.is_closed().code(), Some("NetStream.Publish.BadName"), "{name:?}");
        assert!(peer.outputs.is_empty());
    }
}

/// Hostile case 14: before connect, on stream 0, on a stream that was never made, with no name.
#[test]
fn a_publish_out_of_place_ends_in_bad_name() {
    let mut early = Peer::greeted();
    early.sends(publish(1, "main"));
    let mut zero = Peer::connected();
    zero.sends(publish(0, "main"));
    let mut unmade = Peer::connected();
    unmade.sends(publish(2, "main"));
    let mut nameless = Peer::connected();
    nameless.sends(command("publish", 5.0, &[Value::Null, Value::Number(1.0)]).on(1));
    let mut bare = Peer::connected();
    bare.sends(command("publish", 5.0, &[]).on(1));
    for (mut peer, field) in [
        (early, "connect first"),
        (zero, "message stream"),
        (unmade, "message stream"),
        (nameless, "name is missing"),
        (bare, "name is missing"),
    ] {
        peer.hears_code("NetStream.Publish.BadName");
        let CloseReason::Declined { code, words, at } = peer.is_closed() else { panic!("{field}") };
        assert_eq!(code, "NetStream.Publish.BadName");
        // Counted from the first chunk on.
        assert!(words.contains(field) && at > 40, "{words} at {at}");
    }
}

/// Hostile case 14: a second publish is refused, and does the first no harm.
#[test]
fn a_second_publish_on_the_connection_is_refused() {
    let mut peer = Peer::publishing();
    peer.sends(create_stream(8.0));
    peer.sends(publish(2, "other"));
    peer.hears_code("NetStream.Publish.BadName");
    peer.sends(aac_config(0));
    peer.sends(sound(0, b"on"));
    assert_eq!((peer.frames().len(), peer.error), (1, None));
}

/// Hostile case 14, of createStream.
#[test]
fn message_streams_are_bounded() {
    let mut peer = Peer::connected();
    for n in 0..7 {
        peer.sends(create_stream(f64::from(n) + 3.0));
    }
    assert_eq!(peer.error, None);
    peer.sends(create_stream(20.0));
    assert_eq!(peer.fails(), Error::MessageStreams(8));
}

/// Hostile case 15: nothing a command holds costs stack or memory.
#[test]
fn amf_bombs_end_in_an_error_on_a_small_stack() {
    let nest = |marker: &[u8], depth: usize| {
        let mut body = b"\x02\0\x07connect\0\x3F\xF0\0\0\0\0\0\0".to_vec();
        body.extend(marker.repeat(depth));
        body
    };
    let head = || b"\x02\0\x07connect\0\x3F\xF0\0\0\0\0\0\0".to_vec();
    let cases = vec![
        nest(b"\x03\0\x01a", 4_000),
        nest(b"\x0A\0\0\0\x01", 3_000),
        nest(b"\x08\0\0\0\x01\0\x01a", 1_900),
        [head(), b"\x0A\xFF\xFF\xFF\xFF".to_vec(), vec![5; 10_000]].concat(),
        [head(), b"\x03\0\x01a\x05".to_vec()].concat(),
        [head(), b"\x11\x0A\x0B\x01".to_vec()].concat(),
        [head(), b"\x07\0\0".to_vec()].concat(),
        [head(), b"\x0C\xFF\xFF\xFF\xFFabc".to_vec()].concat(),
    ];
    let work = move || {
        for body in cases {
            let mut peer = Peer::greeted();
            peer.sends(message(20, body.clone()).csid(3));
            assert!(matches!(peer.fails(), Error::Command { .. }), "{:x?}", &body[..24]);
            // The same as metadata is no reason to part: it is left out.
            let mut peer = Peer::publishing();
            let script = [b"\x02\0\x0AonMetaData".to_vec(), body[19..].to_vec()].concat();
            peer.sends(message(18, script).on(1));
            assert_eq!((peer.discards().len(), peer.error), (1, None), "{:x?}", &body[..24]);
        }
    };
    thread::Builder::new().stack_size(256 * 1_024).spawn(work).unwrap().join().unwrap();
}

/// Hostile case 15.
#[test]
fn numbers_that_are_none_are_taken_as_they_come() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e308] {
        let mut peer = Peer::greeted();
        peer.sends(command("connect", number, &[Value::Object(vec![("app", Value::String("live"))])]));
        assert_eq!(peer.hears(), Heard::WindowSize(2_500_000));
        peer.sends(create_stream(number));
        peer.sends(command("deleteStream", number, &[Value::Null, Value::Number(number)]));
        assert_eq!(peer.error, None);
    }
}

/// Hostile case 16.
#[test]
fn a_publish_ends_once_and_what_follows_is_not_read() {
    for last in [fc_unpublish("main"), delete_stream(1), command("closeStream", 0.0, &[Value::Null]).on(1)] {
        let mut peer = Peer::publishing();
        peer.sends(last);
        assert_eq!(peer.output(), Output::Unpublished);
        for wire in [delete_stream(1), aac_config(0), sound(0, b"x"), publish(1, "main"), set_chunk_size(0)] {
            peer.sends(wire);
        }
        assert!(peer.outputs.is_empty() && peer.error.is_none());
        peer.waits(Duration::from_secs(5));
        assert_eq!(peer.is_closed(), CloseReason::Unpublished);
        assert_eq!(peer.session.deadline(), None);
    }
    let mut peer = Peer::publishing();
    peer.sends(delete_stream(3));
    peer.sends(command("closeStream", 0.0, &[Value::Null]).on(2));
    assert!(peer.outputs.is_empty(), "another stream's end is not ours");
}

/// Hostile case 25.
#[test]
fn a_codec_list_bomb_in_connect_is_an_error() {
    let list = vec![Value::String("avc1"); 1_500];
    let mut peer = Peer::greeted();
    peer.sends(connect_with(&[("app", Value::String("live")), ("fourCcList", Value::StrictArray(list))]));
    assert!(matches!(peer.fails(), Error::Command { fault: flv::Error::AmfValues { max: 1_024 }, .. }));
}

/// What comes ahead of our answer is kept, but not without end.
#[test]
fn bytes_ahead_of_the_answer_are_bounded() {
    let mut peer = Peer::connected();
    peer.sends(publish(1, "main"));
    peer.says(&[0; 32_768]);
    assert_eq!(peer.error, None);
    peer.says(&[0]);
    assert_eq!(peer.fails(), Error::SentAhead(32_768));
}

#[test]
fn after_an_error_nothing_more_is_read() {
    let mut peer = Peer::publishing();
    peer.sends(set_chunk_size(0));
    peer.fails();
    assert_eq!(peer.session.deadline(), None);
    peer.says(&[0xFF; 100]);
    assert_eq!(peer.error, None);
    assert!(peer.outputs.is_empty());
}
