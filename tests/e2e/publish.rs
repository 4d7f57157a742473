//! Publish URLs, refusals, and what is never given away.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::compare::{self, Times};
use crate::encoder::{ffmpeg_publish, finish, fixture, rillcast_publish, start, succeed};
use crate::http::Http;
use crate::player;
use crate::reference;
use crate::server::{CANARY, Server, key};

const CLIP: &str = "bbb_720p25_avc_aac.mp4";
const LIMIT: Duration = Duration::from_secs(30);

fn trace(names: &[&str]) -> (Vec<String>, [(&'static str, &'static str); 2]) {
    let stream = |name: &&str| ["--stream".to_owned(), format!("{name}={}", key(name))];
    (names.iter().flat_map(stream).collect(), [("RUST_LOG", "trace"), ("RILLCAST__LIVE__GRACE", "0s")])
}

/// ffmpeg publishing with a `tcUrl` of its own.
fn by_connect_query(clip: &Path, server: &Server, name: &str) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-i"]).arg(clip).args(["-map", "0", "-c", "copy", "-f", "flv"]);
    command.arg("-rtmp_tcurl").arg(format!("rtmp://{}/live?key={}", server.rtmp, key(name)));
    command
        .args(["-rtmp_app", "live", "-rtmp_playpath", name])
        .arg(format!("rtmp://{}/live/{name}", server.rtmp));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn every_publish_url_reaches_its_stream_and_no_key_is_given_away() {
    let (flags, variables) = trace(&["alone", "query", "connect", "own", "own-alone"]);
    let mut server = Server::start_with(&flags, &variables).await;
    let clip = fixture(CLIP);
    let alone = |name: &str| format!("rtmp://{}/live/{}", server.rtmp, key(name));
    let publishes = [
        ("alone", ffmpeg_publish(&clip, &alone("alone"))),
        ("query", ffmpeg_publish(&clip, &server.publish_url("query"))),
        ("connect", by_connect_query(&clip, &server, "connect")),
        ("own", rillcast_publish(&clip, &server.publish_url("own"))),
        ("own-alone", rillcast_publish(&clip, &alone("own-alone"))),
    ];
    let http = Http::new(server.http, true);
    let mut running = Vec::new();
    for (name, command) in publishes {
        running.push((name, tokio::spawn(succeed(command, LIMIT))));
    }
    for (name, publish) in running {
        let multivariant = http.appear(&format!("/live/{name}/index.m3u8")).await.text();
        assert!(multivariant.contains("1280x720") && !multivariant.contains(CANARY), "{multivariant}");
        let output = publish.await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(name.starts_with("own") != said.is_empty(), "{name}: {said}");
        assert!(!said.contains(CANARY), "{name}: a publisher prints its key: {said}");
        server.log().wait(|line| line["message"] == "publish_started" && line["stream"] == name).await;
    }
    server.assert_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_in_words_and_soon() {
    let (flags, variables) = trace(&["cam"]);
    let mut server = Server::start_with(&flags, &variables).await;
    let clip = fixture(CLIP);
    let wrong = [
        format!("rtmp://{}/live/cam?key={CANARY}-wrong", server.rtmp),
        format!("rtmp://{}/live/{CANARY}-unknown", server.rtmp),
        format!("rtmp://{}/live/cam", server.rtmp),
        format!("rtmp://{}/live/other?key={}", server.rtmp, key("cam")),
        format!("rtmp://{}/live/?key=", server.rtmp),
    ];
    for (n, url) in wrong.iter().enumerate() {
        let began = Instant::now();
        let refused = finish(ffmpeg_publish(&clip, url), LIMIT).await;
        let said = String::from_utf8_lossy(&refused.stderr).replace(url.as_str(), "URL");
        assert!(!refused.status.success(), "attempt {n} was let in");
        assert!(began.elapsed() < Duration::from_secs(4), "attempt {n} took {:?}", began.elapsed());
        assert!(!said.contains("timed out"), "{said}");
        // The last one has no name at all: nobody is asked for a verdict, and the log still says so.
        let verdicts = server.log().text().matches("publish_refused").count();
        assert_eq!(verdicts, n + 1, "{}", server.log().text());
    }
    let nameless =
        |line: &serde_json::Value| line["reason"].as_str().is_some_and(|said| said.contains("name is"));
    let line = server.log().wait(nameless).await;
    assert!(line["level"] == "INFO" && line["at"].as_u64() > Some(40), "{line}");
    let own = finish(rillcast_publish(&clip, &wrong[0]), LIMIT).await;
    let said = String::from_utf8_lossy(&own.stderr);
    assert!(own.status.code() == Some(1) && said.contains("key") && !said.contains(CANARY), "{said}");
    let line = server.log().wait(|line| line["message"] == "publish_refused").await;
    assert!(line["reason"].as_str().is_some_and(|reason| reason.contains("key")), "{line}");
    assert!(line["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{line}");
    assert_eq!(Http::new(server.http, false).get("/live/cam/index.m3u8").await.status, 404);
    // The right key still opens, whatever was tried before.
    succeed(rillcast_publish(&clip, &server.publish_url("cam")), LIMIT).await;
    server.assert_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_publisher_is_refused_and_the_first_loses_nothing() {
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let (clip, url) = (fixture(CLIP), server.publish_url("cam"));
    let first = tokio::spawn(succeed(rillcast_publish(&clip, &url), LIMIT));
    let http = Http::new(server.http, true);
    let watched = tokio::spawn(async move { player::watch(&http, "cam").await });
    server.log().wait(|line| line["message"] == "track_configured").await;

    for command in [ffmpeg_publish(&clip, &url), rillcast_publish(&clip, &url)] {
        let began = Instant::now();
        let second = finish(command, LIMIT).await;
        assert!(!second.status.success() && began.elapsed() < Duration::from_secs(4));
    }
    let line = server.log().wait(|line| line["message"] == "publish_refused").await;
    assert!(
        line["reason"].as_str().is_some_and(|reason| reason.contains("already has a publisher")),
        "{line}"
    );
    first.await.unwrap();
    let watched = watched.await.unwrap();
    compare::check(&reference::read(&clip).await, &watched, Times::Exact).await;
    server.assert_well();
}

/// GStreamer encodes and publishes; what it sends is also written to a file, to compare with.
#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_publishes_bit_exact() {
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sent.flv");
    let mut gstreamer = Command::new("gst-launch-1.0");
    let pipeline = "-q -e flvmux name=mux streamable=true ! tee name=both ! queue ! rtmp2sink name=out \
        both. ! queue ! filesink name=file \
        videotestsrc is-live=true pattern=ball num-buffers=180 ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! \
        x264enc speed-preset=veryfast bframes=2 key-int-max=60 ! h264parse ! queue ! mux. \
        audiotestsrc is-live=true wave=pink-noise num-buffers=280 ! audio/x-raw,rate=48000,channels=2 ! \
        voaacenc ! aacparse ! queue ! mux.";
    let pipeline = pipeline.split_whitespace().map(|word| match word {
        "name=out" => format!("location={}", server.publish_url("cam")),
        "name=file" => format!("location={}", file.display()),
        word => word.to_owned(),
    });
    gstreamer.args(pipeline);
    let publisher = tokio::spawn(succeed(gstreamer, LIMIT));
    let http = Http::new(server.http, true);
    let watched = tokio::time::timeout(LIMIT, player::watch(&http, "cam")).await.expect("it ends");
    publisher.await.unwrap();
    compare::check(&reference::read(&file).await, &watched, Times::Millisecond).await;
    server.assert_well();
}

/// A service manager's way to end ffmpeg: it says goodbye, and whoever comes after it goes on for the same viewers.
#[tokio::test(flavor = "multi_thread")]
async fn an_ffmpeg_that_is_terminated_and_started_again_goes_on_in_the_same_playlist() {
    let mut server = Server::with_streams(&["cam".to_owned()]).await;
    let http = Http::new(server.http, false);
    let publish = || start(ffmpeg_publish(&fixture(CLIP), &server.publish_url("cam")));
    let mut publisher = publish();
    let at = "/live/cam/index.m3u8";
    let path = player::media_playlists(&http.appear(at).await.text(), at).remove(0);
    // In the second segment, so that the first is listed.
    http.take(&format!("{path}?_HLS_msn=2&_HLS_part=0")).await;
    let pid = publisher.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    publisher.wait().await.unwrap();
    let line = server.log().wait(|line| line["message"] == "publish_ended").await;
    assert_eq!(line["reason"], "the encoder is done");
    http.take(&format!("{path}?_HLS_msn=3&_HLS_part=0")).await;
    let _again = publish();
    let began = Instant::now();
    let text = loop {
        let text = http.take(&path).await.text();
        if text.contains("#EXT-X-DISCONTINUITY\n") {
            break text;
        }
        assert!(began.elapsed() < LIMIT, "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(text.contains("GAP=YES") && !text.contains("#EXT-X-ENDLIST"), "{text}");
    assert_eq!(text.matches("#EXT-X-MAP").count(), 1, "{text}");
    let now = player::media_playlists(&http.take(at).await.text(), at).remove(0);
    assert_eq!(now, path, "the same generation");
    server.assert_well();
}

/// Kill is how most publishers end: the log says so, and the stream is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_publisher_ends_its_stream() {
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let mut publisher = start(ffmpeg_publish(&fixture(CLIP), &server.publish_url("cam")));
    let http = Http::new(server.http, false);
    http.appear("/live/cam/index.m3u8").await;
    publisher.kill().await.unwrap();
    let watched = tokio::time::timeout(Duration::from_secs(5), player::watch(&http, "cam")).await;
    assert!(watched.expect("it ends").renditions.iter().all(|rendition| rendition.last.ended));
    server.log().wait(|line| line["message"] == "publish_lost").await;
    server.assert_well();
}
