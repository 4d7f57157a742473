//! What viewers say over HTTP, to a whole server that listens nowhere, by a clock that stands still between two events.

mod asked;
mod heard;
mod house;

use crate::steps::Cuts;

use self::asked::{Asked, PREFACE};
use self::heard::Heard;
use self::house::House;

/// Beside what a head asks for: how the server ends a connection, and what hyper itself says of what is no request.
const LIBRARY: [u16; 5] = [400, 408, 414, 431, 505];
/// What is said under `/live/` to whoever asks properly.
const PLAYED: [u16; 11] = [200, 206, 304, 400, 401, 403, 404, 409, 415, 416, 503];

/// What a peer says on one connection, cut anywhere: each request that a plain reader finds gets one answer at most, in
/// order; of a body, or behind a line that does not end as it must, none is made; every answer is whole, says only what
/// it may, and nothing of what it was asked in its head.
pub fn http_head(data: &[u8]) {
    let Some((how, said)) = data.split_first() else { return };
    House::with(|house| {
        let said = house.named(said);
        let (bytes, closed) = house.converse(&said, &mut Cuts::new(*how));
        if said.starts_with(PREFACE) {
            return frames(&bytes);
        }
        judge(house, &said, &bytes, closed);
    });
}

fn judge(house: &House, said: &[u8], bytes: &[u8], closed: bool) {
    let asked = Asked::all(said);
    let heard = Heard::all(bytes, &asked, closed);
    let told = || format!("{:?} of {:?}", String::from_utf8_lossy(bytes), String::from_utf8_lossy(said));
    for (n, answer) in heard.iter().enumerate() {
        answer.proper();
        let Some(request) = asked.get(n) else {
            // Of what is no whole head: the last word, and the library's.
            assert!(n == asked.len() && n + 1 == heard.len(), "more answers than requests: {}", told());
            assert!(LIBRARY.contains(&answer.status) && answer.body.is_empty() && closed, "{}", told());
            break;
        };
        let last = n + 1 == heard.len() && closed;
        if answer.status == 101 {
            assert!(request.method == "GET" && request.wants_socket() && n + 1 == heard.len(), "{}", told());
            // The example of RFC 6455 §1.3.
            let sample = request.values("sec-websocket-key").next() == Some(b"dGhlIHNhbXBsZSBub25jZQ==");
            let accept = answer.field("sec-websocket-accept");
            assert!(!sample || accept == Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{}", told());
            messages(&answer.body);
        }
        if request.bare || (request.has_body() && !request.is_obs()) {
            assert!(answer.status >= 400 && last, "a bad request is taken: {}", told());
        }
        // In the words of who looked, or none of the library's.
        let named = answer.body.is_empty() || answer.body == b"the lines of a request end in CR LF\n";
        assert!(!request.bare || named, "a line that ends in LF alone: {}", told());
        if request.is_obs() && request.has_body() {
            assert!(last, "something follows a body: {}", told());
        }
        // Of a head that no reader could doubt there is no doubt; but what follows it may be bad, and is judged with it.
        let clear = asked[..=n].iter().all(Asked::is_clear)
            && !said.contains(&0)
            && !asked.iter().any(|all| all.bare);
        let rest = &said[request.end.min(said.len())..];
        if clear && !bare(rest) {
            expected(house, request, answer, &told);
        }
    }
}

/// Whether a line ends in LF alone.
fn bare(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'\n') || bytes.windows(2).any(|two| two[1] == b'\n' && two[0] != b'\r')
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
    let whole = house.get(&request.target);
    assert_eq!(len.parse(), Ok(whole.len()), "{}", told());
    let Some((first, last)) = range.split_once('-') else {
        return assert!(range == "*" && answer.status == 416 && answer.body.is_empty(), "{}", told());
    };
    let (first, last): (usize, usize) = (first.parse().expect("a number"), last.parse().expect("a number"));
    assert!(first <= last && request.method == "GET", "{}", told());
    assert!(answer.body == whole[first..=last], "other bytes than {first} to {last}: {}", told());
}

/// Frames of HTTP/2 one behind the other (RFC 9113 §4.1), settings first.
fn frames(mut bytes: &[u8]) {
    let mut first = true;
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        assert!(length <= 16_384 && head[3] <= 9, "{head:?}");
        assert!(!first || (head[3], head[4]) == (4, 0), "settings come first");
        let Some((_, after)) = rest.split_at_checked(length) else { return };
        (bytes, first) = (after, false);
    }
}

/// Frames of WebSocket as a server sends them (RFC 6455 §5.2): whole messages of bytes, not masked, their lengths in the
/// shortest form, and nothing behind a close.
fn messages(mut bytes: &[u8]) {
    let mut over = false;
    while let Some((&[first, short], rest)) = bytes.split_first_chunk::<2>() {
        assert!(!over && matches!(first, 0x82 | 0x88 | 0x8A) && short < 0x80, "{first:#x} {short:#x}");
        let (width, least) = match short {
            127 => (8, 1 << 16),
            126 => (2, 126),
            _ => (0, 0),
        };
        let Some((length, rest)) = rest.split_at_checked(width) else { return };
        let length = match width {
            0 => u64::from(short),
            _ => length.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        assert!(length >= least && (first == 0x82 || length < 126));
        let Some((_, after)) = rest.split_at_checked(length as usize) else { return };
        (bytes, over) = (after, first == 0x88);
    }
}

/// Requests of every route, fields that matter, and tricks.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    house::seeds()
}
