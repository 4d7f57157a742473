//! What becomes of connections along the relay.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::relay::{Chance, Direction, Impairment, Relay};

const SECOND: Duration = Duration::from_secs(1);
const SEED: u64 = 7;

/// Two ends of a connection, with the relay between them.
struct Pair {
    relay: Relay,
    peer: TcpStream,
    server: TcpStream,
}

impl Pair {
    async fn new(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::to(listener.local_addr().unwrap(), seed).await.unwrap();
        let (peer, server) = meet(relay.at, &listener).await;
        Self { relay, peer, server }
    }

    /// Sends `bytes` up at once and returns what arrives until the end, and how long it took.
    async fn carry(mut self, bytes: Vec<u8>) -> (Vec<u8>, Duration) {
        let began = Instant::now();
        let sending = async {
            self.peer.write_all(&bytes).await.unwrap();
            self.peer.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let (_, read) = tokio::join!(sending, self.server.read_to_end(&mut heard));
        read.unwrap();
        (heard, began.elapsed())
    }
}

async fn meet(at: SocketAddr, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let (peer, server) = tokio::join!(TcpStream::connect(at), listener.accept());
    (peer.unwrap(), server.unwrap().0)
}

fn noise(length: usize) -> Vec<u8> {
    let (mut chance, bytes) = (Chance::new(SEED), (0..=u8::MAX).collect::<Vec<_>>());
    (0..length).filter_map(|_| chance.pick(&bytes).copied()).collect()
}

/// How many bits differ.
fn damaged(a: &[u8], b: &[u8]) -> Vec<usize> {
    assert_eq!(a.len(), b.len());
    let differ = |(n, (a, b)): (usize, (&u8, &u8))| ((a ^ b).count_ones() > 0).then_some(n);
    a.iter().zip(b).enumerate().filter_map(differ).collect()
}

#[tokio::test]
async fn what_goes_in_comes_out_when_nothing_is_impaired_both_ways_and_to_the_end() {
    let mut pair = Pair::new(SEED).await;
    let bytes = noise(3_000_000);
    let (mut up, mut down) = (vec![0; bytes.len()], Vec::new());
    let (mut from_peer, mut to_peer) = pair.peer.split();
    let (mut from_server, mut to_server) = pair.server.split();
    let ends = async {
        to_server.write_all(&bytes).await.unwrap();
        to_server.shutdown().await.unwrap();
    };
    let (sent, _, read, heard) = tokio::join!(
        to_peer.write_all(&bytes),
        ends,
        from_server.read_exact(&mut up),
        from_peer.read_to_end(&mut down),
    );
    sent.unwrap();
    read.unwrap();
    heard.unwrap();
    assert!(up == bytes && down == bytes);
    // One direction has ended, the other goes on.
    to_peer.write_all(b"more").await.unwrap();
    from_server.read_exact(&mut up[..4]).await.unwrap();
    assert_eq!(&up[..4], b"more");
    assert_eq!(pair.relay.passed(Direction::Up), 3_000_004);
    assert_eq!(pair.relay.passed(Direction::Down), 3_000_000);
}

#[tokio::test]
async fn a_seed_damages_the_same_bits_however_they_are_sent_and_another_seed_others() {
    let bytes = noise(400_000);
    let mut found = Vec::new();
    for (seed, split) in [(SEED, None), (SEED, None), (SEED, Some(100)), (SEED + 2, None)] {
        let pair = Pair::new(seed).await;
        pair.relay.impair(&Impairment { flips: 1e-4, split, ..Impairment::default() });
        let (heard, _) = pair.carry(bytes.clone()).await;
        found.push(damaged(&bytes, &heard));
    }
    let [one, two, cut, other] = found.try_into().unwrap();
    assert!((20..=65).contains(&one.len()), "{} of about 40", one.len());
    assert_eq!(one, two);
    assert_eq!(one, cut, "the pieces are another matter");
    assert_ne!(one, other);
}

#[tokio::test]
async fn delay_is_added_once_and_jitter_keeps_the_order() {
    let pair = Pair::new(SEED).await;
    pair.relay.set(Direction::Up, |flow| {
        flow.impairment.delay = SECOND / 5;
        flow.impairment.jitter = SECOND / 10;
    });
    let bytes = noise(200_000);
    let (heard, took) = pair.carry(bytes.clone()).await;
    assert!(heard == bytes, "the order is kept");
    assert!(took >= SECOND / 5 && took < SECOND * 2, "{took:?}: all of it at once, late");
}

#[tokio::test]
async fn a_rate_is_kept() {
    let pair = Pair::new(SEED).await;
    pair.relay.set(Direction::Up, |flow| flow.impairment.rate = Some(200_000));
    let (heard, took) = pair.carry(noise(200_000)).await;
    assert_eq!(heard.len(), 200_000);
    assert!(took > SECOND * 9 / 10 && took < SECOND * 3, "{took:?}");
}

#[tokio::test]
async fn what_is_lost_comes_later_and_holds_up_what_is_behind_it() {
    let pair = Pair::new(SEED).await;
    pair.relay.set(Direction::Up, |flow| {
        flow.impairment.loss = 0.1;
        flow.impairment.retransmit = SECOND / 20;
    });
    let bytes = noise(146_000);
    let (heard, took) = pair.carry(bytes.clone()).await;
    assert!(heard == bytes, "nothing of TCP is lost for good");
    // About ten of a hundred packets, each 50 ms.
    assert!(took > SECOND / 5 && took < SECOND * 3, "{took:?}");
}

#[tokio::test]
async fn pieces_are_as_small_as_asked_for() {
    let mut pair = Pair::new(SEED).await;
    pair.relay.set(Direction::Up, |flow| {
        flow.impairment.split = Some(3);
        flow.impairment.rate = Some(3_000);
    });
    pair.peer.write_all(&noise(300)).await.unwrap();
    let (mut total, mut reads, mut buffer) = (0, 0, [0; 300]);
    while total < 300 {
        total += pair.server.read(&mut buffer).await.unwrap();
        reads += 1;
    }
    assert!(reads >= 10, "{reads} reads");
}

#[tokio::test]
async fn a_stall_holds_back_and_loses_nothing_and_a_swallowed_byte_is_gone() {
    let mut pair = Pair::new(SEED).await;
    pair.relay.set(Direction::Up, |flow| flow.stall = true);
    pair.peer.write_all(b"held").await.unwrap();
    let mut four = [0; 4];
    let waits = tokio::time::timeout(SECOND / 3, pair.server.read_exact(&mut four)).await;
    assert!(waits.is_err(), "nothing comes");
    pair.relay.heal();
    pair.server.read_exact(&mut four).await.unwrap();
    assert_eq!(&four, b"held");
    pair.relay.deafen();
    pair.server.write_all(b"unheard").await.unwrap();
    let heard = tokio::time::timeout(SECOND / 5, pair.peer.read(&mut four)).await;
    assert!(heard.is_err(), "the peer hears nothing");
    pair.relay.swallow();
    pair.peer.write_all(b"lost").await.unwrap();
    tokio::time::sleep(SECOND / 5).await;
    pair.relay.heal();
    pair.peer.write_all(b"kept").await.unwrap();
    pair.server.read_exact(&mut four).await.unwrap();
    assert_eq!(&four, b"kept");
}

#[tokio::test]
async fn nobody_hears_that_a_peer_has_gone_while_all_is_swallowed() {
    let mut pair = Pair::new(SEED).await;
    pair.relay.swallow();
    drop(pair.peer);
    let mut one = [0];
    let waits = tokio::time::timeout(SECOND / 3, pair.server.read(&mut one)).await;
    assert!(waits.is_err(), "it still stands");
    pair.relay.heal();
    assert_eq!(pair.server.read(&mut one).await.unwrap(), 0);
}

#[tokio::test]
async fn an_end_may_be_made_of_one_direction_and_the_other_goes_on() {
    let mut pair = Pair::new(SEED).await;
    pair.relay.set(Direction::Up, |flow| flow.end = true);
    let mut four = [0; 4];
    assert_eq!(pair.server.read(&mut four).await.unwrap(), 0, "an end that nobody made");
    pair.server.write_all(b"then").await.unwrap();
    pair.peer.read_exact(&mut four).await.unwrap();
    assert_eq!(&four, b"then");
}

#[tokio::test]
async fn a_reset_is_one_on_both_sides_and_later_connections_are_let_through() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::to(listener.local_addr().unwrap(), SEED).await.unwrap();
    let (mut peer, mut server) = meet(relay.at, &listener).await;
    peer.write_all(b"x").await.unwrap();
    let mut one = [0];
    server.read_exact(&mut one).await.unwrap();
    relay.reset();
    for end in [&mut peer, &mut server] {
        let error = tokio::time::timeout(5 * SECOND, end.read(&mut one)).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    let (mut peer, mut server) = meet(relay.at, &listener).await;
    peer.write_all(b"y").await.unwrap();
    server.read_exact(&mut one).await.unwrap();
    assert_eq!(&one, b"y");
}

#[tokio::test]
async fn after_the_servers_word_nothing_gets_through() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::until(listener.local_addr().unwrap(), SEED, Some("begin")).await.unwrap();
    let (mut peer, mut server) = meet(relay.at, &listener).await;
    server.write_all(b"be").await.unwrap();
    let mut heard = [0; 5];
    peer.read_exact(&mut heard[..2]).await.unwrap();
    server.write_all(b"gin").await.unwrap();
    peer.read_exact(&mut heard[2..]).await.unwrap();
    assert_eq!(&heard, b"begin");
    tokio::time::sleep(SECOND / 10).await;
    peer.write_all(b"x").await.unwrap();
    let waits = tokio::time::timeout(SECOND / 3, server.read(&mut heard)).await;
    assert!(waits.is_err(), "nothing comes");
}
