//! Against another implementation: its serializer's bytes, and its client's whole conversation.

use bytes::Bytes;
use rillcast::media::RtmpLimits;
use rillcast::rtmp::chunk::Reader;
use rml_rtmp::chunk_io::{ChunkDeserializer, ChunkSerializer};
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::messages::MessagePayload;
use rml_rtmp::sessions::{
    ClientSession, ClientSessionConfig, ClientSessionEvent, ClientSessionResult, PublishRequestType,
};
use rml_rtmp::time::RtmpTimestamp;

use crate::kit::*;

#[test]
fn what_another_serializer_writes_is_read_alike() {
    let mut random = Random::new();
    for round in 0..60 {
        let mut serializer = ChunkSerializer::new();
        let mut theirs = ChunkDeserializer::new();
        let limits = RtmpLimits::default();
        let mut ours = Reader::new(&limits);
        ours.trust(&limits);
        let mut bytes = Vec::new();
        let mut time = 0_u32;
        for _ in 0..60 {
            if random.below(10) == 0 {
                let size = 1 + random.below(9_000) as u32;
                bytes.extend(serializer.set_max_chunk_size(size, RtmpTimestamp::new(time)).unwrap().bytes);
                continue;
            }
            time += random.below(60) as u32;
            let len = [1, 100, 1 + random.below(9_000)][random.below(3)];
            let payload = MessagePayload {
                timestamp: RtmpTimestamp::new(time),
                type_id: [8, 9, 18][random.below(3)],
                message_stream_id: 1,
                data: Bytes::from(random.bytes(len)),
            };
            // A forced whole header stands on every chunk of the message.
            bytes.extend(serializer.serialize(&payload, random.below(4) == 0, false).unwrap().bytes);
        }
        let mut count = 0;
        for read in bytes.chunks(1 + random.below(5_000)) {
            let mut input = read;
            let mut given = read;
            while let Some(message) = ours.next(&mut input).unwrap() {
                let other = loop {
                    if let Some(other) = theirs.get_next_message(given).unwrap() {
                        given = &[];
                        break other;
                    }
                };
                if message.kind == 1 {
                    let size = u32::from_be_bytes(message.payload[..4].try_into().unwrap());
                    ours.set_chunk_size(size).unwrap();
                    theirs.set_max_chunk_size(size as usize).unwrap();
                }
                assert_eq!(
                    (message.kind, message.stream, message.timestamp, message.payload),
                    (other.type_id, other.message_stream_id, other.timestamp.value, other.data),
                    "round {round}, message {count}"
                );
                count += 1;
            }
            assert_eq!(theirs.get_next_message(given).unwrap(), None);
        }
    }
}

/// The other implementation's client, from its handshake to its goodbye, over our session.
#[test]
fn another_client_publishes_from_handshake_to_goodbye() {
    let mut peer = Peer::silent();
    let mut handshake = Handshake::new(PeerType::Client);
    peer.says(&handshake.generate_outbound_p0_and_p1().unwrap());
    let answer = peer.said();
    let HandshakeProcessResult::Completed { response_bytes, remaining_bytes } =
        handshake.process_bytes(&answer).unwrap()
    else {
        panic!("S0, S1 and S2 complete the client's handshake")
    };
    assert!(remaining_bytes.is_empty());
    peer.says(&response_bytes);

    let mut config = ClientSessionConfig::new();
    config.tc_url = Some("rtmp://127.0.0.1:1935/live".into());
    let (mut client, _) = ClientSession::new(config).unwrap();
    let mut todo = vec![client.request_connection("live".into()).unwrap()];
    let mut events = Vec::new();
    let mut step = |client: &mut ClientSession, peer: &mut Peer, todo: &mut Vec<ClientSessionResult>| {
        while !todo.is_empty() {
            for result in std::mem::take(todo) {
                match result {
                    ClientSessionResult::OutboundResponse(packet) => {
                        peer.says(&packet.bytes);
                        todo.extend(client.handle_input(&peer.said()).unwrap());
                    }
                    ClientSessionResult::RaisedEvent(event) => events.push(event),
                    ClientSessionResult::UnhandleableMessageReceived(_) => {}
                }
            }
        }
        std::mem::take(&mut events)
    };
    let events = step(&mut client, &mut peer, &mut todo);
    assert!(events.contains(&ClientSessionEvent::ConnectionRequestAccepted));
    todo.push(client.request_publishing("main".into(), PublishRequestType::Live).unwrap());
    step(&mut client, &mut peer, &mut todo);
    peer.is_accepted();
    todo.extend(client.handle_input(&peer.said()).unwrap());
    let events = step(&mut client, &mut peer, &mut todo);
    assert!(events.contains(&ClientSessionEvent::PublishRequestAccepted));
    for n in 0..50 {
        let time = RtmpTimestamp::new(n * 40);
        let (picture, noise) = match n {
            0 => (avc_config(0), aac_config(0)),
            n => (key_frame(n, &vec![n as u8; n as usize * 300]), sound(n, &[n as u8; 200])),
        };
        todo.push(client.publish_video_data(picture.body, time, false).unwrap());
        todo.push(client.publish_audio_data(noise.body, time, true).unwrap());
        step(&mut client, &mut peer, &mut todo);
    }
    let frames = peer.frames();
    assert_eq!((frames.len(), peer.tracks().len(), peer.error.clone()), (98, 2, None));
    assert_eq!(frames[97].dts.value, 49 * 40);
    todo.extend(client.stop_publishing().unwrap());
    step(&mut client, &mut peer, &mut todo);
    assert!(matches!(peer.output(), rillcast::rtmp::Output::Unpublished));
}
