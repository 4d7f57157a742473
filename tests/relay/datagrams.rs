//! What becomes of datagrams along the relay.

use std::time::{Duration, Instant};

use tokio::net::UdpSocket;

use crate::relay::udp::UdpRelay;
use crate::relay::{Direction, Impairment};

const SECOND: Duration = Duration::from_secs(1);
const SEED: u64 = 7;
const MANY: u32 = 500;

/// Sends `MANY` numbered datagrams up such a way; what arrives, with how late the first is.
async fn carry(seed: u64, impairment: Impairment) -> (Vec<Vec<u8>>, Duration) {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let relay = UdpRelay::to(server.local_addr().unwrap(), seed).await.unwrap();
    relay.set(Direction::Up, impairment);
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    peer.connect(relay.at).await.unwrap();
    let began = Instant::now();
    let sending = async {
        for n in 0..MANY {
            peer.send(&[&n.to_be_bytes()[..], &[0; 96]].concat()).await.unwrap();
            // A pause now and then, so that the system drops none.
            if n % 10 == 9 {
                tokio::time::sleep(SECOND / 200).await;
            }
        }
    };
    let (mut heard, mut first, mut buffer) = (Vec::new(), None, [0; 200]);
    let hearing = async {
        while let Ok(got) = tokio::time::timeout(SECOND, server.recv(&mut buffer)).await {
            first.get_or_insert_with(|| began.elapsed());
            heard.push(buffer[..got.unwrap()].to_vec());
        }
    };
    tokio::join!(sending, hearing);
    (heard, first.unwrap())
}

fn numbers(heard: &[Vec<u8>]) -> Vec<u32> {
    heard.iter().map(|one| u32::from_be_bytes(one[..4].try_into().unwrap())).collect()
}

#[tokio::test]
async fn what_goes_in_comes_out_in_order_and_answers_find_their_peer() {
    let (heard, _) = carry(SEED, Impairment::default()).await;
    assert_eq!(numbers(&heard), (0..MANY).collect::<Vec<_>>());
    let (heard, first) = carry(SEED, Impairment { delay: SECOND / 5, ..Impairment::default() }).await;
    assert_eq!(numbers(&heard), (0..MANY).collect::<Vec<_>>(), "delay alone keeps the order");
    assert!(first >= SECOND / 5 && first < SECOND, "{first:?}");

    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let relay = UdpRelay::to(server.local_addr().unwrap(), SEED).await.unwrap();
    let mut buffer = [0; 9];
    for word in [b"one", b"two"] {
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        peer.send_to(word, relay.at).await.unwrap();
        let (count, from) = server.recv_from(&mut buffer).await.unwrap();
        server.send_to(&buffer[..count], from).await.unwrap();
        let answer = tokio::time::timeout(5 * SECOND, peer.recv(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(&buffer[..answer], word);
    }
}

#[tokio::test]
async fn loss_doubles_and_overtaking_are_as_frequent_as_asked_for_and_the_same_for_a_seed() {
    let impairment = Impairment { loss: 0.1, duplicate: 0.1, reorder: 0.1, ..Impairment::default() };
    let (heard, _) = carry(SEED, impairment.clone()).await;
    let numbers_heard = numbers(&heard);
    let mut sorted = numbers_heard.clone();
    sorted.sort_unstable();
    let doubles = sorted.windows(2).filter(|two| two[0] == two[1]).count();
    let backwards = numbers_heard.windows(2).filter(|two| two[0] > two[1]).count();
    let mut once = sorted.clone();
    once.dedup();
    let lost = MANY as usize - once.len();
    assert!((25..=80).contains(&lost), "{lost} lost");
    assert!((20..=75).contains(&doubles), "{doubles} doubled");
    assert!((15..=120).contains(&backwards), "{backwards} overtaken");

    let (again, _) = carry(SEED, impairment.clone()).await;
    let mut again = numbers(&again);
    again.sort_unstable();
    assert_eq!(again, sorted, "the same are lost and doubled");
    let (other, _) = carry(SEED + 1, impairment).await;
    let mut other = numbers(&other);
    other.sort_unstable();
    assert_ne!(other, sorted);
}

#[tokio::test]
async fn jitter_mixes_the_order_and_loses_nothing() {
    let (heard, _) = carry(SEED, Impairment { jitter: SECOND / 20, ..Impairment::default() }).await;
    let mut numbers = numbers(&heard);
    assert!(numbers.windows(2).any(|two| two[0] > two[1]), "some overtake others");
    numbers.sort_unstable();
    assert_eq!(numbers, (0..MANY).collect::<Vec<_>>());
}

#[tokio::test]
async fn bits_are_turned_over_as_often_as_asked_for() {
    let (heard, _) = carry(SEED, Impairment { flips: 1e-3, ..Impairment::default() }).await;
    assert_eq!(heard.len(), MANY as usize);
    let damaged: u32 = heard.iter().flat_map(|one| &one[4..]).map(|byte| u32::from(*byte != 0)).sum();
    // Of 48,000 bytes.
    assert!((25..=80).contains(&damaged), "{damaged} damaged");
}
