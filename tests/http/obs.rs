//! OBS Studio asks for its configuration, and publishes with what it was told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rillcast::control::{DeclaredStream, KeyHash, Settings};
use rillcast::media::StreamName;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{Encoder, Server, get, hear, metric, raw, settings};

const PATH: &str = "/api/obs/multitrack";
const KEY: &str = "canary-stream-key";

fn with_stream() -> Settings {
    let keys = vec![KeyHash::new(KEY).unwrap()];
    let streams = vec![DeclaredStream { name: StreamName::parse("show").unwrap(), keys }];
    Settings { open_publish: false, streams, ..settings() }
}

fn question(key: &str) -> String {
    format!(
        r#"{{"service":"IVS","schema_version":"2025-01-25","authentication":"{key}",
        "client":{{"name":"obs-studio","version":"32.1.0","supported_codecs":["h264"]}},
        "capabilities":{{"cpu":{{"logical_cores":16}},"system":{{"name":"Windows"}},"gpu":[{{"vendor_id":4318}}]}},
        "preferences":{{"maximum_aggregate_bitrate":null,"audio_channels":2,"canvases":[{{"width":1920,
        "height":1080,"framerate":{{"numerator":60,"denominator":1}}}}]}}}}"#
    )
}

/// Asks as OBS does; status line and headers, and the body.
async fn ask(at: SocketAddr, host: &str, body: &str) -> (String, serde_json::Value) {
    let length = body.len();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let (heard, closed) =
        raw(at, [head.as_bytes(), body.as_bytes()].concat().as_slice(), Duration::from_secs(10)).await;
    assert!(closed, "{heard}");
    assert!(!heard.contains("canary"), "the key is not repeated: {heard}");
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or_else(|_| panic!("{heard}")))
}

fn words(answer: &serde_json::Value) -> &str {
    assert_eq!(answer["status"]["result"], "error", "{answer}");
    answer["status"]["html_en_us"].as_str().unwrap()
}

#[tokio::test]
async fn obs_is_told_a_ladder_and_publishes_with_its_configuration() {
    let server = Server::start(with_stream()).await;
    let (head, answer) = ask(server.at.http, "live.example:8080", &question(KEY)).await;
    assert!(head.starts_with("http/1.1 200") && head.contains("application/json"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert_eq!(answer["status"]["result"], "success", "{answer}");
    assert_eq!(answer["encoder_configurations"].as_array().unwrap().len(), 5);
    // Some put their JSON on many lines.
    let spread = question(KEY).replace(',', ",\n");
    assert_eq!(ask(server.at.http, "h", &spread).await.1["status"]["result"], "success");
    let url = answer["ingest_endpoints"][0]["url_template"].as_str().unwrap();
    assert_eq!(url, format!("rtmp://live.example:{}/live/{{stream_key}}", server.at.rtmp.port()));
    // OBS puts the id behind the key.
    let id = answer["meta"]["config_id"].as_str().unwrap();
    let encoder = Encoder::start(&server, &format!("{KEY}?clientConfigId={id}"));
    let playlist = async {
        while !get(server.at.http, "/live/show/index.m3u8", "").await.0.starts_with("http/1.1 200") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), playlist).await.expect("the stream is live");
    encoder.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn refusals_are_words_for_its_dialog() {
    let server = Server::start(with_stream()).await;
    let began = Instant::now();
    let (head, answer) = ask(server.at.http, "h", &question("canary-wrong")).await;
    assert!(head.starts_with("http/1.1 200"), "OBS shows nothing of another status: {head}");
    assert!(words(&answer).contains("stream key is wrong"), "{answer}");
    assert!(began.elapsed() >= Duration::from_millis(200), "guessing is slow");
    assert_eq!(metric(&server, "rillcast_refused_auth_total").await, Some(1));
    let narrow =
        question(KEY).replace("\"maximum_aggregate_bitrate\":null", "\"maximum_aggregate_bitrate\":200");
    let (_, answer) = ask(server.at.http, "h", &narrow).await;
    assert!(words(&answer).contains("200 kbit/s are too few"), "{answer}");
    let odd = question(KEY).replace("\"width\":1920", "\"width\":\"canary\"");
    let (_, answer) = ask(server.at.http, "h", &odd).await;
    assert!(words(&answer).contains("preferences.canvases[0].width"), "{answer}");
    let (head, answer) = ask(server.at.http, "h", "canary").await;
    assert!(head.starts_with("http/1.1 400") && words(&answer).contains("not JSON"), "{answer}");
    let (_, answer) = ask(server.at.http, "", &question(KEY)).await;
    assert!(words(&answer).contains("obs.server"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn who_asks_too_often_waits() {
    let server = Server::start(with_stream()).await;
    for n in 0..30 {
        let (_, answer) = ask(server.at.http, "h", &question(KEY)).await;
        assert_eq!(answer["status"]["result"], "success", "{n}: {answer}");
    }
    let (_, answer) = ask(server.at.http, "h", &question(KEY)).await;
    assert!(words(&answer).contains("too many requests"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn bodies_are_bounded_and_taken_nowhere_else() {
    let server = Server::start(with_stream()).await;
    let at = server.at.http;
    let most = 64 * 1024;
    let post = |path: &str, framing: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n{}", "[".repeat(8))
    };
    for (request, status) in [
        (post(PATH, &format!("Content-Length: {}", most + 1)), "400"),
        (post(PATH, "Transfer-Encoding: chunked"), "400"),
        (post(PATH, "Content-Length: -1"), "400"),
        (post("/livez", "Content-Length: 8"), "400"),
        (post("/api/obs/multitrack/", "Content-Length: 8"), "400"),
        (post(PATH, "Content-Length: 8"), "400"),
    ] {
        let (heard, _) = raw(at, request.as_bytes(), Duration::from_millis(500)).await;
        assert!(heard.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {heard}");
    }
    let admin = post(PATH, "Content-Length: 8");
    let (heard, _) = raw(server.at.admin, admin.as_bytes(), Duration::from_millis(500)).await;
    assert!(heard.starts_with("HTTP/1.1 400"), "not for the operator's door: {heard}");
    let (head, _) = get(at, PATH, "").await;
    assert!(head.starts_with("http/1.1 405"), "{head}");
    // A body that does not come ends the request, and nobody else waits for it.
    let slow = post(PATH, "Content-Length: 4000");
    let (heard, _) = raw(at, slow.as_bytes(), Duration::from_secs(10)).await;
    assert!(heard.contains("did not come whole"), "{heard}");
    server.stop().await;
}

#[tokio::test]
async fn lines_of_a_body_end_as_they_like_and_nothing_follows_it() {
    let server = Server::start(with_stream()).await;
    let body = question(KEY).replace(',', ",\n");
    let post = format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
    let get = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    let statuses = |heard: &str| heard.match_indices("HTTP/1.1 200").count();
    let quiet = Duration::from_secs(10);
    // Behind another request, in one piece with it: neither is held to the lines of the body.
    let (heard, closed) = raw(server.at.http, [get, &post, &body, get].concat().as_bytes(), quiet).await;
    assert!(statuses(&heard) == 2 && heard.contains("success") && closed, "{heard}");
    // Later than its head, in pieces, and before another request.
    let mut socket = TcpStream::connect(server.at.http).await.unwrap();
    let (first, second) = body.split_at(body.len() / 2);
    for piece in [&post, first, &[second, get].concat()] {
        socket.write_all(piece.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (heard, closed) = hear(&mut socket, quiet).await;
    assert!(statuses(&heard) == 1 && heard.contains("success") && closed, "{heard}");
    assert!(heard.to_ascii_lowercase().contains("connection: close"), "{heard}");
    // More than was announced is nobody's request.
    let (heard, closed) = raw(server.at.http, [&post, &body, "\n", get].concat().as_bytes(), quiet).await;
    assert!(statuses(&heard) == 1 && heard.contains("success") && closed, "{heard}");
    // The head is held to its lines, also behind another.
    let bad = post.replacen("\r\n", "\n", 1);
    for said in
        [bad.clone() + &body, [get, &bad, &body].concat(), ["\r\n", get, "\r\n", &bad, &body].concat()]
    {
        let (heard, closed) = raw(server.at.http, said.as_bytes(), quiet).await;
        assert!(heard.contains("end in CR LF") && !heard.contains("success") && closed, "{said}: {heard}");
    }
    server.stop().await;
}
