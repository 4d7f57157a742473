//! What viewers say over HTTP.

use crate::http::{self, Asked, Door, Heard, House, PREFACE};
use crate::http2;
use crate::steps::Cuts;

/// What is said under `/live/` to whoever asks properly.
const PLAYED: [u16; 11] = [200, 206, 304, 400, 401, 403, 404, 409, 415, 416, 503];

/// What a viewer says on one connection, cut anywhere: see [`http::judge`].
pub fn http_head(data: &[u8]) {
    let Some((how, said)) = data.split_first() else { return };
    House::with(|house| {
        let said = house.named(said);
        let (bytes, closed) = house.converse(Door::Public, &said, &mut Cuts::new(*how));
        if said.starts_with(PREFACE) {
            return http2::judge(&said, &bytes);
        }
        let expected = |request: &Asked, answer: &Heard, told: &dyn Fn() -> String| {
            expected(house, request, answer, told);
        };
        http::judge(Door::Public, &said, (&bytes, closed), &["t"], &expected);
    });
}

/// What the table of routes says.
fn expected(house: &House, request: &Asked, answer: &Heard, told: &dyn Fn() -> String) {
    let (method, path) = (request.method.as_str(), request.path());
    let reads = matches!(method, "GET" | "HEAD");
    let says = |name: &str| answer.field(name).is_some();
    if path.len() > "/live/".len() && path.starts_with("/live/") {
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"), "{}", told());
        assert!(says("priority") && says("access-control-expose-headers"), "{}", told());
        match method {
            "OPTIONS" => assert!(answer.status == 204 && says("access-control-allow-methods"), "{}", told()),
            _ if !reads => assert!(answer.status == 405 && says("allow"), "{}", told()),
            _ if matches!(answer.status, 101 | 426) => assert!(request.wants_socket(), "{}", told()),
            _ => assert!(PLAYED.contains(&answer.status) && says("cache-control"), "{}", told()),
        }
        ranged(house, request, answer, told);
        return;
    }
    let page = ["/watch/", "/embed/", "/assets/"]
        .iter()
        .any(|page| path.starts_with(page) && path.len() > page.len());
    let statuses: &[u16] = match path {
        "/livez" | "/readyz" if reads => &[200],
        "/livez" | "/readyz" => &[405],
        "/api/obs/multitrack" if method == "POST" => &[200, 400],
        "/api/obs/multitrack" => &[405],
        _ if page && reads => &[200, 304, 404],
        _ if page => &[405],
        _ => &[404],
    };
    assert!(statuses.contains(&answer.status) && says("cache-control"), "{}", told());
    assert!(!says("access-control-allow-origin"), "for players alone: {}", told());
    if page && answer.status == 200 {
        assert!(
            says("content-security-policy") && says("x-content-type-options") && says("etag"),
            "{}",
            told()
        );
    }
}

/// A range is a piece of the whole.
fn ranged(house: &House, request: &Asked, answer: &Heard, told: &dyn Fn() -> String) {
    let of = answer.field("content-range");
    assert_eq!(of.is_some(), matches!(answer.status, 206 | 416), "{}", told());
    let Some(of) = of.and_then(|of| of.strip_prefix("bytes ")) else { return };
    let (range, len) = of.split_once('/').expect("a length");
    let whole = house.get(Door::Public, &request.target);
    assert_eq!(len.parse(), Ok(whole.len()), "{}", told());
    let Some((first, last)) = range.split_once('-') else {
        return assert!(range == "*" && answer.status == 416 && answer.body.is_empty(), "{}", told());
    };
    let (first, last): (usize, usize) = (first.parse().expect("a number"), last.parse().expect("a number"));
    assert!(first <= last && request.method == "GET", "{}", told());
    assert!(answer.body == whole[first..=last], "other bytes than {first} to {last}: {}", told());
}

/// Requests of every route, fields that matter, and tricks.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let media = "/live/cam/GEN/v0/";
    let mut said: Vec<String> = Vec::new();
    let targets = [
        "/livez",
        "/readyz",
        "/watch/cam",
        "/embed/cam?x=1",
        "/assets/player.css",
        "/live/cam/index.m3u8",
        "/live/cam.flv",
        "/live/cam.ts",
        "/live/cam.mp4",
        "/live/over/index.m3u8",
        "/live/cam/thumb.mp4",
        "/live/cam/encoder.json",
        "/nothing",
        "/live/",
        "*",
        "http://t/livez",
    ];
    let fields = [
        "",
        "Range: bytes=4-7\r\n",
        "Range: bytes=-5\r\nIf-Range: \"x\"\r\n",
        "Accept-Encoding: gzip, br;q=0\r\n",
        "If-None-Match: *\r\n",
        "Origin: http://a\r\nUser-Agent: AppleCoreMedia\r\n",
        "CMCD-Session: sid=\"a\"\r\n",
        "Connection: close\r\n",
        "Content-Length: 4\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Expect: 100-continue\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Authorization: Bearer a\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1\r\n",
    ];
    let head = |method: &str, target: &str, field: &str| {
        format!("{method} {target} HTTP/1.1\r\nHost: t\r\n{field}\r\n")
    };
    said.extend(targets.iter().map(|target| head("GET", target, "")));
    for file in [
        "media.m3u8",
        "media.m3u8?_HLS_msn=3&_HLS_part=1",
        "media.m3u8?_HLS_skip=v2",
        "init-0.mp4",
        "seg-2.m4s",
        "part-4.m4s",
    ] {
        said.push(head("GET", &format!("{media}{file}"), "Range: bytes=0-9\r\n"));
    }
    for (n, field) in fields.iter().enumerate() {
        said.push(head(["GET", "HEAD", "OPTIONS", "POST"][n % 4], &format!("{media}init-0.mp4"), field));
        said.push(head("GET", "/live/cam.flv", field));
    }
    said.push(
        [head("GET", "/livez", ""), head("HEAD", "/live/cam/index.m3u8", ""), head("GET", "/readyz", "")]
            .concat(),
    );
    said.push("GET /livez HTTP/1.1\nHost: t\r\n\r\nGET /livez HTTP/1.1\r\nHost: t\r\n\r\n".to_owned());
    said.push(
        head("POST", "/api/obs/multitrack", "Content-Length: 2\r\n") + "{}" + &head("GET", "/livez", ""),
    );
    said.push(
        head("GET", "/livez", "") + &head("POST", "/api/obs/multitrack", "Content-Length: 4\r\n") + "{\n}\n",
    );
    said.push(
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x08\x06\0\0\0\0\0pingping".to_owned(),
    );
    said.push("GET /livez HTTP/1.0\r\n\r\n".to_owned());
    // A ping, a message of text and a close, masked by nothing; and one that is longer than it may be.
    let socket = head("GET", "/live/cam.flv", fields[11]);
    let frames: [&[u8]; 2] = [
        &[0x89, 0x81, 0, 0, 0, 0, 7, 0x81, 0x80, 0, 0, 0, 0, 0x88, 0x82, 0, 0, 0, 0, 3, 0xE8],
        &[0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0],
    ];
    let spoken = frames.map(|frames| [socket.as_bytes(), frames].concat());
    let said = said.into_iter().map(String::into_bytes).chain(spoken);
    said.zip(0_u8..).map(|(said, n)| [&[n.wrapping_mul(37)][..], &said].concat()).collect()
}
