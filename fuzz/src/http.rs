//! HTTP to a whole server that listens nowhere, by a clock that stands still between two events.

mod asked;
mod heard;
mod house;

pub(crate) use self::asked::{Asked, PREFACE};
pub(crate) use self::heard::Heard;
pub(crate) use self::house::{Door, House, SECRET};

/// Beside what a head asks for: how the server ends a connection, and what hyper itself says of what is no request.
const LIBRARY: [u16; 5] = [400, 408, 414, 431, 505];

/// A request and its answer, of which no reader could doubt what was asked; and everything, in words.
pub(crate) type Expected<'a> = &'a dyn Fn(&Asked, &Heard, &dyn Fn() -> String);

/// What a peer said on one connection to `door`, and heard until it was quiet or `closed`: each request that a plain reader finds gets one answer at
/// most, in order; of a body, or behind a line that does not end as it must, none is made; every answer is whole, says only
/// what it may, and nothing of what it was asked in its head; where a host is one of `hosts`, what is `expected`.
pub(crate) fn judge(
    door: Door,
    said: &[u8],
    (bytes, closed): (&[u8], bool),
    hosts: &[&str],
    expected: Expected<'_>,
) {
    let asked = Asked::all(said);
    let heard = Heard::all(bytes, &asked, closed);
    let told = || format!("{:?} of {:?}", String::from_utf8_lossy(bytes), String::from_utf8_lossy(said));
    assert!(!holds(bytes, SECRET.as_bytes()) || holds(said, SECRET.as_bytes()), "a key is told: {}", told());
    let speaks = |request: &Asked| door == Door::Public && request.is_obs();
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
            let socket = door == Door::Public && request.wants_socket();
            assert!(request.method == "GET" && socket && n + 1 == heard.len(), "{}", told());
            // The example of RFC 6455 §1.3.
            let sample = request.values("sec-websocket-key").next() == Some(b"dGhlIHNhbXBsZSBub25jZQ==");
            let accept = answer.field("sec-websocket-accept");
            assert!(!sample || accept == Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{}", told());
            messages(&answer.body);
        }
        if request.bare || (request.has_body() && !speaks(request)) {
            assert!(answer.status >= 400 && last, "a bad request is taken: {}", told());
        }
        // In the words of who looked, or none of the library's.
        let named = answer.body.is_empty() || answer.body == b"the lines of a request end in CR LF\n";
        assert!(!request.bare || named, "a line that ends in LF alone: {}", told());
        if speaks(request) && request.has_body() {
            assert!(last, "something follows a body: {}", told());
        }
        // Of a head that no reader could doubt there is no doubt; but what follows it may be bad, and is judged with it.
        let clear = asked[..=n].iter().all(|asked| asked.is_clear(hosts))
            && !said.contains(&0)
            && !asked.iter().any(|all| all.bare);
        let heads = asked.last().filter(|last| last.surely_has_body()).map_or(said.len(), |last| last.end);
        let rest = &said[request.end.min(heads)..heads];
        if clear && !bare(rest) {
            expected(request, answer, &told);
        }
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|one| one == word)
}

/// Whether a line ends in LF alone.
fn bare(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'\n') || bytes.windows(2).any(|two| two[1] == b'\n' && two[0] != b'\r')
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
