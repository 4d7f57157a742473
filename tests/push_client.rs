//! The publishing client in conversation with an independent server, without sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rillcast::flv::{PacketKind, Tag, TagKind};
use rillcast::media::TrackKind;
use rillcast::push::{Client, Clip, Error, Output, Pace, Target};
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{
    ServerSession, ServerSessionConfig, ServerSessionEvent, ServerSessionResult, StreamMetadata,
};

const LOOPING: &[u8] = include_bytes!("../fixtures/bbb_720p25_avc_aac.mp4");
const SURROUND: &[u8] = include_bytes!("../fixtures/bbb_720p25_gop132_aac51.mp4");

fn clip(file: &'static [u8]) -> Arc<Clip> {
    Arc::new(Clip::parse(Bytes::from_static(file)).unwrap())
}

/// Real-time starts somewhere; tests only ever add to it.
#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for simulated time")]
fn origin() -> Instant {
    Instant::now()
}

/// rml_rtmp's server, which says yes to everything unless told otherwise.
struct Server {
    handshake: Option<Handshake>,
    session: ServerSession,
    outbound: Vec<u8>,
    refuse: Option<&'static str>,
    asked: Vec<String>,
    metadata: Option<StreamMetadata>,
    tags: Vec<(TagKind, u32, Bytes)>,
    finished: bool,
}

impl Server {
    fn new() -> Self {
        let (session, results) = ServerSession::new(ServerSessionConfig::new()).unwrap();
        let mut server = Self {
            handshake: Some(Handshake::new(PeerType::Server)),
            session,
            outbound: Vec::new(),
            refuse: None,
            asked: Vec::new(),
            metadata: None,
            tags: Vec::new(),
            finished: false,
        };
        // Its first chunks must follow the handshake: kept until then.
        let first = std::mem::take(&mut server.outbound);
        assert!(first.is_empty());
        server.react(results);
        server
    }

    fn hears(&mut self, bytes: &[u8]) {
        let mut rest = bytes.to_vec();
        if let Some(handshake) = &mut self.handshake {
            let early = std::mem::take(&mut self.outbound);
            match handshake.process_bytes(bytes).unwrap() {
                HandshakeProcessResult::InProgress { response_bytes } => {
                    self.outbound = response_bytes;
                    self.outbound.extend(early);
                    return;
                }
                HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                    self.outbound = response_bytes;
                    self.outbound.extend(early);
                    rest = remaining_bytes;
                    self.handshake = None;
                }
            }
        }
        let results = self.session.handle_input(&rest).unwrap();
        self.react(results);
    }

    fn react(&mut self, results: Vec<ServerSessionResult>) {
        for result in results {
            match result {
                ServerSessionResult::OutboundResponse(packet) => self.outbound.extend(packet.bytes),
                ServerSessionResult::RaisedEvent(event) => self.event(event),
                ServerSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
    }

    fn event(&mut self, event: ServerSessionEvent) {
        match event {
            ServerSessionEvent::ConnectionRequested { request_id, app_name } => {
                self.asked.push(app_name);
                let results = self.session.accept_request(request_id).unwrap();
                self.react(results);
            }
            ServerSessionEvent::PublishStreamRequested { request_id, app_name, stream_key, .. } => {
                self.asked.push(format!("{app_name} {stream_key}"));
                let results = match self.refuse {
                    Some(why) => self.session.reject_request(request_id, "NetStream.Publish.BadName", why),
                    None => self.session.accept_request(request_id),
                };
                self.react(results.unwrap());
            }
            ServerSessionEvent::StreamMetadataChanged { metadata, .. } => self.metadata = Some(metadata),
            ServerSessionEvent::AudioDataReceived { data, timestamp, .. } => {
                self.tags.push((TagKind::Audio, timestamp.value, data));
            }
            ServerSessionEvent::VideoDataReceived { data, timestamp, .. } => {
                self.tags.push((TagKind::Video, timestamp.value, data));
            }
            ServerSessionEvent::PublishStreamFinished { .. } => self.finished = true,
            _ => {}
        }
    }
}

/// Carries bytes both ways, `piece` at a time towards the client, until neither has anything to say;
/// answers whether the client went live.
fn settle(client: &mut Client, server: &mut Server, now: Instant, piece: usize) -> Result<bool, Error> {
    let mut live = false;
    loop {
        let mut moved = false;
        while let Some(output) = client.poll_output() {
            moved = true;
            match output {
                Output::Send(bytes) => server.hears(&bytes),
                Output::Live => live = true,
            }
        }
        for bytes in std::mem::take(&mut server.outbound).chunks(piece) {
            moved = true;
            client.handle_input(now, bytes)?;
        }
        if !moved {
            return Ok(live);
        }
    }
}

fn target() -> Target {
    Target::parse("rtmp://media.example/live/studio?key=hush").unwrap()
}

#[test]
fn every_access_unit_arrives_in_order_with_its_time() {
    for file in [LOOPING, SURROUND] {
        let now = origin();
        let clip = clip(file);
        let mut server = Server::new();
        let mut client = Client::new(target(), Arc::clone(&clip), now).unwrap();
        assert!(settle(&mut client, &mut server, now, 65_536).unwrap());
        assert_eq!(server.asked, ["live", "live studio?key=hush"]);
        assert_eq!(client.deadline(), None, "live has no deadline");

        let mut pace = Pace::new(Arc::clone(&clip), false, now);
        let mut sent = Vec::new();
        while let Some(at) = pace.due() {
            let due = pace.next(at).unwrap();
            client.send(&due).unwrap();
            sent.push((due.track.kind, due.dts as u32, due.cts, due.sample.key, due.sample.payload.clone()));
        }
        client.unpublish().unwrap();
        settle(&mut client, &mut server, now, 65_536).unwrap();
        assert!(server.finished);

        let mut records = Vec::new();
        let mut heard = Vec::new();
        let mut ends = 0;
        for (kind, time, body) in server.tags {
            let (Tag::Video(packets) | Tag::Audio(packets)) = Tag::parse(kind, body).unwrap() else {
                panic!("script")
            };
            let track = if kind == TagKind::Video { TrackKind::Video } else { TrackKind::Audio };
            for packet in packets {
                match packet.kind {
                    PacketKind::SequenceStart(record) => records.push((track, record)),
                    PacketKind::Frames { cts, key, payload, .. } => {
                        heard.push((track, time, cts, key, payload))
                    }
                    PacketKind::SequenceEnd => ends += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(heard.len(), clip.tracks().iter().map(|t| t.samples.len()).sum::<usize>());
        assert!(heard == sent, "what arrives is what was sent");
        assert_eq!(
            records.iter().map(|(track, _)| *track).collect::<Vec<_>>(),
            [TrackKind::Video, TrackKind::Audio]
        );
        assert_eq!(ends, 1);
        assert_eq!(heard.iter().map(|tag| tag.1).min(), Some(0));
    }
}

#[test]
fn the_metadata_describes_both_tracks() {
    let now = origin();
    let mut server = Server::new();
    let mut client = Client::new(target(), clip(LOOPING), now).unwrap();
    settle(&mut client, &mut server, now, 65_536).unwrap();
    let metadata = server.metadata.unwrap();
    assert_eq!((metadata.video_width, metadata.video_height), (Some(1_280), Some(720)));
    assert_eq!((metadata.video_frame_rate, metadata.video_codec_id), (Some(25.0), Some(7)));
    assert_eq!((metadata.audio_codec_id, metadata.audio_sample_rate), (Some(10), Some(48_000)));
    assert_eq!((metadata.audio_channels, metadata.audio_is_stereo), (Some(2), Some(true)));
    assert!(metadata.video_bitrate_kbps.is_some_and(|rate| (1_500..2_500).contains(&rate)));
    assert!(metadata.encoder.unwrap().starts_with("rillcast/"));
}

#[test]
fn the_server_may_answer_a_byte_at_a_time() {
    let now = origin();
    let mut server = Server::new();
    let mut client = Client::new(target(), clip(LOOPING), now).unwrap();
    assert!(settle(&mut client, &mut server, now, 1).unwrap());
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let now = origin();
    let mut server = Server::new();
    server.refuse = Some("no such key: studio?key=hush, (hush)");
    let mut client = Client::new(target(), clip(LOOPING), now).unwrap();
    let error = settle(&mut client, &mut server, now, 65_536).unwrap_err();
    assert!(
        matches!(&error, Error::Refused(refusal) if refusal.description == "no such key: ***, (***)"),
        "{error}"
    );
    assert!(error.to_string().contains("no such key"), "{error}");
    assert!(!error.to_string().contains("hush"), "{error}");
}

#[test]
fn a_server_that_says_nothing_times_out_with_what_was_missing() {
    let now = origin();
    let mut client = Client::new(target(), clip(LOOPING), now).unwrap();
    let deadline = client.deadline().unwrap();
    assert_eq!(deadline - now, Client::PATIENCE);
    assert!(client.handle_timeout(deadline - Duration::from_millis(1)).is_ok());
    let error = client.handle_timeout(deadline).unwrap_err();
    assert_eq!(error, Error::Timeout("waiting for the handshake"));
}

#[test]
fn media_before_the_answer_is_refused_on_this_side() {
    let now = origin();
    let clip = clip(LOOPING);
    let mut client = Client::new(target(), Arc::clone(&clip), now).unwrap();
    let mut pace = Pace::new(clip, true, now);
    assert_eq!(client.send(&pace.next(now).unwrap()), Err(Error::NotLive));
}

/// A generator for tests that must be repeatable: xorshift64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn a_server_that_sends_noise_ends_the_conversation_and_nothing_else() {
    let seed = 0x5EED_0001;
    println!("seed {seed:#x}");
    let mut dice = Dice(seed);
    for _ in 0..200 {
        let now = origin();
        let mut server = Server::new();
        let mut client = Client::new(target(), clip(SURROUND), now).unwrap();
        while let Some(Output::Send(bytes)) = client.poll_output() {
            server.hears(&bytes);
        }
        // The handshake as it should be, then the server's real messages with bytes changed.
        let mut bytes = std::mem::take(&mut server.outbound);
        let tail = bytes.split_off(3_073.min(bytes.len()));
        client.handle_input(now, &bytes).unwrap();
        while let Some(Output::Send(bytes)) = client.poll_output() {
            server.hears(&bytes);
        }
        let mut noise = [tail, std::mem::take(&mut server.outbound)].concat();
        for _ in 0..=dice.roll() % 8 {
            let at = dice.roll() as usize % noise.len();
            noise[at] = dice.roll() as u8;
        }
        for piece in noise.chunks(1 + dice.roll() as usize % 64) {
            if client.handle_input(now, piece).is_err() {
                break;
            }
            while client.poll_output().is_some() {}
        }
    }
}
