//! Requests as a plain reader finds them: heads one behind the other, until one after which nothing may follow.

/// First bytes of HTTP/2 (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    version: String,
    /// Names in lower case.
    fields: Vec<(String, Vec<u8>)>,
    /// A line of it, or an empty one before it, ends in LF alone.
    pub(crate) bare: bool,
    /// All of it has the form of RFC 9112, without what is allowed and rare.
    formal: bool,
    /// Where it ends.
    pub(crate) end: usize,
}

impl Asked {
    /// Every request up to the last one that may be answered.
    pub(crate) fn all(said: &[u8]) -> Vec<Self> {
        let (mut all, mut at) = (Vec::<Self>::new(), 0);
        while let Some(asked) = Self::read(said, at) {
            at = asked.end;
            let last = asked.is_last();
            all.push(asked);
            if last {
                break;
            }
        }
        all
    }

    fn read(said: &[u8], start: usize) -> Option<Self> {
        let (mut at, mut lines, mut asked) = (start, Vec::new(), Self::default());
        loop {
            let end = at + said.get(at..)?.iter().position(|byte| *byte == b'\n')?;
            let line = &said[at..end];
            at = end + 1;
            let line = match line.strip_suffix(b"\r") {
                Some(line) => line,
                None => {
                    asked.bare = true;
                    line
                }
            };
            match (line.is_empty(), lines.is_empty()) {
                // Empty lines before a request are passed over (§2.2).
                (true, true) => {}
                (true, false) => break,
                _ => lines.push(line),
            }
        }
        asked.end = at;
        let text = String::from_utf8_lossy(lines[0]).into_owned();
        let words: Vec<_> = text.split(' ').collect();
        asked.formal = words.len() == 3;
        let word = |n: usize| words.get(n).map(|word| (*word).to_owned()).unwrap_or_default();
        (asked.method, asked.target, asked.version) = (word(0), word(1), word(2));
        for line in &lines[1..] {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                asked.formal = false;
                continue;
            };
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            let value = trimmed(&line[colon + 1..]).to_vec();
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let shown = value.iter().all(|byte| (0x20..0x7F).contains(byte));
            asked.formal &= !name.is_empty() && name.bytes().all(legal) && shown;
            asked.fields.push((name, value));
        }
        Some(asked)
    }

    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(one, _)| one == name).map(|(_, value)| &value[..])
    }

    /// A body is announced, in whatever framing.
    pub(crate) fn has_body(&self) -> bool {
        let named = |name: &str| {
            // Before the colon nothing may stand; a reader that is not strict would take these for the same.
            matches!(name.trim(), "content-length" | "transfer-encoding")
        };
        // Of a length that is zero, however it is written, there is none.
        let zero = |value: &[u8]| !value.is_empty() && value.iter().all(|byte| *byte == b'0');
        self.fields
            .iter()
            .any(|(name, value)| named(name) && (name.trim() != "content-length" || !zero(value)))
    }

    /// Nobody could doubt that what follows is its body, and no head.
    pub(crate) fn surely_has_body(&self) -> bool {
        let more = |value: &[u8]| value.iter().any(|byte| !b"0 \t".contains(byte));
        self.formal
            && (self.values("content-length").any(more) || self.values("transfer-encoding").count() > 0)
    }

    /// The one route that takes a body.
    pub(crate) fn is_obs(&self) -> bool {
        self.method == "POST" && self.path() == "/api/obs/multitrack"
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    pub(crate) fn wants_socket(&self) -> bool {
        self.fields.iter().any(|(name, _)| name == "upgrade")
    }

    fn is_last(&self) -> bool {
        self.bare || self.has_body() || self.version != "HTTP/1.1" || self.method == "CONNECT"
    }

    /// No reader could take it for anything else: of proper form, of no more than any server takes, without a field that
    /// changes what follows.
    pub(crate) fn is_clear(&self, hosts: &[&str]) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~?=&:,+*".contains(&byte);
        let target =
            self.target.starts_with('/') && self.target.bytes().all(plain) && self.target.len() < 2_048;
        let size = self.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let method = matches!(&self.method[..], "GET" | "HEAD" | "OPTIONS" | "POST" | "DELETE" | "PUT");
        let turns = ["connection", "expect", "content-length", "transfer-encoding", "te", "trailer"];
        let turns = self.fields.iter().any(|(name, _)| turns.contains(&name.as_str()));
        let named = |host: &[u8]| hosts.iter().any(|one| one.as_bytes() == host);
        let host = self.values("host").count() == 1 && self.values("host").all(named);
        self.formal
            && target
            && method
            && host
            && !turns
            && self.version == "HTTP/1.1"
            && self.fields.len() < 40
            && size < 4_096
    }
}

/// Without the spaces and tabs around it (§5.5).
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
