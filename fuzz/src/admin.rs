//! What is said on the operator's listener, by the operator, by a page in a browser beside it, and by anybody.

use crate::http::{self, Asked, Door, Heard, House, PREFACE};
use crate::http2;
use crate::steps::Cuts;

/// By which names one may call, and one that is somebody else's.
const HOSTS: [&str; 5] = ["localhost", "LOCALHOST:9080", "127.0.0.1:9080", "[::1]", "t"];
/// What there is to publish.
const STREAMS: [&str; 3] = ["cam", "over", "quiet"];

/// What is said on one connection of the operator's, cut anywhere: see [`http::judge`]. A name that may be pointed here
/// learns nothing but that, another page changes nothing, documents are JSON, what is counted is text in its form.
pub fn admin(data: &[u8]) {
    let Some((how, said)) = data.split_first() else { return };
    House::with(|house| {
        let said = house.named(said);
        let (bytes, closed) = house.converse(Door::Office, &said, &mut Cuts::new(*how));
        if said.starts_with(PREFACE) {
            return http2::judge(&said, &bytes);
        }
        http::judge(Door::Office, &said, (&bytes, closed), &HOSTS, &expected);
    });
}

/// What there is at a path, and who may have it.
#[derive(Clone, Copy, PartialEq)]
enum Place<'a> {
    Document,
    Stream(&'a str),
    Kick,
    Metrics,
    Health,
    Nothing,
}

impl<'a> Place<'a> {
    fn at(path: &'a str) -> Self {
        match path {
            "/livez" | "/readyz" => return Self::Health,
            "/metrics" => return Self::Metrics,
            "/api/v1/streams" | "/api/v1/viewers" | "/api/v1/history" => return Self::Document,
            _ => {}
        }
        let rest = |start: &str| path.strip_prefix(start).filter(|rest| !rest.is_empty());
        if let Some(rest) = rest("/api/v1/streams/") {
            return Self::Stream(rest);
        }
        let kick = rest("/api/v1/viewers/").and_then(|rest| rest.strip_suffix("/kick"));
        kick.filter(|id| !id.is_empty() && !id.contains('/')).map_or(Self::Nothing, |_| Self::Kick)
    }
}

fn expected(request: &Asked, answer: &Heard, told: &dyn Fn() -> String) {
    let (method, place) = (request.method.as_str(), Place::at(request.path()));
    let reads = matches!(method, "GET" | "HEAD");
    let says = |name: &str| answer.field(name).is_some();
    assert!(!says("access-control-allow-origin"), "{}", told());
    let guarded = matches!(place, Place::Document | Place::Stream(_) | Place::Kick);
    let statuses: &[u16] = match place {
        _ if guarded && !welcome(request) => &[403],
        Place::Nothing => &[404],
        Place::Kick if method == "POST" => &[200, 404],
        Place::Kick => &[405],
        _ if !reads => &[405],
        // Of a name that cannot be one.
        Place::Document if request.path().ends_with("viewers") && request.target.contains('?') => &[200, 400],
        Place::Stream(name) => {
            let name = name.replace("%2F", "/").replace("%2f", "/");
            if STREAMS.contains(&name.as_str()) { &[200] } else { &[404] }
        }
        _ => &[200],
    };
    assert!(statuses.contains(&answer.status), "{statuses:?}: {}", told());
    assert!(says("cache-control") && says("content-type"), "{}", told());
    if method == "HEAD" {
        return;
    }
    let text = std::str::from_utf8(&answer.body).expect("text");
    match (place, answer.status) {
        (Place::Metrics, 200) => counted(text),
        (Place::Document | Place::Stream(_) | Place::Kick, 200) => {
            let document: serde_json::Value = serde_json::from_str(text).expect("a document");
            assert!(document.is_object() && answer.field("content-type") == Some("application/json"));
            if let Place::Stream(name) = place {
                assert_eq!(document["stream"].as_str(), Some(name), "{}", told());
            }
        }
        // Health, and what is refused: a line.
        _ => assert!(
            text.strip_suffix('\n').is_some_and(|line| !line.contains(char::is_control)),
            "{}",
            told()
        ),
    }
    assert!(says("x-content-type-options") || place == Place::Metrics, "{}", told());
}

/// Whoever calls by a name of this machine, and does not change anything from elsewhere.
fn welcome(request: &Asked) -> bool {
    let first = |name| request.values(name).next().map(|value| String::from_utf8_lossy(value).into_owned());
    let host = first("host").unwrap_or_default();
    let safe = ["GET", "HEAD", "OPTIONS", "TRACE"].contains(&request.method.as_str());
    let own = |origin: String| {
        let schemes = ["http", "https"].map(|scheme| format!("{scheme}://{host}"));
        schemes.iter().any(|own| own.eq_ignore_ascii_case(&origin))
            && ["http://", "https://"].iter().any(|scheme| origin.starts_with(scheme))
    };
    let site = first("sec-fetch-site");
    host != "t"
        && (safe
            || first("origin").is_none_or(own)
                && matches!(site.as_deref(), None | Some("same-origin" | "none")))
}

/// OpenMetrics as a plain reader has it: what is told of a family stands before its samples, and the end is told.
fn counted(text: &str) {
    let mut lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.pop(), Some("# EOF"));
    let mut families = Vec::new();
    for line in lines {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.split(' ');
            let (what, name) = (words.next(), words.next().expect("a name"));
            assert!(matches!(what, Some("HELP" | "TYPE" | "UNIT")), "{line}");
            families.push(name);
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            let name = sample.split('{').next().unwrap_or_default();
            assert!(families.iter().any(|family| name.starts_with(family)), "{line}");
            assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
        }
    }
}

/// Requests of every route, as an operator and as pages ask.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let gets = [
        "/livez",
        "/readyz",
        "/metrics",
        "/api/v1/streams",
        "/api/v1/streams/cam",
        "/api/v1/streams/a%2Fhealth",
        "/api/v1/streams/cam/health",
        "/api/v1/streams/quiet",
        "/api/v1/streams/over/",
        "/api/v1/viewers",
        "/api/v1/viewers?stream=cam",
        "/api/v1/viewers?stream=%2F",
        "/api/v1/history",
        "/api/v1/viewers/VIEWER/kick",
        "/live/cam/index.m3u8",
        "/api/openapi.json",
    ];
    let fields = [
        "",
        "Origin: http://localhost\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-origin\r\nOrigin: https://LOCALHOST\r\n",
        "Content-Length: 2\r\n",
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Accept-Encoding: gzip\r\nIf-None-Match: *\r\nRange: bytes=0-1\r\n",
        "Expect: 100-continue\r\nX-HTTP-Method-Override: DELETE\r\n",
    ];
    let head = |method: &str, target: &str, host: &str, fields: &str| {
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n")
    };
    let mut said: Vec<_> = gets.iter().map(|target| head("GET", target, "localhost", "")).collect();
    for (n, host) in HOSTS.iter().enumerate() {
        said.push(head("GET", "/api/v1/streams", host, fields[n % fields.len()]));
        said.push(head("POST", "/api/v1/viewers/VIEWER/kick", host, ""));
    }
    for (n, fields) in fields.iter().enumerate() {
        said.push(head("POST", "/api/v1/viewers/VIEWER/kick", "localhost", fields) + "{}");
        said.push(head(["HEAD", "PUT", "OPTIONS", "DELETE"][n % 4], "/api/v1/history", "localhost", fields));
    }
    for method in ["POST", "HEAD", "OPTIONS", "PATCH"] {
        said.push(
            ["/metrics", "/livez", "/api/v1/streams/cam"].map(|to| head(method, to, "[::1]", "")).concat(),
        );
    }
    let kick = head("POST", "/api/v1/viewers/VIEWER/kick", "localhost", "");
    said.push([&kick, &kick, &head("GET", "/api/v1/history", "localhost", "")].map(String::as_str).concat());
    said.push(head("POST", "/api/v1/viewers/%FF/kick", "localhost", ""));
    said.push(head("POST", "http://attacker.example/api/v1/viewers/VIEWER/kick", "localhost", ""));
    let said = said.into_iter().map(String::into_bytes);
    said.zip(0_u8..).map(|(said, n)| [&[n.wrapping_mul(41)][..], &said].concat()).collect()
}
