//! Those whose connection lasts, sent away: each is closed and told in its protocol's words, and the history says why.

use std::time::{Duration, Instant};

use hyper::Method;
use rillcast::flv::TagKind;
use serde_json::Value;

use crate::endless::stalled;
use crate::film::{begins_anew_after_holes, pictures, read_for};
use crate::h2::{ask, neglected, with_window};
use crate::rig::{Encoder, Server, get, metric, narrow, playable, request, settings, until_counted};
use crate::rtmp_player::{Heard, Player as RtmpPlayer};
use crate::tls_rig::{BOTH, client, secure, tunnel};
use crate::transports::{Player, Transport};
use crate::websocket::open_on;

/// Longer than the test.
const FAR: Duration = Duration::from_secs(300);

async fn document(server: &Server, path: &str) -> Value {
    let (head, body) = get(server.at.admin, path, "").await;
    assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
    serde_json::from_str(&body).unwrap()
}

/// Sends away the viewer that is served by `protocol`.
async fn kick(server: &Server, protocol: &str) {
    let listing = document(server, "/api/v1/viewers?stream=cam").await;
    let viewers = listing["viewers"].as_array().unwrap();
    let one = viewers.iter().find(|viewer| viewer["protocol"] == protocol).unwrap();
    let path = format!("/api/v1/viewers/{}/kick", one["id"].as_str().unwrap());
    let (head, _) = request(server.at.admin, "POST", &path, "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_and_a_player_who_are_sent_away_are_closed_and_the_history_says_so() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let player = Player::plain(Transport::Http1, &server);
    let (flv, _open) = player.open(Method::GET, "/live/cam.flv", &[("user-agent", "Bad/1.0")]).await;
    let mut rtmp = RtmpPlayer::join(server.at.rtmp, "cam").await;
    rtmp.frames(TagKind::Video, 5).await;

    kick(&server, "flv").await;
    let (bytes, ended) = read_for(&mut flv.into_body(), Duration::from_secs(5)).await;
    assert_eq!(ended, Some(true), "its file has a whole end");
    assert_eq!(begins_anew_after_holes(&pictures("flv", &bytes, true), 450), 0);
    rtmp.frames(TagKind::Video, 25).await;

    kick(&server, "rtmp").await;
    let heard = rtmp.hears_out().await;
    let statuses: Vec<_> = heard.iter().filter(|heard| matches!(heard, Heard::Status(..))).collect();
    let refused = "NetStream.Play.Failed";
    assert!(matches!(statuses[..], [Heard::Status(code, _), ..] if code == refused), "{statuses:?}");
    RtmpPlayer::ask(server.at.rtmp, "cam", &[]).await.until_status(refused).await;

    let began = Instant::now();
    loop {
        let history = document(&server, "/api/v1/history").await;
        let left = history["generations"][0]["viewers"]["newest_first"].as_array().unwrap();
        // The rig is known by what the player is, its address alone, and went with it.
        let theirs = left.iter().filter(|one| one["protocol"] != "hls" && one["reason"] == "kicked");
        let kicked: Vec<_> = theirs.map(|one| &one["protocol"]).collect();
        if kicked == ["rtmp", "flv"] {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{history:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for protocol in ["Flv", "Rtmp"] {
        let closed = format!("rillcast_readers_closed_total{{protocol=\"{protocol}\",reason=\"kicked\"}}");
        assert_eq!(metric(&server, &closed).await, Some(1), "{protocol}");
    }
    assert_eq!(metric(&server, "rillcast_viewer_kicks_total").await, Some(2));
    encoder.stop().await;
    server.stop().await;
}

/// Waits until nothing has been sent to any of so many viewers for a while; who they are.
async fn until_still(server: &Server, count: usize) -> Vec<Value> {
    let (began, mut before) = (Instant::now(), Vec::new());
    loop {
        let listing = document(server, "/api/v1/viewers?stream=cam").await;
        let all = listing["viewers"].as_array().unwrap().iter();
        let all: Vec<_> = all.filter(|viewer| viewer["counted_by"] == "connection").cloned().collect();
        let sent: Vec<_> = all.iter().map(|viewer| viewer["bytes_sent"].clone()).collect();
        if sent == before && sent.len() == count {
            return all;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{listing:#}");
        before = sent;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
}

/// A connection that stands still does not come for more, and hears of nothing by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_who_stand_still_are_sent_away_as_soon_as_others() {
    let mut settings = settings();
    (settings.limits.ring.blocked, settings.limits.http.write_stall) = (FAR, FAR);
    settings.limits.http.body_time = FAR;
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let _http1 = stalled(&server, "/live/cam.ts").await;
    let (sender, connection) = with_window(&server, 16_384).await;
    let http2 = ask(&sender, "/live/cam.mp4").await.unwrap().into_body();
    let _web_socket = open_on(narrow(server.at.http).await, &server, "/live/cam.flv").await;
    let mut rtmp = RtmpPlayer::join(server.at.rtmp, "cam").await;

    for viewer in until_still(&server, 4).await {
        let path = format!("/api/v1/viewers/{}/kick", viewer["id"].as_str().unwrap());
        let (head, _) = request(server.at.admin, "POST", &path, "").await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
    }
    let kicked = Instant::now();
    for protocol in ["Ts", "Mp4", "WebSocket", "Rtmp"] {
        let closed = format!("rillcast_readers_closed_total{{protocol=\"{protocol}\",reason=\"kicked\"}}");
        until_counted(&server, &closed, 1).await;
    }
    assert!(kicked.elapsed() < Duration::from_secs(8), "{:?}", kicked.elapsed());
    until_counted(&server, "rillcast_viewers{protocol=\"Rtmp\"}", 0).await;
    for limit in ["ring.blocked", "http.write_stall", "http.body_time"] {
        let hits = format!("rillcast_limit_hits_total{{limit=\"{limit}\"}}");
        assert_eq!(metric(&server, &hits).await.unwrap_or(0), 0, "{limit} has nothing to do with it");
    }
    // What others have on the same connection goes on.
    let error = neglected(http2).await;
    assert!(format!("{error:?}").contains("Reset("), "{error:?}");
    assert_eq!(ask(&sender, "/livez").await.unwrap().status(), 200);
    assert!(!connection.is_finished());
    rtmp.hears_out().await;
    encoder.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_plays_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(secure(folder.path())).await;
    let trusting = client(&folder.path().join("self-signed.crt"), &[], BOTH);
    let rtmp = tunnel(server.at.rtmps.unwrap(), trusting).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let mut secret = RtmpPlayer::join(rtmp, "cam").await;
    let mut plain = RtmpPlayer::join(server.at.rtmp, "cam").await;
    let (secret, plain) = tokio::join!(secret.frames(TagKind::Video, 100), plain.frames(TagKind::Video, 100));
    let start = secret[0].time.max(plain[0].time);
    let from =
        |frames: Vec<_>| frames.into_iter().skip_while(move |f: &crate::rtmp_player::Frame| f.time < start);
    assert!(from(secret).take(50).eq(from(plain).take(50)), "the same as without");
    encoder.stop().await;
    server.stop().await;
}
