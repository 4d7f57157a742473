//! Others: those that ask wrongly, and those that read one endless file.

use std::time::Duration;

use crate::client::Client;
use crate::ledger::Promise;
use crate::marks::{self, Mark};
use crate::player;

/// Asks for what there is not, and not as it should; it is answered all the same.
pub(crate) async fn ask_wrongly(mut client: Client) {
    while !client.world.over() {
        let span = client.random.millis(50, 1_500);
        client.pause(span).await;
        let Some(folder) = player::find(&mut client, b'v').await else { continue };
        for _ in 0..6 {
            let (n, m) = (client.random.below(60), client.random.below(12));
            let path = match client.random.below(12) {
                0 => format!("{folder}media.m3u8?_HLS_part={m}"),
                1 => format!("{folder}media.m3u8?_HLS_msn=-{n}"),
                2 => format!("{folder}media.m3u8?_HLS_msn={}", u64::MAX),
                3 => format!("{folder}media.m3u8?_HLS_msn={n}&_HLS_msn={m}"),
                4 => format!("{folder}media.m3u8?_HLS_msn={n}&_HLS_part={}", m * 1_000),
                5 => format!("{folder}media.m3u8?_HLS_msn={n}&_HLS_skip=perhaps"),
                6 => format!("{folder}part-{}.m4s", n * 9),
                7 => format!("{folder}seg-{n}.m4s"),
                8 => format!("{folder}init-{m}.mp4"),
                9 => folder.replace("/live/cam/", "/live/cam/0"),
                10 => "/live/nobody/index.m3u8".to_owned(),
                _ => format!("{folder}iframe.m3u8?_HLS_msn={n}"),
            };
            let Some(reply) = client.get(&path).await else { continue };
            if !matches!(reply.status, 200 | 400 | 404 | 503) {
                client.world.ledger().breaks(Promise::Answered, format_args!("{path}: {}", reply.status));
            }
            if path.contains("_HLS_part=") && path.contains("?_HLS_part") && reply.status == 200 {
                // Only a playlist that has ended takes anything.
                let ended = String::from_utf8_lossy(&reply.body).contains("#EXT-X-ENDLIST");
                if !ended {
                    client.world.ledger().breaks(Promise::Answered, format_args!("{path}: taken"));
                }
            }
        }
    }
}

/// Reads one file of frames for as long as there is one, and not always as fast as it comes.
pub(crate) async fn read_endless(mut client: Client, ending: &str) {
    let path = format!("/live/cam.{ending}");
    while !client.world.over() {
        let span = client.random.millis(50, 1_000);
        client.pause(span).await;
        if !client.open(&path).await {
            client.hang_up();
            continue;
        }
        let until = client.world.now() + client.random.millis(500, 15_000);
        let mut last: [Option<Mark>; 2] = [None; 2];
        let mut count = 0;
        while client.world.now() < until {
            if client.random.once_in(30) {
                // Long enough for some to be closed for it.
                let span = client.random.millis(200, 9_000);
                client.pause(span).await;
            }
            let heard = tokio::time::timeout(Duration::from_secs(4), client.hear()).await;
            if matches!(heard, Ok(None)) {
                break;
            }
            let taken = client.taken();
            // What may be the beginning of a mark stays.
            let (found, keep) = (marks::read(taken), taken.len().min(marks::LEN - 1));
            taken.drain(..taken.len() - keep);
            count += found.len();
            for mark in found {
                let last = &mut last[usize::from(mark.track & 1)];
                in_order(&client, *last, mark);
                *last = Some(mark);
            }
        }
        client.world.event(client.who, &format!("{path}: {count} frames"));
        client.hang_up();
    }
}

/// A mark that was read up to its last byte may be read again.
fn in_order(client: &Client, last: Option<Mark>, mark: Mark) {
    let mut ledger = client.world.ledger();
    let turn = |mark: &Mark| ledger.publishes.get(usize::from(mark.publish)).and_then(|one| one.turn);
    let Some(before) = last else { return };
    let (was, is) = ((turn(&before), before.number), (turn(&mark), mark.number));
    if was >= is {
        let what = format!("an endless file has {mark:?} after {before:?}");
        ledger.breaks(Promise::Order, what);
    }
}
