//! Captions over real sockets: an encoder that sends them in its pictures, and a player that reads of them.

use std::time::{Duration, Instant};

use rillcast::media::TrackKind;
use rillcast::push::{Due, Sample};

use crate::cues::publish;
use crate::rig::{Server, get, playable, settings};

/// The sample behind an SEI with CEA-608 on channel 1 of field 1 and service 1 of CEA-708; sound as it is.
fn captioned(due: &Due<'_>) -> Sample {
    let sample = due.sample.clone();
    if due.track.kind == TrackKind::Audio {
        return sample;
    }
    let data = b"\xB5\0\x31GA94\x03\x43\xFF\xFC\x94\x20\xFF\x02\x21\xFE\x61\0\xFF";
    let sei = [&[6, 4, data.len() as u8][..], data, &[0x80]].concat();
    let length = (sei.len() as u32).to_be_bytes();
    Sample { payload: [&length[..], &sei, &sample.payload].concat().into(), ..sample }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn captions_of_an_encoder_are_declared_in_the_multivariant_playlist() {
    let server = Server::start(settings()).await;
    let player = async {
        playable(&server, "cam").await;
        let began = Instant::now();
        loop {
            let (head, body) = get(server.at.http, "/live/cam/index.m3u8", "").await;
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let declared = |id: &str| {
                let line = body.lines().find(|line| line.contains(&format!("INSTREAM-ID=\"{id}\"")));
                line.is_some_and(|line| {
                    line.starts_with("#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"captions\"")
                })
            };
            if declared("CC1") && declared("SERVICE1") && body.contains(",CLOSED-CAPTIONS=\"captions\"") {
                assert!(!declared("CC2") && !declared("CC3") && !body.contains("=NONE"), "{body}");
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(15), "{body}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = player => {}
        () = publish(&server, "cam", Duration::from_secs(30), captioned) => panic!("never seen"),
    }
    server.stop().await;
}
