//! Answers as a plain reader finds them.

use super::asked::Asked;

/// Names of fields that an answer may have.
const NAMES: [&str; 28] = [
    "accept-ranges",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-security-policy",
    "content-type",
    "date",
    "etag",
    "priority",
    "referrer-policy",
    "retry-after",
    "sec-websocket-accept",
    "sec-websocket-version",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
    "x-accel-buffering",
    "x-content-type-options",
    "last-modified",
];
const STATUSES: [u16; 22] = [
    101, 200, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 416, 426, 429, 431, 500, 503,
    505,
];

#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    /// All answers but those in between (1xx), each with the body that its head and its request say it has.
    pub(crate) fn all(mut bytes: &[u8], asked: &[Asked], closed: bool) -> Vec<Self> {
        let mut all = Vec::<Self>::new();
        while !bytes.is_empty() {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
            let head = std::str::from_utf8(&bytes[..end]).expect("ASCII");
            bytes = &bytes[end + 4..];
            let mut lines = head.split("\r\n");
            let line = lines.next().unwrap_or_default();
            let rest = line.strip_prefix("HTTP/1.1 ").or(line.strip_prefix("HTTP/1.0 ")).expect("a version");
            let status = rest[..3].parse().expect("a status");
            let fields = lines.map(|line| {
                let (name, value) = line.split_once(": ").expect("a field");
                (name.to_owned(), value.to_owned())
            });
            let mut heard = Self { status, fields: fields.collect(), body: Vec::new() };
            if status == 100 {
                continue;
            }
            let method = asked.get(all.len()).map_or("", |asked| &asked.method);
            let (length, coded) = (heard.field("content-length"), heard.field("transfer-encoding"));
            assert!(length.is_none() || coded.is_none(), "{head}");
            if status == 101 {
                // What follows is of another protocol.
                (heard.body, bytes) = (bytes.to_vec(), &[]);
            } else if method == "HEAD" || matches!(status, 204 | 304) {
            } else if let Some(length) = length {
                let (body, rest) =
                    bytes.split_at_checked(length.parse().expect("a number")).unwrap_or((bytes, &[]));
                assert!(closed || body.len().to_string() == length, "a body is cut");
                (heard.body, bytes) = (body.to_vec(), rest);
            } else if coded.is_some() {
                bytes = heard.chunks(bytes);
            } else {
                (heard.body, bytes) = (bytes.to_vec(), &[]);
            }
            all.push(heard);
        }
        all
    }

    /// Chunks (RFC 9112 §7.1) up to the last, or up to where an endless body has come.
    fn chunks<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Some(line) = bytes.windows(2).position(|two| two == b"\r\n") {
            let digits = std::str::from_utf8(&bytes[..line]).expect("digits");
            let length = usize::from_str_radix(digits, 16).expect("a length of digits");
            let Some(chunk) = bytes.get(line + 2..line + 2 + length + 2) else { return &[] };
            bytes = &bytes[line + 2 + length + 2..];
            assert!(chunk.ends_with(b"\r\n"));
            self.body.extend(&chunk[..length]);
            if length == 0 {
                return bytes;
            }
        }
        &[]
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// What every answer is.
    pub(crate) fn proper(&self) {
        assert!(STATUSES.contains(&self.status), "{self:?}");
        for (n, (name, value)) in self.fields.iter().enumerate() {
            assert!(NAMES.contains(&name.as_str()), "{name}");
            assert!(self.fields[..n].iter().all(|(other, _)| other != name), "{name} twice");
            assert!(value.bytes().all(|byte| (0x20..0x7F).contains(&byte)), "{name}: {value:?}");
        }
        assert!(self.status != 500, "{self:?}");
    }
}
