//! Publishers that drop and come back, and second ones, seen by a player over real sockets.

use std::time::{Duration, Instant};

use rillcast::live::Takeover;

use crate::rig::{Encoder, Server, get, playable, settings};

async fn playlist(server: &Server, folder: &str) -> String {
    let (head, body) = get(server.at.http, &format!("{folder}media.m3u8"), "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    body
}

/// Waits until the playlist of `folder` holds `what`.
async fn until(server: &Server, folder: &str, what: &str) -> String {
    let began = Instant::now();
    loop {
        let body = playlist(server, folder).await;
        if body.contains(what) {
            return body;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "no {what} in {body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Hostile case 35.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_that_crashes_and_returns_goes_on_in_the_same_playlist() {
    goes_on(Encoder::crash).await;
}

/// Hostile case 16: a goodbye starts the grace, as a lost connection does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_that_stops_and_starts_again_goes_on_in_the_same_playlist() {
    goes_on(Encoder::stop).await;
}

/// An encoder goes away by `leave`, and comes back within the grace.
async fn goes_on(leave: impl AsyncFn(Encoder)) {
    let grace = Duration::from_secs(5);
    let server = Server::start(rillcast::control::Settings { grace, ..settings() }).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    until(&server, &folder, "#EXTINF").await;
    leave(encoder).await;
    let body = until(&server, &folder, "GAP=YES").await;
    assert!(!body.contains("#EXT-X-ENDLIST"));
    let encoder = Encoder::start(&server, "cam");
    let body = until(&server, &folder, "#EXT-X-DISCONTINUITY\n").await;
    assert_eq!(body.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{body}");
    assert_eq!(body.matches("#EXT-X-MAP").count(), 1, "the configuration did not change: {body}");
    assert_eq!(playable(&server, "cam").await, folder, "the same generation");
    leave(encoder).await;
    until(&server, &folder, "#EXT-X-ENDLIST").await;
    server.stop().await;
}

/// Hostile case 36.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_that_stays_away_ends_its_stream_with_the_grace() {
    let server =
        Server::start(rillcast::control::Settings { grace: Duration::from_secs(1), ..settings() }).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    encoder.crash().await;
    until(&server, &folder, "#EXT-X-ENDLIST").await;
    let encoder = Encoder::start(&server, "cam");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_ne!(playable(&server, "cam").await, folder, "another generation");
    encoder.stop().await;
}

/// The folder of the generation that comes after the one in `folder`.
async fn next(server: &Server, folder: &str) -> String {
    let began = Instant::now();
    loop {
        let now = playable(server, "cam").await;
        if now != folder {
            return now;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "no other generation than {folder}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_behind_still_sees_the_end_of_a_stream_that_has_begun_anew() {
    let server = Server::start(rillcast::control::Settings { grace: Duration::ZERO, ..settings() }).await;
    let encoder = Encoder::start(&server, "cam");
    let first = playable(&server, "cam").await;
    until(&server, &first, "#EXTINF").await;
    encoder.stop().await;
    let last = until(&server, &first, "#EXT-X-ENDLIST").await;
    let encoder = Encoder::start(&server, "cam");
    let second = next(&server, &first).await;
    assert_eq!(playlist(&server, &first).await, last, "the other one's end");
    let uris: Vec<_> = last.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(!uris.is_empty(), "{last}");
    for uri in uris {
        let (head, _) = get(server.at.http, &format!("{first}{uri}"), "").await;
        assert!(head.starts_with("http/1.1 200"), "{uri}: {head}");
    }
    encoder.stop().await;
    let encoder = Encoder::start(&server, "cam");
    next(&server, &second).await;
    playlist(&server, &second).await;
    let (head, _) = get(server.at.http, &format!("{first}media.m3u8"), "").await;
    assert!(head.starts_with("http/1.1 404"), "only the one before is kept: {head}");
    encoder.stop().await;
    server.stop().await;
}

/// Hostile case 37, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_encoder_takes_over_where_the_operator_says_so() {
    let server =
        Server::start(rillcast::control::Settings { takeover: Takeover::Always, ..settings() }).await;
    let first = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let second = Encoder::start(&server, "cam");
    assert!(first.refused().await.contains("taken over"));
    until(&server, &folder, "#EXT-X-DISCONTINUITY\n").await;
    second.stop().await;
}
