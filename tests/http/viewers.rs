//! The audience over real sockets: who is counted, listed, sent away and refused; and who may ask.

use std::time::{Duration, Instant};

use rillcast::control::Settings;
use serde_json::Value;

use crate::rig::{Encoder, Server, get, metric, playable, raw, request, settings};

const VIEWERS: &str = "/api/v1/viewers?stream=cam";
const STREAM: &str = "/api/v1/streams/cam";

async fn document(server: &Server, path: &str) -> Value {
    let (head, body) = get(server.at.admin, path, "").await;
    assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
    assert!(head.contains("content-type: application/json") && head.contains("no-store"), "{head}");
    serde_json::from_str(&body).unwrap()
}

/// Asks for a document until it is as it should be.
async fn until(server: &Server, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let document = document(server, path).await;
        if fits(&document) {
            return document;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{document:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_are_counted_listed_and_sent_away_without_a_word_in_urls() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "cam");
    let folder = playable(&server, "cam").await;
    let media = format!("{folder}media.m3u8");
    let player = "CMCD-Session: sid=\"one\"\r\nUser-Agent: Player/1.0\r\n";
    for _ in 0..3 {
        assert!(get(server.at.http, &media, player).await.0.starts_with("http/1.1 200"));
    }
    let (_, plain) = get(server.at.http, &media, "").await;
    assert!(!plain.contains("one") && !plain.contains("sid"), "{plain}");
    let by_query = format!("{media}?CMCD=sid%3D%22two%22%2Cbl%3D1200");
    assert!(get(server.at.http, &by_query, "").await.0.starts_with("http/1.1 200"));

    // Two by their sessions; the rig itself, which waited for the stream, by its address.
    let stream = until(&server, STREAM, |stream| stream["state"] != "waiting").await;
    assert_eq!(stream["viewers"]["total"], 3, "{stream:#}");
    assert_eq!(stream["viewers"]["hls_by_session"], 2);
    assert_eq!(stream["viewers"]["hls_by_address"], 1);
    assert_eq!(stream["viewers"]["by_protocol"]["hls"], 3);
    assert_eq!(metric(&server, "rillcast_viewers{protocol=\"Hls\"}").await, Some(3));

    let listing = document(&server, VIEWERS).await;
    let viewers = listing["viewers"].as_array().unwrap();
    let one = viewers.iter().find(|viewer| viewer["agent"] == "Player/1.0").unwrap();
    assert_eq!((&one["counted_by"], &one["requests"]), (&Value::from("session"), &Value::from(3)));
    assert_eq!((&one["stream"], &one["address"]), (&Value::from("cam"), &Value::from("127.0.0.1")));

    let kick = format!("/api/v1/viewers/{}/kick", one["id"].as_str().unwrap());
    let (head, _) = request(server.at.admin, "POST", &kick, "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let (head, _) = get(server.at.http, &media, player).await;
    assert!(head.starts_with("http/1.1 403") && head.contains("cache-control: no-store"), "{head}");
    assert!(head.contains("access-control-allow-origin: *"), "a page may learn why: {head}");
    assert!(get(server.at.http, &by_query, "").await.0.starts_with("http/1.1 200"), "the others play on");
    let (head, _) = request(server.at.admin, "POST", &kick, "").await;
    assert!(head.starts_with("http/1.1 404"), "it is gone already: {head}");
    assert_eq!(document(&server, VIEWERS).await["viewers"].as_array().unwrap().len(), 2);
    assert_eq!(metric(&server, "rillcast_viewer_kicks_total").await, Some(1));
    assert_eq!(metric(&server, "rillcast_refused_total{reason=\"kicked\"}").await, Some(1));
    let history = document(&server, "/api/v1/history").await;
    let left = &history["generations"][0]["viewers"]["newest_first"][0];
    assert_eq!((&left["reason"], &left["agent"]), (&Value::from("kicked"), &Value::from("Player/1.0")));
    encoder.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_players_of_one_house_are_told_apart_by_their_urls_where_the_operator_wants_it() {
    let server = Server::start(Settings { viewer_ids: true, ..settings() }).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let agent = "User-Agent: Television/2\r\n";
    let gzip = "User-Agent: Television/2\r\nAccept-Encoding: gzip\r\n";
    let mut urls = Vec::new();
    for _ in 0..2 {
        let (head, playlist) = get(server.at.http, "/live/cam/index.m3u8", gzip).await;
        assert!(head.contains("cache-control: no-store") && !head.contains("vary"), "{head}");
        assert!(!head.contains("content-encoding"), "{head}");
        urls.push(playlist.lines().find(|line| line.starts_with('/')).unwrap().to_owned());
    }
    assert_ne!(urls[0], urls[1]);
    let mut bodies = Vec::new();
    for url in &urls {
        let (head, body) = get(server.at.http, &format!("{url}&_HLS_msn=0"), agent).await;
        assert!(head.starts_with("http/1.1 200") && !body.contains("viewer"), "{head}{body}");
        let part = body.lines().find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")).unwrap();
        let folder = url.rsplit_once('/').unwrap().0;
        let (head, _) = get(server.at.http, &format!("{folder}/{}", part.trim_end_matches('"')), agent).await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        bodies.push(body);
    }
    let listing = document(&server, VIEWERS).await;
    let viewers = listing["viewers"].as_array().unwrap();
    let televisions: Vec<_> = viewers.iter().filter(|viewer| viewer["agent"] == "Television/2").collect();
    assert_eq!(televisions.len(), 2, "media counts nobody a second time: {listing:#}");
    let known = |one: &&&Value| one["counted_by"] == "session" && one["requests"] == 1;
    assert_eq!(televisions.iter().filter(known).count(), 2, "{listing:#}");
    let kick = format!("/api/v1/viewers/{}/kick", televisions[0]["id"].as_str().unwrap());
    assert!(request(server.at.admin, "POST", &kick, "").await.0.starts_with("http/1.1 200"));
    let mut refused = 0;
    for url in &urls {
        refused += usize::from(get(server.at.http, url, agent).await.0.starts_with("http/1.1 403"));
    }
    assert_eq!(refused, 1, "the other plays on");
    encoder.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_how_it_is_what_it_is_made_of_and_who_sends_it() {
    let mut settings = settings();
    settings.grace = Duration::from_secs(2);
    let server = Server::start(settings).await;
    let (head, _) = get(server.at.admin, STREAM, "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let stream = until(&server, STREAM, |stream| {
        stream["tracks"].as_array().is_some_and(|tracks| tracks.len() == 2)
            && stream["tracks"][0]["bits_per_second"]["peak"].as_u64().is_some_and(|peak| peak > 0)
    })
    .await;
    assert!(["live", "degraded"].contains(&stream["state"].as_str().unwrap()), "{stream:#}");
    let picture = &stream["tracks"][0];
    assert_eq!((&picture["width"], &picture["height"]), (&Value::from(1_280), &Value::from(720)));
    assert_eq!(picture["frames_per_second"], 25.0);
    assert!(picture["codecs"].as_str().unwrap().starts_with("avc1."), "{picture:#}");
    assert_eq!(picture["offered"], true);
    assert!(picture["ring"]["bytes"].as_u64().unwrap() <= stream["ring_limit_bytes"].as_u64().unwrap());
    assert_eq!(stream["publisher"]["address"], "127.0.0.1");
    let received = &stream["publisher"]["received_bytes"];
    assert!(received.as_u64() >= picture["ring"]["bytes"].as_u64().map(|kept| kept / 2), "{received}");
    assert_eq!(stream["epochs"]["newest_first"][0]["reason"], "the stream began");
    let generation = stream["generation"].clone();

    encoder.crash().await;
    let lost = until(&server, STREAM, |stream| stream["state"] == "recovering").await;
    assert_eq!((&lost["generation"], &lost["publisher"]), (&generation, &Value::Null));
    let encoder = Encoder::start(&server, "cam");
    let back = until(&server, STREAM, |stream| stream["publisher"].is_object()).await;
    assert_eq!(back["generation"], generation);
    assert_eq!(back["epochs"]["newest_first"][0]["reason"], "an encoder came back");
    encoder.stop().await;
    until(&server, STREAM, |stream| stream["state"] == "stopped").await;
    let streams = document(&server, "/api/v1/streams").await;
    assert_eq!(
        (&streams["streams"][0]["stream"], &streams["truncated"]),
        (&Value::from("cam"), &Value::from(0))
    );
    let history =
        until(&server, "/api/v1/history", |history| !history["generations"][0]["ended"].is_null()).await;
    assert_eq!(history["generations"][0]["publishers"]["newest_first"].as_array().unwrap().len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rung_that_is_left_out_is_told_with_the_reason() {
    let server = Server::start(settings()).await;
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let files = ["bbb_720p25_avc_aac.mp4", "bbb_720p25_gop132_aac51.mp4"].map(|name| fixtures.join(name));
    let encoder = Encoder::of(files.into(), server.at.rtmp, "cam");
    playable(&server, "cam").await;
    let stream = until(&server, STREAM, |stream| !stream["left_out"][0].is_null()).await;
    assert_eq!(stream["left_out"][0]["track"], "v1");
    let reason = &stream["left_out"][0]["reason"];
    assert!(reason.as_str().unwrap().contains("same keyframe interval"), "{reason}");
    assert_eq!(stream["state"], "degraded");
    assert!(stream["reasons"].as_array().unwrap().contains(reason), "{stream:#}");
    let track = stream["tracks"].as_array().unwrap().iter().find(|track| track["track"] == "v1").unwrap();
    assert_eq!(track["offered"], false);
    encoder.stop().await;
    server.stop().await;
}

/// Hostile case 43.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_nobody_publishes_are_404_and_leave_nothing_behind() {
    let server = Server::start(settings()).await;
    // Ten thousand over a few connections: each is answered, and none is remembered.
    let ask = |connection: usize| {
        let one = |n: usize| {
            let end = if n == 999 { "Connection: close\r\n" } else { "" };
            let sid = connection * 1_000 + n;
            format!(
                "GET /live/none-{n}/index.m3u8 HTTP/1.1\r\nHost: test\r\nCMCD-Session: sid=\"{sid}\"\r\n{end}\r\n"
            )
        };
        (0..1_000).map(one).collect::<String>()
    };
    let began = Instant::now();
    for connection in 0..10 {
        let (heard, closed) = raw(server.at.http, ask(connection).as_bytes(), Duration::from_secs(20)).await;
        assert!(closed);
        assert_eq!(heard.matches("HTTP/1.1 404").count(), 1_000);
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let viewers = document(&server, "/api/v1/viewers").await;
    assert_eq!((viewers["viewers"].as_array().unwrap().len(), &viewers["truncated"]), (0, &Value::from(0)));
    assert_eq!(document(&server, "/api/v1/streams").await["streams"].as_array().unwrap().len(), 0);
    assert_eq!(document(&server, "/api/v1/history").await["generations"].as_array().unwrap().len(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_stream_says_when_to_come_back() {
    let mut settings = settings();
    settings.limits.viewers.per_stream = 1;
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    playable(&server, "cam").await;
    let second = "CMCD-Session: sid=\"second\"\r\n";
    let (head, body) = get(server.at.http, "/live/cam/index.m3u8", second).await;
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after: 10"), "{head}");
    assert!(head.contains("no-store") && body.contains("as many viewers"), "{head} {body}");
    assert_eq!(metric(&server, "rillcast_refused_total{reason=\"stream_viewers\"}").await, Some(1));
    let (head, _) = get(server.at.http, "/live/cam/index.m3u8", "").await;
    assert!(head.starts_with("http/1.1 200"), "who is in stays in: {head}");
    encoder.stop().await;
    server.stop().await;
}

/// Bound B20.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_of_memory_newcomers_are_refused_and_publishers_survive() {
    let mut settings = settings();
    settings.limits.memory = Some(1);
    let server = Server::start(settings).await;
    let encoder = Encoder::start(&server, "cam");
    let began = Instant::now();
    while metric(&server, "rillcast_memory_strain").await != Some(3) {
        assert!(began.elapsed() < Duration::from_secs(10), "never strained");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(metric(&server, "rillcast_memory_limit_bytes").await, Some(1));
    let told = Encoder::start(&server, "other").refused().await;
    assert!(told.contains("short of memory"), "{told}");
    let began = Instant::now();
    loop {
        let (head, body) = get(server.at.http, "/live/cam/index.m3u8", "").await;
        if head.starts_with("http/1.1 503") && body.contains("short of memory") {
            assert!(head.contains("retry-after: 5"), "{head}");
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{head}");
    }
    assert_eq!(metric(&server, "rillcast_publishers").await, Some(1));
    encoder.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_pages_can_neither_look_nor_kick() {
    let server = Server::start(settings()).await;
    let ask = async |method: &str, path: &str, host: &str, fields: &str| {
        let text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n");
        let (heard, _) = raw(server.at.admin, text.as_bytes(), Duration::from_secs(5)).await;
        heard.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let kick = "/api/v1/viewers/0123456789abcdef/kick";
    for path in ["/api/v1/viewers", "/api/v1/streams", "/api/v1/history", "/api/v1/streams/cam/health"] {
        assert_eq!(ask("GET", path, "attacker.example:9080", "").await, "403", "{path}");
        let (head, _) = get(server.at.http, path, "").await;
        assert!(head.starts_with("http/1.1 404"), "viewers are not told: {head}");
    }
    assert_eq!(ask("POST", kick, "attacker.example", "").await, "403");
    assert_eq!(ask("POST", kick, "127.0.0.1:9080", "Origin: http://attacker.example\r\n").await, "403");
    assert_eq!(ask("POST", kick, "127.0.0.1:9080", "Sec-Fetch-Site: cross-site\r\n").await, "403");
    assert_eq!(ask("POST", kick, "127.0.0.1:9080", "Origin: http://127.0.0.1:9080\r\n").await, "404");
    assert_eq!(ask("POST", kick, "127.0.0.1:9080", "Content-Length: 0\r\n").await, "404");
    assert_eq!(ask("GET", kick, "127.0.0.1:9080", "").await, "405");
    assert_eq!(ask("GET", "/api/v1/viewers?stream=../etc", "127.0.0.1", "").await, "400");
    assert_eq!(
        ask("GET", "/metrics", "attacker.example", "").await,
        "200",
        "no names of anybody stand there"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_whose_name_ends_in_health_has_a_document_of_its_own() {
    let server = Server::start(settings()).await;
    let encoder = Encoder::start(&server, "a/health");
    playable(&server, "a/health").await;
    for path in ["/api/v1/streams/a%2Fhealth", "/api/v1/streams/a%2fhealth"] {
        assert_eq!(document(&server, path).await["stream"], "a/health", "{path}");
    }
    document(&server, "/api/v1/streams/a%2Fhealth/health").await;
    let (head, _) = get(server.at.admin, "/api/v1/streams/a/health", "").await;
    assert!(head.starts_with("http/1.1 404"), "that is the health of another: {head}");
    encoder.stop().await;
    server.stop().await;
}
