//! Encoders and networks that fail in the worst way: swallowed packets, closed windows, floods beside live streams,
//! encoders that race.

use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use rillcast::control::Settings;
use rillcast::flv::amf0::{self, Value};
use rillcast::live::Takeover;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::relay::Relay;
use crate::rig::{Encoder, Server, get, metric, playable, settings};
use crate::tls_rig::{BOTH, client, secure, shake};
use crate::transitions::{playlist, until};
use crate::transports::{Player, Transport, hint, open_msn};

const SECOND: Duration = Duration::from_secs(1);
/// PART-TARGET of the default settings, about.
const PART: Duration = Duration::from_millis(500);

async fn reaches(server: &Server, name: &str, value: u64, within: Duration) {
    let began = Instant::now();
    while metric(server, name).await != Some(value) {
        assert!(began.elapsed() < within, "{name} is not {value} within {within:?}");
        tokio::time::sleep(SECOND / 50).await;
    }
}

/// Hostile case 17: nothing more comes from an encoder, and no end of its connection either. Its playlist goes on in
/// gaps; who has the same key takes over after two seconds, and where nobody does it is given up after ten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_whose_network_swallows_everything_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Settings { takeover: Takeover::Stale, ..secure(folder.path()) }).await;
    let player = Player::new(Transport::Http1, &server, folder.path());
    let way = Relay::to(server.at.rtmp, 1).await.unwrap();
    let [cam, dog] = ["cam", "dog"].map(|name| Encoder::start_at(way.at, name));
    let media = playable(&server, "cam").await;
    playable(&server, "dog").await;
    until(&player, &media, "\nseg-").await;
    way.swallow();
    let silent = Instant::now();
    until(&player, &media, "GAP=YES").await;
    assert_eq!(metric(&server, "rillcast_publishers").await, Some(2), "both connections still stand");

    tokio::time::sleep((SECOND * 5 / 2).saturating_sub(silent.elapsed())).await;
    let asked = Instant::now();
    let back = Encoder::start(&server, "cam");
    until(&player, &media, "#EXT-X-DISCONTINUITY\n").await;
    assert!(asked.elapsed() < 5 * SECOND, "{:?}", asked.elapsed());
    assert_eq!(playable(&server, "cam").await, media, "the same generation");
    // The other is nobody's after ten seconds without a byte.
    reaches(&server, "rillcast_publishers", 1, 12 * SECOND).await;
    let took = silent.elapsed();
    assert!(took > 9 * SECOND && took < 13 * SECOND, "{took:?}");
    back.stop().await;
    cam.crash().await;
    dog.crash().await;
    server.stop().await;
}

/// A command message as one chunk.
fn command(name: &str, rest: &[Value<'_>]) -> BytesMut {
    let mut body = BytesMut::new();
    amf0::write(&mut body, &Value::String(name));
    rest.iter().for_each(|value| amf0::write(&mut body, value));
    let mut chunk = BytesMut::new();
    chunk.put_slice(&[3, 0, 0, 0, 0, 0]);
    chunk.put_u8(u8::try_from(body.len()).unwrap());
    chunk.put_u8(20);
    chunk.put_u32_le(0);
    chunk.put_slice(&body);
    chunk
}

/// Hostile case 18: a peer that asks and does not read, so that its window closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_what_it_asks_for_is_closed() {
    let server = Server::start(settings()).await;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    // Small segments: both systems keep little of what is not taken.
    socket.set_tcp_mss(536).unwrap();
    socket.connect(&server.at.rtmp.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut peer = TcpStream::from_std(socket.into()).unwrap();
    peer.write_all(&[&[3][..], &[0; 1_536]].concat()).await.unwrap();
    let mut shaken = vec![0; 1 + 2 * 1_536];
    peer.read_exact(&mut shaken).await.unwrap();
    peer.write_all(&shaken[1..=1_536]).await.unwrap();
    let app = Value::Object(vec![("app", Value::String("live"))]);
    peer.write_all(&command("connect", &[Value::Number(1.0), app])).await.unwrap();
    let began = Instant::now();
    let mut asks = 0;
    loop {
        for n in 0..20 {
            let ask = command("x", &[Value::Number(f64::from(n + 2)), Value::Null]);
            if peer.write_all(&ask).await.is_err() {
                break;
            }
            asks += 1;
        }
        if metric(&server, "rillcast_limit_hits_total{limit=\"rtmp.outbound\"}").await == Some(1) {
            break;
        }
        assert!(began.elapsed() < 9 * SECOND, "still open after {asks} questions");
        tokio::time::sleep(SECOND / 40).await;
    }
    reaches(&server, "rillcast_rtmp_connections", 0, SECOND).await;
}

/// Hostile case 20: half a thousand hellos a second from peers that go no further, beside a stream that is played.
/// The time between two parts stays what it was, with room for a busy machine. Where the cryptography is built without
/// optimisation there are as many as keep half a core busy, if that is fewer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_hellos_leaves_the_cadence_of_parts_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let encoder = Encoder::start(&server, "cam");
    let media = playable(&server, "cam").await;
    let player = Player::new(Transport::Http1Tls, &server, folder.path());
    until(&player, &media, "\nseg-").await;
    let https = server.at.https.unwrap();
    let (began, client) = (Instant::now(), client(&folder.path().join("self-signed.crt"), &[], BOTH));
    for _ in 0..5 {
        shake(&client, TcpStream::connect(https).await.unwrap()).await.unwrap();
    }
    let in_a_tick = (0.05 / began.elapsed().as_secs_f64()).clamp(1.0, 10.0) as usize;
    let flood = tokio::spawn(async move {
        let provider = std::sync::Arc::new(rustls_graviola::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        let mut held = Vec::new();
        let mut tick = tokio::time::interval(SECOND / 50);
        for _ in 0..200 {
            tick.tick().await;
            for _ in 0..in_a_tick {
                let mut socket = TcpStream::connect(https).await.unwrap();
                socket.write_all(&hello).await.unwrap();
                held.push(socket);
            }
        }
        held.len()
    });
    let plain = Player::new(Transport::Http1, &server, folder.path());
    let (mut gaps, mut last) = (Vec::new(), None::<Instant>);
    while !flood.is_finished() {
        let next = hint(&playlist(&plain, &media).await).to_owned();
        let part = plain.get(&format!("{media}{next}")).await;
        assert_eq!(part.status, 200, "{next}");
        let now = Instant::now();
        gaps.extend(last.replace(now).map(|last| now - last));
    }
    assert_eq!(flood.await.unwrap(), 200 * in_a_tick);
    let worst = gaps.iter().max().unwrap();
    assert!(gaps.len() >= 5 && *worst < 5 * PART * 3 / 2, "{in_a_tick} hellos each 20 ms: {gaps:?}");
    reaches(&server, "rillcast_publishers", 1, SECOND).await;
    encoder.stop().await;
    server.stop().await;
}

/// Hostile case 37: two encoders with the same key in the same millisecond, a hundred times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_encoders_at_once_one_is_live_and_the_other_is_told_why_not() {
    let server = Server::start(settings()).await;
    for block in 0..10 {
        let races: Vec<_> = (0..10)
            .map(|n| {
                let (at, name) = (server.at.rtmp, format!("race-{}", block * 10 + n));
                tokio::spawn(async move {
                    let began = Instant::now();
                    let [one, two] = [(); 2].map(|()| Encoder::start_at(at, &name));
                    let (told, winner) = one.against(two).await;
                    assert!(told.contains("already has a publisher"), "{name}: {told}");
                    // A second, and room for ten races on a busy machine.
                    assert!(began.elapsed() < 5 * SECOND, "{name}: {:?}", began.elapsed());
                    (name, winner)
                })
            })
            .collect();
        let mut live = Vec::new();
        for race in races {
            live.push(race.await.unwrap());
        }
        assert_eq!(metric(&server, "rillcast_publishers").await, Some(10));
        for (_, winner) in live {
            winner.crash().await;
        }
        reaches(&server, "rillcast_publishers", 0, 5 * SECOND).await;
    }
    assert_eq!(metric(&server, "rillcast_publishes_total").await, Some(100));
}

/// Hostile case 38: an encoder that is taken over and does not hear of it goes on sending. None of it is in what
/// comes after the switch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_encoder_sends_after_it_was_taken_over_is_in_no_part() {
    let clips = ["bbb_720p25_avc_aac.mp4", "bbb_720p25_gop132_aac51.mp4"];
    let files =
        clips.map(|clip| std::fs::read(format!("{}/fixtures/{clip}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Settings { takeover: Takeover::Always, ..secure(folder.path()) }).await;
    let player = Player::new(Transport::Http1, &server, folder.path());
    let way = Relay::to(server.at.rtmp, 1).await.unwrap();
    let first = Encoder::start_file(way.at, "cam", clips[0]);
    let media = playable(&server, "cam").await;
    until(&player, &media, "\nseg-").await;
    way.deafen();
    let second = Encoder::start_file(server.at.rtmp, "cam", clips[1]);
    let state = until(&player, &media, "#EXT-X-MAP:URI=\"init-1.mp4\"").await;
    // It has not been told, and sends on until its connection is closed.
    let lost = first.refused().await;
    assert!(!lost.contains("taken over"), "{lost}");
    let open = open_msn(&state);
    let ask = format!("{media}media.m3u8?_HLS_msn={}", open + 1);
    let state = player.get(&ask).await;
    let mut of = None;
    let mut seen = [0; 2];
    for line in state.text().lines() {
        of = match line {
            "#EXT-X-MAP:URI=\"init-0.mp4\"" => Some(0),
            "#EXT-X-MAP:URI=\"init-1.mp4\"" => Some(1),
            _ => of,
        };
        if let (Some(of), true) = (of, line.starts_with("seg-")) {
            let segment = player.get(&format!("{media}{line}")).await.body;
            if segment.is_empty() || player.get(&format!("{media}{line}")).await.status != 200 {
                continue;
            }
            for payload in payloads(&segment) {
                let within = files.each_ref().map(|file| holds(file, payload));
                assert!(within[of] && !within[1 - of], "{line}: not of clip {of}");
                seen[of] += 1;
            }
        }
    }
    assert!(seen[0] >= 1 && seen[1] >= 3, "{seen:?}");
    second.stop().await;
    server.stop().await;
}

/// The beginning of the media in every chunk of a segment that holds any: those of a gap do not.
fn payloads(segment: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = segment;
    while let Some(size) = rest.get(..4).map(|size| u32::from_be_bytes(size.try_into().unwrap()) as usize) {
        if &rest[4..8] == b"mdat" && size > 8 {
            found.push(&rest[8..size.min(8 + 200)]);
        }
        rest = &rest[size..];
    }
    found
}

fn holds(file: &[u8], payload: &[u8]) -> bool {
    file.windows(payload.len()).any(|window| window == payload)
}

/// Whether anything is there at all, for those that come after a fault.
#[tokio::test]
async fn an_encoder_that_is_swallowed_before_it_publishes_is_nobody() {
    let mut settings = settings();
    settings.limits.rtmp.handshake = SECOND / 2;
    let server = Server::start(settings).await;
    let way = Relay::to(server.at.rtmp, 1).await.unwrap();
    way.swallow();
    let encoder = Encoder::start_at(way.at, "cam");
    reaches(&server, "rillcast_rtmp_connections", 1, SECOND).await;
    reaches(&server, "rillcast_rtmp_connections", 0, 3 * SECOND).await;
    let (head, _) = get(server.at.http, "/live/cam/index.m3u8", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    encoder.crash().await;
}
