//! Ranges of parts, segments and init sections, in whatever state a stream is (RFC 9110 §14).

use hyper::Method;

use crate::transitions::listed;
use crate::transports::{Heard, Player};

/// What a request for a range gets.
enum Part {
    /// 206: these bytes.
    Bytes(usize, usize),
    /// 200: all of it.
    Whole,
    /// 416.
    None,
}

/// Every form of a range, of a newest part, a newest segment and the init section of `state`, packed and not.
pub(crate) async fn ranged(player: &Player, folder: &str, state: &str) {
    let (parts, segments) = listed(state);
    let newest = [parts.last(), segments.last(), Some(&"init-0.mp4")];
    for uri in newest.into_iter().flatten() {
        let path = format!("{folder}{uri}");
        let whole = player.get(&path).await;
        let (len, etag) = (whole.body.len(), whole.header("etag").to_owned());
        assert_eq!((whole.status.as_u16(), whole.header("accept-ranges")), (200, "bytes"), "{path}");
        for (range, part) in rows(len) {
            for more in [&[][..], &[("accept-encoding", "gzip")], &[("if-range", etag.as_str())]] {
                let headers = [&[("range", range.as_str())], more].concat();
                let reply = player.ask(Method::GET, &path, &headers).await;
                let on = format!("{:?} {path} {headers:?}", player.transport);
                judge(&reply, &part, &whole, &on);
            }
        }
        // A validator of other bytes voids the range, and HEAD knows none.
        let other = [("range", "bytes=4-7"), ("if-range", "\"other\"")];
        for (method, headers) in [(Method::GET, &other[..]), (Method::HEAD, &other[..1])] {
            let reply = player.ask(method.clone(), &path, headers).await;
            let on = format!("{:?} {method} {path} {headers:?}", player.transport);
            assert_eq!((reply.status.as_u16(), reply.header("content-range")), (200, ""), "{on}");
            assert_eq!(reply.header("content-length"), len.to_string(), "{on}");
        }
    }
    // A playlist changes: there is no saying which bytes of it.
    let reply = player.ask(Method::GET, &format!("{folder}media.m3u8"), &[("range", "bytes=0-3")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("accept-ranges")), (200, ""), "{:?}", player.transport);
    // What is not there has no range.
    let reply =
        player.ask(Method::GET, &format!("{folder}part-1000000.m4s"), &[("range", "bytes=0-3")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-range")), (404, ""), "{:?}", player.transport);
}

/// Ranges of a body of `len` bytes, and what each gets.
fn rows(len: usize) -> Vec<(String, Part)> {
    let many: String = (0..200).map(|n| format!("{n}-{n},")).collect();
    vec![
        ("bytes=0-0".into(), Part::Bytes(0, 1)),
        ("bytes=4-7".into(), Part::Bytes(4, 8)),
        ("bytes=0-".into(), Part::Bytes(0, len)),
        ("bytes=0-9007199254740991".into(), Part::Bytes(0, len)),
        (format!("bytes={}-", len - 1), Part::Bytes(len - 1, len)),
        ("bytes=-5".into(), Part::Bytes(len - 5, len)),
        (format!("bytes=-{}", len + 1), Part::Bytes(0, len)),
        (format!("bytes={len}-"), Part::None),
        (format!("bytes={len}-{}", len + 9), Part::None),
        ("bytes=-0".into(), Part::None),
        ("bytes=7-4".into(), Part::Whole),
        ("bytes=0-1,4-5".into(), Part::Whole),
        (format!("bytes={many}0-1"), Part::Whole),
        ("bytes=".into(), Part::Whole),
        ("bananas=0-3".into(), Part::Whole),
    ]
}

fn judge(reply: &Heard, part: &Part, whole: &Heard, on: &str) {
    let len = whole.body.len();
    let (status, range, body) = match part {
        Part::Bytes(from, to) => {
            (206, format!("bytes {from}-{}/{len}", to - 1), whole.body.slice(*from..*to))
        }
        Part::Whole => (200, String::new(), whole.body.clone()),
        Part::None => (416, format!("bytes */{len}"), bytes::Bytes::new()),
    };
    assert_eq!((reply.status.as_u16(), reply.header("content-range")), (status, range.as_str()), "{on}");
    assert!(reply.body == body, "{on}: {} bytes", reply.body.len());
    // HTTP/2 ends a stream without a body by its head.
    let length = reply.header("content-length");
    assert!(length == body.len().to_string() || (body.is_empty() && length.is_empty()), "{on}: {length}");
    assert_eq!(reply.header("content-encoding"), "", "{on}");
    for same in ["etag", "access-control-allow-origin", "priority"] {
        assert_eq!(reply.header(same), whole.header(same), "{on}: {same}");
    }
    // No cache keeps that there were no such bytes as if it were for ever.
    let kept = reply.header("cache-control");
    assert!(status == 416 || kept.ends_with("immutable"), "{on}: {kept}");
}
