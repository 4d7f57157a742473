//! Delivery of one finished stream: gzip, HEAD and Range, over HTTP/1.1 and HTTP/2.

use std::io::Read;
use std::time::Duration;

use tokio::process::Command;

use crate::encoder::{fixture, rillcast_publish, succeed};
use crate::http::Http;
use crate::player::{self, Watched};
use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn gzip_head_and_range_work_over_every_protocol() {
    let mut server = Server::without_grace(&["cam".to_owned()]).await;
    let clip = fixture("bbb_720p25_avc_aac.mp4");
    let published = tokio::spawn(succeed(rillcast_publish(&clip, &server.publish_url("cam")), LIMIT));
    let watched = player::watch(&Http::new(server.http, true), "cam").await;
    published.await.unwrap();
    for http2 in [false, true] {
        let http = Http::new(server.http, http2);
        compressed(&http, &watched).await;
        heads(&http, &watched).await;
        ranges(&http, &watched).await;
    }
    curl(&server, &watched).await;
    server.assert_well();
}

async fn compressed(http: &Http, watched: &Watched) {
    let media = watched.renditions.iter().map(|rendition| rendition.path.as_str());
    for path in media.chain(["/live/cam/index.m3u8"]) {
        let plain = http.take(path).await;
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        assert_eq!(plain.header("content-type"), "application/vnd.apple.mpegurl");
        let packed = http.ask("GET", path, &[("accept-encoding", "br, gzip")]).await;
        assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, plain.text());
        assert!(packed.body.len() < plain.body.len());
    }
    let media = watched.renditions[0].path.replace("media.m3u8", "part-0.m4s");
    let part = http.ask("GET", &media, &[("accept-encoding", "gzip")]).await;
    assert_eq!(part.header("content-encoding"), "", "media is not compressed");
}

async fn heads(http: &Http, watched: &Watched) {
    let rendition = &watched.renditions[0];
    for file in ["media.m3u8", "init-0.mp4", "part-0.m4s", "seg-1.m4s"] {
        let path = rendition.path.replace("media.m3u8", file);
        let (whole, head) = (http.take(&path).await, http.ask("HEAD", &path, &[]).await);
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
        for name in ["content-length", "content-type", "cache-control", "etag"] {
            assert_eq!(head.header(name), whole.header(name), "{name} of {path}");
        }
        assert_eq!(head.header("content-length"), whole.body.len().to_string(), "{path}");
        assert_eq!(whole.header("access-control-allow-origin"), "*");
    }
}

async fn ranges(http: &Http, watched: &Watched) {
    let segment = &watched.renditions[0].segments[&1];
    let path = watched.renditions[0].path.replace("media.m3u8", "seg-1.m4s");
    let len = segment.len();
    // Across a part's end too: a part is several runs of bytes in memory.
    let long = len / 3..len * 2 / 3;
    let cases = [
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=100-99999999".to_owned(), 100..len),
        (format!("bytes={}-{}", long.start, long.end - 1), long),
        ("bytes=-17".to_owned(), len - 17..len),
        (format!("bytes={}-", len - 1), len - 1..len),
    ];
    for (range, bytes) in cases {
        let part = http.ask("GET", &path, &[("range", &range)]).await;
        assert_eq!(part.status, 206, "{range}");
        let says = format!("bytes {}-{}/{len}", bytes.start, bytes.end - 1);
        assert_eq!(part.header("content-range"), says);
        assert!(part.body[..] == segment[bytes], "{range}");
    }
    let past = http.ask("GET", &path, &[("range", &format!("bytes={len}-"))]).await;
    assert_eq!((past.status.as_u16(), past.header("content-range")), (416, &*format!("bytes */{len}")));
    let nonsense = http.ask("GET", &path, &[("range", "lines=1-2")]).await;
    assert!(nonsense.status == 200 && nonsense.body[..] == segment[..], "an unknown unit is passed over");
}

/// The same by a client that is not ours.
async fn curl(server: &Server, watched: &Watched) {
    let part = watched.renditions[0].path.replace("media.m3u8", "part-0.m4s");
    for (flag, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "--max-time", "10", flag, "-w", "%{stderr}%{http_version} %{http_code}"]);
        let output = succeed(run(curl, server, &part), LIMIT).await;
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("{version} 200"));
        assert!(output.stdout == watched.renditions[0].parts[0].1, "{flag}");

        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "--max-time", "10", "--compressed", flag]);
        let output = succeed(run(curl, server, &watched.renditions[0].path), LIMIT).await;
        assert!(output.stdout.starts_with(b"#EXTM3U\n") && output.stdout.ends_with(b"#EXT-X-ENDLIST\n"));
    }
}

fn run(mut curl: Command, server: &Server, path: &str) -> Command {
    curl.arg(format!("http://{}{path}", server.http));
    curl
}
