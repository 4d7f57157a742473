//! How an encoder does, over real sockets: an encoder that tells of itself, and an operator who asks.

use std::time::{Duration, Instant};

use rillcast::media::TrackKind;
use rillcast::push::{Due, Sample};
use serde_json::Value;

use crate::cues::publish;
use crate::rig::{Server, get, metric, playable, settings};

const HEALTH: &str = "/api/v1/streams/cam/health";

/// A key frame with OBS's reports of its session: composed long ago, every tenth frame dropped.
fn telling(due: &Due<'_>) -> Sample {
    let sample = due.sample.clone();
    if due.track.kind == TrackKind::Audio || !sample.key {
        return sample;
    }
    let stamp = |event| [&[0, 1, event][..], b"2024-05-31T12:26:03.591Z\0"].concat();
    let times = [b"\x0a\xec\xff\xe7\x52\x72\x4e\x2f\xa6\x2f\xd1\x9c\xd6\x1a\x93\xb5", &stamp(1)[..]].concat();
    let uuid = b"\xca\x60\xe7\x1c\x6a\x8b\x43\x88\xa3\x77\x15\x1d\xf7\xbf\x8a\xc2";
    let mut session = [&uuid[..], &stamp(4), &[3]].concat();
    for (counter, value) in [(1, 50), (2, 1), (3, 5), (4, 45)] {
        session.extend([counter, 0, 0, 3, 0, value]);
    }
    let mut payload = sample.payload.to_vec();
    for (data, emulation) in [(times, 0), (session, 4)] {
        let nal = [&[6, 5, (data.len() - emulation) as u8][..], &data, &[0x80]].concat();
        payload.extend((nal.len() as u32).to_be_bytes());
        payload.extend(nal);
    }
    Sample { payload: payload.into(), ..sample }
}

async fn document(server: &Server) -> Value {
    let (head, body) = get(server.at.admin, HEALTH, "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/json") && head.contains("no-store"), "{head}");
    serde_json::from_str(&body).unwrap()
}

fn names(document: &Value) -> Vec<&str> {
    document["verdicts"].as_array().unwrap().iter().filter_map(|one| one["verdict"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_encoder_tells_is_on_the_admin_listener_and_in_the_metrics() {
    let server = Server::start(settings()).await;
    let operator = async {
        playable(&server, "cam").await;
        let began = Instant::now();
        let dropped = "rillcast_encoder_frames_total{stream=\"cam\",event=\"Dropped\"}";
        loop {
            let document = document(&server).await;
            let found = names(&document);
            if found.contains(&"latency_high") && found.contains(&"encoder_dropped") {
                let tracks = document["tracks"].as_array().unwrap();
                let named: Vec<_> = tracks.iter().filter_map(|track| track["track"].as_str()).collect();
                assert_eq!(named, ["v0", "a0"]);
                let verdicts = document["verdicts"].as_array().unwrap();
                let drops = verdicts.iter().find(|one| one["verdict"] == "encoder_dropped").unwrap();
                assert_eq!(drops["measured"], 10.0);
                assert_eq!(drops["unit"], "percent");
                assert!(drops["obs"].as_str().unwrap().contains("a lower Bitrate"), "{drops}");
                let counted = document["encoder"]["frames_dropped"].as_u64().unwrap();
                assert!(metric(&server, dropped).await.unwrap() >= counted);
                assert_eq!(document["healthy"], false);
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(40), "{document:#}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let (head, _) = get(server.at.http, HEALTH, "").await;
        assert!(head.starts_with("http/1.1 404"), "viewers are not told: {head}");
        let (head, body) = get(server.at.http, "/live/cam/encoder.json", "").await;
        assert!(head.contains("content-type: application/json") && head.contains("max-age=1\r\n"), "{head}");
        let told: Value = serde_json::from_str(&body).unwrap();
        assert!(told["frames_dropped"].as_u64().unwrap() > 0, "{told}");
        assert!(told["latency_seconds"].as_f64().unwrap() > 0.0, "{told}");
    };
    tokio::select! {
        () = operator => {}
        () = publish(&server, "cam", Duration::from_secs(60), telling) => panic!("never seen"),
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_is_on_the_board_for_as_long_as_it_lasts() {
    let server = Server::start(settings()).await;
    for path in [HEALTH, "/api/v1/streams/cam", "/api/v1/streams/../health", "/api/v1/streams/health"] {
        let (head, _) = get(server.at.admin, path, "").await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
    let operator = async {
        playable(&server, "cam").await;
        let document = document(&server).await;
        assert_eq!(document["stream"], "cam");
        assert!(document["tracks"][0]["codecs"].as_str().unwrap().starts_with("avc1."), "{document:#}");
    };
    tokio::select! {
        () = operator => {}
        () = publish(&server, "cam", Duration::from_secs(30), |due| due.sample.clone()) => panic!("never seen"),
    }
    let began = Instant::now();
    while !get(server.at.admin, HEALTH, "").await.0.starts_with("http/1.1 404") {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.stop().await;
}
