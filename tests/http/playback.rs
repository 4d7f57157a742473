//! A published stream as players ask for it: holds, ranges, validators, cache lives, and the end.

use std::time::{Duration, Instant};

use rillcast::control::Settings;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{Encoder, Server, get, hear, metric, playable, request, settings};

/// The value of `EXT-X-...:` or attribute `name` in a playlist.
fn number(playlist: &str, name: &str) -> u64 {
    let rest = playlist.split(name).nth(1).unwrap_or_else(|| panic!("{name} in {playlist}"));
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// Media sequence number of the segment that is open or opens next.
fn open_msn(playlist: &str) -> u64 {
    number(playlist, "#EXT-X-MEDIA-SEQUENCE:") + playlist.matches("#EXTINF").count() as u64
}

/// Waits until a segment is closed, and returns the playlist that lists it.
async fn with_a_segment(server: &Server, folder: &str) -> String {
    loop {
        let (_, playlist) = get(server.at.http, &format!("{folder}media.m3u8"), "").await;
        if playlist.contains("seg-") {
            return playlist;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_reload_is_answered_when_its_part_appears() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let playlist = with_a_segment(&server, &folder).await;
    let open = open_msn(&playlist);
    let began = Instant::now();
    let target = format!("{folder}media.m3u8?_HLS_msn={}&_HLS_part=1", open + 1);
    let (head, body) = get(server.at.http, &target, "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(began.elapsed() > Duration::from_millis(100), "it was held");
    assert!(open_msn(&body) > open, "{body}");

    // The part that is hinted is held and comes whole.
    let hint = body.split("TYPE=PART,URI=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (head, part) = get(server.at.http, &format!("{folder}{hint}"), "").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length: "), "{head}");
    assert!(!part.is_empty() && head.contains("immutable"), "{head}");
    encoder.stop().await;
}

/// Hostile case 55: directives that ask for too much, or for nothing sensible.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senseless_directives_are_refused_at_once() {
    let server = Server::start(settings()).await;
    let _encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let playlist = with_a_segment(&server, &folder).await;
    let far = format!("_HLS_msn={}", open_msn(&playlist) + 100);
    let part = format!("_HLS_msn={}&_HLS_part=1000000000", open_msn(&playlist));
    for query in ["_HLS_part=1", "_HLS_msn=-1", "_HLS_msn=", "_HLS_msn=18446744073709551616", &far, &part] {
        let began = Instant::now();
        let (head, _) = get(server.at.http, &format!("{folder}media.m3u8?{query}"), "").await;
        assert!(head.starts_with("http/1.1 400"), "{query}: {head}");
        assert!(head.contains("access-control-allow-origin: *"), "{query}: {head}");
        assert!(began.elapsed() < Duration::from_millis(500), "{query}");
    }
    // Cases 60 and 61: other parameters and a forged Host change nothing and are repeated nowhere.
    let forged = format!(
        "GET {folder}media.m3u8?token=marker HTTP/1.1\r\nHost: marker.example\r\n\
                          X-Forwarded-Host: marker.example\r\nConnection: close\r\n\r\n"
    );
    let (heard, _) = crate::rig::raw(server.at.http, forged.as_bytes(), Duration::from_secs(3)).await;
    assert!(heard.starts_with("HTTP/1.1 200") && !heard.contains("marker"), "{heard}");
}

/// Hostile cases 61 and 62: what may be kept, and which bytes a range gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_is_immutable_and_ranged_and_the_future_is_not_stored() {
    let server = Server::start(settings()).await;
    let _encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let playlist = with_a_segment(&server, &folder).await;
    let name = playlist.lines().find(|line| line.starts_with("seg-")).unwrap();
    let segment = format!("{folder}{name}");
    let at = server.at.http;

    let (head, _) = get(at, &segment, "").await;
    let length = number(&head, "content-length: ");
    assert!(head.contains("cache-control: public, max-age=31536000, immutable"), "{head}");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let (not_modified, _) = get(at, &segment, &format!("If-None-Match: {etag}\r\n")).await;
    assert!(not_modified.starts_with("http/1.1 304"), "{not_modified}");
    let (only_head, none) = request(at, "HEAD", &segment, "").await;
    assert!(only_head.contains(&format!("content-length: {length}")) && none.is_empty(), "{only_head}");

    let many: String = (0..200).map(|n| format!("{n}-{n},")).collect();
    for (range, status, sent) in [
        ("bytes=0-3".to_owned(), "206", 4),
        ("bytes=-5".to_owned(), "206", 5),
        (format!("bytes={}-", length - 1), "206", 1),
        (format!("bytes=0-{}", u64::MAX), "206", length),
        ("bytes=9-3".to_owned(), "200", length),
        (format!("bytes={many}0-1"), "200", length),
        ("bananas=0-3".to_owned(), "200", length),
        (format!("bytes={length}-"), "416", 0),
    ] {
        let (head, _) = get(at, &segment, &format!("Range: {range}\r\n")).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{range}: {head}");
        assert_eq!(number(&head, "content-length: "), sent, "{range}: {head}");
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
    }

    let playlist_url = format!("{folder}media.m3u8");
    let (head, _) = get(at, &playlist_url, "Accept-Encoding: gzip\r\n").await;
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    let (head, _) = request(at, "OPTIONS", &playlist_url, "Origin: https://a.example\r\n").await;
    assert!(head.starts_with("http/1.1 204") && head.contains("access-control-max-age"), "{head}");
    let (head, _) = request(at, "POST", &playlist_url, "").await;
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: "), "{head}");
    for (path, kept) in [
        (format!("{folder}part-1000000.m4s"), "no-store"),
        (format!("{folder}seg-1000000.m4s"), "no-store"),
        (folder.replace("/v0/", "/v7/") + "media.m3u8", "max-age=1"),
        ("/live/nobody/index.m3u8".to_owned(), "max-age=1"),
        ("/live/cam/000000000000/v0/media.m3u8".to_owned(), "max-age=1"),
        ("/live/../cam/index.m3u8".to_owned(), "max-age=1"),
    ] {
        let (head, _) = get(at, &path, "").await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
        assert!(head.contains(kept) && head.contains("access-control-allow-origin: *"), "{path}: {head}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_pictures_are_there_as_ranges_and_as_a_thumbnail() {
    let server = Server::start(settings()).await;
    let _encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    with_a_segment(&server, &folder).await;
    let at = server.at.http;

    let (_, frames) = get(at, &format!("{folder}iframe.m3u8"), "").await;
    assert!(frames.contains("#EXT-X-I-FRAMES-ONLY\n"), "{frames}");
    let length = number(&frames, "#EXT-X-BYTERANGE:");
    let name = frames.lines().find(|line| line.starts_with("seg-")).unwrap();
    let range = format!("Range: bytes=0-{}\r\n", length - 1);
    let (head, _) = get(at, &format!("{folder}{name}"), &range).await;
    assert!(head.starts_with("http/1.1 206"), "{head}");
    assert_eq!(number(&head, "content-length: "), length, "{head}");

    let (head, _) = get(at, "/live/cam/thumb.mp4", "").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: video/mp4"), "{head}");
    assert!(head.contains("cache-control: public, max-age="), "{head}");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    assert!(etag.contains('-') && !head.contains("immutable"), "{head}");
    let (head, _) = get(at, "/live/nobody/thumb.mp4", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

/// Hostile case 58: holds have places, those without one are answered at once, and who leaves makes room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_requests_are_counted_and_freed_when_the_client_leaves() {
    let mut settings = settings();
    settings.limits.http.holds = 5;
    let server = Server::start(settings).await;
    let _encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let playlist = with_a_segment(&server, &folder).await;
    let ask =
        format!("GET {folder}media.m3u8?_HLS_msn={} HTTP/1.1\r\nHost: t\r\n\r\n", open_msn(&playlist) + 1);
    let mut held = Vec::new();
    for _ in 0..5 {
        let mut socket = TcpStream::connect(server.at.http).await.unwrap();
        socket.write_all(ask.as_bytes()).await.unwrap();
        held.push(socket);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(metric(&server, "rillcast_held_requests").await, Some(5));
    let began = Instant::now();
    let mut sixth = TcpStream::connect(server.at.http).await.unwrap();
    sixth.write_all(ask.as_bytes()).await.unwrap();
    let (heard, _) = hear(&mut sixth, Duration::from_millis(100)).await;
    assert!(heard.starts_with("HTTP/1.1 200") && heard.contains("no-store"), "{heard}");
    assert!(began.elapsed() < Duration::from_millis(500));

    // Half of them leave in order, the others by reset.
    for (n, socket) in held.into_iter().enumerate() {
        let socket = socket.into_std().unwrap();
        if n % 2 == 0 {
            socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(metric(&server, "rillcast_held_requests").await, Some(0), "left, and still held");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_who_waits_hears_the_end_when_the_encoder_stops() {
    let server = Server::start(Settings { grace: Duration::ZERO, ..settings() }).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let playlist = with_a_segment(&server, &folder).await;
    let target = format!("{folder}media.m3u8?_HLS_msn={}", open_msn(&playlist) + 1);
    let at = server.at.http;
    let waiter = tokio::spawn(async move { get(at, &target, "").await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    encoder.stop().await;
    let (head, body) = waiter.await.unwrap();
    assert!(head.starts_with("http/1.1 200") && body.contains("#EXT-X-ENDLIST"), "{head}\n{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_ends_its_streams_and_answers_who_waits() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let playlist = with_a_segment(&server, &folder).await;
    let target = format!("{folder}media.m3u8?_HLS_msn={}", open_msn(&playlist) + 1);
    let at = server.at.http;
    let waiter = tokio::spawn(async move { get(at, &target, "").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let took = server.stop().await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    let (head, body) = waiter.await.unwrap();
    assert!(head.starts_with("http/1.1 200") && body.contains("#EXT-X-ENDLIST"), "{head}\n{body}");
    let told = encoder.refused().await;
    assert!(told.contains("stopping"), "{told}");
}
