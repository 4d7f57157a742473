//! Viewers and encoders whose network is bad: late, uneven, narrow, cut small; nobody else minds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::relay::{Direction, Impairment, Relay};
use crate::rig::{Encoder, Server, metric, playable, settings};
use crate::transitions::{listed, playlist, until};
use crate::transports::{Player, Transport, hint};

const SECOND: Duration = Duration::from_secs(1);
const SEED: u64 = 20;

/// Follows a rendition part by part until the instant given: its parts by URI, and the longest time between two.
async fn follow(player: Player, media: String, until: Instant) -> (BTreeMap<String, Bytes>, Duration) {
    let (mut parts, mut last, mut longest) = (BTreeMap::new(), Instant::now(), Duration::ZERO);
    while Instant::now() < until {
        let state = playlist(&player, &media).await;
        let next = hint(&state).to_owned();
        for part in listed(&state).0.into_iter().chain([next.as_str()]) {
            if !parts.contains_key(part) {
                let answer = player.get(&format!("{media}{part}")).await;
                assert_eq!(answer.status, 200, "{part}");
                parts.insert(part.to_owned(), answer.body);
            }
        }
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    (parts, longest)
}

/// Like hostile case 80, with a viewer in the place of an edge: his way stands still for a second. What he is given is
/// what others are given, he misses no part, and they do not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_whose_way_stands_still_for_a_second_misses_nothing_and_nobody_else_notices() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    let media = playable(&server, "cam").await;
    let way = Relay::to(server.at.http, SEED).await.unwrap();
    way.impair(&Impairment { delay: SECOND / 50, jitter: SECOND / 50, ..Impairment::default() });
    until(&Player::plain(Transport::Http1, &server), &media, "\nseg-").await;
    let end = Instant::now() + 7 * SECOND;
    let far = tokio::spawn(follow(Player::through(Transport::Http1, way.at), media.clone(), end));
    let near = tokio::spawn(follow(Player::plain(Transport::Http1, &server), media.clone(), end));
    tokio::time::sleep(5 * SECOND / 2).await;
    for direction in [Direction::Up, Direction::Down] {
        way.set(direction, |flow| flow.stall = true);
    }
    tokio::time::sleep(SECOND).await;
    for direction in [Direction::Up, Direction::Down] {
        way.set(direction, |flow| flow.stall = false);
    }
    let ((far, stood), (near, longest)) = (far.await.unwrap(), near.await.unwrap());
    assert!(stood >= SECOND * 9 / 10 && stood < 3 * SECOND, "{stood:?}: as long as the way, and little more");
    assert!(longest < 3 * SECOND / 2, "{longest:?} for who is near");
    assert!(far.len() >= 14 && far.len() + 3 >= near.len(), "{} and {} parts", far.len(), near.len());
    for (part, bytes) in &far {
        assert!(near.get(part).is_none_or(|same| same == bytes), "{part}");
    }
    let numbers = |parts: &BTreeMap<String, Bytes>| {
        let number = |part: &String| part["part-".len()..].trim_end_matches(".m4s").parse::<u32>().unwrap();
        let mut numbers: Vec<_> = parts.keys().map(number).collect();
        numbers.sort_unstable();
        numbers
    };
    assert!(numbers(&far).windows(2).all(|two| two[0] + 1 == two[1]), "{:?}", numbers(&far));
    encoder.stop().await;
    server.stop().await;
}

/// An encoder far away: late, uneven, with little more room than it needs, losing a packet now and then. Its stream goes
/// on without a gap, and what players are told stays true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_on_a_bad_way_is_played_without_a_gap() {
    let server = Server::start(settings()).await;
    let way = Relay::to(server.at.rtmp, SEED).await.unwrap();
    way.impair(&Impairment {
        delay: SECOND / 30,
        jitter: SECOND / 20,
        rate: Some(500_000),
        loss: 0.003,
        retransmit: SECOND / 8,
        ..Impairment::default()
    });
    let encoder = Encoder::start_at(way.at, "cam");
    let media = playable(&server, "cam").await;
    let player = Player::plain(Transport::Http1, &server);
    let (parts, longest) = follow(player.clone(), media.clone(), Instant::now() + 8 * SECOND).await;
    let state = playlist(&player, &media).await;
    assert!(!state.contains("GAP") && !state.contains("DISCONTINUITY\n"), "{state}");
    assert!(parts.len() >= 14 && longest < 2 * SECOND, "{} parts, {longest:?} apart at most", parts.len());
    assert_eq!(metric(&server, "rillcast_discarded_frames_total").await, Some(0));
    assert_eq!(metric(&server, "rillcast_publishes_total").await, Some(1));
    encoder.stop().await;
    server.stop().await;
}

/// Hostile case 3, on a real socket: everything comes in crumbs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_that_is_heard_in_crumbs_is_understood() {
    let server = Server::start(settings()).await;
    let way = Relay::to(server.at.rtmp, SEED).await.unwrap();
    way.set(Direction::Up, |flow| flow.impairment.split = Some(9));
    let encoder = Encoder::start_file(way.at, "cam", "synthetic_heaac_explicit.flv");
    let media = playable(&server, "cam").await;
    let player = Player::plain(Transport::Http1, &server);
    until(&player, &media, "seg-2.m4s\n").await;
    let state = playlist(&player, &media).await;
    assert!(!state.contains("GAP") && !state.contains("DISCONTINUITY\n"), "{state}");
    assert_eq!(metric(&server, "rillcast_discarded_frames_total").await, Some(0));
    encoder.stop().await;
    server.stop().await;
}
